// Times the gated ReLU, forward and backward apart, against a copy of the same memory and against
// ATen's PReLU with a sum over the batch, which is the same function.
//
//   build/tests/tests_bench_gated_relu --threads 2
//   build/tests/tests_bench_gated_relu --device cuda --bf16 --channels-last --batch 2048
//
// GB/s count what one pass must move: forward reads x and writes y, backward reads x and dL/dy and
// writes dL/dx; a copy reads and writes. Median of --repeats runs, the three taking turns; on a GPU
// a run is 100 launches, so that the time of the host beside them does not count.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/ops/_prelu_kernel.h>
#include <ATen/ops/_prelu_kernel_backward.h>
#include <c10/core/GradMode.h>
#include <torch/cuda.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "worker/torch/device.h"
#include "worker/torch/gated_relu.h"

namespace reluscape {
namespace {

struct Options {
  int64_t threads = 2;
  int64_t repeats = 21;
  int64_t batch = 128;
  std::string device = "cpu";
  bool bf16 = false;
  bool channels_last = false;
  bool per_channel = false;
};

double Seconds(const Options& options, const std::function<void()>& work) {
  const bool gpu = options.device != "cpu";
  const int launches = gpu ? 100 : 1;
  const auto wait = [&] {
    if (gpu) torch::cuda::synchronize(at::Device(options.device).index());
  };
  wait();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < launches; ++i) work();
  wait();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / launches;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  double copy_s = 0;
  double prelu_s = 0;
  double gated_s = 0;
};

Row TakeTurns(const Options& options, const std::function<void()>& copy,
              const std::function<void()>& prelu, const std::function<void()>& gated) {
  std::vector<double> copies;
  std::vector<double> prelus;
  std::vector<double> gateds;
  for (int64_t i = 0; i <= options.repeats; ++i) {
    const double copy_s = Seconds(options, copy);
    const double prelu_s = Seconds(options, prelu);
    const double gated_s = Seconds(options, gated);
    if (i == 0) continue;  // the first touches the memory
    copies.push_back(copy_s);
    prelus.push_back(prelu_s);
    gateds.push_back(gated_s);
  }
  return {.copy_s = Median(copies), .prelu_s = Median(prelus), .gated_s = Median(gateds)};
}

void Print(const char* what, const at::Tensor& x, double tensors, const Row& row) {
  const auto bytes = static_cast<double>(x.numel()) * static_cast<double>(x.element_size());
  const double copy = 2 * bytes / row.copy_s / 1e9;
  const double gated = tensors * bytes / row.gated_s / 1e9;
  std::printf("%4ldx%3ldx%3ld  %-8s %9.3f %9.3f %9.1f %9.1f %8.0f%%\n", x.size(1), x.size(2),
              x.size(3), what, row.prelu_s * 1e3, row.gated_s * 1e3, copy, gated,
              100 * gated / copy);
}

void Run(const Options& options, int64_t channels, int64_t side) {
  const at::ScalarType type = options.bf16 ? at::kBFloat16 : at::kFloat;
  const at::MemoryFormat format =
      options.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  const at::Device device(options.device);
  const int64_t mask_side = options.per_channel ? 1 : side;
  const auto draw = [&] {
    return at::randn({options.batch, channels, side, side}, device).to(type).contiguous(format);
  };
  at::Tensor x = draw();
  const at::Tensor gradient = draw();
  at::Tensor out = at::empty_like(x);
  at::Tensor mask = at::rand({1, channels, mask_side, mask_side}, device)
                        .contiguous(format)
                        .select(0, 0)
                        .detach();
  const auto copy = [&] { out.copy_(x); };
  {
    const c10::NoGradGuard no_grad;
    const at::Tensor slope = (1 - mask).unsqueeze(0).to(type);
    Print("forward", x, 2,
          TakeTurns(
              options, copy, [&] { out = at::_prelu_kernel(x, slope); },
              [&] { out = GatedRelu(x, mask); }));
  }
  x.requires_grad_();
  mask.requires_grad_();
  const at::Tensor slope = (1 - mask.detach()).unsqueeze(0).to(type);
  at::Tensor y;
  const auto prelu_backward = [&] {
    const auto [x_gradient, slope_gradient] =
        at::_prelu_kernel_backward(gradient, x.detach(), slope);
    x.mutable_grad() = x_gradient;
    at::Tensor sum = slope_gradient.sum(0, /*keepdim=*/false, at::kFloat);
    if (options.per_channel) sum = sum.sum({1, 2}, /*keepdim=*/true);
    mask.mutable_grad() = sum.neg_();
  };
  // As a step does: the gradients of the one before are gone.
  const auto gated_backward = [&] {
    x.mutable_grad().reset();
    mask.mutable_grad().reset();
    y.backward(gradient, /*retain_graph=*/true);
  };
  y = GatedRelu(x, mask);
  const auto copy_detached = [&] { out.copy_(gradient); };
  Print("backward", x, 3, TakeTurns(options, copy_detached, prelu_backward, gated_backward));
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool last = i + 1 == argc;
    const auto number = [&](int64_t& value) {
      return !last && absl::SimpleAtoi(argv[++i], &value) && value > 0 && value < 1000000;
    };
    bool good = true;
    if (name == "--threads") {
      good = number(options.threads);
    } else if (name == "--repeats") {
      good = number(options.repeats);
    } else if (name == "--batch") {
      good = number(options.batch);
    } else if (name == "--device" && !last) {
      options.device = argv[++i];
    } else if (name == "--bf16") {
      options.bf16 = true;
    } else if (name == "--channels-last") {
      options.channels_last = true;
    } else if (name == "--per-channel") {
      options.per_channel = true;
    } else {
      good = false;
    }
    if (!good) {
      std::fprintf(stderr,
                   "usage: %s [--threads N] [--repeats N] [--batch N] [--device cpu|cuda] [--bf16] "
                   "[--channels-last] [--per-channel]; found '%s'\n",
                   argv[0], name.c_str());
      return 2;
    }
  }
  const absl::StatusOr<at::Device> device = ParseDevice(options.device);
  if (!device.ok()) {
    std::fprintf(stderr, "%s\n", std::string(device.status().message()).c_str());
    return 2;
  }
  at::set_num_threads(static_cast<int>(options.threads));
  std::printf("%s, %ld threads, batch %ld, %s, %s, one mask value per %s\n",
              DeviceName(*device).c_str(), options.threads, options.batch,
              options.bf16 ? "bfloat16" : "float32",
              options.channels_last ? "channels last" : "contiguous",
              options.per_channel ? "channel" : "pixel");
  std::printf("%-13s%-8s %9s %9s %9s %9s %9s\n", "C x H x W", "", "PReLU ms", "gated ms",
              "copy GB/s", "gated", "of copy");
  // The activations of ResNet18 for images of 32x32.
  for (const auto& [channels, side] :
       std::vector<std::pair<int64_t, int64_t>>{{64, 32}, {128, 16}, {256, 8}, {512, 4}}) {
    Run(options, channels, side);
  }
  return 0;
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Main(argc, argv); }

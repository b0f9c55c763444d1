#include "client/estimate_flags.h"

#include <map>
#include <string>

namespace reluscape {
namespace {

void AddNetwork(CLI::App& estimate, EstimateOptions& options) {
  estimate.add_option(
      "NETWORK", options.networks,
      "one or more: name (resnet18@64), canonical text, or a file with one of them");
  estimate.add_option("--input,--side", options.side, "side of the images in pixels")
      ->check(CLI::Range(8, 256))
      ->capture_default_str();
  estimate.add_option("--classes", options.classes, "number of classes")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  CLI::Option* relus =
      estimate.add_option("--relus", options.relus,
                          "ReLUs kept, spread over the layers in proportion to what they have");
  estimate
      .add_option("--relus-per-layer", options.relus_per_layer,
                  "JSON file {\"LAYER\": COUNT, ...}; a layer that it does not name keeps none")
      ->excludes(relus);
  CLI::Option* polynomials =
      estimate.add_flag("--polynomials", options.polynomials,
                        "removed ReLUs are polynomials of degree 2, not the identity");
  const auto cost = [&](const char* name, auto& value, const char* what) {
    estimate.add_option(name, value, what)->check(CLI::NonNegativeNumber)->needs(polynomials);
  };
  cost("--polynomial-offline-s", options.polynomial.offline_s,
       "seconds of one polynomial offline, in place of what DELPHI's model assumes");
  cost("--polynomial-online-s", options.polynomial.online_s,
       "seconds of one polynomial online, in place of what the model assumes");
  cost("--polynomial-offline-bytes", options.polynomial.offline_bytes,
       "bytes of one polynomial offline, both directions, likewise");
  cost("--polynomial-online-bytes", options.polynomial.online_bytes,
       "bytes of one polynomial online, both directions, likewise");
}

void AddSetting(CLI::App& estimate, EstimateOptions& options) {
  estimate
      .add_option("--protocol", options.protocols,
                  "protocol, several separated by commas, or all "
                  "(default: delphi_server_garbler; with --compare all)")
      ->delimiter(',');
  estimate.add_option("--link", options.link, "name, UP/DOWN/RTT in Mbit/s and seconds, or file")
      ->capture_default_str();
  estimate.add_option("--client", options.client, "hardware profile of the client: name or file")
      ->capture_default_str();
  estimate.add_option("--server", options.server, "hardware profile of the server: name or file")
      ->capture_default_str();
  estimate
      .add_option("--he-threads", options.he_threads, "threads of the server's homomorphic layers")
      ->check(CLI::Range(1, 4096));
  estimate
      .add_option("--gc-threads", options.gc_threads, "threads of garbled circuits, both sides")
      ->check(CLI::Range(1, 4096));
  estimate.add_option("--ring-bits", options.ring_bits, "of CrypTFlow2 and Cheetah")
      ->check(CLI::Range(2, 64))
      ->capture_default_str();
  estimate
      .add_option("--gc-bytes-per-gate", options.gc_bytes_per_gate,
                  "of garbled AND gates: 48 in DELPHI's software, 32 lean")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  estimate.add_flag("--shared-weights", options.shared_weights,
                    "SPU Cheetah: weights are secret-shared, not the server's");
  estimate.add_flag("--charge-set-up", options.charge_set_up,
                    "charge one-off set-up to this inference");
  estimate.add_option("--measured", options.measured,
                      "JSON file of measured seconds that replace computed terms of DELPHI");
}

void AddCkks(CLI::App& estimate, EstimateOptions& options) {
  estimate.add_flag("--skips", options.ckks.skips,
                    "under CKKS: residual connections, none, Dirac convolutions and those with a "
                    "shared source side by side");
  estimate.add_option("--preset", options.preset,
                      "CKKS: parameters, packing and operation table, by name or file");
  CLI::Option* degree = estimate
                            .add_option("--degree", options.ckks.degree,
                                        "CKKS: degree of the polynomial in the place of every ReLU "
                                        "(default: the minimax composition)")
                            ->check(CLI::Range(2, 31));
  estimate
      .add_flag("--fold-activation", options.ckks.fold_activation,
                "CKKS, degree 2: its leading coefficient in the next layer's weights")
      ->needs(degree);
  estimate
      .add_option("--levels", options.ckks.levels,
                  "CKKS: levels after a bootstrap (default: the preset's)")
      ->check(CLI::Range(1, 40));
  estimate.add_flag("--any-target", options.ckks.any_target,
                    "CKKS: a bootstrap may end at any level, at that level's price");
}

void AddService(CLI::App& estimate, EstimateOptions& options) {
  estimate
      .add_option("--request-gap", options.request_gap_s,
                  "mean seconds between requests: adds the mean latency")
      ->check(CLI::PositiveNumber);
  estimate
      .add_option("--storage", options.storage_bytes,
                  "bytes that the client keeps for pre-computed inferences")
      ->check(CLI::NonNegativeNumber);
  estimate
      .add_option("--server-storage", options.server_storage_bytes,
                  "bytes that the server keeps for them")
      ->check(CLI::NonNegativeNumber);
}

void AddOutput(CLI::App& estimate, EstimateOptions& options) {
  static const std::map<std::string, TableFormat> formats = {{"text", TableFormat::kText},
                                                             {"markdown", TableFormat::kMarkdown},
                                                             {"latex", TableFormat::kLatex},
                                                             {"csv", TableFormat::kCsv}};
  CLI::Option* format =
      estimate.add_option("--format", options.format, "text, markdown, latex or csv")
          ->transform(CLI::CheckedTransformer(formats).description("FORMAT"));
  estimate.add_flag("--papers", options.papers,
                    "add the online, nonlinear-only number of papers on ReLU reduction");
  estimate.add_flag("--compare", options.compare, "one line per network and protocol");
  estimate.add_flag("--layers", options.layers, "one line per layer");
  estimate.add_flag("--list", options.list,
                    "list protocols, links and hardware profiles with their sources");
  estimate.add_flag("--json", options.json, "print the JSON document of docs/json.md")
      ->excludes(format);
}

}  // namespace

void AddEstimate(CLI::App& app, EstimateOptions& options) {
  CLI::App* estimate = app.add_subcommand(
      "estimate", "Estimate what private inference of a network costs (docs/cost-models.md)");
  AddNetwork(*estimate, options);
  AddSetting(*estimate, options);
  AddCkks(*estimate, options);
  AddService(*estimate, options);
  AddOutput(*estimate, options);
  estimate->parse_complete_callback([&options] {
    if (options.networks.empty() && !options.list) throw CLI::RequiredError("NETWORK");
  });
}

}  // namespace reluscape

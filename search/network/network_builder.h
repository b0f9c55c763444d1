#pragma once

// Appends operations to a list, each to the output of earlier ones, and works out their shapes.

#include <cstdint>
#include <string>

#include "search/network/network.h"

namespace reluscape {

// Of sizes that SectionShapes has let pass only. Every function returns the index of the operation
// that it appended. Not thread-safe.
class NetworkBuilder {
 public:
  struct ConvSpec {
    int64_t channels = 0;
    int64_t kernel = 3;  // odd; the padding is half of it
    int64_t stride = 1;
    bool dirac = false;
  };

  // What follows belongs to that section and to none of its blocks, until SetBlock.
  void SetSection(int section);
  void SetBlock(int64_t block);
  // What follows stands on a skip connection, or not.
  void SetShortcut(bool shortcut);

  int Input(int64_t side);
  int Conv(const std::string& name, int input, const ConvSpec& spec);
  int BatchNorm(const std::string& name, int input);
  // With a ReLU on the first `channels` channels.
  int Relu(const std::string& name, int input, int64_t channels);
  int AveragePool(const std::string& name, int input, int64_t kernel, int64_t stride);
  int MaxPool(const std::string& name, int input, int64_t kernel, int64_t stride, int64_t padding);
  int Downsample(const std::string& name, int input, int64_t channels, int64_t stride);
  int Scale(const std::string& name, int input);
  int Add(const std::string& name, int main, int added, Join join);
  int Linear(const std::string& name, int input, int64_t outputs);

  const Shape& ShapeOf(int op) const { return network_.ops[static_cast<size_t>(op)].output; }

  // Empty afterwards.
  Network Take();

 private:
  int Append(Op op);

  Network network_;
  int section_ = 0;
  int block_ = 0;
  bool shortcut_ = false;
};

}  // namespace reluscape

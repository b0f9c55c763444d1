#pragma once

// How an architecture becomes a list of operations. One file per family writes that family's
// blocks; what families share (ReLU layout, skip connections, down-sampling) stands here. Internal
// to search/network: BuildNetwork is the way in.

#include <cstdint>
#include <string>
#include <vector>

#include "search/network/architecture.h"
#include "search/network/network_builder.h"

namespace reluscape {

// A block's place: section and block from 1, and how much it shrinks its input.
struct BlockPlace {
  size_t section = 1;
  int64_t block = 1;
  int64_t stride = 1;
  std::string prefix;  // "section2.block1", of the names of its operations
};

// What a block's main path is joined with.
struct JoinSite {
  int main = 0;            // end of its main path
  int input = 0;           // the block's own input: what an identity or a down-sampling carries
  int projected_from = 0;  // what a projection reads: the input, or the activated input
  bool projection_norm = true;  // whether a batch norm follows the projection
};

// Not thread-safe; lives for one BuildNetwork.
class Expansion {
 public:
  Expansion(const Architecture& architecture, const std::vector<SectionShape>& sections);

  const Architecture& architecture() const { return architecture_; }
  NetworkBuilder& builder() { return builder_; }
  const SectionShape& section(size_t number) const { return sections_[number - 1]; }

  // A ReLU of the section's layout; `input` itself where the layout has none there. Section 0 and
  // the tail are never culled.
  int Relu(const std::string& name, int input, size_t section);
  // One that thinning drops.
  int ThinnableRelu(const std::string& name, int input, size_t section);

  // A convolution of a block, Dirac where the skip mode asks for it and the stride is 1.
  int BlockConv(const std::string& name, int input, int64_t channels, int64_t kernel,
                int64_t stride);

  // The sum of a block's main path with what the skip mode adds there; the main path's end itself
  // where that is nothing.
  int JoinBlock(const BlockPlace& place, const JoinSite& site);

  // Every block of every section, first to last, by a family's function, which gets the block's
  // input and returns its output. Returns the last output.
  using BlockFunction = int (*)(Expansion& expansion, const BlockPlace& place, int input);
  int Sections(int stem, BlockFunction block);

 private:
  int Residual(const BlockPlace& place, const JoinSite& site);
  int Shared(const BlockPlace& place, const JoinSite& site);
  // The shared source of the section; a projection of the stem is appended at the first call.
  int SourceOf(const BlockPlace& place, const Shape& shape);

  const Architecture& architecture_;
  const std::vector<SectionShape>& sections_;
  NetworkBuilder builder_;
  int stem_ = 0;            // output of the stem
  int section_source_ = 0;  // of the current section; 0 while there is none: the image is no source
};

// Stem: convolution, batch norm, and what the architecture puts behind them.
int ExpandStem(Expansion& expansion, bool batch_norm);
// Pool over the last map to the side that the architecture states; `last` where nothing is left
// to pool.
int ExpandLastPool(Expansion& expansion, int last);

// One block each.
int BasicBlock(Expansion& expansion, const BlockPlace& place, int input);
int BottleneckBlock(Expansion& expansion, const BlockPlace& place, int input);
int WideBlock(Expansion& expansion, const BlockPlace& place, int input);

// All sections of a VGG with the pools between and behind them; takes the image.
int VggSections(Expansion& expansion, int input);
// Pool and classifier of a VGG.
void VggTail(Expansion& expansion, int last);

}  // namespace reluscape

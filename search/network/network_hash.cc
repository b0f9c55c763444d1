#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "search/network/accounting.h"
#include "search/network/check_network.h"

namespace reluscape {
namespace {

const char* JoinName(Join join) {
  switch (join) {
    case Join::kNone:
      return "none";
    case Join::kResidual:
      return "residual";
    case Join::kShared:
      return "shared";
  }
  return "";
}

}  // namespace

std::string NetworkHash(const Network& network) {
  Sha256 hash;
  hash.Update("reluscape network 2\n");
  for (const Op& op : network.ops) {
    hash.Update(absl::StrCat(KindName(op.kind), " in=", absl::StrJoin(op.inputs, ","),
                             " out=", op.output.channels, "x", op.output.height, "x",
                             op.output.width, " kernel=", op.kernel, " stride=", op.stride,
                             " padding=", op.padding, " dirac=", op.dirac ? 1 : 0,
                             " relus=", op.relu_channels, " join=", JoinName(op.join), "\n"));
  }
  return hash.HexDigest();
}

}  // namespace reluscape

#include "worker/torch/descent_end.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr char kSteps[] = "end_steps";
constexpr char kLoss[] = "end_loss_sum";
constexpr char kCorrect[] = "end_correct";
constexpr char kSeen[] = "end_seen";
constexpr char kLambda[] = "end_lambda";
constexpr char kKeptCount[] = "kept_count";

std::string KeptName(const std::string& tensor) { return absl::StrCat("kept/", tensor); }
std::string RankingName(size_t index) { return absl::StrCat("kept_ranking/", index); }

absl::StatusOr<at::Tensor> Take(const std::string& name, SafetensorsFile& file) {
  auto found = file.tensors.extract(name);
  if (found.empty()) return absl::DataLossError(absl::StrCat("tensor ", name, " is missing"));
  return std::move(found.mapped());
}

absl::StatusOr<int64_t> AtLeast(const Metadata& metadata, const char* key, int64_t least) {
  ASSIGN_OR_RETURN(const int64_t value, IntegerIn(metadata, key));
  if (value >= least) return value;
  return absl::DataLossError(
      absl::StrCat(key, ": found ", value, "; allowed: ", least, " or more"));
}

}  // namespace

Metadata MetadataOf(const DescentEnd& end) {
  return {{kSteps, absl::StrCat(end.part.steps)},     {kLoss, NumberText(end.part.loss)},
          {kCorrect, absl::StrCat(end.part.correct)}, {kSeen, absl::StrCat(end.part.seen)},
          {kLambda, NumberText(end.lambda)},          {kKeptCount, absl::StrCat(end.kept_count)}};
}

TensorMap TensorsOf(const DescentEnd& end) {
  TensorMap tensors;
  for (const auto& [name, tensor] : end.kept) tensors[KeptName(name)] = tensor;
  for (size_t i = 0; i < end.kept_ranking.size(); ++i) {
    tensors[RankingName(i)] = end.kept_ranking[i];
  }
  return tensors;
}

absl::StatusOr<std::optional<DescentEnd>> TakeDescentEnd(const std::vector<NamedTensor>& network,
                                                         size_t rankings, SafetensorsFile& file) {
  if (!file.metadata.contains(kSteps)) return std::nullopt;
  DescentEnd end;
  ASSIGN_OR_RETURN(end.part.steps, AtLeast(file.metadata, kSteps, 1));
  ASSIGN_OR_RETURN(end.part.loss, NumberIn(file.metadata, kLoss));
  ASSIGN_OR_RETURN(end.part.correct, AtLeast(file.metadata, kCorrect, 0));
  ASSIGN_OR_RETURN(end.part.seen, AtLeast(file.metadata, kSeen, 1));
  ASSIGN_OR_RETURN(end.lambda, NumberIn(file.metadata, kLambda));
  ASSIGN_OR_RETURN(end.kept_count, AtLeast(file.metadata, kKeptCount, 0));
  for (const NamedTensor& named : network) {
    ASSIGN_OR_RETURN(at::Tensor kept, Take(KeptName(named.name), file));
    if (kept.sizes() != named.tensor.sizes() || kept.scalar_type() != named.tensor.scalar_type()) {
      return absl::FailedPreconditionError(
          absl::StrCat("tensor ", KeptName(named.name), " is not of the network"));
    }
    end.kept[named.name] = kept.to(named.tensor.device());
  }
  for (size_t i = 0; i < rankings; ++i) {
    ASSIGN_OR_RETURN(at::Tensor ranking, Take(RankingName(i), file));
    end.kept_ranking.push_back(std::move(ranking));
  }
  return end;
}

}  // namespace reluscape

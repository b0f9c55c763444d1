#include "search/vocabulary/synchronize.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "search/vocabulary/recipe.h"

namespace reluscape {
namespace {

std::string Item(const std::string& path, const char* list, int index) {
  return absl::StrCat(FieldPath(path, list), "[", index, "]");
}

// Adds an error unless `holds`.
void Require(bool holds, FieldErrors& errors, const std::string& path, const std::string& found,
             const std::string& allowed) {
  if (!holds) errors.Add(path, found, allowed);
}

void CheckRequest(const v1::DataRequest& request, const std::string& path, FieldErrors& errors) {
  Require(request.data().hash().empty(), errors, path + ".data.hash", "a hash", "none");
}

void CheckState(const v1::DataState& state, const std::string& path, FieldErrors& errors) {
  CheckRequest(state.request(), path + ".request", errors);
  Require(state.problem().empty() != state.data_hash().empty() &&
              state.data_hash().empty() == state.split_hash().empty(),
          errors, path, state.problem().empty() ? "no problem" : "a problem",
          "both hashes or a problem");
}

void CheckResult(const v1::ResultReport& result, const std::string& path, FieldErrors& errors) {
  for (int i = 0; i < result.layers_size(); ++i) {
    const v1::LayerRelus& layer = result.layers(i);
    const std::string item = Item(path, "layers", i);
    const int64_t without = layer.units() - layer.kept();
    Require(without >= 0, errors, item + ".kept", absl::StrCat(layer.kept()),
            absl::StrCat("at most its units, ", layer.units()));
    Require(without < 0 || layer.polynomials() <= without, errors, item + ".polynomials",
            absl::StrCat(layer.polynomials()),
            absl::StrCat("at most its units without a ReLU, ", without));
  }
  for (int i = 0; i < result.classes_size(); ++i) {
    const v1::ClassAccuracy& one = result.classes(i);
    Require(one.correct() <= one.images(), errors, Item(path, "classes", i) + ".correct",
            absl::StrCat(one.correct()), absl::StrCat("at most its images, ", one.images()));
  }
}

void CheckReport(const v1::TaskReport& report, const std::string& path, FieldErrors& errors) {
  for (int i = 0; i < report.snapshots_size(); ++i) {
    const v1::Snapshot& snapshot = report.snapshots(i);
    Require(snapshot.relus() >= snapshot.budget(), errors, Item(path, "snapshots", i) + ".relus",
            absl::StrCat(snapshot.relus()), absl::StrCat(snapshot.budget(), " or more"));
  }
  CheckResult(report.result(), path + ".result", errors);
  Require((report.state() == v1::TaskReport::FAILED) == report.has_failure(), errors,
          path + ".failure", report.has_failure() ? "a failure" : "nothing",
          "a failure exactly where state is FAILED");
}

// `artifact` and the text that says more of it.
void CheckPair(bool has_artifact, const std::string& text, const char* other, const char* name,
               const std::string& path, FieldErrors& errors) {
  Require(has_artifact != text.empty(), errors, path,
          has_artifact ? absl::StrCat("an artifact without its ", name) : "nothing",
          absl::StrCat("an artifact exactly where ", other, " is set"));
}

void CheckTask(const v1::TaskDescription& task, const std::string& path, FieldErrors& errors) {
  Require(ParseStage(task.stage()).has_value(), errors, path + ".stage",
          absl::StrCat("\"", task.stage(), "\""), "pretrain, linearize, fine-tune");
  CheckPair(task.has_teacher(), task.teacher_network(), "teacher_network", "network",
            path + ".teacher", errors);
  CheckPair(task.has_pretrained(), task.pretrained_file(), "pretrained_file", "file name",
            path + ".pretrained", errors);
}

std::nullopt_t Refused(const FieldErrors& own, FieldErrors& errors) {
  for (const FieldError& error : own.errors()) errors.Add(error.field, error.found, error.allowed);
  return std::nullopt;
}

}  // namespace

template <>
std::optional<Checked<v1::SynchronizeRequest>> Checked<v1::SynchronizeRequest>::From(
    v1::SynchronizeRequest request, const std::string& path, FieldErrors& errors) {
  if (request.worker().protocol() != kProtocolNumber) {
    request.mutable_worker()->clear_data();
    request.clear_reports();
  }
  FieldErrors own;  // those of the caller may be as many as are kept
  CheckMessage(request, path, own);
  // Rules between fields are about fields that keep their own.
  if (!own.empty()) return Refused(own, errors);
  for (int i = 0; i < request.worker().data_size(); ++i) {
    CheckState(request.worker().data(i), Item(FieldPath(path, "worker"), "data", i), own);
  }
  for (int i = 0; i < request.reports_size(); ++i) {
    CheckReport(request.reports(i), Item(path, "reports", i), own);
  }
  if (!own.empty()) return Refused(own, errors);
  return Checked(std::move(request));
}

template <>
std::optional<Checked<v1::SynchronizeResponse>> Checked<v1::SynchronizeResponse>::From(
    v1::SynchronizeResponse response, const std::string& path, FieldErrors& errors) {
  FieldErrors own;  // those of the caller may be as many as are kept
  for (int i = 0; i < response.leases_size(); ++i) {
    CheckTask(response.leases(i).description(), Item(path, "leases", i) + ".description", own);
  }
  for (int i = 0; i < response.open_size(); ++i) {
    CheckRequest(response.open(i), Item(path, "open", i), own);
  }
  CheckMessage(response, path, own);
  if (!own.empty()) return Refused(own, errors);
  for (int i = 0; i < response.leases_size(); ++i) {
    v1::StagesSpec& settings =
        *response.mutable_leases(i)->mutable_description()->mutable_settings();
    const v1::StagesSpec given = settings;
    settings = CheckedStages(given, Item(path, "leases", i) + ".description.settings", own);
    // A Stage that does not run stays away: it is no part of the recipe.
    if (!given.has_linearize()) settings.clear_linearize();
    if (!given.has_fine_tune()) settings.clear_fine_tune();
  }
  if (!own.empty()) return Refused(own, errors);
  return Checked(std::move(response));
}

absl::StatusOr<v1::SynchronizeResponse> CheckedResponse(v1::SynchronizeResponse response) {
  FieldErrors errors;
  const auto checked =
      Checked<v1::SynchronizeResponse>::From(std::move(response), /*path=*/"", errors);
  if (!checked) return errors.ToStatus();
  return **checked;
}

v1::DataRequest DataRequestOf(const v1::TaskDescription& task) {
  v1::DataRequest request;
  *request.mutable_data() = task.data();
  request.mutable_data()->clear_hash();
  request.set_split_seed(task.split_seed());
  return request;
}

Stage StageOf(const v1::TaskDescription& task) {
  return ParseStage(task.stage()).value_or(Stage::kPretrain);
}

int64_t CountPolynomials(const v1::ResultReport& result) {
  int64_t polynomials = 0;
  for (const v1::LayerRelus& layer : result.layers()) polynomials += layer.polynomials();
  return polynomials;
}

bool BelongsToJob(v1::Failure::Kind kind) {
  return kind == v1::Failure::REFUSED || kind == v1::Failure::DIVERGED ||
         kind == v1::Failure::INFEASIBLE;
}

}  // namespace reluscape

#include "search/cost/estimate.h"

#include <algorithm>

namespace reluscape {
namespace {

void AddTraffic(const std::string& phase, const Traffic& traffic,
                std::vector<std::pair<std::string, double>>& outputs) {
  const auto add = [&](const char* suffix, const std::optional<int64_t>& bytes) {
    if (bytes) outputs.emplace_back(phase + suffix, static_cast<double>(*bytes));
  };
  add("_up_bytes", traffic.up);
  add("_down_bytes", traffic.down);
  add("_bytes", traffic.both);
}

void AddPhase(const std::string& name, const Phase& phase,
              std::vector<std::pair<std::string, double>>& outputs) {
  if (phase.flights) outputs.emplace_back(name + "_flights", static_cast<double>(*phase.flights));
  for (const TimeTerm& term : phase.terms) {
    if (term.seconds) outputs.emplace_back(name + "." + term.name + "_s", *term.seconds);
  }
}

}  // namespace

double PhaseSeconds(const Phase& phase) {
  double seconds = 0;
  for (const TimeTerm& term : phase.terms) seconds += term.seconds.value_or(0);
  return seconds;
}

double OfflineSeconds(const Estimate& estimate) { return PhaseSeconds(estimate.offline); }

double OnlineSeconds(const Estimate& estimate) { return PhaseSeconds(estimate.online); }

double TotalSeconds(const Estimate& estimate) {
  return OfflineSeconds(estimate) + OnlineSeconds(estimate);
}

bool IsLowerBound(const Phase& phase) {
  return std::any_of(phase.terms.begin(), phase.terms.end(), [](const TimeTerm& term) {
    return term.standing == Standing::kMissing || term.standing == Standing::kAtLeast;
  });
}

bool IsLowerBound(const Estimate& estimate) {
  return IsLowerBound(estimate.offline) || IsLowerBound(estimate.online) ||
         !estimate.not_modelled.empty();
}

DominantTerm FindDominantTerm(const Estimate& estimate) {
  DominantTerm dominant;
  const auto look = [&dominant](const char* name, const Phase& phase) {
    for (const TimeTerm& term : phase.terms) {
      if (term.seconds.value_or(0) > dominant.seconds) {
        dominant = {.phase = name, .name = term.name, .seconds = *term.seconds};
      }
    }
  };
  look("offline", estimate.offline);
  look("online", estimate.online);
  return dominant;
}

std::vector<std::pair<std::string, double>> Outputs(const Estimate& estimate) {
  std::vector<std::pair<std::string, double>> outputs = {
      {"offline_s", OfflineSeconds(estimate)},
      {"online_s", OnlineSeconds(estimate)},
      {"total_s", TotalSeconds(estimate)},
  };
  AddTraffic("offline", estimate.offline.bytes, outputs);
  AddTraffic("online", estimate.online.bytes, outputs);
  outputs.emplace_back("client_storage_bytes", static_cast<double>(estimate.client_storage_bytes));
  outputs.emplace_back("server_storage_bytes", static_cast<double>(estimate.server_storage_bytes));
  if (estimate.set_up_s) outputs.emplace_back("set_up_s", *estimate.set_up_s);
  AddTraffic("set_up", estimate.set_up_bytes, outputs);
  if (estimate.service) outputs.emplace_back("mean_latency_s", estimate.service->mean_latency_s);
  AddPhase("offline", estimate.offline, outputs);
  AddPhase("online", estimate.online, outputs);
  for (const Extra& extra : estimate.extras) {
    if (const auto* whole = std::get_if<int64_t>(&extra.value)) {
      outputs.emplace_back(extra.name, static_cast<double>(*whole));
    } else if (const auto* number = std::get_if<double>(&extra.value)) {
      outputs.emplace_back(extra.name, *number);
    }
  }
  return outputs;
}

std::optional<double> FindOutput(const Estimate& estimate, const std::string& name) {
  for (const auto& [output, value] : Outputs(estimate)) {
    if (output == name) return value;
  }
  return std::nullopt;
}

}  // namespace reluscape

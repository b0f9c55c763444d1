#include "search/cost/bfv_seconds.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/estimate_parts.h"
#include "search/cost/he_schedule.h"

namespace reluscape {
namespace {

// n log2 n of N = 8192 over N = 4096.
constexpr double kTransform8192Over4096 = (8192.0 * 13) / (4096.0 * 12);

TimeTerm ClientTerm(const char* name, double reference_s, const std::optional<double>& measured,
                    const HardwareProfile& client) {
  if (measured) return Sourced(name, *measured);
  const MachineFactor machine = BfvMachineFactor(client);
  const double seconds = reference_s * machine.factor.value_or(1);
  if (!machine.factor) {
    return Assumed(name, seconds,
                   absl::StrCat("profile ", client.name,
                                " has no transform time: taken from the EPYC 7502, as the "
                                "ASPLOS 2023 artifact does for its weak client"));
  }
  return machine.assumed ? Assumed(name, seconds, machine.reason) : Sourced(name, seconds);
}

TimeTerm EvaluationTerm(const BfvWork& work, const Setting& setting) {
  std::vector<double> seconds;
  double serial = 0;
  for (const BfvCounts& layer : work.layers) {
    seconds.push_back(BfvEvaluationSeconds(layer));
    serial += seconds.back();
  }
  const double scheduled = ScheduledSeconds(seconds, setting.server.he_threads);
  if (setting.measured.he_evaluation_s) {
    // Measured on one thread; the schedule's speed-up is that of the computed layers.
    const double speed_up = scheduled > 0 ? serial / scheduled : 1;
    return Sourced(term::kHeEvaluation, *setting.measured.he_evaluation_s / speed_up);
  }
  const MachineFactor machine = BfvMachineFactor(setting.server);
  if (!machine.factor) {
    return Missing(term::kHeEvaluation, absl::StrCat("server profile ", setting.server.name,
                                                     " has no transform time (ntt_8192_s)"));
  }
  const double total = scheduled * *machine.factor;
  return machine.assumed ? Assumed(term::kHeEvaluation, total, machine.reason)
                         : Sourced(term::kHeEvaluation, total);
}

}  // namespace

MachineFactor BfvMachineFactor(const HardwareProfile& profile) {
  if (profile.ntt_8192_s) return {.factor = *profile.ntt_8192_s / kBfvTransformS, .reason = {}};
  if (profile.ntt_4096_s) {
    return {.factor = *profile.ntt_4096_s * kTransform8192Over4096 / kBfvTransformS,
            .assumed = true,
            .reason = absl::StrCat("transform of size 8192 of profile ", profile.name,
                                   " taken from its 4096 by n log2 n")};
  }
  return {.factor = std::nullopt, .reason = {}};
}

absl::StatusOr<BfvWork> CountBfvWork(const NetworkLayers& layers) {
  BfvWork work;
  work.layers.reserve(layers.linear.size());
  for (const LinearLayer& layer : layers.linear) {
    ASSIGN_OR_RETURN(const BfvCounts counts, CountBfv(layer));
    work.layers.push_back(counts);
    work.sum.plaintext_multiplications += counts.plaintext_multiplications;
    work.sum.key_switches += counts.key_switches;
    work.sum.upload_ciphertexts += counts.upload_ciphertexts;
    work.sum.download_ciphertexts += counts.download_ciphertexts;
  }
  return work;
}

double BfvEvaluationSeconds(const BfvCounts& counts) {
  return kBfvMultiplyS * static_cast<double>(counts.plaintext_multiplications) +
         kBfvKeySwitchS * static_cast<double>(counts.key_switches);
}

double BfvClientSeconds(const BfvCounts& counts) {
  return kBfvEncryptS * static_cast<double>(counts.upload_ciphertexts) +
         kBfvDecryptS * static_cast<double>(counts.download_ciphertexts);
}

std::vector<TimeTerm> BfvTerms(const BfvWork& work, const Setting& setting) {
  const auto up = static_cast<double>(work.sum.upload_ciphertexts);
  const auto down = static_cast<double>(work.sum.download_ciphertexts);
  return {EvaluationTerm(work, setting),
          ClientTerm(term::kEncryption, kBfvEncryptS * up, setting.measured.encryption_s,
                     setting.client),
          ClientTerm(term::kDecryption, kBfvDecryptS * down, setting.measured.decryption_s,
                     setting.client)};
}

std::vector<Extra> BfvExtras(const BfvCounts& counts) {
  return {{"he.plaintext_multiplications", counts.plaintext_multiplications},
          {"he.key_switches", counts.key_switches},
          {"he.upload_ciphertexts", counts.upload_ciphertexts},
          {"he.download_ciphertexts", counts.download_ciphertexts}};
}

}  // namespace reluscape

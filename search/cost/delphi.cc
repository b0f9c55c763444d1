#include "search/cost/delphi.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/bfv_seconds.h"
#include "search/cost/delphi_polynomials.h"
#include "search/cost/estimate_parts.h"

namespace reluscape {
namespace {

constexpr char kReferenceProfile[] = "epyc_7502";

// The artifact's networks (shapes in its public data) and the server seconds it measured on them.
constexpr double kShareMacsResNet32 = 68'872'192;
constexpr double kShareMacsResNet18 = 549'146'624;
constexpr double kShareSecondsResNet32 = 0.28;
constexpr double kShareSecondsResNet18 = 0.43;

// What one estimate is computed from.
struct Job {
  const NetworkLayers& layers;
  const PricedNetwork& network;
  const Setting& setting;
  BfvWork he = {};
  bool server_garbles = true;
  bool whole_phase = false;
  int64_t comparisons = 0;  // n: ReLUs and equivalents
  int64_t relu_layers = 0;  // with at least one of them or of the polynomials
  int64_t polynomials = 0;
  int64_t circuit_bytes = 0;  // per ReLU

  const HardwareProfile& garbler() const {
    return server_garbles ? setting.server : setting.client;
  }
  const HardwareProfile& evaluator() const {
    return server_garbles ? setting.client : setting.server;
  }
  // `to_evaluator` and `to_garbler` as client and server see them.
  Traffic Messages(int64_t to_evaluator, int64_t to_garbler) const {
    return server_garbles ? UpDown(to_garbler, to_evaluator) : UpDown(to_evaluator, to_garbler);
  }
};

Traffic OfflineReluBytes(const Job& job, int64_t n) {
  const int64_t circuits = (job.circuit_bytes + kDelphiGarblerLabelBytes) * n;
  if (!job.server_garbles) return job.Messages(circuits, 0);
  return job.Messages(circuits + kDelphiOtMessageBytes * n, kDelphiOtSetUpBytes * n);
}

Traffic OnlineReluBytes(const Job& job, int64_t n) {
  if (job.server_garbles) return job.Messages(kDelphiOnlineLabelBytes * n, 0);
  return job.Messages(kDelphiOtMessageBytes * n, kDelphiOtSetUpBytes * n);
}

// The masked shares that enter a linear layer: of every one, or only of the image.
Traffic ShareBytes(const Job& job, size_t layer) {
  if (!job.server_garbles && layer > 0) return {};
  return UpDown(kDelphiShareBytes * job.layers.linear[layer].InElements() + kDelphiMessageBytes, 0);
}

Traffic CiphertextBytes(const BfvCounts& counts) {
  return UpDown(kBfvCiphertextBytes * counts.upload_ciphertexts,
                kBfvCiphertextBytes * counts.download_ciphertexts);
}

int64_t GcThreads(const HardwareProfile& profile) {
  return std::min(profile.gc_threads, kDelphiMaxGcThreads);
}

// Garbling or evaluation of n ReLUs; missing where the profile has no value.
TimeTerm GcTerm(const char* name, const std::optional<double>& per_relu,
                const HardwareProfile& profile, int64_t n) {
  if (!per_relu) {
    return Missing(
        name, absl::StrCat("profile ", profile.name, " has no seconds of garbled circuits for it"));
  }
  return Sourced(name,
                 *per_relu * static_cast<double>(n) / static_cast<double>(GcThreads(profile)));
}

TimeTerm EncodeTerm(const std::optional<double>& measured, const std::optional<double>& per_relu,
                    double default_s, const HardwareProfile& profile, int64_t n) {
  if (measured) return Sourced(term::kEncoding, *measured);
  const double seconds = per_relu.value_or(default_s) * static_cast<double>(n);
  return per_relu ? Sourced(term::kEncoding, seconds)
                  : Assumed(term::kEncoding, seconds,
                            absl::StrCat("profile ", profile.name,
                                         " has no encoding time: that of DELPHI's own runs"));
}

TimeTerm SharesTerm(const Job& job) {
  if (job.setting.measured.shares_s) return Sourced(term::kShares, *job.setting.measured.shares_s);
  return Assumed(term::kShares, DelphiShareSeconds(job.layers.macs),
                 "linear in MACs through the artifact's two measured networks");
}

constexpr char kNoOt[] = "no source gives the computation of OT apart from whole phases";

// The terms of section "composition" in docs/cost-models.md, without communication.
void ComposePhases(const Job& job, Estimate& estimate) {
  const int64_t n = job.comparisons;
  for (TimeTerm& term : BfvTerms(job.he, job.setting)) {
    estimate.offline.terms.push_back(std::move(term));
  }
  estimate.offline.terms.push_back(
      GcTerm(term::kGarbling, job.garbler().garble_s, job.garbler(), n));
  estimate.offline.terms.push_back(EncodeTerm(job.setting.measured.encode_offline_s,
                                              job.garbler().encode_offline_s, kDelphiEncodeOfflineS,
                                              job.garbler(), n));
  estimate.online.terms.push_back(
      GcTerm(term::kGcEvaluation, job.evaluator().gc_evaluate_s, job.evaluator(), n));
  estimate.online.terms.push_back(EncodeTerm(job.setting.measured.encode_online_s,
                                             job.garbler().encode_online_s, kDelphiEncodeOnlineS,
                                             job.garbler(), n));
  estimate.online.terms.push_back(SharesTerm(job));
  if (n == 0) return;
  (job.server_garbles ? estimate.offline : estimate.online)
      .terms.push_back(Missing(term::kOt, kNoOt));
}

void WholePhases(const Job& job, Estimate& estimate) {
  const auto n = static_cast<double>(job.comparisons);
  double linear = 0;
  for (TimeTerm& term : BfvTerms(job.he, job.setting)) {
    linear += term.seconds.value_or(0);
    estimate.offline.terms.push_back(std::move(term));
  }
  const HardwareProfile& machine = job.setting.server;
  const double encode_offline = machine.encode_offline_s.value_or(kDelphiEncodeOfflineS);
  const double encode_online = machine.encode_online_s.value_or(kDelphiEncodeOnlineS);
  std::vector<TimeTerm>& offline = estimate.offline.terms;
  offline.push_back(Sourced(term::kLinearOverhead, (kDelphiLinearFactor - 1) * linear));
  offline.push_back(Sourced(term::kGarbling, (kDelphiComputeOfflineS - encode_offline) * n));
  offline.push_back(Sourced(term::kEncoding, encode_offline * n));
  offline.push_back(Sourced(term::kOt, (kDelphiWholeOfflineS - kDelphiComputeOfflineS) * n));
  std::vector<TimeTerm>& online = estimate.online.terms;
  online.push_back(Sourced(term::kGcEvaluation, (kDelphiComputeOnlineS - encode_online) * n));
  online.push_back(Sourced(term::kEncoding, encode_online * n));
  online.push_back(Sourced(term::kShares, (kDelphiWholeOnlineS - kDelphiComputeOnlineS) * n));
  estimate.notes.emplace_back(
      "constants of whole phases: ot and shares hold the local transfer too and are what is left "
      "of the phase beside garbling, evaluation and encoding");
}

// Bytes and flights of section 8, all layers.
void Communicate(const Job& job, Estimate& estimate) {
  const int64_t n = job.comparisons;
  const auto linear = static_cast<int64_t>(job.layers.linear.size());
  Traffic offline =
      CiphertextBytes(job.he.sum) + OfflineReluBytes(job, n) + UpDown(0, kDelphiBaseOtBytes);
  Traffic online = OnlineReluBytes(job, n) +
                   UpDown(0, kDelphiShareBytes * job.layers.classes + kDelphiMessageBytes);
  for (size_t i = 0; i < job.layers.linear.size(); ++i) online = online + ShareBytes(job, i);
  const DelphiSquares squares = SquaresOf(job.polynomials, job.setting.polynomial);
  online = online + squares.online_bytes;
  estimate.offline.flights = 2 * linear + 4;
  estimate.online.flights = 2 * job.relu_layers + (job.server_garbles ? 1 : 2);
  if (job.setting.charge_set_up) {
    const MachineFactor machine = BfvMachineFactor(job.setting.client);
    estimate.offline.terms.push_back(
        Sourced(term::kKeyGeneration, kDelphiKeyGenerationS * machine.factor.value_or(1)));
    offline = offline + UpDown(kDelphiKeyBytes, 0);
  }
  AddCommunication(job.setting.link, offline, squares.offline_unknown_bytes, estimate.offline);
  AddCommunication(job.setting.link, online, squares.online_unknown_bytes, estimate.online);
}

// Seconds of one layer: the phase's own rates, with its transfer and flights.
double LayerSeconds(double compute, const Link& link, const Traffic& bytes, double flights,
                    int64_t unknown_bytes = 0) {
  return compute + TransferSeconds(link, bytes, unknown_bytes).seconds +
         RoundTripSeconds(link, flights);
}

double TermSeconds(const Phase& phase, const char* name) {
  for (const TimeTerm& term : phase.terms) {
    if (term.name == name) return term.seconds.value_or(0);
  }
  return 0;
}

LayerEstimate LinearLayerEstimate(const Job& job, const Estimate& estimate, size_t index) {
  const LinearLayer& layer = job.layers.linear[index];
  const BfvCounts& counts = job.he.layers[index];
  LayerEstimate row = {.name = layer.name, .kind = layer.fully_connected ? "linear" : "conv"};
  row.offline_bytes = CiphertextBytes(counts);
  row.online_bytes = ShareBytes(job, index);
  const MachineFactor server = BfvMachineFactor(job.setting.server);
  const double client = BfvMachineFactor(job.setting.client).factor.value_or(1);
  const double share = job.layers.macs == 0
                           ? 0
                           : static_cast<double>(layer.macs) / static_cast<double>(job.layers.macs);
  row.online_s =
      LayerSeconds(job.whole_phase ? 0 : share * TermSeconds(estimate.online, term::kShares),
                   job.setting.link, row.online_bytes, 0);
  if (server.factor) {
    const double compute =
        BfvEvaluationSeconds(counts) * *server.factor + BfvClientSeconds(counts) * client;
    row.offline_s = LayerSeconds(compute * (job.whole_phase ? kDelphiLinearFactor : 1),
                                 job.setting.link, row.offline_bytes, /*flights=*/2);
  } else {
    row.offline_s.reset();
  }
  row.extras = BfvExtras(counts);
  return row;
}

LayerEstimate NonlinearLayerEstimate(const Job& job, const Estimate& estimate, size_t index) {
  const NonlinearLayer& layer = job.layers.nonlinear[index];
  const int64_t n = job.network.kept[index];
  LayerEstimate row = {.name = layer.name,
                       .kind = layer.kind == NonlinearKind::kRelu ? "relu" : "max_pool",
                       .relus = n,
                       .polynomials = job.network.PolynomialsOf(index)};
  const DelphiSquares squares = SquaresOf(*row.polynomials, job.setting.polynomial);
  const Traffic offline_bytes = OfflineReluBytes(job, n);
  const Traffic online_bytes = OnlineReluBytes(job, n) + squares.online_bytes;
  row.offline_bytes = offline_bytes + BothWays(squares.offline_unknown_bytes);
  row.online_bytes = online_bytes + BothWays(squares.online_unknown_bytes);
  const double share = n == 0 ? 0 : static_cast<double>(n) / static_cast<double>(job.comparisons);
  double offline = TermSeconds(estimate.offline, term::kGarbling) +
                   TermSeconds(estimate.offline, term::kEncoding) +
                   TermSeconds(estimate.offline, term::kOt);
  double online = TermSeconds(estimate.online, term::kGcEvaluation) +
                  TermSeconds(estimate.online, term::kEncoding);
  if (job.whole_phase) online += TermSeconds(estimate.online, term::kShares);
  row.offline_s = LayerSeconds(share * offline + squares.offline_s, job.setting.link, offline_bytes,
                               0, squares.offline_unknown_bytes);
  row.online_s = LayerSeconds(share * online + squares.online_s, job.setting.link, online_bytes,
                              n + *row.polynomials > 0 ? 2 : 0, squares.online_unknown_bytes);
  return row;
}

void AddLayers(const Job& job, Estimate& estimate) {
  size_t linear = 0;
  size_t nonlinear = 0;
  while (linear < job.layers.linear.size() || nonlinear < job.layers.nonlinear.size()) {
    const bool take_linear = nonlinear == job.layers.nonlinear.size() ||
                             (linear < job.layers.linear.size() &&
                              job.layers.linear[linear].op < job.layers.nonlinear[nonlinear].op);
    estimate.layers.push_back(take_linear ? LinearLayerEstimate(job, estimate, linear++)
                                          : NonlinearLayerEstimate(job, estimate, nonlinear++));
  }
}

bool IsReferenceMachine(HardwareProfile profile) {
  static const auto* const reference =
      new absl::StatusOr<HardwareProfile>(FindHardware(kReferenceProfile));
  if (!reference->ok()) return false;
  // Homomorphic layers are scheduled on top of the model; storage is no constant of time.
  profile.he_threads = (*reference)->he_threads;
  profile.storage_bytes = (*reference)->storage_bytes;
  return profile == **reference;
}

// Client and server, or the one machine that is both.
std::vector<const HardwareProfile*> MachinesOf(const Setting& setting) {
  if (setting.client == setting.server) return {&setting.client};
  return {&setting.client, &setting.server};
}

void SetDelphiBands(const Job& job, Estimate& estimate) {
  BandFactors offline = {.low = 0.95, .high = 1.05};
  BandFactors online = {.low = 0.92, .high = 1.08};
  std::string reason = "same hardware as the artifact: offline within 5 %, online within 8 %";
  const Setting& setting = job.setting;
  if (!job.whole_phase) {
    offline = {.low = 0.95, .high = 1.15, .covers_missing = true};
    online = {.low = 0.92, .high = 1.5, .covers_missing = true};
    reason =
        "composed of terms, without OT: on the artifact's loopback runs 6 to 13 % low offline and "
        "about 30 % low online";
  }
  for (const HardwareProfile* profile : MachinesOf(setting)) {
    if (profile->status == "measured") continue;
    const bool calibrated = profile->status == "calibrated";
    offline.Widen(calibrated ? 0.75 : 0.5, calibrated ? 1.25 : 2);
    online.Widen(calibrated ? 0.75 : 0.5, calibrated ? 1.25 : 2);
    absl::StrAppend(&reason, "; profile ", profile->name,
                    calibrated ? " is calibrated by micro-benchmarks: 25 % more (judgement)"
                               : " is not calibrated: a factor of 2 more");
  }
  if (!job.layers.power_of_two_widths) {
    offline.Widen(0.84, 1.16);
    absl::StrAppend(&reason,
                    "; extrapolated: channel counts that are no powers of two were never measured, "
                    "16 % more offline (the worst layer that was)");
  }
  for (const TimeTerm& term : estimate.offline.terms) {
    if (!term.seconds && term.name != term::kOt) offline.covers_missing = false;
  }
  for (const TimeTerm& term : estimate.online.terms) {
    if (!term.seconds && term.name != term::kOt) online.covers_missing = false;
  }
  SetBands(offline, online, std::move(reason), estimate);
}

void AddNotes(const Job& job, Estimate& estimate) {
  for (const HardwareProfile* profile : MachinesOf(job.setting)) {
    if (profile->gc == "lean") {
      estimate.notes.push_back(
          absl::StrCat("profile ", profile->name,
                       " measures lean garbling, not DELPHI's software, which is slower"));
    }
    if (profile->gc_threads > kDelphiMaxGcThreads) {
      estimate.notes.push_back(absl::StrCat("garbled circuits of profile ", profile->name, " on ",
                                            kDelphiMaxGcThreads,
                                            " threads: no source says that more are faster"));
    }
  }
  estimate.notes.emplace_back("flights are a lower bound: implementations use more");
}

}  // namespace

double DelphiShareSeconds(int64_t macs) {
  const double slope =
      (kShareSecondsResNet18 - kShareSecondsResNet32) / (kShareMacsResNet18 - kShareMacsResNet32);
  return kShareSecondsResNet32 + slope * (static_cast<double>(macs) - kShareMacsResNet32);
}

std::string Delphi::Name() const {
  return garbler_ == Garbler::kServer ? "delphi_server_garbler" : "delphi_client_garbler";
}

std::string Delphi::Version() const { return "1"; }

std::string Delphi::Source() const {
  return "public code of DELPHI (USENIX Security 2020); public data and analytic model of the "
         "artifact of the ASPLOS 2023 characterization (kvgarimella/cryptonite)";
}

absl::StatusOr<Estimate> Delphi::Price(const PricedNetwork& network, const Setting& setting) const {
  const NetworkLayers& layers = *network.layers;
  ASSIGN_OR_RETURN(BfvWork he, CountBfvWork(layers));
  Job job = {.layers = layers, .network = network, .setting = setting, .he = std::move(he)};
  job.server_garbles = garbler_ == Garbler::kServer;
  job.whole_phase = setting.whole_phase && setting.link.loopback && job.server_garbles &&
                    setting.gc_bytes_per_gate * kDelphiAndGates + 8 == kDelphiCircuitBytes &&
                    IsReferenceMachine(setting.client) && IsReferenceMachine(setting.server);
  job.comparisons = Comparisons(network);
  job.polynomials = CountPolynomials(network);
  for (size_t i = 0; i < network.kept.size(); ++i) {
    job.relu_layers += network.kept[i] + network.PolynomialsOf(i) > 0 ? 1 : 0;
  }
  // DELPHI's encoding has 8 bytes beside its gates.
  job.circuit_bytes =
      setting.gc_bytes_per_gate * kDelphiAndGates + (setting.gc_bytes_per_gate == 48 ? 8 : 0);

  Estimate estimate = StartEstimate(Name(), Version(), network, setting);
  if (job.whole_phase) {
    estimate.model = "whole_phase";
    WholePhases(job, estimate);
  } else {
    ComposePhases(job, estimate);
  }
  AddDelphiPolynomials(job.polynomials, setting.polynomial, estimate);
  Communicate(job, estimate);
  const MachineFactor client = BfvMachineFactor(setting.client);
  estimate.set_up_s = kDelphiKeyGenerationS * client.factor.value_or(1);
  estimate.set_up_bytes = UpDown(kDelphiKeyBytes, 0);
  const int64_t evaluator =
      (kDelphiEvaluatorStorageBytes - kDelphiCircuitBytes + job.circuit_bytes) * job.comparisons;
  const int64_t garbler = kDelphiGarblerStorageBytes * job.comparisons;
  const int64_t triples = kDelphiSquareStorageBytes * job.polynomials;
  estimate.client_storage_bytes = (job.server_garbles ? evaluator : garbler) + triples;
  estimate.server_storage_bytes = (job.server_garbles ? garbler : evaluator) + triples;
  estimate.extras = BfvExtras(job.he.sum);
  AddNotes(job, estimate);
  SetDelphiBands(job, estimate);
  SetServiceView(setting, estimate);
  if (setting.with_layers) AddLayers(job, estimate);
  return estimate;
}

}  // namespace reluscape

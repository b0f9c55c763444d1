#pragma once

// What private inference of one image costs under one protocol and setting. A plain value.
//
// up: client to server, down: server to client. Offline: before the image is known. A protocol of
// one phase has an empty offline phase: no terms, 0 bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace reluscape {

// How far a term can be relied on.
enum class Standing {
  kSourced,  // formula and constants have a source (docs/cost-models.md)
  kAssumed,  // a stand-in, as its reason says
  kAtLeast,  // a lower bound, as its reason says
  kMissing,  // no source gives it: no value, left out of all totals, which are lower bounds then
};

// One part of a phase's time.
struct TimeTerm {
  std::string name;  // one of kTermNames, or a name of the protocol's own: lower_case
  std::optional<double> seconds;
  Standing standing = Standing::kSourced;
  std::string reason = {};  // empty for kSourced
};

// The names that two-party protocols use.
namespace term {
inline constexpr char kHeEvaluation[] = "he_evaluation";
inline constexpr char kEncryption[] = "encryption";
inline constexpr char kDecryption[] = "decryption";
inline constexpr char kLinearOverhead[] = "linear_overhead";
inline constexpr char kKeyGeneration[] = "key_generation";
inline constexpr char kGarbling[] = "garbling";
inline constexpr char kGcEvaluation[] = "gc_evaluation";
inline constexpr char kEncoding[] = "encoding";
inline constexpr char kOt[] = "ot";
inline constexpr char kShares[] = "shares";
inline constexpr char kPolynomials[] = "polynomials";
inline constexpr char kLinear[] = "linear";
inline constexpr char kTransfer[] = "transfer";
inline constexpr char kRoundTrips[] = "round_trips";
}  // namespace term

// Bytes of a phase or layer. Where only the sum of both directions is known, up and down are empty
// and `both` has it.
struct Traffic {
  std::optional<int64_t> up = 0;
  std::optional<int64_t> down = 0;
  std::optional<int64_t> both = 0;
};

struct Phase {
  std::vector<TimeTerm> terms = {};
  Traffic bytes = {};
  std::optional<int64_t> flights = 0;  // one-way messages; implementations use more
};

// A number or text beyond the common ones. A dot in its name nests it: "he.key_switches".
struct Extra {
  std::string name;
  std::variant<int64_t, double, std::string, bool> value;
};

struct LayerEstimate {
  std::string name;
  std::string kind;  // "conv", "linear", "relu", "max_pool"; others of a protocol's own
  std::optional<int64_t> relus = {};        // kept, of nonlinear layers
  std::optional<int64_t> polynomials = {};  // of degree 2, of nonlinear layers
  // Of the layer alone, one HE thread; empty where no source gives it.
  std::optional<double> offline_s = 0.0;
  std::optional<double> online_s = 0.0;
  Traffic offline_bytes = {};
  Traffic online_bytes = {};
  std::vector<Extra> extras = {};
};

// Where the true seconds are expected. `high` is empty where a missing term bounds nothing.
struct Band {
  double low = 0;
  std::optional<double> high = 0.0;
};

// What a rate of requests makes of it.
struct ServiceView {
  double request_gap_s = 0;
  double none_stored_probability = 1;  // that a request finds no pre-computed inference
  double mean_latency_s = 0;
};

struct Estimate {
  std::string protocol;
  std::string version;  // of the model; changes with any constant or formula
  std::string model;    // which of the protocol's models: "composition", "whole_phase", ...
  std::string link;     // names of what was set
  std::string client;
  std::string server;
  int64_t relus = 0;        // kept; ReLU equivalents of max pools not counted
  int64_t polynomials = 0;  // units of degree 2 in place of ReLUs
  Phase offline = {};
  Phase online = {};
  // One-off, charged to no inference unless Setting::charge_set_up: then they stand in `offline`
  // (of a one-phase protocol in `online`) too.
  std::optional<double> set_up_s = {};
  Traffic set_up_bytes = {};
  int64_t client_storage_bytes = 0;  // per stored inference
  int64_t server_storage_bytes = 0;
  // Inferences that the stated storage of client and server holds; empty where none is stated or
  // the protocol stores nothing.
  std::optional<int64_t> stored_inferences = {};
  std::optional<ServiceView> service = {};  // with Service::request_gap_s
  std::vector<LayerEstimate> layers = {};   // network order
  std::vector<Extra> extras = {};
  std::vector<std::string> notes = {};         // what a reader must know beside the numbers
  std::vector<std::string> not_modelled = {};  // costs that are in no term
  Band offline_band = {};                      // seconds
  Band online_band = {};
  Band total_band = {};
  std::string band_reason = {};
};

// Sums of the terms that have a value.
double PhaseSeconds(const Phase& phase);
double OfflineSeconds(const Estimate& estimate);
double OnlineSeconds(const Estimate& estimate);
double TotalSeconds(const Estimate& estimate);

// Whether the seconds of a phase are a lower bound: a term has no value or is one itself. Of the
// whole estimate: either phase's are, or there are costs that are not modelled.
bool IsLowerBound(const Phase& phase);
bool IsLowerBound(const Estimate& estimate);

// The largest term of both phases. Names are empty where no term has a value above 0.
struct DominantTerm {
  std::string phase;  // "offline", "online"
  std::string name;
  double seconds = 0;
};
DominantTerm FindDominantTerm(const Estimate& estimate);

// Every number of the whole network by the name that objectives use ("online_s",
// "offline_up_bytes", "offline.garbling_s", "he.key_switches"), in a fixed order; what has no value
// is left out.
std::vector<std::pair<std::string, double>> Outputs(const Estimate& estimate);
// One of them; std::nullopt where there is none of that name or it has no value.
std::optional<double> FindOutput(const Estimate& estimate, const std::string& name);

}  // namespace reluscape

#pragma once

// Cost metrics: one number of one protocol under one setting, in the words that Jobs, listings and
// the database use.
//
//   <protocol>.<output>[@<setting>]
//   cheetah.online_s@wan
//   delphi_server_garbler.client_storage_bytes@lan
//   ckks.seconds@heaan_gpu
//
// protocol: ProtocolModel::Name(). output: a name that Outputs() gives (search/cost/estimate.h).
// setting: a link (search/cost/link.h), or for ckks a preset. Left out it is kDefaultLink or
// kDefaultPreset; the canonical form, which is the one that is stored, names it. "papers.online_s"
// (search/cost/papers.h) has none, and papers has no other output: its offline or total seconds
// would be taken for those of a whole inference.
//
// Machines: both sides are kDefaultMachine, as in `reluscape estimate`, so that one comparison is
// of one machine. Everything else of Setting has its default.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "search/cost/protocol_model.h"
#include "search/cost/setting.h"

namespace reluscape {

inline constexpr char kDefaultLink[] = "lan";
inline constexpr char kDefaultPreset[] = "mpcnn_cpu";
inline constexpr char kDefaultMachine[] = "epyc_7502";

struct CostMetric {
  std::string protocol;
  std::string output;
  std::string setting;  // empty where the protocol has none

  // The canonical form.
  std::string Text() const;

  friend bool operator==(const CostMetric&, const CostMetric&) = default;
  friend auto operator<=>(const CostMetric&, const CostMetric&) = default;
};

// What every metric of one protocol and setting is computed with.
struct MetricSource {
  const ProtocolModel* model = nullptr;  // never null
  Setting setting;
  std::string version;  // of the model
  // The machines, link and options by name with a hash of their constants, for readers and to see
  // a change: "client epyc_7502, server epyc_7502, link wan, sha256 0123456789ab".
  std::string profile;
};

// Knows which metrics there are. Immutable and thread-safe.
class MetricCatalog {
 public:
  // Of these protocols, which must outlive the catalog. Prices a small network with each to learn
  // the names of its outputs.
  explicit MetricCatalog(std::vector<const ProtocolModel*> models);

  // INVALID_ARGUMENT says which part is unknown and lists what is allowed there.
  absl::StatusOr<CostMetric> Parse(const std::string& text) const;
  // The same as one error at `field`; std::nullopt where it was added.
  std::optional<CostMetric> Parse(const std::string& text, const std::string& field,
                                  FieldErrors& errors) const;

  // Of a metric that Parse returned; else INVALID_ARGUMENT.
  absl::StatusOr<MetricSource> SourceOf(const CostMetric& metric) const;

  // Those that every Result is priced by, in a fixed order: of each protocol with a link offline,
  // online and total seconds at "lan" and "wan" and its bytes; of ckks the seconds of its default
  // preset; what papers say. Outputs that a protocol does not have are left out.
  const std::vector<CostMetric>& Defaults() const { return defaults_; }

  // For messages: the form of a metric and the protocols.
  std::string Form() const;
  // "delphi_server_garbler, cheetah, ...".
  std::string ProtocolNames() const;

 private:
  struct Protocol {
    const ProtocolModel* model = nullptr;
    std::vector<std::string> outputs;  // in the order of Outputs()
  };

  const Protocol* Find(const std::string& name) const;
  absl::StatusOr<MetricSource> MakeSource(const Protocol& protocol,
                                          const std::string& setting) const;

  std::vector<Protocol> protocols_;
  std::vector<CostMetric> defaults_;
};

// Of ProtocolModels() and Papers. Lives as long as the program.
const MetricCatalog& BuiltInMetrics();

}  // namespace reluscape

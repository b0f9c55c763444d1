#pragma once

// `reluscape estimate`: what private inference of a network costs, without a coordinator.

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/estimate_skips.h"
#include "client/paper_table.h"
#include "search/cost/metric.h"
#include "search/cost/setting.h"

namespace reluscape {

struct EstimateOptions {
  // Names, canonical texts or files, as `reluscape describe` takes them.
  std::vector<std::string> networks = {};
  int64_t side = 32;      // of names; a canonical text has its own
  int64_t classes = 100;  // likewise
  // Kept in all, spread over the layers (search/cost/kept_relus.h).
  std::optional<int64_t> relus = {};
  std::string relus_per_layer = {};  // a JSON file {"<layer>": count}; empty: none
  bool polynomials = false;          // removed ReLUs are polynomials of degree 2, not the identity
  PolynomialCosts polynomial = {};   // what is known of one of them
  std::vector<std::string> protocols = {};  // names, or "all"; empty: delphi_server_garbler, with
                                            // `compare` all
  std::string link = "artifact_1000";       // a name, UP/DOWN/RTT or a JSON file
  std::string client = kDefaultMachine;     // a name or a JSON file
  std::string server = kDefaultMachine;
  std::optional<int64_t> he_threads = {};  // of the server, in place of the profile's
  std::optional<int64_t> gc_threads = {};  // of both sides
  int64_t ring_bits = 37;
  int64_t gc_bytes_per_gate = 48;
  bool shared_weights = false;
  bool charge_set_up = false;
  std::string measured = {};  // a JSON file of measured terms; empty: none
  std::optional<double> request_gap_s = {};
  std::optional<int64_t> storage_bytes = {};         // of the client
  std::optional<int64_t> server_storage_bytes = {};  // of the server
  std::string preset = {};                           // CKKS: a name or file; empty: its default
  CkksFlags ckks = {};                               // with `skips` the table is of CKKS alone
  bool papers = false;
  bool compare = false;  // one row per network and protocol
  bool layers = false;   // one row per layer
  bool list = false;     // protocols, links and profiles with their sources, and nothing else
  bool json = false;
  TableFormat format = TableFormat::kText;
};

// Prints a table, or with `json` the document of docs/json.md. Of several estimates those that a
// protocol refuses are rows with the reason; a single one that is refused is an error.
// INVALID_ARGUMENT for what cannot be priced, NOT_FOUND for a file that is not there.
absl::Status EstimatePrivateInference(const EstimateOptions& options, std::ostream& out);

}  // namespace reluscape

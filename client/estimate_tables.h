#pragma once

// Estimates as tables. Not thread-safe.

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/paper_table.h"
#include "search/cost/estimate.h"

namespace reluscape {

// One network under one protocol.
struct EstimateRow {
  std::string name;     // as the user wrote the network
  std::string network;  // canonical text
  int64_t network_relus = 0;
  std::string protocol;
  absl::StatusOr<Estimate> estimate;
  // With --papers: the online, nonlinear-only number of papers on ReLU reduction.
  std::optional<double> papers_s = {};
};

// Terms by phase with totals, bytes and flights, and below it band, dominant term and remarks; CSV
// as PrintComparison. `row.estimate` must be OK.
void PrintBreakdown(const EstimateRow& row, TableFormat format, std::ostream& out);

// One line per row; refused ones have the reason below the table. CSV has every number unrounded.
void PrintComparison(const std::vector<EstimateRow>& rows, TableFormat format, std::ostream& out);

// One line per layer of each row.
void PrintLayers(const std::vector<EstimateRow>& rows, TableFormat format, std::ostream& out);

}  // namespace reluscape

#pragma once

// The networks of one proposal as they are gathered: for search/strategy/*.cc alone. Not
// thread-safe.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/field_errors.h"
#include "search/network/architecture_text.h"
#include "search/network/deepreshape.h"
#include "search/strategy/candidates.h"

namespace reluscape {

// "budgets.relus[2]".
std::string EntryOf(const std::string& list, int64_t index);

// Collects the networks of a proposal, one per hash. Errors and notes are those of
// ProposeNetworks.
class Collector {
 public:
  Collector(const v1::JobSpec& spec, const MeasuredOrders& measured, FieldErrors& errors)
      : spec_(spec), measured_(measured), errors_(errors) {}

  // Entry `index` of candidates.networks, and where its sections are measured its section networks;
  // of candidates.deepreshape; of candidates.deepreduce.
  void AddNamed(int index);
  void AddDeepReShape(int index);
  void AddDeepReduce(int index);
  // What was collected, with the notes cut to kMaxNotes. The collector is empty afterwards.
  Proposal Take();

 private:
  // A limit of the Job that `network` exceeds, in words; empty where there is none.
  std::string ExceededLimit(const ProposedNetwork& network) const;
  // Builds and counts. Errors go to `errors`, with the fields of Architecture.
  std::optional<ProposedNetwork> Expand(const std::string& name, const Architecture& architecture,
                                        FieldErrors& errors);
  // The networks with ReLUs in one section alone of the named network that was added last.
  void AddSectionNetworks(const std::string& text, const std::string& field);
  // A generated network, which may be there already or above a limit: a note then. Whether it is
  // there now.
  bool AddGenerated(const std::string& field, const NamedArchitecture& generated,
                    CandidateRole role, int64_t teacher, const std::string& origin);
  // Full, with one error for the whole Job, where there would be too many.
  void Append(ProposedNetwork network, const std::string& field);

  const v1::JobSpec& spec_;
  const MeasuredOrders& measured_;
  FieldErrors& errors_;
  Proposal proposal_;
  std::map<std::string, std::string> field_by_hash_;
  int64_t operations_ = 0;
  bool full_ = false;
};

}  // namespace reluscape

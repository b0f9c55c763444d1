#pragma once

// From a Job's candidates and budgets to the list of distinct networks to train. A function of
// its input alone. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/network/accounting.h"
#include "search/network/names.h"
#include "search/strategy/order_choice.h"
#include "search/vocabulary/artifact.h"
#include "search/vocabulary/states.h"

namespace reluscape {

// Limits of one Job.
inline constexpr int64_t kMaxNetworks = 1000;
inline constexpr int64_t kMaxCandidates = 10'000;  // networks x replicates
inline constexpr int64_t kMaxBudgets = 100;        // relus and fractions together
inline constexpr size_t kMaxNotes = 100;           // more are only counted
// Operations of all networks together, also of those that are left out; 1000 networks of 110
// layers have 390,000.
inline constexpr int64_t kMaxOperations = 500'000;

struct ProposedNetwork {
  std::string name;  // as the user wrote it, or "hrn-5x5x3x@16" where generated
  Architecture architecture;
  std::string canonical_text;
  Network network;
  NetworkCounts counts;
  std::string hash;  // NetworkHash: differs between any two of a proposal
  // ReLU counts, largest first, each once. kSearch: below counts.relus; kWhole: just that; of the
  // other roles: none.
  std::vector<int64_t> budgets;
  CandidateRole role = CandidateRole::kSearch;
  int64_t measured_section = 0;  // of kSection, from 1
  int64_t teacher = -1;          // index of an earlier network of the proposal; -1 = none
  std::string origin;            // see v1::Candidate
  // As the job file names it; empty where its weights are trained.
  std::string pretrained_file;
  v1::Artifact pretrained;
  // What its removed ReLUs become; unspecified: as the Job's stages.linearize says.
  v1::LinearizeSpec::Replacement replacement = v1::LinearizeSpec::REPLACEMENT_UNSPECIFIED;
};

struct Proposal {
  // Named ones first, in the order of the Job, in a Job of kind kCriticality each followed by its
  // section networks; then those of deepreshape, entry by entry, by base channels, by multipliers;
  // then those of deepreduce, entry by entry, each after its backbone unless that is there already.
  std::vector<ProposedNetwork> networks;
  // What was left out or merged, and why; one sentence each.
  std::vector<std::string> notes;
};

// Expands candidates.networks, candidates.deepreshape and candidates.deepreduce, applies the limits
// and resolves the Budgets. `spec` has been checked (search/vocabulary/job.h): what its own rules
// say is not looked at again. `measured` holds the orders that generators take from Jobs. Adds one
// error per field, with its path in the job file
// ("candidates.deepreshape[0].order", "budgets.relus[2]"); the proposal is usable only where
// nothing was added.
//
//  * A network named twice, also under two names, is an error; a generated one that is there
//    already is merged with a note.
//  * A named network above limits.max_macs or limits.max_parameters is an error; a generated one
//    is left out with a note.
//  * A Budget must be below the ReLU count of every network. A fraction is of each
//    network's own count, rounded down (a product that is an integer but for the last bits of
//    floating point counts as that integer).
//  * An entry of candidates.pretrained names an entry of candidates.networks, each network once.
//  * A network whose sections are to be measured needs ReLUs in each of them, and none that stays
//    where all other sections are culled.
Proposal ProposeNetworks(const v1::JobSpec& spec, FieldErrors& errors,
                         const MeasuredOrders& measured = {});

}  // namespace reluscape

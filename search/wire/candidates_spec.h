#pragma once

// The candidates of a job: CandidatesSpec messages and structs. Thread-safe.

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/job.h"

namespace reluscape {

// Checks what needs no network and fills in the defaults of job.proto, but for an order of
// criticality that is not given: it stays empty. Adds one error per wrong field.
CandidatesSpec ReadCandidates(const v1::CandidatesSpec& message, FieldErrors& errors);

void Write(const CandidatesSpec& spec, v1::CandidatesSpec& message);

}  // namespace reluscape

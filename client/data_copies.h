#pragma once

// The copies of a Job's data set that Workers have, as text for a terminal. Pure functions.

#include <string>

#include "reluscape/v1/views.pb.h"

namespace reluscape {

// Whether connected Workers have different copies and none is stated or chosen: no Task starts.
bool MustChooseData(const v1::Job& job);

// By which copy the Job goes, a table of all copies with their whole hashes, what to do where one
// must be chosen, and which connected Workers could not open the images that the Job uses.
std::string DataCopiesText(const v1::JobDetail& detail, const v1::WorkerList& workers);

}  // namespace reluscape

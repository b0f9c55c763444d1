#pragma once

// Views to messages, and any message to the JSON document that --json and the HTTP API give.

#include <string>

#include "reluscape/v1/views.pb.h"
#include "search/views.h"

namespace reluscape {

v1::Job ToProto(const JobView& job);
v1::JobList ToProto(const std::vector<JobView>& jobs);
v1::JobDetail ToProto(const JobDetailView& detail);
v1::Candidate ToProto(const CandidateView& candidate);
v1::CandidateDetail ToProto(const CandidateDetailView& detail);
v1::LayerRelus ToProto(const LayerRelus& layer);
v1::ClassAccuracy ToProto(const ClassAccuracy& one);
v1::Result ToProto(const ResultView& result);
v1::Front ToProto(const FrontView& front);
v1::WorkerList ToProto(const std::vector<WorkerView>& workers);
v1::Preview ToProto(const Preview& preview);
v1::EventList ToProto(const std::vector<EventView>& events);

}  // namespace reluscape

#pragma once

// How clients and Workers reach the coordinator.

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <string>

namespace reluscape {

// Of one message, in both directions: a job file may have 4 MiB, a CandidateDetail with long
// learning curves comes to a few.
inline constexpr int kMaxMessageBytes = 64 * 1024 * 1024;
// Of what the coordinator receives: a job file with what surrounds it.
inline constexpr int kMaxRequestBytes = 8 * 1024 * 1024;
// Of the metadata of an answer. A refused job file answers with up to 100 lines as status message,
// which travels as metadata; gRPC's own limit of 8 KiB would turn it into an error of its own.
inline constexpr int kMaxMetadataBytes = 256 * 1024;

// An unencrypted channel to HOST:PORT that connects when first used and again after every loss,
// trying once a second.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

}  // namespace reluscape

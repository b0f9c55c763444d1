#pragma once

// Everything but the network that an estimate depends on.

#include <cstdint>
#include <optional>

#include "search/cost/ckks_options.h"
#include "search/cost/hardware.h"
#include "search/cost/link.h"

namespace reluscape {

// Terms that somebody measured for one network and that replace the computed ones, in seconds.
struct MeasuredTerms {
  std::optional<double> he_evaluation_s;  // one thread
  std::optional<double> encryption_s;
  std::optional<double> decryption_s;
  std::optional<double> encode_offline_s;
  std::optional<double> encode_online_s;
  std::optional<double> shares_s;
};

// What is known of one polynomial of degree 2 in place of a ReLU; each replaces what the protocol
// assumes (search/cost/polynomial_units.h, delphi_polynomials.h). Protocols of one phase use the
// online ones, CKKS none.
struct PolynomialCosts {
  std::optional<double> offline_s;
  std::optional<double> online_s;
  std::optional<int64_t> offline_bytes;  // both directions together, at most 1,000,000
  std::optional<int64_t> online_bytes;   // likewise
};

// How often inferences are asked for, and where pre-computed material may lie.
struct Service {
  std::optional<double> request_gap_s;          // mean time between requests, above 0
  std::optional<int64_t> client_storage_bytes;  // else the client profile's
  std::optional<int64_t> server_storage_bytes;  // else the server profile's
};

struct Setting {
  HardwareProfile client;
  HardwareProfile server;
  Link link;
  Service service;
  MeasuredTerms measured;      // DELPHI only
  PolynomialCosts polynomial;  // per unit
  bool charge_set_up = false;  // one-off set-up charged to this inference, as the artifact does
  // Of one garbled AND gate, 1 to 256: 48 in DELPHI's software, 32 with plain half-gates.
  int64_t gc_bytes_per_gate = 48;
  int64_t ring_bits = 37;       // of CrypTFlow2 and Cheetah, 2 to 64
  bool shared_weights = false;  // SPU Cheetah: weights secret-shared, not the server's
  // DELPHI on loopback with the reference machine on both sides: constants of whole phases, which
  // hold OT and local transfer. False: composed of terms, as everywhere else, so that a comparison
  // holds one kind of number only.
  bool whole_phase = true;
  bool with_layers = true;  // fills Estimate::layers; without them pricing is faster
  CkksOptions ckks;
};

}  // namespace reluscape

#pragma once

// The Boolean circuit of one ReLU on additive shares, of DELPHI's size: what `reluscape calibrate`
// garbles. Immutable; thread-safe.
//
// Three inputs of 42 wires each, least bit first: the client's share, the server's share and the
// mask of the result, all below the field's prime. Output: (ReLU(client + server) + mask) modulo
// the prime, where residues above (prime - 1) / 2 are negative. 331 AND gates; XOR and NOT are
// free.

#include <cstdint>
#include <vector>

namespace reluscape {

inline constexpr uint64_t kDelphiPrime = 2'061'584'302'081;  // 41 bits; public code of DELPHI
inline constexpr int kShareWires = 42;

enum class GateKind : uint8_t { kAnd, kXor, kNot };

struct Gate {
  GateKind kind = GateKind::kAnd;
  int a = 0;
  int b = 0;  // unused by kNot
  int out = 0;
};

// Wires 0 .. inputs - 1 are the inputs; every gate's output is a wire of its own, in order.
struct Circuit {
  int inputs = 0;
  int wires = 0;
  int and_gates = 0;
  std::vector<Gate> gates;
  std::vector<int> outputs;
};

Circuit ReluCircuit();

// The circuit in the clear: one bit per output.
std::vector<bool> EvaluateInTheClear(const Circuit& circuit, const std::vector<bool>& inputs);

}  // namespace reluscape

#pragma once

// Garbled circuits with half-gates (Zahur, Rosulek and Evans, EUROCRYPT 2015): two ciphertexts of
// 16 bytes per AND gate, free XOR, hashed with fixed-key AES on the processor's AES instructions.
// For time measurements of `reluscape calibrate`: labels come from a seed, nothing is kept secret.

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "client/calibrate/relu_circuit.h"

namespace reluscape {

// A wire label or ciphertext.
struct alignas(16) Block {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const Block&, const Block&) = default;
};

// OK on an x86-64 processor with AES instructions; else UNIMPLEMENTED, and nothing below may be
// called.
absl::Status CheckAesInstructions();

// What the garbler makes of one circuit.
struct GarbledCircuit {
  Block offset;              // of every wire: label of 1 = label of 0 xor offset
  std::vector<Block> zeros;  // labels of 0, per wire
  std::vector<Block> table;  // 2 per AND gate: what is sent
};

// Reuses the memory of `garbled`. Not thread-safe on the same `garbled`.
void Garble(const Circuit& circuit, uint64_t seed, GarbledCircuit& garbled);

// `labels` holds one label per input and is filled up to one per wire.
void EvaluateGarbled(const Circuit& circuit, const std::vector<Block>& table,
                     std::vector<Block>& labels);

// The label of a wire's value, and the value that an output's label stands for.
Block LabelOf(const GarbledCircuit& garbled, int wire, bool value);
bool ValueOf(const GarbledCircuit& garbled, int wire, const Block& label);

}  // namespace reluscape

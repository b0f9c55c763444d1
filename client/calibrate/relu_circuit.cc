#include "client/calibrate/relu_circuit.h"

#include <optional>
#include <utility>

namespace reluscape {
namespace {

using Bits = std::vector<int>;  // wires, least bit first

class CircuitBuilder {
 public:
  explicit CircuitBuilder(int inputs) {
    circuit_.inputs = inputs;
    circuit_.wires = inputs;
  }

  int And(int a, int b) {
    ++circuit_.and_gates;
    return Append(GateKind::kAnd, a, b);
  }
  int Xor(int a, int b) { return Append(GateKind::kXor, a, b); }
  int Not(int a) { return Append(GateKind::kNot, a, a); }

  // a + b without the carry out of the last bit: one AND per bit but the last.
  Bits Add(const Bits& a, const Bits& b) {
    Bits sum;
    std::optional<int> carry;
    for (size_t i = 0; i < a.size(); ++i) {
      const int half = Xor(a[i], b[i]);
      sum.push_back(carry ? Xor(half, *carry) : half);
      if (i + 1 == a.size()) break;
      carry = carry ? Xor(And(Xor(a[i], *carry), Xor(b[i], *carry)), *carry) : And(a[i], b[i]);
    }
    return sum;
  }

  struct Difference {
    Bits bits;
    int borrow = 0;  // whether a < constant
  };

  // a - constant, which is odd: one AND per bit but the first.
  Difference SubtractConstant(const Bits& a, uint64_t constant) {
    Difference difference;
    int borrow = Not(a[0]);
    difference.bits.push_back(Not(a[0]));
    for (size_t i = 1; i < a.size(); ++i) {
      const bool bit = (constant >> i) % 2 == 1;
      const int flipped = Xor(a[i], borrow);
      difference.bits.push_back(bit ? Not(flipped) : flipped);
      // Majority of (not a, bit, borrow).
      const int none = Not(a[i]);
      borrow = bit ? Not(And(a[i], Not(borrow))) : And(none, borrow);
    }
    difference.borrow = borrow;
    return difference;
  }

  // `choice` ? a : b, one AND per bit.
  Bits Select(int choice, const Bits& a, const Bits& b) {
    Bits selected;
    for (size_t i = 0; i < a.size(); ++i) {
      selected.push_back(Xor(And(choice, Xor(a[i], b[i])), b[i]));
    }
    return selected;
  }

  Bits AddModulo(const Bits& a, const Bits& b, uint64_t prime) {
    const Bits sum = Add(a, b);
    const Difference reduced = SubtractConstant(sum, prime);
    return Select(reduced.borrow, sum, reduced.bits);
  }

  Circuit Take(Bits outputs) {
    circuit_.outputs = std::move(outputs);
    return std::move(circuit_);
  }

 private:
  int Append(GateKind kind, int a, int b) {
    circuit_.gates.push_back({.kind = kind, .a = a, .b = b, .out = circuit_.wires});
    return circuit_.wires++;
  }

  Circuit circuit_;
};

}  // namespace

Circuit ReluCircuit() {
  CircuitBuilder builder(3 * kShareWires);
  const auto input = [](int index) {
    Bits bits;
    for (int i = 0; i < kShareWires; ++i) bits.push_back(index * kShareWires + i);
    return bits;
  };
  const Bits value = builder.AddModulo(input(0), input(1), kDelphiPrime);
  const int positive = builder.SubtractConstant(value, (kDelphiPrime + 1) / 2).borrow;
  Bits rectified;
  for (const int bit : value) rectified.push_back(builder.And(positive, bit));
  return builder.Take(builder.AddModulo(rectified, input(2), kDelphiPrime));
}

std::vector<bool> EvaluateInTheClear(const Circuit& circuit, const std::vector<bool>& inputs) {
  std::vector<bool> wires = inputs;
  wires.resize(static_cast<size_t>(circuit.wires));
  for (const Gate& gate : circuit.gates) {
    const bool a = wires[static_cast<size_t>(gate.a)];
    const bool b = wires[static_cast<size_t>(gate.b)];
    wires[static_cast<size_t>(gate.out)] = gate.kind == GateKind::kAnd   ? a && b
                                           : gate.kind == GateKind::kXor ? a != b
                                                                         : !a;
  }
  std::vector<bool> outputs;
  for (const int wire : circuit.outputs) outputs.push_back(wires[static_cast<size_t>(wire)]);
  return outputs;
}

}  // namespace reluscape

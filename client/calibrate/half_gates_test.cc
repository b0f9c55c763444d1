#include "client/calibrate/half_gates.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include "client/calibrate/measure.h"

namespace reluscape {
namespace {

std::vector<bool> BitsOf(uint64_t value) {
  std::vector<bool> bits;
  for (int i = 0; i < kShareWires; ++i) bits.push_back((value >> i) % 2 == 1);
  return bits;
}

uint64_t ValueOfBits(const std::vector<bool>& bits) {
  uint64_t value = 0;
  for (size_t i = 0; i < bits.size(); ++i) value |= uint64_t{bits[i]} << i;
  return value;
}

struct ReluInputs {
  uint64_t client = 0;
  uint64_t server = 0;
  uint64_t mask = 0;

  std::vector<bool> Bits() const {
    std::vector<bool> bits;
    for (const uint64_t value : {client, server, mask}) {
      for (const bool bit : BitsOf(value)) bits.push_back(bit);
    }
    return bits;
  }
  uint64_t Expected() const {
    const uint64_t value = (client + server) % kDelphiPrime;
    const uint64_t rectified = value <= (kDelphiPrime - 1) / 2 ? value : 0;
    return (rectified + mask) % kDelphiPrime;
  }
};

std::vector<ReluInputs> SomeInputs() {
  std::mt19937_64 random(42);
  std::vector<ReluInputs> inputs;
  const uint64_t top = kDelphiPrime - 1;
  const uint64_t half = (kDelphiPrime - 1) / 2;
  // Borders: zero, largest positive, smallest negative, -1, sums that wrap round.
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, half, half + 1, top}) {
    for (const uint64_t share : {uint64_t{0}, uint64_t{1}, half, top}) {
      inputs.push_back({.client = share,
                        .server = (value + kDelphiPrime - share) % kDelphiPrime,
                        .mask = random() % kDelphiPrime});
      inputs.push_back({.client = share, .server = value, .mask = top});
    }
  }
  for (int i = 0; i < 200; ++i) {
    inputs.push_back({random() % kDelphiPrime, random() % kDelphiPrime, random() % kDelphiPrime});
  }
  return inputs;
}

TEST(ReluCircuitTest, HasDelphisSize) {
  const Circuit circuit = ReluCircuit();
  EXPECT_EQ(circuit.and_gates, 331);
  EXPECT_EQ(circuit.inputs, 3 * 42);
  EXPECT_EQ(circuit.outputs.size(), 42);
}

TEST(ReluCircuitTest, ComputesTheMaskedReluOfTheShares) {
  const Circuit circuit = ReluCircuit();
  for (const ReluInputs& inputs : SomeInputs()) {
    EXPECT_EQ(ValueOfBits(EvaluateInTheClear(circuit, inputs.Bits())), inputs.Expected())
        << inputs.client << " + " << inputs.server;
  }
}

class HalfGatesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const absl::Status status = CheckAesInstructions(); !status.ok()) GTEST_SKIP() << status;
  }
};

TEST_F(HalfGatesTest, GarbledCircuitGivesWhatTheCircuitGives) {
  const Circuit circuit = ReluCircuit();
  uint64_t seed = 0;
  for (const ReluInputs& inputs : SomeInputs()) {
    GarbledCircuit garbled;
    Garble(circuit, ++seed, garbled);
    const std::vector<bool> bits = inputs.Bits();
    std::vector<Block> labels;
    for (size_t i = 0; i < bits.size(); ++i) {
      labels.push_back(LabelOf(garbled, static_cast<int>(i), bits[i]));
    }
    EvaluateGarbled(circuit, garbled.table, labels);
    std::vector<bool> outputs;
    for (const int wire : circuit.outputs) {
      const Block& label = labels[static_cast<size_t>(wire)];
      outputs.push_back(ValueOf(garbled, wire, label));
      // One of the wire's two labels, no third.
      EXPECT_EQ(label, LabelOf(garbled, wire, outputs.back()));
    }
    EXPECT_EQ(ValueOfBits(outputs), inputs.Expected());
  }
}

TEST_F(HalfGatesTest, TakesThirtyTwoBytesPerAndGateAndNewLabelsPerSeed) {
  const Circuit circuit = ReluCircuit();
  GarbledCircuit one;
  GarbledCircuit two;
  Garble(circuit, 1, one);
  Garble(circuit, 2, two);
  EXPECT_EQ(one.table.size() * sizeof(Block), 331U * 32U);
  EXPECT_NE(one.offset, two.offset);
  EXPECT_NE(one.table, two.table);
  EXPECT_EQ(one.offset.low % 2, 1) << "the permute bits of a wire's two labels differ";
}

TEST_F(HalfGatesTest, ChangedTablesGiveNoLabel) {
  const Circuit circuit = ReluCircuit();
  GarbledCircuit garbled;
  Garble(circuit, 7, garbled);
  std::vector<Block> labels(garbled.zeros.begin(), garbled.zeros.begin() + circuit.inputs);
  std::vector<Block> table = garbled.table;
  for (Block& row : table) row.high ^= 1;
  EvaluateGarbled(circuit, table, labels);
  int strangers = 0;
  for (const int wire : circuit.outputs) {
    const Block& label = labels[static_cast<size_t>(wire)];
    strangers += label != LabelOf(garbled, wire, false) && label != LabelOf(garbled, wire, true);
  }
  EXPECT_GT(strangers, 30);
}

TEST_F(HalfGatesTest, MachineTimesAreOfTheRightOrder) {
  // Long enough that a busy machine leaves some calls alone.
  const auto times = MeasureMachine(std::chrono::milliseconds(50));
  ASSERT_TRUE(times.ok()) << times.status();
  // From a hundred times faster to a hundred times slower than a server of today.
  for (const double seconds :
       {times->ntt_4096_s, times->ntt_8192_s, times->garble_s, times->evaluate_s}) {
    EXPECT_GT(seconds, 1e-7);
    EXPECT_LT(seconds, 1e-1);
  }
  EXPECT_GT(times->ntt_8192_s, times->ntt_4096_s);  // 2.2 times as much work
}

TEST(MeasureTest, SecondsAreOfOneCall) {
  int calls = 0;
  const double seconds = FastestSeconds([&calls] { ++calls; }, std::chrono::milliseconds(50));
  EXPECT_GT(calls, 1000);
  EXPECT_GT(seconds, 0);
  EXPECT_LT(seconds, 1e-5);
}

}  // namespace
}  // namespace reluscape

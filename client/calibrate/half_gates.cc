#include "client/calibrate/half_gates.h"

#include <array>

#if defined(__x86_64__) && defined(__AES__)
#include <wmmintrin.h>
#define RELUSCAPE_HAS_AES 1
#endif

namespace reluscape {

Block LabelOf(const GarbledCircuit& garbled, int wire, bool value) {
  const Block zero = garbled.zeros[static_cast<size_t>(wire)];
  if (!value) return zero;
  return {.low = zero.low ^ garbled.offset.low, .high = zero.high ^ garbled.offset.high};
}

bool ValueOf(const GarbledCircuit& garbled, int wire, const Block& label) {
  return !(label == garbled.zeros[static_cast<size_t>(wire)]);
}

#ifdef RELUSCAPE_HAS_AES

namespace {

constexpr int kRounds = 10;
struct RoundKeys {
  __m128i key[kRounds + 1];
};
// Several blocks that are worked on at once, so that the processor's pipeline stays full.
template <size_t kCount>
struct Lanes {
  __m128i block[kCount];
};

template <int kConstant>
__m128i NextKey(__m128i key) {
  __m128i spread = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, kConstant), 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, spread);
}

RoundKeys ExpandKey(uint64_t high, uint64_t low) {
  RoundKeys keys;
  keys.key[0] = _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
  keys.key[1] = NextKey<0x01>(keys.key[0]);
  keys.key[2] = NextKey<0x02>(keys.key[1]);
  keys.key[3] = NextKey<0x04>(keys.key[2]);
  keys.key[4] = NextKey<0x08>(keys.key[3]);
  keys.key[5] = NextKey<0x10>(keys.key[4]);
  keys.key[6] = NextKey<0x20>(keys.key[5]);
  keys.key[7] = NextKey<0x40>(keys.key[6]);
  keys.key[8] = NextKey<0x80>(keys.key[7]);
  keys.key[9] = NextKey<0x1b>(keys.key[8]);
  keys.key[10] = NextKey<0x36>(keys.key[9]);
  return keys;
}

// The fixed key of the hash: digits of pi.
RoundKeys HashKeys() { return ExpandKey(0x243f6a8885a308d3, 0x13198a2e03707344); }

template <size_t kCount>
inline void Encrypt(const RoundKeys& keys, Lanes<kCount>& blocks) {
  for (__m128i& block : blocks.block) block = _mm_xor_si128(block, keys.key[0]);
  for (int round = 1; round < kRounds; ++round) {
    for (__m128i& block : blocks.block) block = _mm_aesenc_si128(block, keys.key[round]);
  }
  for (__m128i& block : blocks.block) block = _mm_aesenclast_si128(block, keys.key[kRounds]);
}

// H(label, tweak) = AES(x) xor x with x = s(label) xor tweak, where s maps the halves (high, low)
// to (high xor low, high): the hash of Guo, Katz, Wang and Yu (IEEE S&P 2020) for fixed-key AES.
template <size_t kCount>
inline void Hash(const RoundKeys& keys, const std::array<uint64_t, kCount>& tweaks,
                 Lanes<kCount>& labels) {
  const __m128i high_half = _mm_set_epi64x(-1, 0);
  Lanes<kCount> inputs = {};
  for (size_t i = 0; i < kCount; ++i) {
    const __m128i swapped = _mm_shuffle_epi32(labels.block[i], 0x4e);
    inputs.block[i] =
        _mm_xor_si128(_mm_xor_si128(swapped, _mm_and_si128(labels.block[i], high_half)),
                      _mm_set_epi64x(0, static_cast<long long>(tweaks[i])));
  }
  labels = inputs;
  Encrypt(keys, labels);
  for (size_t i = 0; i < kCount; ++i) {
    labels.block[i] = _mm_xor_si128(labels.block[i], inputs.block[i]);
  }
}

__m128i Load(const Block& block) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(&block));
}

void Store(Block& block, __m128i value) {
  _mm_store_si128(reinterpret_cast<__m128i*>(&block), value);
}

// All ones where the label's permute bit is set.
__m128i PermuteMask(__m128i label) { return _mm_set1_epi64x(-(_mm_cvtsi128_si64(label) & 1)); }

}  // namespace

absl::Status CheckAesInstructions() {
  if (__builtin_cpu_supports("aes")) return absl::OkStatus();
  return absl::UnimplementedError(
      "this processor has no AES instructions (cpuid), which garbled circuits are measured with");
}

void Garble(const Circuit& circuit, uint64_t seed, GarbledCircuit& garbled) {
  const RoundKeys keys = HashKeys();
  const RoundKeys label_keys = ExpandKey(seed, ~seed);
  garbled.zeros.resize(static_cast<size_t>(circuit.wires));
  garbled.table.resize(static_cast<size_t>(2 * circuit.and_gates));
  Lanes<1> random = {{_mm_set_epi64x(-1, -1)}};
  Encrypt(label_keys, random);
  const __m128i offset = _mm_or_si128(random.block[0], _mm_set_epi64x(0, 1));  // permute bit
  Store(garbled.offset, offset);
  for (int wire = 0; wire < circuit.inputs; ++wire) {
    random = {{_mm_set_epi64x(0, wire)}};
    Encrypt(label_keys, random);
    Store(garbled.zeros[static_cast<size_t>(wire)], random.block[0]);
  }
  uint64_t tweak = 0;
  for (const Gate& gate : circuit.gates) {
    const __m128i a = Load(garbled.zeros[static_cast<size_t>(gate.a)]);
    const __m128i b = Load(garbled.zeros[static_cast<size_t>(gate.b)]);
    Block& out = garbled.zeros[static_cast<size_t>(gate.out)];
    if (gate.kind != GateKind::kAnd) {
      Store(out, _mm_xor_si128(a, gate.kind == GateKind::kXor ? b : offset));
      continue;
    }
    Lanes<4> hashes = {{a, _mm_xor_si128(a, offset), b, _mm_xor_si128(b, offset)}};
    Hash<4>(keys, {tweak, tweak, tweak + 1, tweak + 1}, hashes);
    const __m128i mask_a = PermuteMask(a);
    const __m128i mask_b = PermuteMask(b);
    // The garbler's half, then the evaluator's.
    const __m128i first = _mm_xor_si128(_mm_xor_si128(hashes.block[0], hashes.block[1]),
                                        _mm_and_si128(mask_b, offset));
    const __m128i second = _mm_xor_si128(_mm_xor_si128(hashes.block[2], hashes.block[3]), a);
    const __m128i left = _mm_xor_si128(hashes.block[0], _mm_and_si128(mask_a, first));
    const __m128i right =
        _mm_xor_si128(hashes.block[2], _mm_and_si128(mask_b, _mm_xor_si128(second, a)));
    Store(garbled.table[tweak], first);
    Store(garbled.table[tweak + 1], second);
    Store(out, _mm_xor_si128(left, right));
    tweak += 2;
  }
}

void EvaluateGarbled(const Circuit& circuit, const std::vector<Block>& table,
                     std::vector<Block>& labels) {
  const RoundKeys keys = HashKeys();
  labels.resize(static_cast<size_t>(circuit.wires));
  uint64_t tweak = 0;
  for (const Gate& gate : circuit.gates) {
    const __m128i a = Load(labels[static_cast<size_t>(gate.a)]);
    const __m128i b = Load(labels[static_cast<size_t>(gate.b)]);
    Block& out = labels[static_cast<size_t>(gate.out)];
    if (gate.kind != GateKind::kAnd) {
      // The garbler has turned a NOT's labels round: the evaluator has nothing to do.
      Store(out, gate.kind == GateKind::kXor ? _mm_xor_si128(a, b) : a);
      continue;
    }
    Lanes<2> hashes = {{a, b}};
    Hash<2>(keys, {tweak, tweak + 1}, hashes);
    const __m128i left =
        _mm_xor_si128(hashes.block[0], _mm_and_si128(PermuteMask(a), Load(table[tweak])));
    const __m128i right = _mm_xor_si128(
        hashes.block[1], _mm_and_si128(PermuteMask(b), _mm_xor_si128(Load(table[tweak + 1]), a)));
    Store(out, _mm_xor_si128(left, right));
    tweak += 2;
  }
}

#else

absl::Status CheckAesInstructions() {
  return absl::UnimplementedError(
      "this build is not for x86-64 with AES instructions, which garbled circuits are measured "
      "with");
}

void Garble(const Circuit& /*circuit*/, uint64_t /*seed*/, GarbledCircuit& /*garbled*/) {}

void EvaluateGarbled(const Circuit& /*circuit*/, const std::vector<Block>& /*table*/,
                     std::vector<Block>& /*labels*/) {}

#endif

}  // namespace reluscape

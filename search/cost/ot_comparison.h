#pragma once

// Bits and flights of a ReLU as a millionaires' comparison with multiplexer by oblivious transfer,
// in a ring of l bits. Radix of 4 bits. Thread-safe.
//
// Sources: public code of EzPC/SCI with its shipped WAN setting (CrypTFlow2) and public code of
// OpenCheetah (Cheetah).

#include <cstdint>

namespace reluscape {

// Digits of the comparison and AND triples that join them: q and T.
int64_t ComparisonDigits(int64_t ring_bits);
int64_t ComparisonTriples(int64_t ring_bits);

// CrypTFlow2, IKNP OT: bits of one ReLU, both directions, and those that the server sends.
int64_t Cryptflow2ReluBits(int64_t ring_bits);
int64_t Cryptflow2ReluServerBits(int64_t ring_bits);
// One-way messages of a ReLU layer.
int64_t Cryptflow2ReluFlights(int64_t ring_bits);

// Cheetah, silent OT: tenths of bits of one ReLU, both directions, with 0.3 bit per silent OT
// (0.1 to 0.3 in its code).
int64_t CheetahReluTenthBits(int64_t ring_bits);
int64_t CheetahReluFlights(int64_t ring_bits);

}  // namespace reluscape

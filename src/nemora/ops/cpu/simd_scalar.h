// One number at a time: for any processor, and the plainest way to read what the others do.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "packed.h"

namespace {

constexpr int W = 1;   // numbers in a vector
constexpr int MR = 1;  // rows of a tile

using F = float;
using I = int32_t;

inline F load(const float *p) { return *p; }
inline void store(float *p, F x) { *p = x; }
inline F all(float x) { return x; }
inline F fma(F a, F b, F c) { return a * b + c; }
inline F add(F a, F b) { return a + b; }
inline F sub(F a, F b) { return a - b; }
inline F mul(F a, F b) { return a * b; }
inline F over(F a, F b) { return a / b; }
inline F larger(F a, F b) { return a > b ? a : b; }
inline F smaller(F a, F b) { return a < b ? a : b; }
inline F nearest(F x) { return nearbyintf(x); }
inline F scaled(F x, F power) { return ldexpf(x, static_cast<int>(power)); }  // x * 2^power, power whole
inline float sum(F x) { return x; }
inline void sums_of_eight(const F *x, float *sums) {
    for (int i = 0; i < 8; i++) sums[i] = sum(x[i]);
}
inline float largest(F x) { return x; }
inline float smallest(F x) { return x; }
inline void store_sums(int32_t *p, I x) { *p = x; }
inline F load_sums(const int32_t *p) { return static_cast<float>(*p); }
inline void store_bytes(uint8_t *p, F x) {  // rounded, at most 255; x >= 0
    x = nearbyintf(x);
    *p = static_cast<uint8_t>(x < 255.0f ? x : 255.0f);
}
inline void store_words(int16_t *p, F x) { *p = static_cast<int16_t>(nearbyintf(x)); }  // in -32767..32767

inline I no_sum() { return 0; }
inline I same_four(const uint8_t *p) {
    I x;
    memcpy(&x, p, 4);
    return x;
}
// Adds the products of four unsigned bytes and four signed ones.
inline I dot_bytes(I sum, I a, const void *b) {
    uint8_t unsigned_bytes[4];
    int8_t signed_bytes[4];
    memcpy(unsigned_bytes, &a, 4);
    memcpy(signed_bytes, b, 4);
    for (int i = 0; i < 4; i++) sum += unsigned_bytes[i] * signed_bytes[i];
    return sum;
}
// Adds the products of two signed 16-bit numbers and two others.
inline I dot_words(I sum, I a, const void *b) {
    int16_t left[2], right[2];
    memcpy(left, &a, 4);
    memcpy(right, b, 4);
    return sum + left[0] * right[0] + left[1] * right[1];
}

// For packed matrices (matmul.h): four codes of one row are a vector.
constexpr int SIGNED_OFFSET = 0;  // what is added to signed codes before they are multiplied
inline void offset_codes(I *) {}  // adds it

inline F fused(F a, F b, F c) { return __builtin_fmaf(a, b, c); }  // rounded once, as vectors do it
inline F floats(I x) { return static_cast<float>(x); }
inline I plus(I a, I b) { return a + b; }
inline I times_128(I x) { return x * 128; }
inline I same_word(const int32_t *p) { return *p; }
inline I load_codes(const uint8_t *p) {
    I x;
    memcpy(&x, p, 4);
    return x;
}
inline I low_halves(I x) { return x & 0x0F0F0F0F; }
inline I high_halves(I x) { return (x >> 4) & 0x0F0F0F0F; }
inline I either(I a, I b) { return a | b; }
template <int G>
inline I bit_as_16(I x) { return static_cast<I>(((static_cast<uint32_t>(x) >> G) & 0x01010101u) << 4); }
// Bits 2 K and 2 K + 1 of each byte, as 16 and 32.
template <int K>
inline I two_bits_as_16(I x) { return static_cast<I>(((static_cast<uint32_t>(x) >> 2 * K) & 0x03030303u) << 4); }
using Table = const int8_t *;
inline Table table(const int8_t *p) { return p; }
inline I looked_up(Table t, I places) {
    uint8_t at[4];
    int8_t found[4];
    memcpy(at, &places, 4);
    for (int i = 0; i < 4; i++) found[i] = t[at[i]];
    memcpy(&places, found, 4);
    return places;
}
inline F half(uint32_t bits) {  // any finite fp16 number: its exponent's bias is 112 less than fp32's
    const uint32_t wide = (bits & 0x7FFF) << 13;
    float size;
    memcpy(&size, &wide, 4);
    return bits & 0x8000 ? -size * 0x1p112f : size * 0x1p112f;
}
inline F halves(const uint8_t *p) { return half(p[0] | static_cast<uint32_t>(p[1]) << 8); }
inline F e4m3(const uint8_t *p) { return half(static_cast<uint32_t>(*p) << 7) * 256.0f; }  // not below zero
// Numbers of two columns, one in the low half of a word and one in the high half.
inline F low_bf16(I x) {
    const uint32_t wide = static_cast<uint32_t>(x) << 16;
    F number;
    memcpy(&number, &wide, 4);
    return number;
}
inline F high_bf16(I x) { return low_bf16(static_cast<I>(static_cast<uint32_t>(x) >> 16)); }
// The numbers of sixteen rows in two columns, side by side, divided by 256.
inline void e4m3_pair(const uint8_t *p, F *even, F *odd) {
    const auto number = [](uint32_t byte) { return half((byte & 0x80) << 8 | (byte & 0x7F) << 7); };
    for (int row = 0; row < 16; row++) {
        even[row] = number(p[2 * row]);
        odd[row] = number(p[2 * row + 1]);
    }
}
template <typename Code>
inline I dot_codes(I code, const int8_t *x) {
    Code codes[4];
    memcpy(codes, &code, 4);
    I sum = 0;
    for (int i = 0; i < 4; i++) sum += codes[i] * x[i];
    return sum;
}
// How many tokens and vectors of rows a set takes together where it can.
constexpr int TOKENS_TOGETHER = 1;       // of so many a vector's products are summed at once
constexpr int VECTORS_TOGETHER = 1;      // and of so many vectors, from
constexpr int FEW_TOKENS = 1;            // tokens on; with two planes half of it
constexpr int TOKENS_ALONE = 1;          // how many tokens take a vector alone
constexpr int PANELS_TOGETHER = 1;       // panels that several tokens pass over together
constexpr bool SIGNED_TOGETHER = false;  // whether signed codes too meet several vectors
constexpr int QUERIES_TOGETHER = 2;      // that look back at the same positions at once
constexpr int KEPT_ROWS = 0;  // of a state that stay in registers while tokens pass; none where there are too few
// Adds to the sums of T tokens, BLOCK numbers in -127..127 each, and V vectors of rows the products of 4 N of them and N
// groups of four codes, at most MOST.
template <int N, int MOST, int T, int V>
inline void dot_unsigned(const I *const *codes, const int8_t *x, I *sums) {
    for (int i = 0; i < T * V; i++)
        for (int g = 0; g < N; g++) sums[i] += dot_codes<uint8_t>(codes[i % V][g], x + i / V * BLOCK + 4 * g);
}
// The same for codes in -128..127; what comes out is without SIGNED_OFFSET times the sum of x.
template <int N, int T, int V>
inline void dot_signed(const I *const *codes, const int8_t *x, I *sums) {
    for (int i = 0; i < T * V; i++)
        for (int g = 0; g < N; g++) sums[i] += dot_codes<int8_t>(codes[i % V][g], x + i / V * BLOCK + 4 * g);
}

}  // namespace

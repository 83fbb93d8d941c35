// One number at a time: for any processor, and the plainest way to read what the others do.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

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
inline F larger(F a, F b) { return a > b ? a : b; }
inline F smaller(F a, F b) { return a < b ? a : b; }
inline F nearest(F x) { return nearbyintf(x); }
inline F scaled(F x, F power) { return ldexpf(x, static_cast<int>(power)); }  // x * 2^power, power whole
inline float sum(F x) { return x; }
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

}  // namespace

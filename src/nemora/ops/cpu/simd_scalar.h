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
inline F to_floats(I x) { return static_cast<float>(x); }
inline void store_bytes(uint8_t *p, F x) { *p = static_cast<uint8_t>(x); }   // whole numbers in 0..255
inline F load_bytes(const int8_t *p) { return static_cast<float>(*p); }

inline I no_sum() { return 0; }
inline I same_four(const uint8_t *p) {
    I x;
    memcpy(&x, p, 4);
    return x;
}
// Adds the products of four unsigned and four signed bytes.
inline I dot(I sum, I a, const int8_t *b) {
    uint8_t bytes[4];
    memcpy(bytes, &a, 4);
    for (int i = 0; i < 4; i++) sum += bytes[i] * b[i];
    return sum;
}

}  // namespace

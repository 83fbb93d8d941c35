// Eight numbers at a time: AVX2 and FMA.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "packed.h"

namespace {

constexpr int W = 8;
constexpr int MR = 3;

using F = __m256;
using I = __m256i;

inline F load(const float *p) { return _mm256_loadu_ps(p); }
inline void store(float *p, F x) { _mm256_storeu_ps(p, x); }
inline F all(float x) { return _mm256_set1_ps(x); }
inline F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
inline F add(F a, F b) { return _mm256_add_ps(a, b); }
inline F sub(F a, F b) { return _mm256_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm256_mul_ps(a, b); }
inline F over(F a, F b) { return _mm256_div_ps(a, b); }
inline F larger(F a, F b) { return _mm256_max_ps(a, b); }
inline F smaller(F a, F b) { return _mm256_min_ps(a, b); }
inline F nearest(F x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline F scaled(F x, F power) {  // for powers below 128; below -126 it is as -126
    power = larger(power, all(-126.0f));
    I bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(bits));
}
template <F (*Join)(F, F)>
inline float joined(F x) {
    x = Join(x, _mm256_permute2f128_ps(x, x, 1));
    x = Join(x, _mm256_shuffle_ps(x, x, 0x4E));
    x = Join(x, _mm256_shuffle_ps(x, x, 0xB1));
    return _mm256_cvtss_f32(x);
}
inline float sum(F x) { return joined<add>(x); }
inline void sums_of_eight(const F *x, float *sums) {
    const F a = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
    const F b = _mm256_hadd_ps(_mm256_hadd_ps(x[4], x[5]), _mm256_hadd_ps(x[6], x[7]));
    store(sums, add(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31)));
}
inline float largest(F x) { return joined<larger>(x); }
inline float smallest(F x) { return joined<smaller>(x); }
inline void store_sums(int32_t *p, I x) { _mm256_storeu_si256(reinterpret_cast<I *>(p), x); }
inline F load_sums(const int32_t *p) {
    return _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const I *>(p)));
}
inline void store_bytes(uint8_t *p, F x) {
    I words = _mm256_cvtps_epi32(x);
    __m128i pairs = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i *>(p), _mm_packus_epi16(pairs, pairs));
}
inline void store_words(int16_t *p, F x) {
    I words = _mm256_cvtps_epi32(x);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(p),
                     _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

inline I no_sum() { return _mm256_setzero_si256(); }
inline I same_four(const uint8_t *p) {
    int32_t x;
    memcpy(&x, p, 4);
    return _mm256_set1_epi32(x);
}
// Two products are added in 16 bits, which holds them because codes of weights are in -63..63.
inline I dot_bytes(I sum, I a, const void *b) {
    I pairs = _mm256_maddubs_epi16(a, _mm256_loadu_si256(static_cast<const I *>(b)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline I dot_words(I sum, I a, const void *b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, _mm256_loadu_si256(static_cast<const I *>(b))));
}

// For packed matrices: simd_scalar.h says what each of these does.
constexpr int SIGNED_OFFSET = 0;
inline void offset_codes(I *) {}

inline F fused(F a, F b, F c) { return fma(a, b, c); }
inline F floats(I x) { return _mm256_cvtepi32_ps(x); }
inline I plus(I a, I b) { return _mm256_add_epi32(a, b); }
inline I times_128(I x) { return _mm256_slli_epi32(x, 7); }
inline I same_word(const int32_t *p) { return _mm256_set1_epi32(*p); }
inline I same_four(const int8_t *p) { return same_four(reinterpret_cast<const uint8_t *>(p)); }
inline I load_codes(const uint8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const I *>(p)); }
inline I low_halves(I x) { return _mm256_and_si256(x, _mm256_set1_epi8(0x0F)); }
inline I high_halves(I x) { return low_halves(_mm256_srli_epi16(x, 4)); }
inline I either(I a, I b) { return _mm256_or_si256(a, b); }
template <int G>
inline I bit_as_16(I x) {
    if constexpr (G < 4) x = _mm256_slli_epi16(x, 4 - G);
    else x = _mm256_srli_epi16(x, G - 4);
    return _mm256_and_si256(x, _mm256_set1_epi8(0x10));
}
template <int K>
inline I two_bits_as_16(I x) {
    if constexpr (K < 2) x = _mm256_slli_epi16(x, 4 - 2 * K);
    else x = _mm256_srli_epi16(x, 2 * K - 4);
    return _mm256_and_si256(x, _mm256_set1_epi8(0x30));
}
using Table = I;
inline Table table(const int8_t *p) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i *>(p)));
}
inline I looked_up(Table t, I places) { return _mm256_shuffle_epi8(t, places); }
inline F halves(const uint8_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))); }
inline F e4m3(const uint8_t *p) {
    const __m128i bytes = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)));
    return mul(_mm256_cvtph_ps(_mm_slli_epi16(bytes, 7)), all(256.0f));
}
inline F low_bf16(I x) { return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16)); }
inline F high_bf16(I x) {
    return _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32(static_cast<int32_t>(0xFFFF0000))));
}
// The sign stays where a byte's is, in the upper half of a word; the rest goes down by one, and the copy of the sign.
inline void e4m3_pair(const uint8_t *p, F *even, F *odd) {
    const I both = load_codes(p), mask = _mm256_set1_epi16(static_cast<int16_t>(0xBF80));
    const I first = _mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(both, 8), 1), mask);
    const I second = _mm256_and_si256(_mm256_srai_epi16(both, 1), mask);
    even[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(first));
    even[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(first, 1));
    odd[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(second));
    odd[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(second, 1));
}
inline I pairs_added(I pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }
// Three tokens' numbers meet two vectors of rows, so that what is fetched of each is used more than once.
constexpr int TOKENS_TOGETHER = 3, VECTORS_TOGETHER = 2, FEW_TOKENS = 8, TOKENS_ALONE = 1, PANELS_TOGETHER = 1;
constexpr int KEPT_ROWS = 0, QUERIES_TOGETHER = 2;
constexpr bool SIGNED_TOGETHER = false;  // most of the work with them is their own
// Where the compiler would take another order, for which there are too few registers.
inline void in_a_register(I &x) { asm("" : "+x"(x)); }
// As many pairs are added in 16 bits as these hold.
template <int N, int MOST, int T, int V>
[[gnu::always_inline]] inline void dot_unsigned(const I *const *codes, const int8_t *x, I *sums) {
    constexpr int ROOM = 32767 / (2 * 127 * MOST);
    I pairs[T * V];
#pragma GCC unroll 8
    for (int g = 0; g < N; g++) {
        I code[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) in_a_register(code[v] = codes[v][g]);
#pragma GCC unroll 8
        for (int i = 0; i < T * V; i++) {
            const I some = _mm256_maddubs_epi16(code[i % V], same_four(x + i / V * BLOCK + 4 * g));
            pairs[i] = g % ROOM == 0 ? some : _mm256_add_epi16(pairs[i], some);
            in_a_register(pairs[i]);
            if (g % ROOM == ROOM - 1 || g == N - 1) sums[i] = plus(sums[i], pairs_added(pairs[i]));
        }
    }
}
// The codes' signs go over to the other numbers: 2 * 128 * 127 is within 16 bits, -128 taken for 128 as it should be.
template <int N, int T, int V>
[[gnu::always_inline]] inline void dot_signed(const I *const *codes, const int8_t *x, I *sums) {
#pragma GCC unroll 8
    for (int g = 0; g < N; g++)
#pragma GCC unroll 8
        for (int i = 0; i < T * V; i++) {
            const I code = codes[i % V][g], turned = _mm256_sign_epi8(same_four(x + i / V * BLOCK + 4 * g), code);
            sums[i] = plus(sums[i], pairs_added(_mm256_maddubs_epi16(_mm256_abs_epi8(code), turned)));
        }
}

}  // namespace

// Sixteen numbers at a time: AVX-512 F, BW, DQ and VL, and VNNI where the compiler is told that it is there.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "packed.h"

namespace {

constexpr int W = 16;
constexpr int MR = 12;

using F = __m512;
using I = __m512i;

inline F load(const float *p) { return _mm512_loadu_ps(p); }
inline void store(float *p, F x) { _mm512_storeu_ps(p, x); }
inline F all(float x) { return _mm512_set1_ps(x); }
inline F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
inline F add(F a, F b) { return _mm512_add_ps(a, b); }
inline F sub(F a, F b) { return _mm512_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm512_mul_ps(a, b); }
inline F over(F a, F b) { return _mm512_div_ps(a, b); }
inline F larger(F a, F b) { return _mm512_max_ps(a, b); }
inline F smaller(F a, F b) { return _mm512_min_ps(a, b); }
inline F nearest(F x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline F scaled(F x, F power) { return _mm512_scalef_ps(x, power); }
inline float sum(F x) { return _mm512_reduce_add_ps(x); }
inline F halves_added(F a, F b) {  // quarters 0 + 2, 1 + 3 of a, then of b
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}
inline F quarters_added(F a, F b) {  // of four vectors, a quarter of each
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
}
// All together, in a third of the steps that eight times `sum` takes.
inline void sums_of_eight(const F *x, float *sums) {
    const F first = quarters_added(halves_added(x[0], x[1]), halves_added(x[2], x[3]));
    const F second = quarters_added(halves_added(x[4], x[5]), halves_added(x[6], x[7]));
    F both = _mm512_add_ps(_mm512_unpacklo_ps(first, second), _mm512_unpackhi_ps(first, second));
    both = _mm512_add_ps(both, _mm512_permute_ps(both, 0x4E));
    const I places = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm256_storeu_ps(sums, _mm512_castps512_ps256(_mm512_permutexvar_ps(places, both)));
}
inline float largest(F x) { return _mm512_reduce_max_ps(x); }
inline float smallest(F x) { return _mm512_reduce_min_ps(x); }
inline void store_sums(int32_t *p, I x) { _mm512_storeu_si512(p, x); }
inline F load_sums(const int32_t *p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
inline void store_bytes(uint8_t *p, F x) {
    _mm_storeu_si128(reinterpret_cast<__m128i *>(p), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
}
inline void store_words(int16_t *p, F x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(x)));
}

inline I no_sum() { return _mm512_setzero_si512(); }
inline I same_four(const uint8_t *p) {
    int32_t x;
    memcpy(&x, p, 4);
    return _mm512_set1_epi32(x);
}
#ifdef __AVX512VNNI__
inline I dot_bytes(I sum, I a, const void *b) { return _mm512_dpbusd_epi32(sum, a, _mm512_loadu_si512(b)); }
inline I dot_words(I sum, I a, const void *b) { return _mm512_dpwssd_epi32(sum, a, _mm512_loadu_si512(b)); }
#else  // as on AVX2
inline I dot_bytes(I sum, I a, const void *b) {
    I pairs = _mm512_maddubs_epi16(a, _mm512_loadu_si512(b));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
inline I dot_words(I sum, I a, const void *b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, _mm512_loadu_si512(b)));
}
#endif

// For packed matrices: simd_scalar.h says what each of these does.
inline F fused(F a, F b, F c) { return fma(a, b, c); }
inline F floats(I x) { return _mm512_cvtepi32_ps(x); }
inline I plus(I a, I b) { return _mm512_add_epi32(a, b); }
inline I times_128(I x) { return _mm512_slli_epi32(x, 7); }
inline I same_word(const int32_t *p) { return _mm512_set1_epi32(*p); }
inline I same_four(const int8_t *p) { return same_four(reinterpret_cast<const uint8_t *>(p)); }
inline I load_codes(const uint8_t *p) { return _mm512_loadu_si512(p); }
inline I low_halves(I x) { return _mm512_and_si512(x, _mm512_set1_epi8(0x0F)); }
inline I high_halves(I x) { return low_halves(_mm512_srli_epi16(x, 4)); }
inline I either(I a, I b) { return _mm512_or_si512(a, b); }
template <int G>
inline I bit_as_16(I x) {
    if constexpr (G < 4) x = _mm512_slli_epi16(x, 4 - G);
    else x = _mm512_srli_epi16(x, G - 4);
    return _mm512_and_si512(x, _mm512_set1_epi8(0x10));
}
template <int K>
inline I two_bits_as_16(I x) {
    if constexpr (K < 2) x = _mm512_slli_epi16(x, 4 - 2 * K);
    else x = _mm512_srli_epi16(x, 2 * K - 4);
    return _mm512_and_si512(x, _mm512_set1_epi8(0x30));
}
using Table = I;
inline Table table(const int8_t *p) {
    return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i *>(p)));
}
inline I looked_up(Table t, I places) { return _mm512_shuffle_epi8(t, places); }
inline F halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p))); }
inline F e4m3(const uint8_t *p) {
    const __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
    return mul(_mm512_cvtph_ps(_mm256_slli_epi16(bytes, 7)), all(256.0f));
}
inline F low_bf16(I x) { return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16)); }
inline F high_bf16(I x) {
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32(static_cast<int32_t>(0xFFFF0000))));
}
inline void e4m3_pair(const uint8_t *p, F *even, F *odd) {  // as on AVX2
    const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
    const __m256i mask = _mm256_set1_epi16(static_cast<int16_t>(0xBF80));
    *even = _mm512_cvtph_ps(_mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(both, 8), 1), mask));
    *odd = _mm512_cvtph_ps(_mm256_and_si256(_mm256_srai_epi16(both, 1), mask));
}
constexpr int KEPT_ROWS = 2, QUERIES_TOGETHER = 4;
#ifdef __AVX512VNNI__
constexpr int SIGNED_OFFSET = 128;
inline void offset_codes(I *codes) {
#pragma GCC unroll 8
    for (int g = 0; g < GROUPS; g++) codes[g] = _mm512_xor_si512(codes[g], _mm512_set1_epi8(-128));
}
// Two panels' codes fill half of the registers, and each of four tokens' numbers that is fetched meets both.
constexpr int TOKENS_TOGETHER = 4, VECTORS_TOGETHER = 2, FEW_TOKENS = 2, TOKENS_ALONE = 8, PANELS_TOGETHER = 2;
constexpr bool SIGNED_TOGETHER = true;
// A sum waits for itself: those of tokens and vectors take turns, or where they are few two of each.
template <int N, int MOST, int T, int V>
[[gnu::always_inline]] inline void dot_unsigned(const I *const *codes, const int8_t *x, I *sums) {
    if constexpr (T * V <= 2) {
        I odd[T * V];
#pragma GCC unroll 2
        for (int i = 0; i < T * V; i++) odd[i] = no_sum();
#pragma GCC unroll 8
        for (int g = 0; g < N; g += 2)
#pragma GCC unroll 2
            for (int i = 0; i < T * V; i++) {
                sums[i] = _mm512_dpbusd_epi32(sums[i], codes[i % V][g], same_four(x + i / V * BLOCK + 4 * g));
                odd[i] = _mm512_dpbusd_epi32(odd[i], codes[i % V][g + 1], same_four(x + i / V * BLOCK + 4 * g + 4));
            }
#pragma GCC unroll 2
        for (int i = 0; i < T * V; i++) sums[i] = plus(sums[i], odd[i]);
    } else {
#pragma GCC unroll 8
        for (int g = 0; g < N; g++)
#pragma GCC unroll 8
            for (int t = 0; t < T; t++) {
                const I four = same_four(x + t * BLOCK + 4 * g);
#pragma GCC unroll 2
                for (int v = 0; v < V; v++) sums[t * V + v] = _mm512_dpbusd_epi32(sums[t * V + v], codes[v][g], four);
            }
    }
}
template <int N, int T, int V>
[[gnu::always_inline]] inline void dot_signed(const I *const *codes, const int8_t *x, I *sums) {
    dot_unsigned<N, 255, T, V>(codes, x, sums);
}
#else  // as on AVX2, but that registers hold all of a block's codes
constexpr int SIGNED_OFFSET = 0;
inline void offset_codes(I *) {}
constexpr int TOKENS_TOGETHER = 1, VECTORS_TOGETHER = 1, FEW_TOKENS = 1, TOKENS_ALONE = 1, PANELS_TOGETHER = 1;
constexpr bool SIGNED_TOGETHER = false;
inline I pairs_added(I pairs) { return _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)); }
template <int N, int MOST, int T, int V>
[[gnu::always_inline]] inline void dot_unsigned(const I *const *codes, const int8_t *x, I *sums) {
    static_assert(T == 1 && V == 1);
    constexpr int ROOM = 32767 / (2 * 127 * MOST);
#pragma GCC unroll 8
    for (int first = 0; first < N; first += ROOM) {
        I pairs = _mm512_maddubs_epi16(codes[0][first], same_four(x + 4 * first));
        for (int g = first + 1; g < N && g < first + ROOM; g++)
            pairs = _mm512_add_epi16(pairs, _mm512_maddubs_epi16(codes[0][g], same_four(x + 4 * g)));
        sums[0] = plus(sums[0], pairs_added(pairs));
    }
}
template <int N, int T, int V>
[[gnu::always_inline]] inline void dot_signed(const I *const *codes, const int8_t *x, I *sums) {
    static_assert(T == 1 && V == 1);
#pragma GCC unroll 8
    for (int g = 0; g < N; g++) {
        const I code = codes[0][g], same = same_four(x + 4 * g);
        const I turned = _mm512_mask_sub_epi8(same, _mm512_movepi8_mask(code), no_sum(), same);
        sums[0] = plus(sums[0], pairs_added(_mm512_maddubs_epi16(_mm512_abs_epi8(code), turned)));
    }
}
#endif

}  // namespace

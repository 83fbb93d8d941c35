// Sixteen numbers at a time: AVX-512 F, BW, DQ and VL, and VNNI where the compiler is told that it is there.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

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
inline F larger(F a, F b) { return _mm512_max_ps(a, b); }
inline F smaller(F a, F b) { return _mm512_min_ps(a, b); }
inline F nearest(F x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline F scaled(F x, F power) { return _mm512_scalef_ps(x, power); }
inline float sum(F x) { return _mm512_reduce_add_ps(x); }
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

}  // namespace

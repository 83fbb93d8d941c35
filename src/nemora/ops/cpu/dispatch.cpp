// The C functions that Python calls. Each takes the instruction set as a number, from 0 (any processor) to `nemora_best`.
#include "scratch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NEMORA_API __attribute__((visibility("default")))

#ifndef NEMORA_SOURCES
#define NEMORA_SOURCES ""
#endif

namespace {

const Kernels *const SETS[] = {
    &SCALAR,
#if defined(__x86_64__)
    &AVX2,
    &AVX512,
    &AVX512_VNNI,
#endif
};

}  // namespace

extern "C" {

// The sha256 of the sources that this library was made of.
NEMORA_API const char *nemora_sources() { return NEMORA_SOURCES; }

// The best instruction set of this processor, as its place in SETS. The compiler's functions also ask the system
// whether it keeps the wide registers.
NEMORA_API int nemora_best() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    unsigned int a, b, c = 0, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_F16C)) return 0;  // not all compilers' functions know it by name
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return 1;
    return __builtin_cpu_supports("avx512vnni") ? 3 : 2;
#else
    return 0;
#endif
}

NEMORA_API void nemora_quantise(int set, const float *x, int rows, int k, uint8_t *codes, float *scale, float *zero) {
    SETS[set]->quantise(x, rows, k, Rows{codes, scale, zero});
}

NEMORA_API void nemora_linear(int set, uint8_t *codes, float *scale, float *zero, int rows, const Matrix *w, int gelu, float *out,
                              int stride) {
    SETS[set]->linear(Rows{codes, scale, zero}, rows, w, gelu, out, stride);
}

NEMORA_API void nemora_matmul(int set, const float *a, const float *b, int rows, int k, int n, float *out) {
    SETS[set]->matmul(a, k, b, n, rows, k, n, out, n);
}

NEMORA_API void nemora_add_norm(int set, float *x, const float *skip, int rows, int size, const float *weight, const float *bias,
                     float epsilon) {
    SETS[set]->add_norm(x, skip, rows, size, Norm{weight, bias}, epsilon);
}

NEMORA_API int64_t nemora_attention_scratch(int tokens, int size) { return attention_floats(tokens, size); }

NEMORA_API void nemora_attention(int set, const float *qkv, int tokens, int heads, int size, float *scratch, float *out) {
    SETS[set]->attention(qkv, tokens, heads, size, scratch, out);
}

// Floats of `nemora_encode`'s scratch for so many tokens.
NEMORA_API int64_t nemora_encode_scratch(const Encoder *e, int tokens) { return scratch_in(nullptr, *e, tokens).size; }

// One window. Returns 0, or 1 where an id, a shape or the length is not one of the encoder's.
NEMORA_API int nemora_encode(int set, const Encoder *e, const int64_t *ids, const int64_t *shapes, int tokens, float *scratch,
                  float *logits, float *labels, float *meaning) {
    if (tokens < 1 || tokens > e->positions) return 1;
    for (int t = 0; t < tokens; t++)
        if (ids[t] < 0 || ids[t] >= e->words || shapes[t] < 0 || shapes[t] >= e->shapes) return 1;
    SETS[set]->encode(e, ids, shapes, tokens, scratch, logits, labels, meaning);
    return 0;
}
}

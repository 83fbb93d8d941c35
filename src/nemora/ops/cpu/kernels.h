// The kernels, written once over a vector of W numbers. Each isa_*.cpp includes this after its own simd_*.h and is
// compiled with its own flags; everything is in an unnamed namespace, so that no processor meets another's code.
#pragma once
#include "api.h"

namespace {

constexpr int NV = PANEL / W;  // vectors in a panel

inline int padded(int size, int to) { return (size + to - 1) / to * to; }

// x / 2 * (1 + erf(x / sqrt 2)) with an odd polynomial for erf on [-4.5, 4.5]: error below 6e-5 there, beyond it
// 4e-6 of |x|. What follows rounds it to 8 bits.
inline F gelu_of(F x) {
    F inside = smaller(larger(x, all(-4.5f)), all(4.5f));
    F t = mul(inside, inside);
    F p = all(6.0730837e-11f);
    p = fma(p, t, all(-6.62955157e-09f));
    p = fma(p, t, all(3.18208492e-07f));
    p = fma(p, t, all(-8.903653e-06f));
    p = fma(p, t, all(0.000162852768f));
    p = fma(p, t, all(-0.00207520067f));
    p = fma(p, t, all(0.0191704817f));
    p = fma(p, t, all(-0.131969467f));
    p = fma(p, t, all(0.79742533f));
    F half = mul(x, all(0.5f));
    return fma(mul(half, inside), p, half);
}

// Each row to 8 bits with its own scale and zero, so that 0.0 is a code (ONNX DynamicQuantizeLinear, but per row).
// `k` is a multiple of W or the rest of the row is done one by one.
void quantise(const float *x, int rows, int k, Rows out) {
    const int stride = padded(k, 4), whole = k / W * W;
    for (int row = 0; row < rows; row++, x += k) {
        uint8_t *codes = out.codes + static_cast<int64_t>(row) * stride;
        F low = all(0.0f), high = all(0.0f);
        for (int i = 0; i < whole; i += W) {
            F value = load(x + i);
            low = smaller(low, value);
            high = larger(high, value);
        }
        float least = smallest(low), most = largest(high);
        for (int i = whole; i < k; i++) {
            least = x[i] < least ? x[i] : least;
            most = x[i] > most ? x[i] : most;
        }
        const float range = most - least;
        const float scale = range > 1e-30f ? range / 255.0f : 1.0f;
        const float inverse = 1.0f / scale;
        const float zero = __builtin_nearbyintf(-least * inverse);
        for (int i = 0; i < whole; i += W)
            store_bytes(codes + i, larger(fma(load(x + i), all(inverse), all(zero)), all(0.0f)));
        for (int i = whole; i < stride; i++) {
            const float code = i < k ? __builtin_nearbyintf(__builtin_fmaf(x[i], inverse, zero)) : 0.0f;
            codes[i] = static_cast<uint8_t>(code < 0.0f ? 0.0f : code > 255.0f ? 255.0f : code);
        }
        out.scale[row] = scale;
        out.zero[row] = zero;
    }
}

// What a tile multiplies: groups of four bytes, four 8-bit numbers (unsigned by signed) or two signed 16-bit ones.
struct Bytes {
    static inline I dot(I sum, I a, const void *b) { return dot_bytes(sum, a, b); }
};
struct Words {
    static inline I dot(I sum, I a, const void *b) { return dot_words(sum, a, b); }
};

// sums[R, PANEL] = R rows of `groups` groups, `lda` bytes apart, times one panel [groups][PANEL][4 bytes]. The sums stay
// in registers for one pass over the panel. Every loop over them is unrolled and does one thing: an index that is not
// known, or more work on them here, would make compilers keep them in memory all along.
template <typename Numbers, int R>
inline void dot_tile(const uint8_t *a, int64_t lda, const uint8_t *b, int groups, int32_t *sums) {
    I held[R][NV];
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 32
        for (int j = 0; j < NV; j++) held[i][j] = no_sum();
    for (int group = 0; group < groups; group++, a += 4, b += 4 * PANEL) {
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            I same = same_four(a + i * lda);
#pragma GCC unroll 32
            for (int j = 0; j < NV; j++) held[i][j] = Numbers::dot(held[i][j], same, b + 4 * W * j);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 32
        for (int j = 0; j < NV; j++) store_sums(sums + i * PANEL + j * W, held[i][j]);
}

// The same for `rows` rows, at most MR.
template <typename Numbers, int R = MR>
inline void dot_rows(int rows, const uint8_t *a, int64_t lda, const uint8_t *b, int groups, int32_t *sums) {
    if (rows == R) {
        dot_tile<Numbers, R>(a, lda, b, groups, sums);
    } else if constexpr (R > 1) {
        dot_rows<Numbers, R - 1>(rows, a, lda, b, groups, sums);
    }
}

// Columns [first, last) of the product, from the first column of `out` on; `first` begins a panel.
template <bool Gelu>
inline void linear_columns(const Rows &a, int rows, const Matrix &w, int first, int last, float *out, int stride) {
    const int lda = padded(w.k, 4);
    alignas(64) int32_t sums[MR * PANEL];
    for (int column = first; column < last; column += PANEL) {
        const uint8_t *panel = reinterpret_cast<const uint8_t *>(w.codes) + static_cast<int64_t>(column) * lda;
        for (int row = 0; row < rows; row += MR) {
            const int some = rows - row < MR ? rows - row : MR;
            dot_rows<Bytes>(some, a.codes + static_cast<int64_t>(row) * lda, lda, panel, lda / 4, sums);
            for (int i = 0; i < some; i++) {
                float *to = out + static_cast<int64_t>(row + i) * stride + column - first;
                const F scale = all(a.scale[row + i]), shift = all(-a.scale[row + i] * a.zero[row + i]);
#pragma GCC unroll 4
                for (int j = 0; j < PANEL; j += W) {
                    F y = fma(shift, load(w.sums + column + j), load(w.bias + column + j));
                    y = fma(mul(scale, load(w.scale + column + j)), load_sums(sums + i * PANEL + j), y);
                    store(to + j, Gelu ? gelu_of(y) : y);
                }
            }
        }
    }
}

// out[rows, n] = a[rows, k] @ w + bias, then GELU if asked for. Rows of `out` are `stride` apart and have room for
// whole panels, whose last columns mean nothing.
void linear(Rows a, int rows, const Matrix *w, int gelu, float *out, int stride) {
    if (gelu) {
        linear_columns<true>(a, rows, *w, 0, w->n, out, stride);
    } else {
        linear_columns<false>(a, rows, *w, 0, w->n, out, stride);
    }
}

template <int R>
inline void matmul_tile(const float *a, int lda, const float *b, int ldb, int k, float *out, int ldo) {
    F held[R][NV];
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 32
        for (int j = 0; j < NV; j++) held[i][j] = all(0.0f);
    for (int at = 0; at < k; at++, b += ldb) {
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            F one = all(a[static_cast<int64_t>(i) * lda + at]);
#pragma GCC unroll 32
            for (int j = 0; j < NV; j++) held[i][j] = fma(one, load(b + j * W), held[i][j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 32
        for (int j = 0; j < NV; j++) store(out + static_cast<int64_t>(i) * ldo + j * W, held[i][j]);
}

template <int R>
inline void matmul_rest(int rows, const float *a, int lda, const float *b, int ldb, int k, float *out, int ldo) {
    if (rows == R) {
        matmul_tile<R>(a, lda, b, ldb, k, out, ldo);
    } else if constexpr (R > 1) {
        matmul_rest<R - 1>(rows, a, lda, b, ldb, k, out, ldo);
    }
}

// out[rows, n] = a[rows, k] @ b[k, n] in 32-bit floats; n is a multiple of PANEL.
void matmul(const float *a, int lda, const float *b, int ldb, int rows, int k, int n, float *out, int ldo) {
    for (int column = 0; column < n; column += PANEL) {
        int row = 0;
        for (; row + MR <= rows; row += MR)
            matmul_tile<MR>(a + static_cast<int64_t>(row) * lda, lda, b + column, ldb, k,
                            out + static_cast<int64_t>(row) * ldo + column, ldo);
        matmul_rest<MR>(rows - row, a + static_cast<int64_t>(row) * lda, lda, b + column, ldb, k,
                        out + static_cast<int64_t>(row) * ldo + column, ldo);
    }
}

// x = LayerNorm(x + skip), by rows; without `skip` LayerNorm(x).
void add_norm(float *x, const float *skip, int rows, int size, Norm norm, float epsilon) {
    const int whole = size / W * W;
    for (int row = 0; row < rows; row++, x += size) {
        const float *other = skip ? skip + static_cast<int64_t>(row) * size : nullptr;
        F sums = all(0.0f);
        float total = 0.0f;
        for (int i = 0; i < whole; i += W) {
            F value = other ? add(load(x + i), load(other + i)) : load(x + i);
            store(x + i, value);
            sums = add(sums, value);
        }
        for (int i = whole; i < size; i++) total += x[i] += other ? other[i] : 0.0f;
        const float mean = (sum(sums) + total) / static_cast<float>(size);
        sums = all(0.0f);
        total = 0.0f;
        for (int i = 0; i < whole; i += W) {
            F value = sub(load(x + i), all(mean));
            sums = fma(value, value, sums);
        }
        for (int i = whole; i < size; i++) total += (x[i] - mean) * (x[i] - mean);
        const float inverse = 1.0f / __builtin_sqrtf((sum(sums) + total) / static_cast<float>(size) + epsilon);
        for (int i = 0; i < whole; i += W) {
            F value = mul(sub(load(x + i), all(mean)), all(inverse));
            store(x + i, fma(value, load(norm.weight + i), load(norm.bias + i)));
        }
        for (int i = whole; i < size; i++) x[i] = (x[i] - mean) * inverse * norm.weight[i] + norm.bias[i];
    }
}

}  // namespace

// The kernels, written once over a vector of W numbers. Each isa_*.cpp includes this after its own simd_*.h and is
// compiled with its own flags; everything is in an unnamed namespace, so that no processor meets another's code.
#pragma once
#include "api.h"

namespace {

constexpr int NV = PANEL / W;  // vectors in a panel

inline int padded(int size, int to) { return (size + to - 1) / to * to; }

// exp(x) for x <= 0, relative error below 2e-7: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes' expf).
inline F exp_of(F x) {
    x = larger(x, all(-87.0f));
    F n = nearest(mul(x, all(1.44269504088896341f)));
    F r = fma(n, all(-0.693359375f), x);
    r = fma(n, all(2.12194440e-4f), r);
    F p = all(1.9875691500e-4f);
    p = fma(p, r, all(1.3981999507e-3f));
    p = fma(p, r, all(8.3334519073e-3f));
    p = fma(p, r, all(4.1665795894e-2f));
    p = fma(p, r, all(1.6666665459e-1f));
    p = fma(p, r, all(5.0000001201e-1f));
    return scaled(add(fma(mul(p, r), r, r), all(1.0f)), n);
}

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
        for (int i = 0; i < whole; i += W) {
            F code = add(nearest(mul(load(x + i), all(inverse))), all(zero));
            store_bytes(codes + i, smaller(larger(code, all(0.0f)), all(255.0f)));
        }
        for (int i = whole; i < stride; i++) {
            float code = i < k ? __builtin_nearbyintf(x[i] * inverse) + zero : 0.0f;
            codes[i] = static_cast<uint8_t>(code < 0.0f ? 0.0f : code > 255.0f ? 255.0f : code);
        }
        out.scale[row] = scale;
        out.zero[row] = zero;
    }
}

// R rows times one panel: the sums stay in registers, one pass over the panel's codes.
template <int R>
inline void linear_tile(const Rows &a, int row, const Matrix &w, int panel, int gelu, float *out, int stride) {
    const int lda = padded(w.k, 4), column = panel * PANEL;
    const uint8_t *codes = a.codes + static_cast<int64_t>(row) * lda;
    const int8_t *b = w.codes + static_cast<int64_t>(column) * lda;
    I sums[R][NV];
    for (int i = 0; i < R; i++)
        for (int j = 0; j < NV; j++) sums[i][j] = no_sum();
    for (int k = 0; k < lda; k += 4, b += 4 * PANEL) {
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            I four = same_four(codes + static_cast<int64_t>(i) * lda + k);
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++) sums[i][j] = dot(sums[i][j], four, b + 4 * W * j);
        }
    }
    const bool whole = column + PANEL <= w.n;
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
        float edge[PANEL];
        float *to = out + static_cast<int64_t>(row + i) * stride + column;
        const F scale = all(a.scale[row + i]), shift = all(-a.scale[row + i] * a.zero[row + i]);
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) {
            const int at = column + j * W;
            F y = fma(shift, load(w.sums + at), load(w.bias + at));
            y = fma(mul(scale, load(w.scale + at)), to_floats(sums[i][j]), y);
            store((whole ? to : edge) + j * W, gelu ? gelu_of(y) : y);
        }
        if (!whole)
            for (int j = column; j < w.n; j++) to[j - column] = edge[j - column];
    }
}

// The last rows, fewer than MR.
template <int R>
inline void linear_rest(int rows, const Rows &a, int row, const Matrix &w, int panel, int gelu, float *out, int stride) {
    if (rows == R) {
        linear_tile<R>(a, row, w, panel, gelu, out, stride);
    } else if constexpr (R > 1) {
        linear_rest<R - 1>(rows, a, row, w, panel, gelu, out, stride);
    }
}

// out[rows, n] = a[rows, k] @ w + bias, then GELU if asked for. `stride` is that of the rows of `out`.
void linear(Rows a, int rows, const Matrix *w, int gelu, float *out, int stride) {
    for (int panel = 0; panel * PANEL < w->n; panel++) {
        int row = 0;
        for (; row + MR <= rows; row += MR) linear_tile<MR>(a, row, *w, panel, gelu, out, stride);
        linear_rest<MR>(rows - row, a, row, *w, panel, gelu, out, stride);
    }
}

template <int R>
inline void matmul_tile(const float *a, int lda, const float *b, int ldb, int k, float *out, int ldo) {
    F sums[R][NV];
    for (int i = 0; i < R; i++)
        for (int j = 0; j < NV; j++) sums[i][j] = all(0.0f);
    for (int at = 0; at < k; at++, b += ldb) {
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            F one = all(a[static_cast<int64_t>(i) * lda + at]);
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++) sums[i][j] = fma(one, load(b + j * W), sums[i][j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) store(out + static_cast<int64_t>(i) * ldo + j * W, sums[i][j]);
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

// One row of scores to weights that sum to 1; `padded_to` is a multiple of W, and the padding gets 0.
inline void softmax_row(float *x, int size, int padded_to) {
    for (int i = size; i < padded_to; i++) x[i] = -1e30f;
    F high = load(x);
    for (int i = W; i < padded_to; i += W) high = larger(high, load(x + i));
    const F most = all(largest(high));
    F sums = all(0.0f);
    for (int i = 0; i < padded_to; i += W) {
        F value = exp_of(sub(load(x + i), most));
        sums = add(sums, value);
        store(x + i, value);
    }
    const F inverse = all(1.0f / sum(sums));
    for (int i = 0; i < padded_to; i += W) store(x + i, mul(load(x + i), inverse));
    for (int i = size; i < padded_to; i++) x[i] = 0.0f;
}

}  // namespace

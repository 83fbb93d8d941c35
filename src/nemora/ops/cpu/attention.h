// Attention of one window, head by head. No mask: a window has no padding and no order of reading.
//
// Queries, keys, values and weights are 16-bit integers, with a scale for each head of the window: twice as fast as
// 32-bit floats where there is VNNI, and finer than bfloat16.
#pragma once
#include "kernels.h"
#include "scratch.h"

namespace {

constexpr float WEIGHT_ONE = 32767.0f;  // an attention weight of 1
constexpr float LARGEST_VALUE = 32767.0f;

// 2^x for x <= 0, relative error below 3e-7: 2^n times a polynomial on [-1/2, 1/2].
inline F power_of_two(F x) {
    F n = nearest(x), r = sub(x, n);
    F p = all(0.00134072327f);
    p = fma(p, r, all(0.00967186132f));
    p = fma(p, r, all(0.0555030846f));
    p = fma(p, r, all(0.240222349f));
    p = fma(p, r, all(0.693147215f));
    return scaled(fma(p, r, all(1.0f)), n);
}

// One row of scores in powers of two to weights of WEIGHT_ONE in all; `columns` is a multiple of W.
inline void softmax_row(float *x, int size, int columns, int16_t *weights) {
    for (int i = size; i < columns; i++) x[i] = -1e30f;
    F high = load(x);
    for (int i = W; i < columns; i += W) high = larger(high, load(x + i));
    const F most = all(largest(high));
    F sums = all(0.0f);
    for (int i = 0; i < columns; i += W) {
        F value = power_of_two(sub(load(x + i), most));
        sums = add(sums, value);
        store(x + i, value);
    }
    const F factor = all(WEIGHT_ONE / sum(sums));
    for (int i = 0; i < columns; i += W) store_words(weights + i, mul(load(x + i), factor));
}

inline float largest_of(const float *x, int tokens, int size, int stride) {
    F most = all(0.0f);
    float rest = 0.0f;
    for (int t = 0; t < tokens; t++, x += stride) {
        int i = 0;
        for (; i + W <= size; i += W) most = larger(most, larger(load(x + i), sub(all(0.0f), load(x + i))));
        for (; i < size; i++) rest = __builtin_fabsf(x[i]) > rest ? __builtin_fabsf(x[i]) : rest;
    }
    const float found = largest(most);
    return found > rest ? found : rest;
}

// codes[tokens, width] = x * factor, rounded; zeros from `size` on.
inline void to_words(const float *x, int tokens, int size, int stride, float factor, int16_t *codes, int width) {
    for (int t = 0; t < tokens; t++, x += stride, codes += width) {
        int i = 0;
        for (; i + W <= size; i += W) store_words(codes + i, mul(load(x + i), all(factor)));
        for (; i < width; i++) codes[i] = i < size ? static_cast<int16_t>(__builtin_nearbyintf(x[i] * factor)) : 0;
    }
}

// What a head needs, in 16 bits. `width` is its size in whole panels, `columns` the tokens in whole panels.
struct Head {
    int tokens, size, width, columns;
    int16_t *rows;     // [tokens, width]: queries, and before that what keys and values are made of
    int16_t *keys;     // [columns / PANEL][width / 2][PANEL][2]
    int16_t *values;   // [width / PANEL][columns / 2][PANEL][2]
    int16_t *weights;  // [QUERIES, columns]
    float *scores;     // [QUERIES, columns]
    float *mixed;      // [QUERIES, width]
};

inline void place_keys(const Head &h) {
    const int32_t *from = reinterpret_cast<const int32_t *>(h.rows);  // pairs
    int32_t *to = reinterpret_cast<int32_t *>(h.keys);
    const int pairs = h.width / 2;
    for (int t = 0; t < h.columns; t++)
        for (int pair = 0; pair < pairs; pair++)
            to[(t / PANEL * pairs + pair) * PANEL + t % PANEL] = t < h.tokens ? from[t * pairs + pair] : 0;
}

// Rows from `tokens` on are zeros.
inline void place_values(const Head &h) {
    uint32_t *to = reinterpret_cast<uint32_t *>(h.values);
    for (int panel = 0; panel < h.width; panel += PANEL)
        for (int t = 0; t < h.columns; t += 2, to += PANEL) {
            const uint16_t *from = reinterpret_cast<const uint16_t *>(h.rows) + t * h.width + panel;
            for (int d = 0; d < PANEL; d++) to[d] = from[d] | static_cast<uint32_t>(from[d + h.width]) << 16;
        }
}

// out[rows, n] = a[rows, k] @ panels * factor; k is even, n a number of whole panels.
inline void words_matmul(const int16_t *a, int rows, int k, const int16_t *panels, int n, float factor, float *out,
                         int stride) {
    const int64_t lda = 2 * static_cast<int64_t>(k);
    alignas(64) int32_t sums[MR * PANEL];
    for (int column = 0; column < n; column += PANEL) {
        const uint8_t *panel = reinterpret_cast<const uint8_t *>(panels + static_cast<int64_t>(column) * k);
        for (int row = 0; row < rows; row += MR) {
            const int some = rows - row < MR ? rows - row : MR;
            float *to = out + static_cast<int64_t>(row) * stride + column;
            dot_rows<Words>(some, reinterpret_cast<const uint8_t *>(a) + row * lda, lda, panel, k / 2, sums);
            for (int i = 0; i < some; i++, to += stride)
                for (int j = 0; j < PANEL; j += W) store(to + j, mul(load_sums(sums + i * PANEL + j), all(factor)));
        }
    }
}

// The factor that makes integers up to `most` of numbers up to `found`.
inline float factor_to(float most, float found) { return found > 1e-30f ? most / found : 1.0f; }

// One head. Queries, keys and values lie `gap` apart in rows of `stride`; rows of `out` are `hidden` long.
void attend(const float *q, int gap, int stride, const Head &h, float *out, int hidden) {
    const float *k = q + gap, *v = k + gap;
    // The products of `size` pairs of such numbers have room in 32 bits.
    const float most = __builtin_floorf(__builtin_sqrtf(2147483000.0f / static_cast<float>(h.size)));
    const float bound = most < LARGEST_VALUE ? most : LARGEST_VALUE;
    const float q_factor = factor_to(bound, largest_of(q, h.tokens, h.size, stride));
    const float k_factor = factor_to(bound, largest_of(k, h.tokens, h.size, stride));
    const float v_factor = factor_to(LARGEST_VALUE, largest_of(v, h.tokens, h.size, stride));
    to_words(k, h.tokens, h.size, stride, k_factor, h.rows, h.width);
    place_keys(h);
    to_words(v, h.tokens, h.size, stride, v_factor, h.rows, h.width);
    for (int i = h.tokens * h.width; i < h.columns * h.width; i++) h.rows[i] = 0;
    place_values(h);
    to_words(q, h.tokens, h.size, stride, q_factor, h.rows, h.width);
    const float to_power = 1.44269504f / __builtin_sqrtf(static_cast<float>(h.size)) / q_factor / k_factor;
    for (int row = 0; row < h.tokens; row += QUERIES) {
        const int rows = h.tokens - row < QUERIES ? h.tokens - row : QUERIES;
        words_matmul(h.rows + static_cast<int64_t>(row) * h.width, rows, h.width, h.keys, h.columns, to_power, h.scores,
                     h.columns);
        for (int i = 0; i < rows; i++)
            softmax_row(h.scores + static_cast<int64_t>(i) * h.columns, h.tokens, h.columns,
                        h.weights + static_cast<int64_t>(i) * h.columns);
        const float back = 1.0f / WEIGHT_ONE / v_factor;
        float *to = out + static_cast<int64_t>(row) * hidden;
        const bool direct = h.size == h.width;  // otherwise a head's last panel would run into the next head
        words_matmul(h.weights, rows, h.columns, h.values, h.width, back, direct ? to : h.mixed,
                     direct ? hidden : h.width);
        if (!direct)
            for (int i = 0; i < rows; i++)
                for (int d = 0; d < h.size; d++) to[static_cast<int64_t>(i) * hidden + d] = h.mixed[i * h.width + d];
    }
}

inline Head head_in(float *scratch, int tokens, int size) {
    Head h{};
    h.tokens = tokens, h.size = size, h.width = padded(size, PANEL), h.columns = padded(tokens, PANEL);
    h.scores = scratch;
    h.mixed = h.scores + QUERIES * h.columns;
    h.weights = reinterpret_cast<int16_t *>(h.mixed + QUERIES * h.width);
    h.rows = h.weights + QUERIES * h.columns;
    h.keys = h.rows + h.columns * h.width;
    h.values = h.keys + h.columns * h.width;
    return h;
}

// out[tokens, heads * size] = softmax(q k^T / sqrt(size)) v, with qkv[tokens, 3 * heads * size].
void attention(const float *qkv, int tokens, int heads, int size, float *scratch, float *out) {
    const int hidden = heads * size;
    const Head h = head_in(scratch, tokens, size);
    for (int head = 0; head < heads; head++)
        attend(qkv + head * size, hidden, 3 * hidden, h, out + head * size, hidden);
}

// The same of the rows that queries, keys and values are made of. Where a head is whole panels it is made and used at
// once, so that it stays in the cache: the same sums in another order.
inline void attention_of(const Rows &rows, const Matrix &w, int tokens, int heads, float *qkv, float *scratch, float *out) {
    const int hidden = w.n / 3, size = hidden / heads;
    if (size % PANEL) {
        linear_columns<false>(rows, tokens, w, 0, w.n, qkv, w.n);
        attention(qkv, tokens, heads, size, scratch, out);
        return;
    }
    const Head h = head_in(scratch, tokens, size);
    for (int head = 0; head < heads; head++) {
        for (int part = 0; part < 3; part++) {
            const int first = part * hidden + head * size;
            linear_columns<false>(rows, tokens, w, first, first + size, qkv + part * size, 3 * size);
        }
        attend(qkv, size, 3 * size, h, out + head * size, hidden);
    }
}

}  // namespace

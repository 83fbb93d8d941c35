// Attention of one window, head by head, in 32-bit floats. No mask: a window has no padding and no order of reading.
#pragma once
#include "kernels.h"
#include "scratch.h"

namespace {

static_assert(QUERIES % MR == 0, "whole tiles");

// out[tokens, heads * size] = softmax(q k^T / sqrt(size)) v, with qkv[tokens, 3 * heads * size].
void attention(const float *qkv, int tokens, int heads, int size, float *scratch, float *out) {
    const int hidden = heads * size, stride = 3 * hidden;
    const int columns = padded(tokens, PANEL), width = padded(size, PANEL);
    float *keys = scratch, *values = keys + static_cast<int64_t>(columns) * size;
    float *scores = values + static_cast<int64_t>(columns) * width;
    float *mixed = scores + static_cast<int64_t>(QUERIES) * columns;
    const float factor = 1.0f / __builtin_sqrtf(static_cast<float>(size));
    for (int head = 0; head < heads; head++) {
        const float *q = qkv + head * size, *k = q + hidden, *v = k + hidden;
        for (int d = 0; d < size; d++)
            for (int t = 0; t < columns; t++)
                keys[static_cast<int64_t>(d) * columns + t] =
                    t < tokens ? k[static_cast<int64_t>(t) * stride + d] * factor : 0.0f;
        for (int t = 0; t < columns; t++)
            for (int d = 0; d < width; d++)
                values[static_cast<int64_t>(t) * width + d] =
                    t < tokens && d < size ? v[static_cast<int64_t>(t) * stride + d] : 0.0f;
        for (int row = 0; row < tokens; row += QUERIES) {
            const int rows = tokens - row < QUERIES ? tokens - row : QUERIES;
            matmul(q + static_cast<int64_t>(row) * stride, stride, keys, columns, rows, size, columns, scores, columns);
            for (int i = 0; i < rows; i++) softmax_row(scores + static_cast<int64_t>(i) * columns, tokens, columns);
            matmul(scores, columns, values, width, rows, tokens, width, mixed, width);
            for (int i = 0; i < rows; i++)
                for (int d = 0; d < size; d++)
                    out[static_cast<int64_t>(row + i) * hidden + head * size + d] = mixed[i * width + d];
        }
    }
}

}  // namespace

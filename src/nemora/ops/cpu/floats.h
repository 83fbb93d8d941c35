// Products with float matrices, written once over vectors of W rows; see packed.h for what lies where.
//
// A number of the result is a sum of products in the order of columns, STRIP of them at a time, each rounded once. So
// one token, which passes over the panels as they lie, gets the bits that it gets among others, for which a strip is
// widened once.
#pragma once
#include "matmul.h"

namespace {

constexpr int AT_ONCE = 2 * MR;  // tokens whose sums stay in registers
constexpr int STRIP = 128;       // columns
constexpr int TOGETHER = 4;      // panels that one token passes over side by side: one sum would wait for itself

// What a format has: `pair`, the numbers of two columns, of which a panel has BYTES; they are to be taken FACTOR times.
struct BF16Numbers {
    static constexpr int BYTES = 4 * PANEL_ROWS;
    static constexpr float FACTOR = 1.0f;
    static inline void pair(const uint8_t *p, F *even, F *odd) {
#pragma GCC unroll 2
        for (int part = 0; part < PARTS; part++) {
            const I both = load_codes(p + part * W * 4);
            even[part] = low_bf16(both);
            odd[part] = high_bf16(both);
        }
    }
};
struct F16Numbers {
    static constexpr int BYTES = 4 * PANEL_ROWS;
    static constexpr float FACTOR = 1.0f;
    static inline void pair(const uint8_t *p, F *even, F *odd) {
#pragma GCC unroll 2
        for (int part = 0; part < PARTS; part++) {
            even[part] = halves(p + part * W * 2);
            odd[part] = halves(p + (PANEL_ROWS + part * W) * 2);
        }
    }
};
// As fp16, which has a bias of 15 instead of 7.
struct E4M3Numbers {
    static constexpr int BYTES = 2 * PANEL_ROWS;
    static constexpr float FACTOR = 256.0f;
    static inline void pair(const uint8_t *p, F *even, F *odd) { e4m3_pair(p, even, odd); }
};
struct F32Numbers {
    static constexpr int BYTES = 8 * PANEL_ROWS;
    static constexpr float FACTOR = 1.0f;
    static inline void pair(const uint8_t *p, F *even, F *odd) {
        const float *numbers = reinterpret_cast<const float *>(p);
#pragma GCC unroll 2
        for (int part = 0; part < PARTS; part++) {
            even[part] = load(numbers + part * W);
            odd[part] = load(numbers + PANEL_ROWS + part * W);
        }
    }
};

template <typename Numbers>
inline void fetch_pair(const uint8_t *p) {
#pragma GCC unroll 2
    for (int line = 0; line < Numbers::BYTES; line += 64) fetch(p + AHEAD + line);
}

// held[P][PANEL_ROWS] = one token times P panels, which are `size` bytes apart.
template <typename Numbers, int P>
inline void token_over_panels(const uint8_t *panels, int64_t size, const float *x, int columns, float *held) {
    for (int i = 0; i < P * PANEL_ROWS; i += W) store(held + i, all(0.0f));
    for (int first = 0; first < columns; first += STRIP) {
        const int last = first + STRIP < columns ? first + STRIP : columns;
        F sums[P][PARTS];
#pragma GCC unroll 4
        for (int i = 0; i < P; i++)
#pragma GCC unroll 16
            for (int part = 0; part < PARTS; part++) sums[i][part] = all(0.0f);
        for (int c = first; c < last; c += 2, panels += Numbers::BYTES) {
            const F now = all(x[c]), next = all(x[c + 1]);
#pragma GCC unroll 4
            for (int i = 0; i < P; i++) {
                const uint8_t *from = panels + i * size;
                F even[PARTS], odd[PARTS];
                fetch_pair<Numbers>(from);
                Numbers::pair(from, even, odd);
#pragma GCC unroll 16
                for (int part = 0; part < PARTS; part++)
                    sums[i][part] = fused(odd[part], next, fused(even[part], now, sums[i][part]));
            }
        }
#pragma GCC unroll 4
        for (int i = 0; i < P; i++)
#pragma GCC unroll 16
            for (int part = 0; part < PARTS; part++) {
                float *to = held + i * PANEL_ROWS + part * W;
                store(to, add(load(to), sums[i][part]));
            }
    }
}

// to[columns][PANEL_ROWS]
template <typename Numbers>
inline void widen(const uint8_t *panel, int columns, float *to) {
    for (int c = 0; c < columns; c += 2, panel += Numbers::BYTES, to += 2 * PANEL_ROWS) {
        F even[PARTS], odd[PARTS];
        fetch_pair<Numbers>(panel);
        Numbers::pair(panel, even, odd);
#pragma GCC unroll 16
        for (int part = 0; part < PARTS; part++) {
            store(to + part * W, even[part]);
            store(to + PANEL_ROWS + part * W, odd[part]);
        }
    }
}

// Adds to held[R][PANEL_ROWS] what a strip, w[columns][PANEL_ROWS], gives for x[columns][R].
template <int R>
inline void tokens_over_strip(const float *x, const float *w, int columns, float *held) {
    F sums[R][PARTS];
#pragma GCC unroll 24
    for (int i = 0; i < R; i++)
#pragma GCC unroll 16
        for (int part = 0; part < PARTS; part++) sums[i][part] = all(0.0f);
    for (int c = 0; c < columns; c++, x += R, w += PANEL_ROWS) {
        F column[PARTS];
#pragma GCC unroll 16
        for (int part = 0; part < PARTS; part++) column[part] = load(w + part * W);
#pragma GCC unroll 24
        for (int i = 0; i < R; i++) {
            const F one = all(x[i]);
#pragma GCC unroll 16
            for (int part = 0; part < PARTS; part++) sums[i][part] = fused(column[part], one, sums[i][part]);
        }
    }
#pragma GCC unroll 24
    for (int i = 0; i < R; i++)
#pragma GCC unroll 16
        for (int part = 0; part < PARTS; part++) {
            float *to = held + i * PANEL_ROWS + part * W;
            store(to, add(load(to), sums[i][part]));
        }
}

template <int R = AT_ONCE>
inline void some_over_strip(int tokens, const float *x, const float *w, int columns, float *held) {
    if (tokens == R) {
        tokens_over_strip<R>(x, w, columns, held);
    } else if constexpr (R > 1) {
        some_over_strip<R - 1>(tokens, x, w, columns, held);
    }
}

// A tile's tokens in nearly equal groups of at most AT_ONCE: group `i` begins with token `first(i)`.
struct Groups {
    int tokens, count;
    explicit Groups(int tokens) : tokens(tokens), count((tokens + AT_ONCE - 1) / AT_ONCE) {}
    int first(int i) const { return tokens * i / count; }
};

// Each group's numbers lie as [columns][tokens], the groups one after the other.
void arrange_tokens(const float *x, int64_t stride, const int32_t *which, int tokens, int columns, float *out) {
    const Groups groups(tokens);
    for (int g = 0; g < groups.count; g++) {
        const int first = groups.first(g), count = groups.first(g + 1) - first;
        float *to = out + static_cast<int64_t>(first) * columns;
        for (int i = 0; i < count; i++) {
            const float *row = x + (which ? which[first + i] : first + i) * stride;
            for (int64_t c = 0; c < columns; c++) to[c * count + i] = row[c];
        }
    }
}

template <typename Numbers>
inline void panel_of_tokens(const uint8_t *panel, const float *x, int tokens, int columns, float *held) {
    alignas(64) float wide[STRIP * PANEL_ROWS];
    const Groups groups(tokens);
    for (int i = 0; i < tokens * PANEL_ROWS; i += W) store(held + i, all(0.0f));
    for (int first = 0; first < columns; first += STRIP, panel += STRIP / 2 * Numbers::BYTES) {
        const int some = columns - first < STRIP ? columns - first : STRIP;
        widen<Numbers>(panel, some, wide);
        for (int g = 0; g < groups.count; g++) {
            const int token = groups.first(g), count = groups.first(g + 1) - token;
            some_over_strip(count, x + static_cast<int64_t>(token) * columns + first * count, wide, some,
                            held + token * PANEL_ROWS);
        }
    }
}

template <typename Numbers>
void float_panels_of(const Packed &w, int first, int last, const float *x, int tokens, bool relu2, float *out,
                     int64_t stride) {
    alignas(64) float held[TILE * PANEL_ROWS];
    const int64_t size = static_cast<int64_t>(w.columns) / 2 * Numbers::BYTES;
    const F factor = all(w.scale * Numbers::FACTOR);
    int together = 1;
    for (int panel = first; panel < last; panel += together) {
        const uint8_t *from = w.data + panel * size;
        together = tokens == 1 && last - panel >= TOGETHER ? TOGETHER : 1;
        if (together == TOGETHER) token_over_panels<Numbers, TOGETHER>(from, size, x, w.columns, held);
        else if (tokens == 1) token_over_panels<Numbers, 1>(from, size, x, w.columns, held);
        else panel_of_tokens<Numbers>(from, x, tokens, w.columns, held);
        finish(held, tokens * together * PANEL_ROWS, factor, relu2);
        for (int i = 0; i < together; i++) hand_out(held + i * PANEL_ROWS, PANEL_ROWS, w, panel + i, tokens, out, stride);
    }
}

void float_panels(const Packed *w, int first, int last, const float *x, int tokens, int relu2, float *out,
                  int64_t stride) {
    switch (w->format) {
        case BF16: return float_panels_of<BF16Numbers>(*w, first, last, x, tokens, relu2, out, stride);
        case F16: return float_panels_of<F16Numbers>(*w, first, last, x, tokens, relu2, out, stride);
        case FP8_E4M3: return float_panels_of<E4M3Numbers>(*w, first, last, x, tokens, relu2, out, stride);
        case F32: return float_panels_of<F32Numbers>(*w, first, last, x, tokens, relu2, out, stride);
    }
}

}  // namespace

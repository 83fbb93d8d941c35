// Products with packed matrices of blocks, written once over vectors of W rows; see packed.h for what lies where.
#pragma once
#include "codes.h"

namespace {

constexpr int AHEAD = 2304;  // how far a panel is fetched ahead: memory is what few tokens wait for
inline void fetch(const uint8_t *p) { __builtin_prefetch(p); }

// Adds to the sums of T tokens and V vectors of rows, [T][V], the products of a half or a whole block's codes, those of
// vector v at codes[v], with one plane of the tokens.
template <typename Codes, int T, int V>
[[gnu::always_inline]] inline void products(const I *const *codes, const int8_t *x, I *sums) {
    constexpr int N = GROUPS / Codes::HALVES;
    if constexpr (Codes::MOST == SIGNED) dot_signed<N, T, V>(codes, x, sums);
    else dot_unsigned<N, Codes::MOST, T, V>(codes, x, sums);
}

// The codes of a block's rows of one vector, and what goes with them.
template <typename Codes>
struct Block {
    I codes[GROUPS];
    F scale[Codes::HALVES], minimum;

    // `of` is what a head of K-quants says of the block.
    [[gnu::always_inline]] inline void read(const uint8_t *block, const float *of, int part) {
        Codes::codes(block, part, codes);
        if constexpr (Codes::MOST == SIGNED) offset_codes(codes);
#pragma GCC unroll 2
        for (int half = 0; half < Codes::HALVES; half++) scale[half] = Codes::scale(block, of, part, half);
        if constexpr (Codes::MINIMUM) minimum = Codes::minimum(block, of, part);
    }
};

// A block of some panels beside each other, the next `apart` bytes on; `of` as above, of one panel after the other.
// Vectors of rows are counted through all of them.
struct Strip {
    const uint8_t *blocks;
    int64_t apart;
    const float *of;

    template <typename Codes>
    [[gnu::always_inline]] inline void read(int vector, Block<Codes> *to) const {
        const int panel = vector / PARTS;
        const float *heads = HEAD_BYTES[Codes::FORMAT] ? of + panel * HEAD_BLOCKS * UNFOLDED : nullptr;
        to->read(blocks + panel * apart, heads, vector % PARTS);
    }
};

// Where tokens lie in one block of columns.
struct Here {
    const int8_t *codes;
    const float *scale, *sums;
    const int32_t *start;
};

// Adds to `held`, [T][N panels' rows], what V vectors of a block's rows give with T tokens from `t` on. `tokens` is told
// apart from x.tokens so that it may be a constant: one token's sums then stay in a register.
template <typename Codes, int PLANES, int N, int T, int V>
[[gnu::always_inline]] inline void some_tokens(const Block<Codes> *rows, const Here &x, int tokens, int t, float *held) {
    const int8_t *high = x.codes + static_cast<int64_t>(t) * BLOCK;
    const int8_t *low = high + static_cast<int64_t>(PLANES - 1) * tokens * BLOCK;
#pragma GCC unroll 2
    for (int half = 0; half < Codes::HALVES; half++) {
        const int at = half * (BLOCK / 2);
        const I *some[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) some[v] = rows[v].codes + half * (GROUPS / 2);
        I sums[T * V];
        if constexpr (PLANES == 2) {
#pragma GCC unroll 8
            for (int i = 0; i < T * V; i++) sums[i] = no_sum();
            products<Codes, T, V>(some, high + at, sums);
#pragma GCC unroll 8
            for (int i = 0; i < T * V; i++) sums[i] = times_128(sums[i]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < T * V; i++) {
            const I start = Codes::OFFSET != 0 ? same_word(x.start + half * tokens + t + i / V) : no_sum();
            sums[i] = PLANES == 2 ? plus(sums[i], start) : start;
        }
        products<Codes, T, V>(some, low + at, sums);
#pragma GCC unroll 8
        for (int i = 0; i < T * V; i++) {
            float *to = held + i / V * N * PANEL_ROWS + i % V * W;
            const Block<Codes> &row = rows[i % V];
            F total = fused(mul(row.scale[half], all(x.scale[t + i / V])), floats(sums[i]), load(to));
            if constexpr (Codes::MINIMUM) total = fused(row.minimum, all(x.sums[t + i / V]), total);
            store(to, total);
        }
    }
}

// All tokens with the V vectors of the strip's rows from `first` on, T at once as long as there are so many.
template <typename Codes, int PLANES, int N, int T, int V>
[[gnu::always_inline]] inline void vectors_of_tokens(const Strip &strip, int first, const Here &x, int tokens, float *held) {
    Block<Codes> rows[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) strip.read(first + v, rows + v);
    held += first * W;
    constexpr int NEXT = N * PANEL_ROWS;
    int t = 0;
    if constexpr (T > 1)
        for (; t + T <= tokens; t += T) some_tokens<Codes, PLANES, N, T, V>(rows, x, tokens, t, held + t * NEXT);
    if constexpr (V > 1 && T > 2)
        for (; t + 2 <= tokens; t += 2) some_tokens<Codes, PLANES, N, 2, V>(rows, x, tokens, t, held + t * NEXT);
    for (; t < tokens; t++) some_tokens<Codes, PLANES, N, 1, V>(rows, x, tokens, t, held + t * NEXT);
}

// Few tokens take one vector after the other, whose codes then stay in registers.
template <typename Codes, int PLANES, int N>
inline void block_of_tokens(const Strip &strip, const Tokens &x, int tokens, int64_t b, float *held) {
    constexpr int COUNT = N * PARTS, V = VECTORS_TOGETHER;
    constexpr bool TOGETHER = V > 1 && COUNT % V == 0 && (Codes::MOST != SIGNED || SIGNED_TOGETHER);
    const Here here{x.codes + b * PLANES * tokens * BLOCK, x.scale + b * tokens, x.sums + b * tokens,
                    x.start + b * 2 * tokens};
    if constexpr (TOGETHER) {
        if (tokens >= FEW_TOKENS / PLANES) {
            for (int first = 0; first < COUNT; first += V)
                vectors_of_tokens<Codes, PLANES, N, TOKENS_TOGETHER, V>(strip, first, here, tokens, held);
            return;
        }
    }
#pragma GCC unroll 2
    for (int vector = 0; vector < COUNT; vector++)
        vectors_of_tokens<Codes, PLANES, N, TOKENS_ALONE, 1>(strip, vector, here, tokens, held);
}

// N panels, the next `apart` bytes on, with all tokens.
template <typename Codes, int PLANES, int N>
inline void panels_of_tokens(const uint8_t *panel, int64_t apart, const Tokens &x, int tokens, float *held) {
    constexpr int HEAD = HEAD_BYTES[Codes::FORMAT];
    [[maybe_unused]] alignas(64) float unfolded[HEAD ? N * HEAD_BLOCKS * UNFOLDED : 1];
    const float *of = nullptr;
    for (int b = 0; b < x.blocks; b++, panel += BLOCK_BYTES[Codes::FORMAT]) {
        if constexpr (HEAD > 0) {
            if (b % HEAD_BLOCKS == 0) {
                for (int i = 0; i < N; i++)
                    for (int line = 0; line < HEAD; line += 64) fetch(panel + i * apart + AHEAD + line);
                for (int i = 0; i < N; i++) Codes::unfold(panel + i * apart, unfolded + i * HEAD_BLOCKS * UNFOLDED);
                panel += HEAD;
            }
            of = unfolded + b % HEAD_BLOCKS * UNFOLDED;
        }
        for (int i = 0; i < N; i++)
            for (int line = 0; line < BLOCK_BYTES[Codes::FORMAT]; line += 64) fetch(panel + i * apart + AHEAD + line);
        block_of_tokens<Codes, PLANES, N>(Strip{panel, apart, of}, x, tokens, b, held);
    }
}

// Sums times the matrix's scale. Of NaN and zero `larger` gives its second argument.
inline void finish(float *held, int count, F factor, bool relu2) {
    for (int i = 0; i < count; i += W) {
        F y = mul(load(held + i), factor);
        if (relu2) {
            y = larger(all(0.0f), y);
            y = mul(y, y);
        }
        store(held + i, y);
    }
}

inline void hand_out(const float *held, int width, const Packed &w, int panel, int tokens, float *out, int64_t stride) {
    const int left = w.rows - panel * PANEL_ROWS, rows = left < width ? left : width;
    for (int t = 0; t < tokens; t++)
        __builtin_memcpy(out + t * stride + panel * PANEL_ROWS, held + t * width, rows * sizeof(float));
}

template <typename Codes, int PLANES>
void panels_of(const Packed &w, int first, int last, const Tokens &x, bool relu2, float *out, int64_t stride) {
    alignas(64) float held[TILE * PANELS_TOGETHER * PANEL_ROWS];
    const F factor = all(Codes::FORMAT == NVFP4 ? w.scale * 0.5f : w.scale);
    const int64_t apart = panel_bytes(Codes::FORMAT, x.blocks);
    for (int panel = first, some; panel < last; panel += some) {
        const uint8_t *from = w.data + panel * apart;
        some = x.tokens > 1 && panel + PANELS_TOGETHER <= last ? PANELS_TOGETHER : 1;
        const int width = some * PANEL_ROWS;
        for (int i = 0; i < x.tokens * width; i += W) store(held + i, all(0.0f));
        if (x.tokens == 1) panels_of_tokens<Codes, PLANES, 1>(from, apart, x, 1, held);
        else if (some == 1) panels_of_tokens<Codes, PLANES, 1>(from, apart, x, x.tokens, held);
        else panels_of_tokens<Codes, PLANES, PANELS_TOGETHER>(from, apart, x, x.tokens, held);
        finish(held, x.tokens * width, factor, relu2);
        hand_out(held, width, w, panel, x.tokens, out, stride);
    }
}

template <int PLANES>
void panels_in_format(const Packed &w, int first, int last, const Tokens &x, bool relu2, float *out, int64_t stride) {
    switch (w.format) {
        case Q4_0: return panels_of<Q40, PLANES>(w, first, last, x, relu2, out, stride);
        case Q4_1: return panels_of<Q41, PLANES>(w, first, last, x, relu2, out, stride);
        case Q5_0: return panels_of<Q50, PLANES>(w, first, last, x, relu2, out, stride);
        case Q5_1: return panels_of<Q51, PLANES>(w, first, last, x, relu2, out, stride);
        case Q8_0: return panels_of<Q80, PLANES>(w, first, last, x, relu2, out, stride);
        case IQ4_NL: return panels_of<IQ4NL, PLANES>(w, first, last, x, relu2, out, stride);
        case NVFP4: return panels_of<NVFP4Codes, PLANES>(w, first, last, x, relu2, out, stride);
        case Q4_K: return panels_of<Q4K, PLANES>(w, first, last, x, relu2, out, stride);
        case Q5_K: return panels_of<Q5K, PLANES>(w, first, last, x, relu2, out, stride);
        case Q6_K: return panels_of<Q6K, PLANES>(w, first, last, x, relu2, out, stride);
    }
}

void packed_panels(const Packed *w, int first, int last, Tokens x, int relu2, float *out, int64_t stride) {
    if (x.planes == 1) panels_in_format<1>(*w, first, last, x, relu2, out, stride);
    else panels_in_format<2>(*w, first, last, x, relu2, out, stride);
}

inline int offset_of(int format) {
    switch (format) {
        case Q4_0: return Q40::OFFSET;
        case Q5_0: return Q50::OFFSET;
        case NVFP4: return NVFP4Codes::OFFSET;
        case Q6_K: return Q6K::OFFSET;
        case Q8_0:
        case IQ4_NL: return SIGNED_OFFSET;
        default: return 0;
    }
}

// A block of a token. What is not finite makes the block's scale NaN, and so all that is computed of it.
inline void quantise_block(const float *x, int64_t at, int format, const Tokens &out, int8_t *high, int32_t *start) {
    const float most = out.planes == 1 ? 127.0f : 127.0f * 128.0f;
    F greatest = all(0.0f), finite = all(0.0f);
    for (int i = 0; i < BLOCK; i += W) {
        const F value = load(x + i);
        greatest = larger(greatest, larger(value, sub(all(0.0f), value)));
        finite = fused(value, all(0.0f), finite);
    }
    const float size = largest(greatest), unsound = sum(finite);
    const bool some = unsound == 0.0f && size > 1e-30f;
    const F inverse = all(some ? most / size : 0.0f);
    int16_t codes[BLOCK];
    for (int i = 0; i < BLOCK; i += W) store_words(codes + i, some ? mul(load(x + i), inverse) : all(0.0f));
    int8_t *low = high + static_cast<int64_t>(out.planes - 1) * out.tokens * BLOCK;
    int32_t first = 0, second = 0;
    for (int i = 0; i < BLOCK / 2; i++) first += codes[i];
    for (int i = BLOCK / 2; i < BLOCK; i++) second += codes[i];
    if (out.planes == 2) {
        for (int i = 0; i < BLOCK; i++) high[i] = static_cast<int8_t>((codes[i] + 64) >> 7);
        for (int i = 0; i < BLOCK; i++) low[i] = static_cast<int8_t>(codes[i] - ((codes[i] + 64) >> 7) * 128);
    } else {
        for (int i = 0; i < BLOCK; i++) low[i] = static_cast<int8_t>(codes[i]);
    }
    const float scale = unsound == 0.0f ? (some ? size / most : 0.0f) : __builtin_nanf("");
    out.scale[at] = scale;
    out.sums[at] = scale * static_cast<float>(first + second);
    const int offset = offset_of(format);
    start[0] = -offset * (format == NVFP4 || format == Q6_K ? first : first + second);
    start[out.tokens] = -offset * second;
}

void quantise_tokens(const float *x, int64_t stride, const int32_t *which, int format, Tokens out) {
    for (int t = 0; t < out.tokens; t++) {
        const float *row = x + (which ? which[t] : t) * stride;
        for (int64_t b = 0; b < out.blocks; b++)
            quantise_block(row + b * BLOCK, b * out.tokens + t, format, out,
                           out.codes + (b * out.planes * out.tokens + t) * BLOCK, out.start + b * 2 * out.tokens + t);
    }
}

}  // namespace

// What each format of blocks has in a panel, over vectors of W rows: codes as bytes, scales and minimums as numbers.
#pragma once
#include "packed.h"

namespace {

constexpr int PARTS = PANEL_ROWS / W;  // vectors that a panel's rows fill

// The codes of W rows of a block as GROUPS vectors of bytes, and their scales. What a format has:
//   MOST     the largest unsigned code, or SIGNED for codes of -128..127
//   OFFSET   what is taken from an unsigned code to give the number
//   MINIMUM  whether rows have a minimum too, which is added to every number
//   HALVES   blocks of scales in 32 columns
constexpr int SIGNED = -1;

// Four bits of each code, from `at` on.
[[gnu::always_inline]] inline void four_bits(const uint8_t *block, int at, int part, I *codes) {
#pragma GCC unroll 4
    for (int g = 0; g < GROUPS / 2; g++) {
        const I both = load_codes(block + at + (g * PANEL_ROWS + part * W) * 4);
        codes[g] = low_halves(both);
        codes[g + GROUPS / 2] = high_halves(both);
    }
}

// Five bits: the fifth ones of group g are bit g of the sixty-four bytes after the four.
template <int G = 0>
inline void fifth_bits(I fifths, I *codes) {
    codes[G] = either(codes[G], bit_as_16<G>(fifths));
    if constexpr (G + 1 < GROUPS) fifth_bits<G + 1>(fifths, codes);
}
[[gnu::always_inline]] inline void five_bits(const uint8_t *block, int at, int part, I *codes) {
    four_bits(block, at, part, codes);
    fifth_bits(load_codes(block + at + GROUPS / 2 * PANEL_ROWS * 4 + part * W * 4), codes);
}

struct HalfScale {
    static constexpr int HALVES = 1;
    static inline F scale(const uint8_t *block, const float *, int part, int) { return halves(block + part * W * 2); }
    static inline F minimum(const uint8_t *block, const float *, int part) {
        return halves(block + (PANEL_ROWS + part * W) * 2);
    }
};
struct Q40 : HalfScale {
    static constexpr int FORMAT = Q4_0, MOST = 15, OFFSET = 8;
    static constexpr bool MINIMUM = false;
    static inline void codes(const uint8_t *block, int part, I *to) { four_bits(block, 32, part, to); }
};
struct Q41 : HalfScale {
    static constexpr int FORMAT = Q4_1, MOST = 15, OFFSET = 0;
    static constexpr bool MINIMUM = true;
    static inline void codes(const uint8_t *block, int part, I *to) { four_bits(block, 64, part, to); }
};
struct Q50 : HalfScale {
    static constexpr int FORMAT = Q5_0, MOST = 31, OFFSET = 16;
    static constexpr bool MINIMUM = false;
    static inline void codes(const uint8_t *block, int part, I *to) { five_bits(block, 32, part, to); }
};
struct Q51 : HalfScale {
    static constexpr int FORMAT = Q5_1, MOST = 31, OFFSET = 0;
    static constexpr bool MINIMUM = true;
    static inline void codes(const uint8_t *block, int part, I *to) { five_bits(block, 64, part, to); }
};
struct Q80 : HalfScale {
    static constexpr int FORMAT = Q8_0, MOST = SIGNED, OFFSET = SIGNED_OFFSET;
    static constexpr bool MINIMUM = false;
    static inline void codes(const uint8_t *block, int part, I *to) {
#pragma GCC unroll 8
        for (int g = 0; g < GROUPS; g++) to[g] = load_codes(block + 32 + (g * PANEL_ROWS + part * W) * 4);
    }
};
alignas(16) constexpr int8_t IQ4_NL_VALUES[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                  1,    13,   25,  38,  53,  69,  89,  113};
// Twice each E2M1 number, plus 12.
alignas(16) constexpr int8_t E2M1_TWICE_AND_12[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
struct IQ4NL : HalfScale {
    static constexpr int FORMAT = IQ4_NL, MOST = SIGNED, OFFSET = SIGNED_OFFSET;
    static constexpr bool MINIMUM = false;
    static inline void codes(const uint8_t *block, int part, I *to) {
        const Table values = table(IQ4_NL_VALUES);
        four_bits(block, 32, part, to);
#pragma GCC unroll 8
        for (int g = 0; g < GROUPS; g++) to[g] = looked_up(values, to[g]);
    }
};
// Numbers are twice what E2M1 says, which is whole; `panels_of` halves the matrix's scale.
struct NVFP4Codes {
    static constexpr int FORMAT = NVFP4, MOST = 24, OFFSET = 12, HALVES = 2;
    static constexpr bool MINIMUM = false;
    static inline F scale(const uint8_t *block, const float *, int part, int half) {
        return e4m3(block + half * PANEL_ROWS + part * W);
    }
    static inline F minimum(const uint8_t *, const float *, int) { return all(0.0f); }
    static inline void codes(const uint8_t *block, int part, I *to) {
        const Table values = table(E2M1_TWICE_AND_12);
        four_bits(block, 32, part, to);
#pragma GCC unroll 8
        for (int g = 0; g < GROUPS; g++) to[g] = looked_up(values, to[g]);
    }
};

// K-quants: a head's scales are unfolded once for all tokens, as two numbers of a row for each block, [8][2][16 rows].
// A product with a scale is exact in 32 bits: 11 of them are of the head's number, and at most 8 of the small one.
constexpr int UNFOLDED = 2 * PANEL_ROWS;

struct UnfoldedScale {
    static inline F scale(const uint8_t *, const float *of, int part, int half) {
        return load(of + half * PANEL_ROWS + part * W);
    }
    static inline F minimum(const uint8_t *, const float *of, int part) { return load(of + PANEL_ROWS + part * W); }
};
inline void unfold_halves(const uint8_t *head, float *to) {
#pragma GCC unroll 2
    for (int part = 0; part < PARTS; part++) store(to + part * W, halves(head + part * W * 2));
}

// Q4_K and Q5_K: a block's scale and its minimum, which is taken away, of six bits each. Those of the last four blocks
// have their low bits together in a byte, and the two high ones above those of the first four.
struct SixBitScales : UnfoldedScale {
    static constexpr int HALVES = 1;
    static constexpr bool MINIMUM = true;
    static inline void unfold(const uint8_t *__restrict head, float *__restrict to) {
        alignas(64) float d[PANEL_ROWS], least[PANEL_ROWS];
        unfold_halves(head, d);
        unfold_halves(head + 2 * PANEL_ROWS, least);
        for (int j = 0; j < 4; j++) {
            const uint8_t *scales = head + (4 + j) * PANEL_ROWS, *minimums = scales + 4 * PANEL_ROWS;
            const uint8_t *both = minimums + 4 * PANEL_ROWS;
            float *early = to + j * UNFOLDED, *late = early + 4 * UNFOLDED;
            for (int r = 0; r < PANEL_ROWS; r++) early[r] = d[r] * (scales[r] & 63);
            for (int r = 0; r < PANEL_ROWS; r++) early[PANEL_ROWS + r] = -least[r] * (minimums[r] & 63);
            for (int r = 0; r < PANEL_ROWS; r++) late[r] = d[r] * ((both[r] & 15) | (scales[r] >> 6) << 4);
            for (int r = 0; r < PANEL_ROWS; r++)
                late[PANEL_ROWS + r] = -least[r] * (both[r] >> 4 | (minimums[r] >> 6) << 4);
        }
    }
};
struct Q4K : SixBitScales {
    static constexpr int FORMAT = Q4_K, MOST = 15, OFFSET = 0;
    static inline void codes(const uint8_t *block, int part, I *to) { four_bits(block, 0, part, to); }
};
struct Q5K : SixBitScales {
    static constexpr int FORMAT = Q5_K, MOST = 31, OFFSET = 0;
    static inline void codes(const uint8_t *block, int part, I *to) { five_bits(block, 0, part, to); }
};

// The fifth and sixth bits of four groups' codes.
template <int K = 0>
inline void high_bits(I pairs, I *codes) {
    codes[K] = either(codes[K], two_bits_as_16<K>(pairs));
    if constexpr (K + 1 < GROUPS / 2) high_bits<K + 1>(pairs, codes);
}
struct Q6K : UnfoldedScale {
    static constexpr int FORMAT = Q6_K, MOST = 63, OFFSET = 32, HALVES = 2;
    static constexpr bool MINIMUM = false;
    static inline void codes(const uint8_t *block, int part, I *to) {
        four_bits(block, 0, part, to);
        const uint8_t *pairs = block + GROUPS / 2 * PANEL_ROWS * 4 + part * W * 4;
        high_bits(load_codes(pairs), to);
        high_bits(load_codes(pairs + PANEL_ROWS * 4), to + GROUPS / 2);
    }
    static inline void unfold(const uint8_t *__restrict head, float *__restrict to) {
        alignas(64) float d[PANEL_ROWS];
        unfold_halves(head, d);
        const int8_t *scales = reinterpret_cast<const int8_t *>(head + 2 * PANEL_ROWS);
        for (int i = 0; i < HEAD_BLOCKS * HALVES; i++)
            for (int r = 0; r < PANEL_ROWS; r++) to[i * PANEL_ROWS + r] = d[r] * scales[i * PANEL_ROWS + r];
    }
};

}  // namespace

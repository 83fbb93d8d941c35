// K-quants in files, and what of it goes into a panel; `blocks_k.py` says what the bytes mean, packed.h where they go.
#pragma once
#include <cstring>

#include "packed.h"

namespace {

// Where things are in the bytes of 256 numbers: a scale and maybe a minimum of all, the blocks' small ones, and codes.
struct Superblock {
    int bytes, halves_at, halves, small_at, small, low_at, high_at;
};
constexpr Superblock SUPERBLOCKS[] = {
    {144, 0, 2, 4, 12, 16, 0}, {176, 0, 2, 4, 12, 48, 16}, {210, 208, 1, 192, 16, 0, 128}};

inline const Superblock &superblock(int format) { return SUPERBLOCKS[format - Q4_K]; }

// The codes of a block of a row as they lie in a panel: [4 groups][4 columns] of two halves, and the bits above those.
struct CodesOfRow {
    uint8_t low[BLOCK / 2], high[8];
};

// Block `j` of a superblock.
inline CodesOfRow codes_of(int format, const uint8_t *stored, int j) {
    const Superblock &s = superblock(format);
    const bool six = format == Q6_K;
    const uint8_t *low = stored + s.low_at + (six ? j / 4 * 64 + j % 2 * 32 : j / 2 * 32);
    const int shift = (six ? j % 4 / 2 : j % 2) * 4;
    CodesOfRow row{};
    for (int i = 0; i < BLOCK / 2; i++)
        row.low[i] = static_cast<uint8_t>((low[i] >> shift & 15) | (low[i + BLOCK / 2] >> shift & 15) << 4);
    if (format == Q4_K) return row;
    const uint8_t *high = stored + s.high_at + (six ? j / 4 * 32 : 0);
    for (int g = 0; g < GROUPS; g++)
        for (int c = 0; c < 4; c++) {
            const int bits = high[4 * g + c];
            if (six) row.high[g / 4 * 4 + c] |= static_cast<uint8_t>((bits >> j % 4 * 2 & 3) << g % 4 * 2);
            else row.high[c] |= static_cast<uint8_t>((bits >> j & 1) << g);
        }
    return row;
}

// Puts a superblock of row `r` of a panel into the panel's: its head first, then its blocks.
inline void pack_superblock(int format, const uint8_t *stored, int r, uint8_t *to) {
    const Superblock &s = superblock(format);
    for (int i = 0; i < s.halves; i++) memcpy(to + 2 * (i * PANEL_ROWS + r), stored + s.halves_at + 2 * i, 2);
    for (int i = 0; i < s.small; i++) to[(2 * s.halves + i) * PANEL_ROWS + r] = stored[s.small_at + i];
    to += HEAD_BYTES[format];
    for (int j = 0; j < HEAD_BLOCKS; j++, to += BLOCK_BYTES[format]) {
        const CodesOfRow row = codes_of(format, stored, j);
        for (int g = 0; g < GROUPS / 2; g++) memcpy(to + (g * PANEL_ROWS + r) * 4, row.low + 4 * g, 4);
        const int planes = BLOCK_BYTES[format] / (4 * PANEL_ROWS) - GROUPS / 2;
        for (int i = 0; i < planes; i++) memcpy(to + ((GROUPS / 2 + i) * PANEL_ROWS + r) * 4, row.high + 4 * i, 4);
    }
}

// What a head says of row `r` in block `j` or, with Q6_K, in half block `j`: small whole numbers.
struct Small {
    int scale, minimum;
};
inline Small small_of(int format, const uint8_t *head, int j, int r) {
    const auto byte = [&](int i) -> int { return head[(2 * superblock(format).halves + i) * PANEL_ROWS + r]; };
    if (format == Q6_K) return {static_cast<int8_t>(byte(j)), 0};
    if (j < 4) return {byte(j) & 63, byte(4 + j) & 63};
    return {(byte(4 + j) & 15) | byte(j - 4) >> 6 << 4, byte(4 + j) >> 4 | byte(j) >> 6 << 4};
}

}  // namespace

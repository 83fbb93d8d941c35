// Compiled for any processor, and without fused products: what `unpack_row` gives is rounded as its twin in Python.
#include "pack.h"

#include <cstring>

#include "k_quants.h"

namespace {

constexpr int CODES_AT[BF16] = {32, 64, 32, 64, 32, 32, 32, 0, 0, 0};  // in a block of a panel
constexpr int8_t IQ4_NL_VALUES[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
constexpr float E2M1[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                            -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

bool five_bits(int format) { return format == Q5_0 || format == Q5_1; }
bool minimums(int format) { return format == Q4_1 || format == Q5_1; }

float half(const uint8_t *p) {
    const uint32_t bits = p[0] | static_cast<uint32_t>(p[1]) << 8, wide = (bits & 0x7FFF) << 13;
    float size;
    memcpy(&size, &wide, 4);
    return bits & 0x8000 ? -size * 0x1p112f : size * 0x1p112f;
}

bool finite_half(const uint8_t *p) { return (p[1] & 0x7C) != 0x7C; }

float unsigned_e4m3(uint8_t byte) {
    const uint8_t bits[2] = {static_cast<uint8_t>(byte << 7), static_cast<uint8_t>(byte >> 1)};
    return half(bits) * 256.0f;
}

// A block of a row, as it goes into a panel's block: its codes in words of four columns, the fifth bits of those, and
// its scales.
struct Row {
    uint8_t codes[BLOCK];
    uint8_t fifths[4];
    uint8_t scale[2], minimum[2];
};

// Bit i of a file's 32 is column i's; bit g of byte c of a panel is column 4 g + c's.
void gather_fifths(const uint8_t *bits, uint8_t *to) {
    for (int c = 0; c < 4; c++) {
        unsigned all = 0;
        for (int g = 0; g < GROUPS; g++) all |= (bits[g / 2] >> (g % 2 * 4 + c) & 1u) << g;
        to[c] = static_cast<uint8_t>(all);
    }
}

// In files as in panels a byte has columns c and c + 16.
bool read_half_scaled(int format, const uint8_t *at, Row &row) {
    memcpy(row.scale, at, 2);
    at += 2;
    bool sound = finite_half(row.scale);
    if (minimums(format)) {
        memcpy(row.minimum, at, 2);
        sound &= finite_half(row.minimum);
        at += 2;
    }
    if (five_bits(format)) {
        gather_fifths(at, row.fifths);
        at += 4;
    }
    memcpy(row.codes, at, format == Q8_0 ? BLOCK : BLOCK / 2);
    return sound;
}

// Scales as ggml reads them: without a sign, but of all bytes 0x7F alone is zero. A byte has columns c and c + 8 of sixteen.
void read_gguf_nvfp4(const uint8_t *stored, int block, Row &row) {
    const uint8_t *at = stored + block / 2 * 36;
    const int first = block % 2 * 2;
    for (int half = 0; half < 2; half++) {
        const uint8_t scale = at[first + half];
        row.scale[half] = scale == 0x7F ? 0 : scale & 0x7F;
    }
    const uint8_t *near = at + 4 + first * 8, *far = near + 8;
    for (int i = 0; i < 8; i++) {
        row.codes[i] = static_cast<uint8_t>((near[i] & 15) | far[i] << 4);
        row.codes[i + 8] = static_cast<uint8_t>(near[i] >> 4 | (far[i] & 0xF0));
    }
}

// A byte has columns 2 i and 2 i + 1.
bool read_modelopt(const uint8_t *stored, const uint8_t *scales, int block, Row &row) {
    memcpy(row.scale, scales + block * 2, 2);
    const uint8_t *near = stored + block * 16, *far = near + 8;
    for (int i = 0; i < 8; i++) {
        row.codes[2 * i] = static_cast<uint8_t>((near[i] & 15) | far[i] << 4);
        row.codes[2 * i + 1] = static_cast<uint8_t>(near[i] >> 4 | (far[i] & 0xF0));
    }
    return row.scale[0] < 0x7F && row.scale[1] < 0x7F;
}

// Where the code of a column lies among a block's codes of eight bits.
int place(int column, int row) { return (column / 4 * PANEL_ROWS + row) * 4 + column % 4; }

void write(int format, const Row &row, int r, uint8_t *block) {
    uint8_t *codes = block + CODES_AT[format];
    if (format == NVFP4) {
        block[r] = row.scale[0];
        block[PANEL_ROWS + r] = row.scale[1];
    } else {
        memcpy(block + 2 * r, row.scale, 2);
        if (minimums(format)) memcpy(block + 2 * (PANEL_ROWS + r), row.minimum, 2);
    }
    const int groups = format == Q8_0 ? GROUPS : GROUPS / 2;
    for (int g = 0; g < groups; g++) memcpy(codes + (g * PANEL_ROWS + r) * 4, row.codes + 4 * g, 4);
    if (five_bits(format)) memcpy(codes + (GROUPS / 2 * PANEL_ROWS + r) * 4, row.fifths, 4);
}

uint8_t code(int format, const uint8_t *block, int column, int r) {
    const uint8_t *codes = block + CODES_AT[format];
    if (format == Q8_0) return codes[place(column, r)];
    const uint8_t both = codes[place(column % (BLOCK / 2), r)];
    uint8_t found = column < BLOCK / 2 ? both & 15 : both >> 4;
    const uint8_t *above = codes + BLOCK / 2 * PANEL_ROWS + r * 4 + column % 4;
    if (five_bits(format) || format == Q5_K) found |= (*above >> (column / 4) & 1) << 4;
    if (format == Q6_K) found |= (above[column / 16 * PANEL_ROWS * 4] >> (column / 4 % 4 * 2) & 3) << 4;
    return found;
}

bool pack_k_quants(int format, const uint8_t *row, int superblocks, int r, uint8_t *panel) {
    const Superblock &s = superblock(format);
    bool sound = true;
    for (int i = 0; i < superblocks; i++, row += s.bytes, panel += panel_bytes(format, HEAD_BLOCKS)) {
        for (int half = 0; half < s.halves; half++) sound &= finite_half(row + s.halves_at + 2 * half);
        pack_superblock(format, row, r, panel);
    }
    return sound;
}

void unpack_k_quants(const Packed &w, const uint8_t *panel, int r, float *out) {
    const int superblocks = w.columns / BLOCK / HEAD_BLOCKS, width = w.format == Q6_K ? BLOCK / 2 : BLOCK;
    for (int i = 0; i < superblocks; i++, panel += panel_bytes(w.format, HEAD_BLOCKS)) {
        const float d = half(panel + 2 * r), least = w.format == Q6_K ? 0.0f : half(panel + 2 * (PANEL_ROWS + r));
        for (int c = 0; c < HEAD_BLOCKS * BLOCK; c++) {
            const Small small = small_of(w.format, panel, c / width, r);
            const uint8_t *block = panel + HEAD_BYTES[w.format] + c / BLOCK * BLOCK_BYTES[w.format];
            const int found = code(w.format, block, c % BLOCK, r) - (w.format == Q6_K ? 32 : 0);
            const float number = static_cast<float>(found) * (static_cast<float>(small.scale) * d);
            *out++ = (number - static_cast<float>(small.minimum) * least) * w.scale;
        }
    }
}

// Sixteen rows of floats, or `count` that are left, as a panel of words of sixteen or thirty-two bits: of each row a
// word, then the next word of each. `unsound` are the bits that a number has all of where it is not finite, for each
// number of a word.
template <typename Word>
bool pack_words(const uint8_t *rows, int64_t row_bytes, int count, int64_t words, Word first, Word second, uint8_t *to) {
    Word *panel = reinterpret_cast<Word *>(to);
    bool sound = true;
    for (int64_t i = 0; i < words; i++, panel += PANEL_ROWS)
        for (int r = 0; r < PANEL_ROWS; r++) {
            Word word = 0;
            if (r < count) memcpy(&word, rows + r * row_bytes + i * static_cast<int64_t>(sizeof(Word)), sizeof(Word));
            sound &= (word & first) != first && (word & second) != second;
            panel[r] = word;
        }
    return sound;
}

bool pack_floats(int format, const uint8_t *rows, int64_t row_bytes, int count, int64_t columns, uint8_t *to) {
    switch (format) {
        case BF16: return pack_words<uint32_t>(rows, row_bytes, count, columns / 2, 0x7F80, 0x7F800000, to);
        case F16: return pack_words<uint16_t>(rows, row_bytes, count, columns, 0x7C00, 0x7C00, to);
        case FP8_E4M3: return pack_words<uint16_t>(rows, row_bytes, count, columns / 2, 0x007F, 0x7F00, to);
        default: return pack_words<uint32_t>(rows, row_bytes, count, columns, 0x7F800000, 0x7F800000, to);
    }
}

float number_of_floats(int format, const uint8_t *panel, int64_t column, int r) {
    const int64_t single = column * PANEL_ROWS + r, paired = (column / 2 * PANEL_ROWS + r) * 2 + column % 2;
    float number;
    switch (format) {
        case F16: return half(panel + 2 * single);
        case FP8_E4M3: {
            const uint8_t byte = panel[paired];
            return byte & 0x80 ? -unsigned_e4m3(byte & 0x7F) : unsigned_e4m3(byte);
        }
        case BF16: {
            const uint32_t wide = (panel[2 * paired] | static_cast<uint32_t>(panel[2 * paired + 1]) << 8) << 16;
            memcpy(&number, &wide, 4);
            return number;
        }
        default: memcpy(&number, panel + 4 * single, 4); return number;
    }
}

}  // namespace

int pack_rows(int format, const uint8_t *stored, int64_t row_bytes, const uint8_t *scales, int64_t scale_bytes,
              int rows, int columns, int first, int last, uint8_t *panels) {
    const int blocks = columns / BLOCK;
    const int64_t bytes = BLOCK_BYTES[format], panel = panel_bytes(format, blocks);
    bool sound = true;
    if (of_floats(format)) {
        for (int r = first; r < last; r += PANEL_ROWS)
            sound &= pack_floats(format, stored + r * row_bytes, row_bytes, last - r < PANEL_ROWS ? last - r : PANEL_ROWS,
                                 columns, panels + r / PANEL_ROWS * panel);
        return sound ? 0 : 1;
    }
    const int padded = (last + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS;
    memset(panels + first / PANEL_ROWS * panel, 0, (padded - first) / PANEL_ROWS * panel);
    for (int r = first; r < last && r < rows; r++) {
        const uint8_t *from = stored + r * row_bytes;
        uint8_t *to = panels + r / PANEL_ROWS * panel;
        if (of_k_quants(format)) {
            sound &= pack_k_quants(format, from, blocks / HEAD_BLOCKS, r % PANEL_ROWS, to);
            continue;
        }
        for (int b = 0; b < blocks; b++, to += bytes) {
            Row row;
            if (format != NVFP4) sound &= read_half_scaled(format, from + b * (bytes / PANEL_ROWS), row);
            else if (scales) sound &= read_modelopt(from, scales + r * scale_bytes, b, row);
            else read_gguf_nvfp4(from, b, row);
            write(format, row, r % PANEL_ROWS, to);
        }
    }
    return sound ? 0 : 1;
}

void unpack_row(const Packed &w, int row, float *out) {
    const int blocks = w.columns / BLOCK, r = row % PANEL_ROWS;
    const uint8_t *block = w.data + row / PANEL_ROWS * panel_bytes(w.format, blocks);
    if (of_floats(w.format)) {
        for (int c = 0; c < w.columns; c++) out[c] = number_of_floats(w.format, block, c, r) * w.scale;
        return;
    }
    if (of_k_quants(w.format)) return unpack_k_quants(w, block, r, out);
    for (int b = 0; b < blocks; b++, block += BLOCK_BYTES[w.format]) {
        for (int c = 0; c < BLOCK; c++) {
            const uint8_t found = code(w.format, block, c, r);
            float number = 0.0f;
            switch (w.format) {
                case Q4_0: number = static_cast<float>(found - 8); break;
                case Q5_0: number = static_cast<float>(found - 16); break;
                case Q8_0: number = static_cast<float>(static_cast<int8_t>(found)); break;
                case IQ4_NL: number = static_cast<float>(IQ4_NL_VALUES[found]); break;
                case NVFP4: number = E2M1[found]; break;
                default: number = static_cast<float>(found);
            }
            const float scale =
                w.format == NVFP4 ? unsigned_e4m3(block[c / 16 * PANEL_ROWS + r]) : half(block + 2 * r);
            number = number * scale;
            if (minimums(w.format)) number = number + half(block + 2 * (PANEL_ROWS + r));
            *out++ = number * w.scale;
        }
    }
}

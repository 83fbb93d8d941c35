// Matrices in stored formats, as `matmul.h` and `floats.h` multiply by them. Plain C, as api.h; all memory is Python's.
//
// Sixteen rows lie side by side as a panel. A panel is its blocks of 32 columns, one after the other; a block is first
// the scales of its rows and then their codes, [8 groups][16 rows][4 columns], so that a vector's lanes are rows and
// nothing is ever added across lanes. A byte of a 4-bit format has group g low and group g + 4 high. A block takes as
// many bytes as its sixteen rows do in the file.
//
// K-quants have a head before each eight blocks, whose scales it has, and those of all numbers there: of each row the
// first byte, as the file has them, then of each row the second. Their blocks are codes alone. After four bits of each
// code Q5_K has the fifth ones as Q5_0 does, and Q6_K two bytes for each four columns of a row: bits 2 k and 2 k + 1 of
// the first are those of group k, and of the second those of group k + 4.
//
// Formats of floats have no scales. Their panels are [columns / 2][16 rows][2 columns] with BF16 and FP8, and
// [columns][16 rows] with F16 and F32: as each is widened in the fewest steps.
#pragma once
#include <cstdint>

constexpr int PANEL_ROWS = 16;
constexpr int BLOCK = 32;      // columns
constexpr int GROUPS = 8;      // of four columns, in a block
constexpr int HEAD_BLOCKS = 8; // that a head is for
constexpr int TILE = 64;       // tokens that pass over a panel together
constexpr int MAX_PLANES = 2;

// The numbers of formats are those in packed_weight.py.
enum Format : int32_t {
    Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, NVFP4, Q4_K, Q5_K, Q6_K, BF16, F16, FP8_E4M3, F32, FORMATS
};

// Bytes of a block of sixteen rows, and of a head.
constexpr int BLOCK_BYTES[FORMATS] = {288, 320, 352, 384, 544, 288, 288, 256, 320, 384, 1024, 1024, 512, 2048};
constexpr int HEAD_BYTES[FORMATS] = {0, 0, 0, 0, 0, 0, 0, 256, 256, 288, 0, 0, 0, 0};

inline bool of_floats(int format) { return format >= BF16; }
inline bool of_k_quants(int format) { return HEAD_BYTES[format] > 0; }

// Bytes of a panel's first blocks, with their heads: rows of K-quants are whole superblocks of HEAD_BLOCKS.
inline int64_t panel_bytes(int format, int64_t blocks) {
    return blocks * BLOCK_BYTES[format] + blocks / HEAD_BLOCKS * HEAD_BYTES[format];
}

struct Packed {
    const uint8_t *data;  // [panels][panel_bytes]
    int32_t format, rows, columns;
    float scale;  // of all numbers
};

// Tokens as `quantise` leaves them: a number is scale * (low + 128 * high), and with one plane scale * low, where both
// are in -127..127. With two planes a number has 15 bits, and a block's largest is a whole step.
struct Tokens {
    int8_t *codes;   // [blocks][planes: high, low][tokens][BLOCK]
    float *scale;    // [blocks][tokens]
    float *sums;     // [blocks][tokens]: scale times the sum of a block's codes
    int32_t *start;  // [blocks][2][tokens]: what a half block's products begin with, the format's offset times -sum
    int32_t tokens, blocks, planes;
};

constexpr int64_t tokens_bytes(int64_t tokens, int64_t blocks, int64_t planes) {
    return blocks * tokens * (BLOCK * planes + 16);
}

inline Tokens tokens_in(uint8_t *memory, int32_t tokens, int32_t blocks, int32_t planes) {
    Tokens t;
    const int64_t count = static_cast<int64_t>(tokens) * blocks;
    t.codes = reinterpret_cast<int8_t *>(memory);
    t.scale = reinterpret_cast<float *>(memory + count * BLOCK * planes);
    t.sums = t.scale + count;
    t.start = reinterpret_cast<int32_t *>(t.sums + count);
    t.tokens = tokens;
    t.blocks = blocks;
    t.planes = planes;
    return t;
}

// The kernels of one instruction set. All sets give the same bits: integers are exact, and the floating-point work on
// an element is the same whatever the set, and however many tokens there are.
struct MatmulKernels {
    // Rows `which[i]` of x, or rows 0, 1, ... without `which`; out.tokens of them.
    void (*quantise)(const float *x, int64_t stride, const int32_t *which, int format, Tokens out);
    // Panels [first, last) for all tokens; the first row of the matrix is out[0], a token's outputs are `stride` apart.
    void (*panels)(const Packed *w, int first, int last, Tokens x, int relu2, float *out, int64_t stride);
    // The same two for formats of floats: out[tokens * columns] in the order in which `float_panels` reads numbers.
    void (*arrange)(const float *x, int64_t stride, const int32_t *which, int tokens, int columns, float *out);
    void (*float_panels)(const Packed *w, int first, int last, const float *x, int tokens, int relu2, float *out,
                         int64_t stride);
};

extern const MatmulKernels SCALAR_MATMUL, AVX2_MATMUL, AVX512_MATMUL, AVX512_VNNI_MATMUL;

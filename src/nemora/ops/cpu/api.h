// What Python hands to the kernels and gets back. Plain C: no exceptions, no allocation, no state. All memory is Python's.
#pragma once
#include <cstdint>

// Columns of a packed matrix are kept in panels of this many; `matrix.py` says the same.
constexpr int PANEL = 32;

// An 8-bit matrix [k, n] with a scale per column, in panels: codes[n / PANEL][k / 4][PANEL][4], |code| <= 63.
// k is padded to a multiple of 4 and n to one of PANEL, with zeros.
struct Matrix {
    const int8_t *codes;
    const float *scale;  // [padded n]
    const float *sums;   // [padded n], the sum of a column's codes times its scale
    const float *bias;   // [padded n]
    int32_t k, n;        // without padding
};

// Rows of 8-bit activations: x = scale * (code - zero), each row with its own scale and zero.
struct Rows {
    uint8_t *codes;  // [rows, k padded to a multiple of 4]
    float *scale, *zero;
};

struct Norm {
    const float *weight, *bias;
};

struct Layer {
    Matrix qkv, output, up, down;
    Norm attention_norm, norm;
};

// An encoder as BERT's: post-norm layers, GELU, learned positions, and an embedding of each token's shape.
struct Encoder {
    int32_t hidden, heads, inner, layers;
    int32_t words, positions, shapes;  // rows of the tables
    int32_t outputs, labels;
    int32_t meaning;  // after how many layers the hidden states are what a text means; 0: never
    float epsilon;
    const int8_t *word_codes;  // [words, hidden]
    const float *word_scale;   // [words]
    const float *position_table, *shape_table;
    Norm norm;
    const Layer *layer;
    const float *head, *head_bias;    // [outputs, 2 * hidden]: of the mean, and of the largest
    const float *label, *label_bias;  // [hidden, labels padded to PANEL], zeros there
};

// The kernels of one instruction set.
struct Kernels {
    void (*quantise)(const float *x, int rows, int k, Rows out);
    void (*linear)(Rows a, int rows, const Matrix *w, int gelu, float *out, int stride);
    void (*matmul)(const float *a, int lda, const float *b, int ldb, int rows, int k, int n, float *out, int ldo);
    void (*add_norm)(float *x, const float *skip, int rows, int size, Norm norm, float epsilon);
    void (*attention)(const float *qkv, int tokens, int heads, int size, float *scratch, float *out);
    void (*encode)(const Encoder *e, const int64_t *ids, const int64_t *shapes, int tokens, float *scratch,
                   float *logits, float *labels, float *meaning);
};

extern const Kernels SCALAR, AVX2, AVX512, AVX512_VNNI;

// One token of each of several sequences through all layers of a model, in 32-bit floats: what `step.py` hands over.
#pragma once
#include "packed.h"

// Matrices that are stacked by rows.
struct Matrices {
    const Packed *parts;
    int32_t count, rows, columns;
};

enum Mixer : int32_t { ATTENTION, MAMBA, RELU2_MLP, SWIGLU_MLP, MIXTURE };

// x + mixer(norm(x)). What a mixer does not have is zero.
struct StepLayer {
    int32_t mixer;
    int32_t slot;  // among the layers that remember as it does
    float epsilon;
    const float *norm;
    // Attention: queries, keys and values, and the output. Mamba: the same two. A feed-forward network: up (SwiGLU: gate
    // and up), and down. A mixture: those of its shared expert.
    Matrices in, out;
    // Attention.
    int32_t heads, kv_heads, head_dim, rotated;
    // Mamba.
    int32_t states, state_heads_dim, groups, state_size, kernel;
    float least_step, most_step;
    const float *conv;  // [kernel, channels]
    const float *conv_bias, *dt_bias, *a, *d, *gate_norm;
    // A mixture. `latent` is 0 where its experts read what the router reads.
    int32_t experts, top_k, latent, normalise;
    float scale;
    const float *router, *router_bias;
    const Packed *up, *down;
    Matrices to_latent, from_latent;
};

struct Step {
    const StepLayer *layers;
    int32_t count, hidden, planes;
    float epsilon;
    const float *norm;
};

// What a sequence remembers: keys and values [kv_heads, capacity, head_dim] of each attention layer, of which `length`
// positions are filled; the convolution's inputs [channels, kernel - 1] and the state [heads, head_dim, state_size] of
// each Mamba layer.
struct Memories {
    float *const *keys, *const *values, *const *conv, *const *states;
    const float *cosines, *sines;  // of the next position, where there are rotary ones
    int64_t length, capacity;
};

constexpr int64_t RUN = 512;  // positions that a thread looks back at in one go
constexpr int64_t BLOCK_TOKENS = 16;  // tokens of a prompt, at most, that do so while the run lies in a core's cache

// A run of positions for the queries that share a key head; `out` is theirs: [group][head_dim], not yet divided by the
// sum, then the largest exponent and the sum of each.
struct LookBack {
    const float *queries, *keys, *values;
    int group, head_dim;
    int64_t positions;
    float *out;
};

constexpr int SCANNED = 32;  // tokens that pass a Mamba layer's heads together

// One group of a Mamba layer's heads, for a run of tokens of one sequence.
struct Scan {
    const float *projected;  // [tokens, stride]: gate, x B C, dt
    int64_t stride, tokens;
    float *conv, *states, *working;
    float *out;  // [tokens, all heads]
    int group;
};

inline int64_t scan_floats(const StepLayer &l) {
    const int64_t own = l.states / l.groups * l.state_heads_dim, size = l.state_size;
    return SCANNED * (own + 2 * size) + (l.kernel - 1) * (own > size ? own : size);
}

// The kernels of one instruction set. A sequence's result does not depend on what else is stepped with it.
struct StepKernels {
    void (*rms_norm)(const float *x, const float *weight, int64_t size, float epsilon, float *out);
    void (*look_back)(const LookBack &work);
    void (*merge)(const float *part, int group, int head_dim, float *whole);
    void (*divide)(const float *whole, int group, int head_dim, float *out);
    void (*scan)(const StepLayer &layer, const Scan &work);
    void (*swiglu)(const float *gate_up, int64_t width, float *out);
    void (*relu2)(const float *x, int64_t size, float *out);
    float (*dot)(const float *x, const float *y, int64_t size);
    void (*sum)(float *x, const float *y, int64_t size);
};

extern const StepKernels SCALAR_STEP, AVX2_STEP, AVX512_STEP, AVX512_VNNI_STEP;

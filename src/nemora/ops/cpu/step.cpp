// A token of each of several sequences through all layers: in which order, and what is shared out between threads. No
// result depends on how the work was shared out.
#include "step.h"

#include <cmath>
#include <cstring>
#include <initializer_list>

#include "pool.h"
#include "products.h"

#define NEMORA_API __attribute__((visibility("default")))

namespace {

const StepKernels *const SETS[] = {
    &SCALAR_STEP,
#if defined(__x86_64__)
    &AVX2_STEP,
    &AVX512_STEP,
    &AVX512_VNNI_STEP,
#endif
};

constexpr int64_t LINE = 64;
constexpr int64_t ROUTED = 8;       // experts whose scores a thread computes in one go
constexpr int64_t SERIAL = 1 << 14;  // numbers that are read before another thread has woken

inline int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t parts(int64_t size, int64_t of) { return (size + of - 1) / of; }

// Pair i is (x[i], x[i + pairs]).
void rotate(float *x, int heads, int head_dim, int pairs, const float *cosines, const float *sines) {
    for (int head = 0; head < heads; head++, x += head_dim)
        for (int i = 0; i < pairs; i++) {
            const float first = x[i], second = x[i + pairs];
            x[i] = first * cosines[i] - second * sines[i];
            x[i + pairs] = second * cosines[i] + first * sines[i];
        }
}

// Each token's experts, the best first, and their shares (arXiv:2412.19437, section 2.1.2).
struct Router {
    const float *gate, *bias;
    int hidden, experts, top_k, normalise;
    float scale;
};

void choose(const Router &r, const float *scores, int64_t *chosen, float *shares) {
    float total = 0.0f;
    for (int k = 0; k < r.top_k; k++) {
        int best = -1;
        for (int e = 0; e < r.experts; e++) {
            bool free = best < 0 || scores[e] + r.bias[e] > scores[best] + r.bias[best];
            for (int taken = 0; taken < k && free; taken++) free = chosen[taken] != e;
            if (free) best = e;
        }
        chosen[k] = best;
        shares[k] = scores[best];
        total += scores[best];
    }
    const float factor = r.normalise ? r.scale / (total + 1e-20f) : r.scale;
    for (int k = 0; k < r.top_k; k++) shares[k] *= factor;
}

// scores[tokens, experts] is working memory.
void route(const StepKernels &kernels, int threads, const Router &r, const float *x, int64_t tokens, float *scores,
           int64_t *chosen, float *shares) {
    if (tokens * r.experts * r.hidden < 8 * SERIAL) threads = 1;
    each_in_parallel(threads, tokens * parts(r.experts, ROUTED), [&](int64_t item) {
        const int64_t runs = parts(r.experts, ROUTED), i = item / runs, first = item % runs * ROUTED;
        for (int64_t e = first; e < first + ROUTED && e < r.experts; e++) {
            const float score = kernels.dot(r.gate + e * r.hidden, x + i * r.hidden, r.hidden);
            scores[i * r.experts + e] = 1.0f / (1.0f + expf(-score));
        }
    });
    for (int64_t i = 0; i < tokens; i++) choose(r, scores + i * r.experts, chosen + i * r.top_k, shares + i * r.top_k);
}

// What a layer needs beside its output, in floats of each sequence.
int64_t wide_of(const StepLayer &l) {
    switch (l.mixer) {
        case SWIGLU_MLP: return l.in.rows;
        case MIXTURE: return larger_of(l.in.rows, l.latent);
        default: return l.in.rows;
    }
}
int64_t inner_of(const StepLayer &l) {
    return l.mixer == MIXTURE ? larger_of(l.out.columns, l.latent + l.experts) : l.out.columns;
}
inline int64_t run_floats(const StepLayer &l) { return static_cast<int64_t>(l.heads / l.kv_heads) * (l.head_dim + 2); }

struct Working {
    float *x, *normed, *wide, *inner, *answer, *routed, *parts;
    int64_t *chosen;
    float *shares;
    uint8_t *products;
    int64_t bytes;
};

Working working_in(uint8_t *at, const Step &s, int64_t sequences, int64_t longest) {
    Working w{};
    int64_t used = 0, wide = 0, inner = 0, some = 0, products = 0, choices = 0;
    for (int i = 0; i < s.count; i++) {
        const StepLayer &l = s.layers[i];
        wide = larger_of(wide, wide_of(l));
        inner = larger_of(inner, inner_of(l));
        if (l.mixer == ATTENTION) some = larger_of(some, parts(longest, RUN) * l.kv_heads * run_floats(l));
        if (l.mixer == MAMBA) some = larger_of(some, l.groups * scan_floats(l));
        choices = larger_of(choices, l.top_k);
        for (const Matrices *m : {&l.in, &l.out, &l.to_latent, &l.from_latent})
            if (m->count) products = larger_of(products, nemora_product_scratch(m->parts, m->count, sequences, s.planes));
        if (l.mixer == MIXTURE)
            products = larger_of(
                products, nemora_experts_scratch(l.up, l.down, l.experts, sequences, l.top_k, s.planes));
    }
    const auto take = [&](int64_t bytes) {
        uint8_t *part = at ? at + used : nullptr;
        used += parts(bytes, LINE) * LINE;
        return part;
    };
    const auto floats = [&](int64_t count) { return reinterpret_cast<float *>(take(sequences * count * 4)); };
    w.x = floats(s.hidden), w.normed = floats(s.hidden), w.answer = floats(s.hidden);
    w.routed = floats(s.hidden);
    w.wide = floats(wide), w.inner = floats(inner), w.parts = floats(some);
    w.shares = floats(choices);
    w.chosen = reinterpret_cast<int64_t *>(take(sequences * choices * 8));
    w.products = take(products);
    w.bytes = used;
    return w;
}

struct Run {
    const Step &s;
    const StepKernels &kernels;
    int set, threads;
    int64_t sequences;
    const Memories *memories;
    Working w;

    void multiply(const Matrices &m, const float *x, float *out) const {
        nemora_product(set, threads, m.parts, m.count, x, sequences, s.planes, w.products, out);
    }

    void norm(const float *x, const float *weight, float epsilon, float *out) const {
        for (int64_t i = 0; i < sequences; i++)
            kernels.rms_norm(x + i * s.hidden, weight, s.hidden, epsilon, out + i * s.hidden);
    }

    // Rotates, remembers keys and values, and looks back: w.wide to w.inner.
    void attend(const StepLayer &l) const {
        const int64_t size = l.head_dim, width = (l.heads + 2 * l.kv_heads) * size, group = l.heads / l.kv_heads;
        int64_t longest = 0;
        for (int64_t i = 0; i < sequences; i++) {
            float *row = w.wide + i * width;
            const Memories &m = memories[i];
            rotate(row, l.heads + l.kv_heads, l.head_dim, l.rotated, m.cosines, m.sines);
            for (int64_t kv = 0; kv < l.kv_heads; kv++) {
                const int64_t at = (kv * m.capacity + m.length) * size;
                memcpy(m.keys[l.slot] + at, row + (l.heads + kv) * size, size * 4);
                memcpy(m.values[l.slot] + at, row + (l.heads + l.kv_heads + kv) * size, size * 4);
            }
            longest = larger_of(longest, m.length + 1);
        }
        const int64_t runs = parts(longest, RUN), floats = run_floats(l);
        const int threads_now = longest * size * l.kv_heads * sequences < SERIAL ? 1 : threads;
        each_in_parallel(threads_now, sequences * l.kv_heads * runs, [&](int64_t item) {
            const int64_t run = item % runs, kv = item / runs % l.kv_heads, i = item / runs / l.kv_heads;
            const Memories &m = memories[i];
            const int64_t first = run * RUN, left = m.length + 1 - first;
            if (left <= 0) return;
            const int64_t at = (kv * m.capacity + first) * size;
            kernels.look_back({w.wide + i * width + kv * group * size, m.keys[l.slot] + at, m.values[l.slot] + at,
                               static_cast<int>(group), l.head_dim, left < RUN ? left : RUN, w.parts + item * floats});
        });
        for (int64_t i = 0; i < sequences; i++)
            for (int64_t kv = 0; kv < l.kv_heads; kv++) {
                float *whole = w.parts + (i * l.kv_heads + kv) * runs * floats;
                for (int64_t run = 1; run < parts(memories[i].length + 1, RUN); run++)
                    kernels.merge(whole + run * floats, static_cast<int>(group), l.head_dim, whole);
                kernels.divide(whole, static_cast<int>(group), l.head_dim,
                               w.inner + (i * l.heads + kv * group) * size);
            }
    }

    void scan(const StepLayer &l) const {
        each_in_parallel(threads, sequences * l.groups, [&](int64_t item) {
            const int64_t i = item / l.groups;
            const Memories &m = memories[i];
            kernels.scan(l, {w.wide + i * l.in.rows, l.in.rows, 1, m.conv[l.slot], m.states[l.slot],
                             w.parts + item * scan_floats(l), w.inner + i * l.out.columns,
                             static_cast<int>(item % l.groups)});
        });
    }

    // w.normed to w.answer
    void mix(const StepLayer &l) const {
        const Router router{l.router, l.router_bias, s.hidden, l.experts, l.top_k, l.normalise, l.scale};
        route(kernels, threads, router, w.normed, sequences, w.inner, w.chosen, w.shares);
        const float *read = w.normed;
        if (l.latent) multiply(l.to_latent, w.normed, w.wide), read = w.wide;
        float *routed = l.latent ? w.inner : w.routed;
        nemora_experts(set, threads, l.up, l.down, l.experts, read, w.chosen, w.shares, sequences, l.top_k, s.planes,
                       w.products, routed);
        if (l.latent) multiply(l.from_latent, routed, w.routed);
        multiply(l.in, w.normed, w.wide);
        kernels.relu2(w.wide, sequences * l.in.rows, w.wide);
        multiply(l.out, w.wide, w.answer);
        kernels.sum(w.answer, w.routed, sequences * s.hidden);
    }

    void layer(const StepLayer &l) const {
        norm(w.x, l.norm, l.epsilon, w.normed);
        if (l.mixer == MIXTURE) {
            mix(l);
        } else {
            multiply(l.in, w.normed, w.wide);
            const float *read = w.inner;
            switch (l.mixer) {
                case ATTENTION: attend(l); break;
                case MAMBA: scan(l); break;
                case SWIGLU_MLP:
                    for (int64_t i = 0; i < sequences; i++)
                        kernels.swiglu(w.wide + i * l.in.rows, l.out.columns, w.inner + i * l.out.columns);
                    break;
                default: kernels.relu2(w.wide, sequences * l.in.rows, w.wide), read = w.wide;
            }
            multiply(l.out, read, w.answer);
        }
        kernels.sum(w.x, w.answer, sequences * s.hidden);
    }
};

}  // namespace

extern "C" {

NEMORA_API int64_t nemora_step_scratch(const Step *s, int64_t sequences, int64_t longest) {
    return working_in(nullptr, *s, sequences, longest).bytes;
}

// out[sequences, hidden] = the last norm of x[sequences, hidden] after all layers. What sequences remember has the
// token then, but for `length`. `longest` is the greatest length with the token.
NEMORA_API void nemora_step(int set, int threads, const Step *s, int64_t sequences, const Memories *memories,
                            int64_t longest, const float *x, uint8_t *scratch, float *out) {
    const Run run{*s, *SETS[set], set, threads, sequences, memories, working_in(scratch, *s, sequences, longest)};
    memcpy(run.w.x, x, sequences * s->hidden * 4);
    for (int i = 0; i < s->count; i++) run.layer(s->layers[i]);
    run.norm(run.w.x, s->norm, s->epsilon, out);
}

NEMORA_API int64_t nemora_scan_scratch(const StepLayer *l, int64_t sequences) {
    return sequences * l->groups * scan_floats(*l) * 4;
}

// What a Mamba layer's convolution, state space and gated norm make of projected[sequences, tokens, gate x B C dt]:
// out[sequences, tokens, heads * head_dim]. conv and states are moved on.
NEMORA_API void nemora_scan(int set, int threads, const StepLayer *l, int64_t sequences, int64_t tokens,
                            const float *projected, float *conv, float *states, float *scratch, float *out) {
    const int64_t inner = static_cast<int64_t>(l->states) * l->state_heads_dim;
    const int64_t channels = inner + 2 * static_cast<int64_t>(l->groups) * l->state_size;
    const int64_t stride = inner + channels + l->states;
    each_in_parallel(threads, sequences * l->groups, [&](int64_t item) {
        const int64_t i = item / l->groups;
        SETS[set]->scan(*l, {projected + i * tokens * stride, stride, tokens, conv + i * channels * (l->kernel - 1),
                             states + i * inner * l->state_size, scratch + item * scan_floats(*l),
                             out + i * tokens * inner, static_cast<int>(item % l->groups)});
    });
}

// out[rows, size] = RMS norm of each row of x.
NEMORA_API void nemora_rms_norm(int set, int threads, const float *x, int64_t rows, int64_t size, const float *weight,
                                float epsilon, float *out) {
    const int64_t run = larger_of(1, SERIAL / size);
    each_in_parallel(threads, parts(rows, run), [&](int64_t item) {
        for (int64_t i = item * run; i < rows && i < (item + 1) * run; i++)
            SETS[set]->rms_norm(x + i * size, weight, size, epsilon, out + i * size);
    });
}

// As `Router`: chosen and shares [tokens, top_k], of x[tokens, hidden].
NEMORA_API void nemora_route(int set, int threads, const float *x, int64_t tokens, int hidden, const float *gate,
                             const float *bias, int experts, int top_k, int normalise, float scale, float *scores,
                             int64_t *chosen, float *shares) {
    route(*SETS[set], threads, {gate, bias, hidden, experts, top_k, normalise, scale}, x, tokens, scores, chosen, shares);
}

// out[rows, width] = silu(gate) * up, for both side by side in rows of gate_up.
NEMORA_API void nemora_swiglu(int set, int threads, const float *gate_up, int64_t rows, int64_t width, float *out) {
    const int64_t run = larger_of(1, SERIAL / width);
    each_in_parallel(threads, parts(rows, run), [&](int64_t item) {
        for (int64_t i = item * run; i < rows && i < (item + 1) * run; i++)
            SETS[set]->swiglu(gate_up + i * 2 * width, width, out + i * width);
    });
}

// out[size] = relu(x)^2
NEMORA_API void nemora_relu2(int set, int threads, const float *x, int64_t size, float *out) {
    each_in_parallel(threads, parts(size, SERIAL), [&](int64_t item) {
        const int64_t first = item * SERIAL, left = size - first;
        SETS[set]->relu2(x + first, left < SERIAL ? left : SERIAL, out + first);
    });
}

// out[tokens, heads, head_dim] = x, whose tokens are `stride` apart, rotated by angles [tokens, pairs].
NEMORA_API void nemora_rope(int threads, const float *x, int64_t tokens, int64_t stride, int heads, int head_dim, int pairs,
                            const float *cosines, const float *sines, float *out) {
    const int64_t width = static_cast<int64_t>(heads) * head_dim, run = larger_of(1, SERIAL / width);
    each_in_parallel(threads, parts(tokens, run), [&](int64_t item) {
        for (int64_t i = item * run; i < tokens && i < (item + 1) * run; i++) {
            memcpy(out + i * width, x + i * stride, width * sizeof(float));
            rotate(out + i * width, heads, head_dim, pairs, cosines + i * pairs, sines + i * pairs);
        }
    });
}

// Tokens of a block of `nemora_attention_over`: fewer than BLOCK_TOKENS where there would be too few blocks for all threads.
static int64_t block_of(int threads, int64_t tokens, int kv_heads) {
    const int64_t share = parts(tokens * kv_heads, threads * 4);
    return share < BLOCK_TOKENS ? larger_of(1, share) : BLOCK_TOKENS;
}

// Its lanes: each takes every so-manieth key head and block of tokens, in memory of its own.
static int64_t lanes_of(int threads, int64_t items) { return threads * 4 < items ? threads * 4 : items; }

NEMORA_API int64_t nemora_attention_over_scratch(int threads, int64_t tokens, int heads, int kv_heads, int head_dim) {
    const int64_t block = block_of(threads, tokens, kv_heads), lanes = lanes_of(threads, parts(tokens, block) * kv_heads);
    return lanes * (block + 1) * (heads / kv_heads) * (head_dim + 2) * 4;
}

// Causal attention of the last `tokens` of `total` positions: q and out[tokens, heads, head_dim], keys and values
// [kv_heads, capacity, head_dim]. Each token is computed as in `nemora_step`, to the bit.
NEMORA_API void nemora_attention_over(int set, int threads, const float *q, int64_t tokens, int64_t total, int heads,
                                      int kv_heads, int head_dim, const float *keys, const float *values,
                                      int64_t capacity, float *scratch, float *out) {
    const int group = heads / kv_heads;
    const int64_t size = head_dim, floats = group * (size + 2), before = total - tokens;
    const int64_t block = block_of(threads, tokens, kv_heads), blocks = parts(tokens, block);
    const int64_t items = blocks * kv_heads, lanes = lanes_of(threads, items);
    each_in_parallel(threads, lanes, [&](int64_t lane) {
        float *whole = scratch + lane * (block + 1) * floats, *part = whole + block * floats;
        for (int64_t item = lane; item < items; item += lanes) {
            const int64_t begin = item % blocks * block, kv = item / blocks;
            const int64_t end = begin + block < tokens ? begin + block : tokens;
            for (int64_t run = 0; run * RUN < before + end; run++)
                for (int64_t t = begin; t < end; t++) {
                    const int64_t left = before + t + 1 - run * RUN, at = (kv * capacity + run * RUN) * size;
                    if (left <= 0) continue;
                    float *own = whole + (t - begin) * floats;
                    SETS[set]->look_back({q + (t * heads + kv * group) * size, keys + at, values + at, group, head_dim,
                                          left < RUN ? left : RUN, run ? part : own});
                    if (run) SETS[set]->merge(part, group, head_dim, own);
                }
            for (int64_t t = begin; t < end; t++)
                SETS[set]->divide(whole + (t - begin) * floats, group, head_dim, out + (t * heads + kv * group) * size);
        }
    });
}
}

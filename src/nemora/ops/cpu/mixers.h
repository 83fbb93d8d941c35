// What layers compute beside their matrices, written once over a vector of W numbers. Sums of vectors are
// joined at their end, so results of instruction sets differ by rounding.
#pragma once
#include "attention.h"
#include "step.h"

namespace {

constexpr float LOG2_E = 1.44269504f;
constexpr int NEAR = 64;  // positions whose scores are held at once
constexpr float FAR = 120.0f;  // an exponent of two that counts for nothing; `larger` gives its second where one is NaN
constexpr float LOWEST = -3.40282347e38f;  // where the largest exponent starts: below every number

// x / (1 + exp(-x))
inline F silu_of(F x) {
    const F power = smaller(mul(x, all(-LOG2_E)), all(126.0f));
    return over(x, add(all(1.0f), power_of_two(power)));
}
inline float silu_of_one(float x) { return x / (1.0f + __builtin_expf(-x)); }

inline float dot(const float *x, const float *y, int64_t size) {
    F first = all(0.0f), second = all(0.0f);
    int64_t i = 0;
    for (; i + 2 * W <= size; i += 2 * W) {
        first = fma(load(x + i), load(y + i), first);
        second = fma(load(x + i + W), load(y + i + W), second);
    }
    for (; i + W <= size; i += W) first = fma(load(x + i), load(y + i), first);
    float total = sum(add(first, second));
    for (; i < size; i++) total += x[i] * y[i];
    return total;
}

void sum_to(float *x, const float *y, int64_t size) {
    int64_t i = 0;
    for (; i + W <= size; i += W) store(x + i, add(load(x + i), load(y + i)));
    for (; i < size; i++) x[i] += y[i];
}

void rms_norm(const float *x, const float *weight, int64_t size, float epsilon, float *out) {
    const float inverse = 1.0f / __builtin_sqrtf(dot(x, x, size) / static_cast<float>(size) + epsilon);
    int64_t i = 0;
    for (; i + W <= size; i += W) store(out + i, mul(mul(load(x + i), all(inverse)), load(weight + i)));
    for (; i < size; i++) out[i] = x[i] * inverse * weight[i];
}

// scores[q * NEAR + p] = queries[q] . keys[p] * factor, for Q queries. A score is the same sum in any company.
template <int Q>
inline void score(const float *queries, const float *keys, int count, int size, float factor, float *scores) {
    constexpr int K = 8 / Q;
    for (int first = 0; first < count; first += K) {
        const float *key[K];
        for (int k = 0; k < K; k++) key[k] = keys + static_cast<int64_t>(first + k < count ? first + k : count - 1) * size;
        F sums[8];
        for (int i = 0; i < 8; i++) sums[i] = all(0.0f);
        int d = 0;
        for (; d + W <= size; d += W) {
            F x[K];
#pragma GCC unroll 8
            for (int k = 0; k < K; k++) x[k] = load(key[k] + d);
#pragma GCC unroll 4
            for (int q = 0; q < Q; q++) {
                const F query = load(queries + q * size + d);
#pragma GCC unroll 8
                for (int k = 0; k < K; k++) sums[q * K + k] = fma(query, x[k], sums[q * K + k]);
            }
        }
        float found[8];
        sums_of_eight(sums, found);
        if (d == size && first + K <= count) {  // as below, but that a compiler can do it at once
            for (int q = 0; q < Q; q++)
                for (int k = 0; k < K; k++) scores[q * NEAR + first + k] = found[q * K + k] * factor;
            continue;
        }
        for (int q = 0; q < Q; q++)
            for (int k = 0; k < K && first + k < count; k++) {
                float total = found[q * K + k];
                for (int rest = d; rest < size; rest++) total += queries[q * size + rest] * key[k][rest];
                scores[q * NEAR + first + k] = total * factor;
            }
    }
}

// out[q * size + d] += sum over p of weights[q * NEAR + p] * rows[p * size + d], for Q queries
template <int Q>
inline void add_weighted(const float *weights, const float *rows, int count, int size, float *out) {
    int d = 0;
    for (; d + 4 * W <= size; d += 4 * W) {
        F sums[4 * Q];
        for (int i = 0; i < 4 * Q; i++) sums[i] = load(out + i / 4 * size + d + i % 4 * W);
        const float *row = rows + d;
        for (int p = 0; p < count; p++, row += size) {
            F x[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) x[i] = load(row + i * W);
#pragma GCC unroll 4
            for (int q = 0; q < Q; q++) {
                const F weight = all(weights[q * NEAR + p]);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) sums[q * 4 + i] = fma(weight, x[i], sums[q * 4 + i]);
            }
        }
        for (int i = 0; i < 4 * Q; i++) store(out + i / 4 * size + d + i % 4 * W, sums[i]);
    }
    for (int q = 0; q < Q; q++)
        for (int rest = d; rest < size; rest++)
            for (int p = 0; p < count; p++)
                out[q * size + rest] += weights[q * NEAR + p] * rows[static_cast<int64_t>(p) * size + rest];
}

// `count` positions, at most NEAR, for queries [g, g + Q) of a group.
template <int Q>
inline void look_at(const LookBack &work, int g, const float *keys, const float *values, int count) {
    const int size = work.head_dim;
    float *mixed = work.out + g * size, *most = work.out + work.group * size + g, *sums = most + work.group;
    alignas(64) float scores[Q * NEAR];
    score<Q>(work.queries + static_cast<int64_t>(g) * size, keys, count, size,
             LOG2_E / __builtin_sqrtf(static_cast<float>(size)), scores);
    for (int q = 0; q < Q; q++) {
        float *own = scores + q * NEAR;
        for (int p = count; p < NEAR; p++) own[p] = -__builtin_inff();  // high - FAR is high where that is large
        F highest = all(most[q]);
        for (int p = 0; p < NEAR; p += W) highest = larger(load(own + p), highest);
        const float high = largest(highest);
        F total = all(0.0f);
        for (int p = 0; p < NEAR; p += W) {
            const F weight = power_of_two(larger(all(-FAR), sub(load(own + p), all(high))));
            total = add(total, weight);
            store(own + p, weight);
        }
        if (high > most[q]) {
            float shrunk[W];
            store(shrunk, power_of_two(larger(all(-FAR), all(most[q] - high))));
            for (int d = 0; d < size; d++) mixed[q * size + d] *= shrunk[0];
            sums[q] *= shrunk[0];
            most[q] = high;
        }
        sums[q] += sum(total);
    }
    add_weighted<Q>(scores, values, count, size, mixed);
}

// Attention over a run of positions, NEAR of them at a time, with the exponents' running maximum (arXiv:2205.14135). Two
// or four queries share what is loaded of keys and values, which a core's first cache does not hold.
void look_back(const LookBack &work) {
    const int size = work.head_dim;
    float *most = work.out + work.group * size, *sums = most + work.group;
    for (int i = 0; i < work.group * size; i++) work.out[i] = 0.0f;
    for (int g = 0; g < work.group; g++) most[g] = LOWEST, sums[g] = 0.0f;
    for (int64_t first = 0; first < work.positions; first += NEAR) {
        const int count = static_cast<int>(work.positions - first < NEAR ? work.positions - first : NEAR);
        const float *keys = work.keys + first * size, *values = work.values + first * size;
        int g = 0;
        if constexpr (QUERIES_TOGETHER >= 4)
            for (; g + 4 <= work.group; g += 4) look_at<4>(work, g, keys, values, count);
        for (; g + 2 <= work.group; g += 2) look_at<2>(work, g, keys, values, count);
        if (g < work.group) look_at<1>(work, g, keys, values, count);
    }
}

// A further run of positions as `look_back` left it, into what was made of those before.
void merge(const float *part, int group, int head_dim, float *whole) {
    const float *most = part + group * head_dim, *sums = most + group;
    float *whole_most = whole + group * head_dim, *whole_sums = whole_most + group;
    for (int g = 0; g < group; g++, part += head_dim, whole += head_dim) {
        const float high = most[g] > whole_most[g] ? most[g] : whole_most[g];
        float mine[W], theirs[W];
        store(mine, power_of_two(larger(all(-FAR), all(whole_most[g] - high))));
        store(theirs, power_of_two(larger(all(-FAR), all(most[g] - high))));
        for (int d = 0; d < head_dim; d++) whole[d] = whole[d] * mine[0] + part[d] * theirs[0];
        whole_sums[g] = whole_sums[g] * mine[0] + sums[g] * theirs[0];
        whole_most[g] = high;
    }
}

// What was made of all runs to the heads' outputs: NaN where no score was a number, or all are below every number.
void divide(const float *whole, int group, int head_dim, float *out) {
    const float *most = whole + group * head_dim, *sums = most + group;
    for (int g = 0; g < group; g++) {
        const float total = most[g] > LOWEST ? sums[g] : __builtin_nanf("");
        for (int d = 0; d < head_dim; d++) out[g * head_dim + d] = whole[g * head_dim + d] / total;
    }
}

// Channels [first, first + count) of tokens whose rows are `stride` apart: SiLU of the convolution. `inputs` are moved on.
inline void convolve(const StepLayer &layer, const float *x, int64_t stride, int tokens, float *inputs, int first,
                     int count, float *history, float *out, int64_t out_stride) {
    const int before = layer.kernel - 1, channels = (layer.states * layer.state_heads_dim + 2 * layer.groups * layer.state_size);
    const float *bias = layer.conv_bias + first;
    float *own = inputs + static_cast<int64_t>(first) * before;
    for (int k = 0; k < before; k++)
        for (int c = 0; c < count; c++) history[k * count + c] = own[c * before + k];
    const auto row = [&](int t) { return t < 0 ? history + (before + t) * count : x + t * stride + first; };
    for (int t = 0; t < tokens; t++, out += out_stride) {
        int c = 0;
        for (; c + W <= count; c += W) {
            F total = load(bias + c);
            for (int k = 0; k <= before; k++)
                total = fma(load(layer.conv + static_cast<int64_t>(k) * channels + first + c), load(row(t - before + k) + c), total);
            store(out + c, silu_of(total));
        }
        for (; c < count; c++) {
            float total = bias[c];
            for (int k = 0; k <= before; k++)
                total += layer.conv[static_cast<int64_t>(k) * channels + first + c] * row(t - before + k)[c];
            out[c] = silu_of_one(total);
        }
    }
    for (int k = 0; k < before; k++)
        for (int c = 0; c < count; c++) own[c * before + k] = row(tokens - before + k)[c];
}

// softplus(dt + bias), within the limits
inline float step_size(const StepLayer &layer, float dt, int head) {
    const float x = dt + layer.dt_bias[head];
    const float size = x > 20.0f ? x : __builtin_log1pf(__builtin_expf(x));
    return size < layer.least_step ? layer.least_step : size > layer.most_step ? layer.most_step : size;
}

// Some tokens of one head: x [rows] and b and c [size] of a token are `width` apart, y [rows] `inner` apart.
struct HeadTokens {
    const float *x, *b, *c;
    float *y;
    int tokens, width, inner;
    float d;
    float steps[SCANNED], decays[SCANNED];
};

// S = decay * S + dt * x (x) b; y = S c + d * x, for token t and one head (arXiv:2405.21060, section 3.1).
inline void step_state(const HeadTokens &h, int t, int rows, int size, float *state) {
    const float *x = h.x + t * h.width, *b = h.b + t * h.width, *c = h.c + t * h.width, decay = h.decays[t];
    float *y = h.y + static_cast<int64_t>(t) * h.inner;
    const int whole = size / W * W;
    for (int first = 0; first < rows; first += 8) {
        const int some = rows - first < 8 ? rows - first : 8;
        F totals[8];
        float rests[8] = {}, sums[8];
        for (int r = 0; r < 8; r++) {
            F even = all(0.0f), odd = all(0.0f);  // a sum waits for itself
            if (r < some) {
                const float input = h.steps[t] * x[first + r];
                const auto more = [&](int n, F total) {
                    const F next = fma(all(decay), load(state + n), mul(all(input), load(b + n)));
                    store(state + n, next);
                    return fma(next, load(c + n), total);
                };
                int n = 0;
                for (; n + 2 * W <= whole; n += 2 * W) even = more(n, even), odd = more(n + W, odd);
                if (n < whole) even = more(n, even);
                for (int n = whole; n < size; n++) {
                    state[n] = decay * state[n] + input * b[n];
                    rests[r] += state[n] * c[n];
                }
                state += size;
            }
            totals[r] = add(even, odd);
        }
        sums_of_eight(totals, sums);
        for (int r = 0; r < some; r++) y[first + r] = __builtin_fmaf(h.d, x[first + r], sums[r] + rests[r]);
    }
}

// The same for all tokens and R rows from `p` on, KEPT_SIZE numbers each, which stay in registers. The same sums.
constexpr int KEPT_SIZE = 8 * W;
template <int R>
inline void step_rows(const HeadTokens &h, int p, float *state) {
    constexpr int N = KEPT_SIZE / W, T = 8 / R;
    F kept[R * N];
#pragma GCC unroll 16
    for (int i = 0; i < R * N; i++) kept[i] = load(state + i * W);
    for (int first = 0; first < h.tokens; first += T) {
        const int some = h.tokens - first < T ? h.tokens - first : T;
        F totals[8];
        for (int i = 0; i < 8; i++) totals[i] = all(0.0f);
        for (int i = 0; i < some; i++) {
            const int t = first + i;
            const float *b = h.b + t * h.width, *c = h.c + t * h.width;
            const F decay = all(h.decays[t]);
            F input[R];
#pragma GCC unroll 2
            for (int r = 0; r < R; r++) input[r] = all(h.steps[t] * h.x[t * h.width + p + r]);
#pragma GCC unroll 16
            for (int k = 0; k < R * N; k++) kept[k] = fma(decay, kept[k], mul(input[k / N], load(b + k % N * W)));
#pragma GCC unroll 2
            for (int r = 0; r < R; r++) {
                F even = all(0.0f), odd = all(0.0f);
#pragma GCC unroll 4
                for (int n = 0; n < N; n += 2) {
                    even = fma(kept[r * N + n], load(c + n * W), even);
                    odd = fma(kept[r * N + n + 1], load(c + n * W + W), odd);
                }
                totals[i * R + r] = add(even, odd);
            }
        }
        float sums[8];
        sums_of_eight(totals, sums);
        for (int i = 0; i < some; i++)
            for (int r = 0; r < R; r++)
                h.y[static_cast<int64_t>(first + i) * h.inner + p + r] =
                    __builtin_fmaf(h.d, h.x[(first + i) * h.width + p + r], sums[i * R + r] + 0.0f);  // as `rests` are
    }
#pragma GCC unroll 16
    for (int i = 0; i < R * N; i++) store(state + i * W, kept[i]);
}

inline void step_head(const HeadTokens &h, int rows, int size, float *state) {
    int p = 0;
    if constexpr (KEPT_ROWS > 0) {
        if (size == KEPT_SIZE && h.tokens > 1) {
            for (; p + KEPT_ROWS <= rows; p += KEPT_ROWS) step_rows<KEPT_ROWS>(h, p, state + p * size);
            for (; p < rows; p++) step_rows<1>(h, p, state + p * size);
            return;
        }
    }
    for (int t = 0; t < h.tokens; t++) step_state(h, t, rows, size, state);
}

// Convolution, state space and gated norm of the heads of one group, for a run of tokens. A head's state stays in a cache
// while it takes them; what a token gives does not depend on how many come together.
void scan(const StepLayer &layer, const Scan &work) {
    const int heads = layer.states / layer.groups, rows = layer.state_heads_dim, size = layer.state_size;
    const int inner = layer.states * rows, own = heads * rows, g = work.group, width = own + 2 * size;
    float *history = work.working + static_cast<int64_t>(SCANNED) * width;
    for (int64_t start = 0; start < work.tokens; start += SCANNED) {
        const int tokens = static_cast<int>(work.tokens - start < SCANNED ? work.tokens - start : SCANNED);
        const float *projected = work.projected + start * work.stride, *xbc = projected + inner;
        const float *dt = xbc + inner + 2 * layer.groups * size;
        float *x = work.working, *b = x + own, *c = b + size, *out = work.out + start * inner + g * own;
        convolve(layer, xbc, work.stride, tokens, work.conv, g * own, own, history, x, width);
        convolve(layer, xbc, work.stride, tokens, work.conv, inner + g * size, size, history, b, width);
        convolve(layer, xbc, work.stride, tokens, work.conv, inner + (layer.groups + g) * size, size, history, c, width);
        for (int h = 0; h < heads; h++) {
            const int head = g * heads + h;
            HeadTokens some{x + h * rows, b, c, out + h * rows, tokens, width, inner, layer.d[head], {}, {}};
            for (int t = 0; t < tokens; t++) {
                some.steps[t] = step_size(layer, dt[t * work.stride + head], head);
                some.decays[t] = __builtin_expf(some.steps[t] * layer.a[head]);
            }
            step_head(some, rows, size, work.states + static_cast<int64_t>(head) * rows * size);
        }
        for (int t = 0; t < tokens; t++) {
            const float *gate = projected + t * work.stride + g * own;
            float *y = out + static_cast<int64_t>(t) * inner;
            int i = 0;
            for (; i + W <= own; i += W) store(y + i, mul(load(y + i), silu_of(load(gate + i))));
            for (; i < own; i++) y[i] *= silu_of_one(gate[i]);
            rms_norm(y, layer.gate_norm + g * own, own, layer.epsilon, y);
        }
    }
}

void swiglu(const float *gate_up, int64_t width, float *out) {
    const float *up = gate_up + width;
    int64_t i = 0;
    for (; i + W <= width; i += W) store(out + i, mul(silu_of(load(gate_up + i)), load(up + i)));
    for (; i < width; i++) out[i] = silu_of_one(gate_up[i]) * up[i];
}

void relu2(const float *x, int64_t size, float *out) {
    int64_t i = 0;
    for (; i + W <= size; i += W) {
        const F y = larger(all(0.0f), load(x + i));  // NaN stays NaN
        store(out + i, mul(y, y));
    }
    for (; i < size; i++) out[i] = x[i] < 0.0f ? 0.0f : x[i] * x[i];
}

#define STEP_KERNELS {rms_norm, look_back, merge, divide, scan, swiglu, relu2, dot, sum_to}

}  // namespace

// A window of tokens through the whole encoder.
#pragma once
#include "attention.h"
#include "scratch.h"

namespace {

void embed(const Encoder &e, const int64_t *ids, const int64_t *shapes, int tokens, float *x) {
    for (int t = 0; t < tokens; t++, x += e.hidden) {
        const int8_t *codes = e.word_codes + ids[t] * e.hidden;
        const float *position = e.position_table + static_cast<int64_t>(t) * e.hidden;
        const float *shape = e.shape_table + shapes[t] * e.hidden;
        const float scale = e.word_scale[ids[t]];
        for (int i = 0; i < e.hidden; i++) x[i] = static_cast<float>(codes[i]) * scale + position[i] + shape[i];
    }
}

// Up, GELU and down for some rows at a time, so that what lies between them stays in the cache.
void feed_forward(const Encoder &e, const Layer &layer, const Scratch &s, int tokens) {
    for (int row = 0; row < tokens; row += FEED_ROWS) {
        const int rows = tokens - row < FEED_ROWS ? tokens - row : FEED_ROWS;
        float *x = s.x + static_cast<int64_t>(row) * e.hidden;
        quantise(x, rows, e.hidden, s.rows);
        linear(s.rows, rows, &layer.up, 1, s.inner, e.inner);
        quantise(s.inner, rows, e.inner, s.rows);
        linear(s.rows, rows, &layer.down, 0, s.mixed, e.hidden);
        add_norm(x, s.mixed, rows, e.hidden, layer.norm, e.epsilon);
    }
}

// `logits` of the mean and the largest over the tokens, and `labels` of each token.
void heads_of(const Encoder &e, const Scratch &s, int tokens, float *logits, float *labels) {
    float *mean = s.mixed, *most = s.mixed + e.hidden;
    for (int i = 0; i < e.hidden; i++) mean[i] = most[i] = s.x[i];
    for (int t = 1; t < tokens; t++) {
        const float *x = s.x + static_cast<int64_t>(t) * e.hidden;
        for (int i = 0; i < e.hidden; i++) {
            mean[i] += x[i];
            most[i] = x[i] > most[i] ? x[i] : most[i];
        }
    }
    for (int i = 0; i < e.hidden; i++) mean[i] /= static_cast<float>(tokens);
    for (int j = 0; j < e.outputs; j++) {
        const float *weights = e.head + static_cast<int64_t>(j) * 2 * e.hidden;
        float y = e.head_bias[j];
        for (int i = 0; i < 2 * e.hidden; i++) y += weights[i] * s.mixed[i];
        logits[j] = y;
    }
    const int width = padded(e.labels, PANEL);
    matmul(s.x, e.hidden, e.label, width, tokens, e.hidden, width, s.qkv, width);
    for (int t = 0; t < tokens; t++)
        for (int j = 0; j < e.labels; j++)
            labels[static_cast<int64_t>(t) * e.labels + j] = s.qkv[static_cast<int64_t>(t) * width + j] + e.label_bias[j];
}

void encode(const Encoder *e, const int64_t *ids, const int64_t *shapes, int tokens, float *scratch, float *logits,
            float *labels, float *meaning) {
    const Scratch s = scratch_in(scratch, *e, tokens);
    const int hidden = e->hidden;
    embed(*e, ids, shapes, tokens, s.x);
    add_norm(s.x, nullptr, tokens, hidden, e->norm, e->epsilon);
    for (int number = 0; number < e->layers; number++) {
        const Layer &layer = e->layer[number];
        quantise(s.x, tokens, hidden, s.rows);
        attention_of(s.rows, layer.qkv, tokens, e->heads, s.qkv, s.attention, s.mixed);
        quantise(s.mixed, tokens, hidden, s.rows);
        linear(s.rows, tokens, &layer.output, 0, s.mixed, hidden);
        add_norm(s.x, s.mixed, tokens, hidden, layer.attention_norm, e->epsilon);
        feed_forward(*e, layer, s, tokens);
        if (meaning && number + 1 == e->meaning)
            for (int64_t i = 0; i < static_cast<int64_t>(tokens) * hidden; i++) meaning[i] = s.x[i];
    }
    heads_of(*e, s, tokens, logits, labels);
}

}  // namespace

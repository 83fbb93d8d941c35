// Where the parts of an encoder's working memory lie. The same for every instruction set: Python asks for its size once.
#pragma once
#include "api.h"

namespace {

constexpr int FEED_ROWS = 96;  // rows that go through both matrices of a feed-forward block at once
constexpr int QUERIES = 24;    // rows of attention scores that are held at once
constexpr int64_t LINE = 16;  // floats: every part begins on a cache line of its own

struct Scratch {
    float *x, *qkv, *mixed, *inner, *attention;
    Rows rows;
    int64_t size;  // floats
};

inline int64_t to_panel(int64_t size) { return (size + PANEL - 1) / PANEL * PANEL; }

inline int64_t attention_floats(int64_t tokens, int64_t size) {
    const int64_t columns = to_panel(tokens), width = to_panel(size);
    return QUERIES * (2 * columns + width) + 2 * columns * width;  // `Head` in attention.h says what lies there
}

inline Scratch scratch_in(float *start, const Encoder &e, int64_t tokens) {
    Scratch s;
    float *at = start;
    const auto take = [&at](int64_t floats) {
        float *part = at;
        at += (floats + LINE - 1) / LINE * LINE;
        return part;
    };
    const int64_t hidden = e.hidden, inner = e.inner;
    const int64_t widest = 3 * hidden > to_panel(e.labels) ? 3 * hidden : to_panel(e.labels);
    const int64_t most = tokens * (hidden + 4) > FEED_ROWS * (inner + 4) ? tokens * (hidden + 4) : FEED_ROWS * (inner + 4);
    s.x = take(tokens * hidden);
    s.qkv = take(tokens * widest);
    s.mixed = take((tokens > 2 ? tokens : 2) * hidden);
    s.inner = take(FEED_ROWS * inner);
    s.attention = take(attention_floats(tokens, hidden / e.heads));
    s.rows.codes = reinterpret_cast<uint8_t *>(take(most / 4 + 1));
    s.rows.scale = take(tokens > FEED_ROWS ? tokens : FEED_ROWS);
    s.rows.zero = take(tokens > FEED_ROWS ? tokens : FEED_ROWS);
    s.size = at - start;
    return s;
}

}  // namespace

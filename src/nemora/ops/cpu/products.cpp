// The C functions for packed matrices: what is shared out between threads, and in which order. Nothing here depends on
// the instruction set, and no result on how the work was shared out.
#include <cstring>

#include "pack.h"
#include "pool.h"
#include "products.h"

#define NEMORA_API __attribute__((visibility("default")))

namespace {

const MatmulKernels *const SETS[] = {
    &SCALAR_MATMUL,
#if defined(__x86_64__)
    &AVX2_MATMUL,
    &AVX512_MATMUL,
    &AVX512_VNNI_MATMUL,
#endif
};

constexpr int64_t CHUNK = 512;            // tokens that are quantised at once: memory for a long prompt stays bounded
constexpr int64_t SERIAL = 1 << 16;       // multiplications that are done before another thread has woken
constexpr int64_t ITEMS_PER_THREAD = 16;  // so that a thread whose core was taken away leaves its share to the others
constexpr int64_t LINE = 64;

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t parts(int64_t size, int64_t of) { return (size + of - 1) / of; }

// Takes a caller's memory apart; with none it only counts.
struct Memory {
    uint8_t *at;
    int64_t used = 0;
    template <typename Thing>
    Thing *take(int64_t count) {
        uint8_t *part = at ? at + used : nullptr;
        used += parts(count * static_cast<int64_t>(sizeof(Thing)), LINE) * LINE;
        return reinterpret_cast<Thing *>(part);
    }
};

// Panels of an item of work, so that all threads have several: by fours, as `floats.h` takes them, or by twos, as `matmul.h`.
int64_t panels_of_item(int64_t panels, int64_t tiles, int threads, bool by_four) {
    const int64_t run = panels * tiles / (threads * ITEMS_PER_THREAD);
    if (by_four) return run <= 4 ? 4 : 8;
    return run < 2 ? 1 : run > 8 ? 8 : run - run % 2;
}

// The `i`th of `count` nearly equal shares of `size` begins here.
inline int64_t share(int64_t size, int64_t count, int64_t i) { return size * i / count; }

// Bytes of a token as it is handed to a matrix.
int64_t token_bytes(const Packed &w, int planes) {
    return of_floats(w.format) ? w.columns * static_cast<int64_t>(sizeof(float))
                               : tokens_bytes(1, w.columns / BLOCK, planes);
}

// The tokens of a tile and a matrix, in `memory` of as many token_bytes.
struct Tile {
    const MatmulKernels &set;
    const Packed &w;
    uint8_t *memory;
    int64_t tokens;
    int planes;

    Tokens codes() const {
        return tokens_in(memory, static_cast<int32_t>(tokens), w.columns / BLOCK, planes);
    }
    float *floats() const { return reinterpret_cast<float *>(memory); }

    // Rows `which` of x, or the first ones.
    void prepare(const float *x, const int32_t *which) const {
        if (of_floats(w.format)) set.arrange(x, w.columns, which, static_cast<int>(tokens), w.columns, floats());
        else set.quantise(x, w.columns, which, w.format, codes());
    }

    void multiply(int64_t first_panel, int64_t last_panel, bool relu2, float *out, int64_t stride) const {
        const int first = static_cast<int>(first_panel), last = static_cast<int>(last_panel);
        if (of_floats(w.format))
            set.float_panels(&w, first, last, floats(), static_cast<int>(tokens), relu2, out, stride);
        else set.panels(&w, first, last, codes(), relu2, out, stride);
    }
};

// out[tokens, stride] = x times one matrix; at most CHUNK tokens.
void product(const MatmulKernels &set, int threads, const Packed &w, const float *x, int64_t tokens, int planes,
             uint8_t *memory, float *out, int64_t stride) {
    const int64_t tiles = parts(tokens, TILE), panels = parts(w.rows, PANEL_ROWS), bytes = token_bytes(w, planes);
    if (tokens * w.rows * w.columns < SERIAL) threads = 1;
    const auto tile = [&](int64_t i) {
        const int64_t first = share(tokens, tiles, i);
        return Tile{set, w, memory + first * bytes, share(tokens, tiles, i + 1) - first, planes};
    };
    each_in_parallel(threads, tiles, [&](int64_t i) {
        tile(i).prepare(x + share(tokens, tiles, i) * w.columns, nullptr);
    });
    const int64_t run = panels_of_item(panels, tiles, threads, of_floats(w.format));
    // Tiles follow each other with the same panels, which are still in a cache then.
    each_in_parallel(threads, parts(panels, run) * tiles, [&](int64_t item) {
        const int64_t i = item % tiles, first = item / tiles * run;
        tile(i).multiply(first, least(first + run, panels), false, out + share(tokens, tiles, i) * stride, stride);
    });
}

// Some tokens of one expert: pairs of a token and an expert stand in the order of experts, then of tokens.
struct ExpertTile {
    int32_t expert, count;
    int64_t first;  // pair
};

struct Experts {
    const MatmulKernels *set;
    int threads, planes, experts, top_k;
    const Packed *up, *down;
    // Working memory.
    int32_t *token;   // [pairs]: which token a pair is of
    int64_t *place;   // [tokens, top_k]: a choice's pair
    int64_t *begins;  // [experts + 1]: an expert's first pair
    ExpertTile *tiles;
    float *inner, *answers;  // [pairs, width], [pairs, hidden]
    uint8_t *codes;
    int64_t up_bytes, down_bytes;  // of a pair there

    int64_t layout(uint8_t *start, int64_t tokens) {
        Memory memory{start};
        const int64_t pairs = tokens * top_k, width = up->rows;
        token = memory.take<int32_t>(pairs);
        place = memory.take<int64_t>(pairs);
        begins = memory.take<int64_t>(experts + 1);
        tiles = memory.take<ExpertTile>(least(pairs, experts) + pairs / TILE);
        inner = memory.take<float>(pairs * width);
        answers = memory.take<float>(pairs * down->rows);
        up_bytes = most_bytes(up), down_bytes = most_bytes(down);
        codes = memory.take<uint8_t>(pairs * (up_bytes > down_bytes ? up_bytes : down_bytes));
        return memory.used;
    }

    // Bytes of a token for any of the experts' matrices.
    int64_t most_bytes(const Packed *w) const {
        int64_t most = 0;
        for (int e = 0; e < experts; e++) most = token_bytes(w[e], planes) > most ? token_bytes(w[e], planes) : most;
        return most;
    }

    // Sorts the choices by expert, and gives the number of tiles.
    int64_t group(const int64_t *chosen, int64_t tokens) {
        const int64_t pairs = tokens * top_k;
        memset(begins, 0, (experts + 1) * sizeof(int64_t));
        for (int64_t i = 0; i < pairs; i++) begins[chosen[i] + 1]++;
        int64_t count = 0;
        for (int e = 0; e < experts; e++) {
            const int64_t some = begins[e + 1], split = parts(some, TILE);
            for (int64_t i = 0; i < split; i++) {
                const int64_t first = share(some, split, i);
                tiles[count++] = {e, static_cast<int32_t>(share(some, split, i + 1) - first), begins[e] + first};
            }
            begins[e + 1] += begins[e];
        }
        for (int64_t i = 0; i < pairs; i++) {  // begins[e] moves to the expert's end
            const int64_t pair = begins[chosen[i]]++;
            token[pair] = static_cast<int32_t>(i / top_k);
            place[i] = pair;
        }
        return count;
    }

    // One of the two matrices of all experts. Without `which` the tokens are the pairs' own rows of x.
    void multiply(const Packed *w, const float *x, const int32_t *which, int64_t count, bool relu2, float *out) const {
        const int64_t panels = parts(w->rows, PANEL_ROWS), rows = w->rows, bytes = which ? up_bytes : down_bytes;
        const auto in = [&](const ExpertTile &t) {
            return Tile{*set, w[t.expert], codes + t.first * bytes, t.count, planes};
        };
        const int64_t pairs = count ? tiles[count - 1].first + tiles[count - 1].count : 0;
        each_in_parallel(pairs * w->columns < SERIAL ? 1 : threads, count, [&](int64_t i) {
            const ExpertTile &t = tiles[i];
            in(t).prepare(which ? x : x + t.first * w->columns, which ? which + t.first : nullptr);
        });
        const int64_t run = panels_of_item(panels, count, threads, of_floats(w->format)), runs = parts(panels, run);
        each_in_parallel(threads, runs * count, [&](int64_t item) {
            const ExpertTile &t = tiles[item / runs];
            const int64_t first = item % runs * run;
            in(t).multiply(first, least(first + run, panels), relu2, out + t.first * rows, rows);
        });
    }

    void run(const float *x, const int64_t *chosen, const float *shares, int64_t tokens, float *out) {
        const int64_t count = group(chosen, tokens), hidden = down->rows;
        multiply(up, x, token, count, true, inner);
        multiply(down, inner, nullptr, count, false, answers);
        each_in_parallel(tokens < 8 ? 1 : threads, tokens, [&](int64_t t) {
            float *to = out + t * hidden;
            memset(to, 0, hidden * sizeof(float));
            for (int k = 0; k < top_k; k++) {  // in the order of choices, however many tokens there are
                const float *answer = answers + place[t * top_k + k] * hidden, part = shares[t * top_k + k];
                for (int64_t i = 0; i < hidden; i++) to[i] = to[i] + part * answer[i];
            }
        });
    }
};

}  // namespace

extern "C" {

NEMORA_API int64_t nemora_panel_bytes(int format, int rows, int columns) {
    return parts(rows, PANEL_ROWS) * panel_bytes(format, columns / BLOCK);
}

// See pack.h; 1: a scale cannot be used.
NEMORA_API int nemora_pack(int threads, int format, const uint8_t *stored, int64_t row_bytes, const uint8_t *scales,
                           int64_t scale_bytes, int rows, int columns, uint8_t *panels) {
    constexpr int ROWS = 4 * PANEL_ROWS;
    int unsound = 0;
    each_in_parallel(threads, parts(rows, ROWS), [&](int64_t i) {
        const int first = static_cast<int>(i) * ROWS, last = static_cast<int>(least(first + ROWS, rows));
        if (pack_rows(format, stored, row_bytes, scales, scale_bytes, rows, columns, first, last, panels))
            __atomic_store_n(&unsound, 1, __ATOMIC_RELAXED);
    });
    return unsound;
}

// out[count, columns] = the rows that `ids` name. Returns 1 where there is no such row.
NEMORA_API int nemora_unpack(const Packed *w, const int64_t *ids, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= w->rows) return 1;
    for (int64_t i = 0; i < count; i++) unpack_row(*w, static_cast<int>(ids[i]), out + i * w->columns);
    return 0;
}

NEMORA_API int64_t nemora_product_scratch(const Packed *w, int count, int64_t tokens, int planes) {
    int64_t most = 0;
    for (int i = 0; i < count; i++) most = token_bytes(w[i], planes) > most ? token_bytes(w[i], planes) : most;
    return least(tokens, CHUNK) * most;
}

// out[tokens, all rows] = x[tokens, columns] times `count` matrices that are stacked by rows.
NEMORA_API void nemora_product(int set, int threads, const Packed *w, int count, const float *x, int64_t tokens,
                               int planes, uint8_t *scratch, float *out) {
    int64_t rows = 0;
    for (int i = 0; i < count; i++) rows += w[i].rows;
    for (int64_t first = 0; first < tokens; first += CHUNK) {
        float *to = out + first * rows;
        for (int i = 0; i < count; to += w[i++].rows)
            product(*SETS[set], threads, w[i], x + first * w[i].columns, least(tokens - first, CHUNK), planes, scratch,
                    to, rows);
    }
}

NEMORA_API int64_t nemora_experts_scratch(const Packed *up, const Packed *down, int experts, int64_t tokens, int top_k,
                                          int planes) {
    Experts e{};
    e.planes = planes, e.experts = experts, e.top_k = top_k, e.up = up, e.down = down;
    return e.layout(nullptr, least(tokens, CHUNK));
}

// out[tokens, hidden] = the sum of share * down_e(relu(up_e(x))^2) over each token's chosen experts e. Returns 1 where
// there is no such expert.
NEMORA_API int nemora_experts(int set, int threads, const Packed *up, const Packed *down, int experts, const float *x,
                              const int64_t *chosen, const float *shares, int64_t tokens, int top_k, int planes,
                              uint8_t *scratch, float *out) {
    for (int64_t i = 0; i < tokens * top_k; i++)
        if (chosen[i] < 0 || chosen[i] >= experts) return 1;
    Experts e{};
    e.set = SETS[set], e.threads = threads, e.planes = planes, e.experts = experts, e.top_k = top_k;
    e.up = up, e.down = down;
    e.layout(scratch, least(tokens, CHUNK));
    for (int64_t first = 0; first < tokens; first += CHUNK)
        e.run(x + first * up->columns, chosen + first * top_k, shares + first * top_k, least(tokens - first, CHUNK),
              out + first * down->rows);
    return 0;
}
}

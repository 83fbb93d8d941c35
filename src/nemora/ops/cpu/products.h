// Products with packed matrices, shared out between threads: what `products.cpp` gives to Python and to `step.cpp`.
#pragma once
#include "packed.h"

extern "C" {
int64_t nemora_product_scratch(const Packed *w, int count, int64_t tokens, int planes);
void nemora_product(int set, int threads, const Packed *w, int count, const float *x, int64_t tokens, int planes,
                    uint8_t *scratch, float *out);
int64_t nemora_experts_scratch(const Packed *up, const Packed *down, int experts, int64_t tokens, int top_k, int planes);
int nemora_experts(int set, int threads, const Packed *up, const Packed *down, int experts, const float *x,
                   const int64_t *chosen, const float *shares, int64_t tokens, int top_k, int planes, uint8_t *scratch,
                   float *out);
}

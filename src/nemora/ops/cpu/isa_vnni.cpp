#include "simd_avx512.h"
// the vectors first
#include "encode.h"

const Kernels AVX512_VNNI = {quantise, linear, matmul, add_norm, attention, encode};

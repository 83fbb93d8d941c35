#include "simd_avx2.h"
// the vectors first
#include "encode.h"

const Kernels AVX2 = {quantise, linear, matmul, add_norm, attention, encode};

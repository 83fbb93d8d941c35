#include "simd_scalar.h"
// After the vectors, because it is written over them.
#include "encode.h"

const Kernels SCALAR = {quantise, linear, matmul, add_norm, attention, encode};

#include "simd_scalar.h"
// the vectors first
#include "encode.h"

const Kernels SCALAR = {quantise, linear, matmul, add_norm, attention, encode};

#include "simd_scalar.h"
// After the vectors, because it is written over them.
#include "encode.h"
#include "matmul.h"

const Kernels SCALAR = {quantise, linear, matmul, add_norm, attention, encode};
const MatmulKernels SCALAR_MATMUL = {quantise_tokens, packed_panels};

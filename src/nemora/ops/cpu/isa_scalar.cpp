#include "simd_scalar.h"
// After the vectors, because it is written over them.
#include "encode.h"
#include "floats.h"
#include "matmul.h"
#include "mixers.h"

const Kernels SCALAR = {quantise, linear, matmul, add_norm, attention, encode};
const MatmulKernels SCALAR_MATMUL = {quantise_tokens, packed_panels, arrange_tokens, float_panels};
const StepKernels SCALAR_STEP = STEP_KERNELS;

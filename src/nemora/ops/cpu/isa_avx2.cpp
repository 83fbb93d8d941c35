#include "simd_avx2.h"
// After the vectors, because it is written over them.
#include "encode.h"
#include "floats.h"
#include "matmul.h"
#include "mixers.h"

const Kernels AVX2 = {quantise, linear, matmul, add_norm, attention, encode};
const MatmulKernels AVX2_MATMUL = {quantise_tokens, packed_panels, arrange_tokens, float_panels};
const StepKernels AVX2_STEP = STEP_KERNELS;

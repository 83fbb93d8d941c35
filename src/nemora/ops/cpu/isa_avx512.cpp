#include "simd_avx512.h"
// After the vectors, because it is written over them.
#include "encode.h"
#include "floats.h"
#include "matmul.h"
#include "mixers.h"

const Kernels AVX512 = {quantise, linear, matmul, add_norm, attention, encode};
const MatmulKernels AVX512_MATMUL = {quantise_tokens, packed_panels, arrange_tokens, float_panels};
const StepKernels AVX512_STEP = STEP_KERNELS;

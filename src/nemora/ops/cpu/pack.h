// Between the blocks of files and panels; see packed.h.
#pragma once
#include "packed.h"

// Rows as GGUF stores them, or of ModelOpt's NVFP4 with `scales` beside them: rows [first, last) go to their places in
// panels; `first` begins a panel, and what a last panel has no rows for becomes zero. Returns 0, or 1 where a scale is
// no finite number that `matmul.h` could use, or a float none that `floats.h` could.
int pack_rows(int format, const uint8_t *stored, int64_t row_bytes, const uint8_t *scales, int64_t scale_bytes,
              int rows, int columns, int first, int last, uint8_t *panels);

// Row `row` as 32-bit floats, the very ones that the file's blocks stand for.
void unpack_row(const Packed &w, int row, float *out);

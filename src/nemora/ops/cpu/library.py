"""The compiled kernels, by ctypes: finding the library, and its instruction sets. Calls release Python's lock."""

from __future__ import annotations

import ctypes
import functools
import sys
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_int32, c_int64, c_void_p
from pathlib import Path

from nemora.ops.cpu.build import HERE, LIBRARY, sources_hash

SETS = ("scalar", "avx2", "avx512", "avx512_vnni")
"""Instruction sets by their number in the library."""


class CMatrix(Structure):
    """api.h: Matrix."""

    _fields_ = (
        *((name, c_void_p) for name in ("codes", "scale", "sums", "bias")),
        ("k", c_int32),
        ("n", c_int32),
    )


class CNorm(Structure):
    """api.h: Norm."""

    _fields_ = (("weight", c_void_p), ("bias", c_void_p))


class CLayer(Structure):
    """api.h: Layer."""

    _fields_ = (
        *((name, CMatrix) for name in ("qkv", "output", "up", "down")),
        ("attention_norm", CNorm),
        ("norm", CNorm),
    )


class CEncoder(Structure):
    """api.h: Encoder."""

    _fields_ = (
        *((name, c_int32) for name in ("hidden", "heads", "inner", "layers", "words", "positions", "shapes")),
        *((name, c_int32) for name in ("outputs", "labels", "meaning")),
        ("epsilon", c_float),
        *((name, c_void_p) for name in ("word_codes", "word_scale", "position_table", "shape_table")),
        ("norm", CNorm),
        ("layer", POINTER(CLayer)),
        *((name, c_void_p) for name in ("head", "head_bias", "label", "label_bias")),
    )


class CPacked(Structure):
    """packed.h: Packed."""

    _fields_ = (
        ("data", c_void_p),
        *((name, c_int32) for name in ("format", "rows", "columns")),
        ("scale", c_float),
    )


class NoKernels(Exception):
    """Why the kernels cannot be used, in one line."""


class NotCompiled(NoKernels):
    """There is no library; whoever installed Nemora was told."""


class Library:
    """The loaded library. `best` is the widest instruction set of this processor."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotCompiled("they were not compiled when Nemora was installed")
        try:
            self.c = ctypes.CDLL(str(path))
            _declare(self.c)
            sources: bytes = self.c.nemora_sources()
        except (OSError, AttributeError):
            raise NoKernels("the compiled library is damaged, or of another kind of machine") from None
        if sources.decode(errors="replace") != sources_hash():
            raise NoKernels("the compiled library is not of these sources: install Nemora anew")
        self.best = int(self.c.nemora_best())

    def sets(self) -> tuple[str, ...]:
        """The instruction sets that this processor has, the widest last."""
        return SETS[: self.best + 1]


@functools.cache
def library(path: Path = HERE / LIBRARY) -> Library:
    """The library that was compiled when Nemora was installed.

    Raises:
        NoKernels: there is none that can be used.
    """
    return Library(path)


def _declare(c: ctypes.CDLL) -> None:
    pointer, number, long = c_void_p, c_int, c_int64
    matrices = POINTER(CPacked)
    functions = {
        "nemora_sources": (c_char_p, ()),
        "nemora_best": (number, ()),
        "nemora_quantise": (None, (number, pointer, number, number, pointer, pointer, pointer)),
        "nemora_linear": (None, (number, *[pointer] * 3, number, POINTER(CMatrix), number, pointer, number)),
        "nemora_matmul": (None, (number, pointer, pointer, number, number, number, pointer)),
        "nemora_add_norm": (None, (number, pointer, pointer, number, number, pointer, pointer, c_float)),
        "nemora_attention_scratch": (c_int64, (number, number)),
        "nemora_attention": (None, (number, pointer, number, number, number, pointer, pointer)),
        "nemora_encode_scratch": (c_int64, (POINTER(CEncoder), number)),
        "nemora_panel_bytes": (long, (number, number, number)),
        "nemora_pack": (number, (number, number, pointer, long, pointer, long, number, number, pointer)),
        "nemora_unpack": (number, (matrices, pointer, long, pointer)),
        "nemora_product_scratch": (long, (matrices, number, long, number)),
        "nemora_product": (None, (number, number, matrices, number, pointer, long, number, pointer, pointer)),
        "nemora_experts_scratch": (long, (matrices, matrices, number, long, number, number)),
        "nemora_experts": (
            number,
            (number, number, matrices, matrices, number, *[pointer] * 3, long, number, number, pointer, pointer),
        ),
        "nemora_step_scratch": (long, (pointer, long, long)),
        "nemora_step": (None, (number, number, pointer, long, pointer, long, *[pointer] * 3)),
        "nemora_scan_scratch": (long, (pointer, long)),
        "nemora_scan": (None, (number, number, pointer, long, long, *[pointer] * 5)),
        "nemora_rms_norm": (None, (number, number, pointer, long, long, pointer, c_float, pointer)),
        "nemora_route": (
            None,
            (number, number, pointer, long, number, *[pointer] * 2, *[number] * 3, c_float, *[pointer] * 3),
        ),
        "nemora_relu2": (None, (number, number, pointer, long, pointer)),
        "nemora_swiglu": (None, (number, number, pointer, long, long, pointer)),
        "nemora_rope": (None, (number, pointer, long, long, *[number] * 3, *[pointer] * 3)),
        "nemora_attention_over_scratch": (long, (number, long, number, number, number)),
        "nemora_attention_over": (
            None,
            (number, number, pointer, long, long, *[number] * 3, *[pointer] * 2, long, *[pointer] * 2),
        ),
        "nemora_encode": (number, (number, POINTER(CEncoder), *[pointer] * 2, number, *[pointer] * 4)),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(c, name)
        function.restype, function.argtypes = result, arguments


def main() -> int:
    """Says what there is, for the one who installs."""
    try:
        said = f"Native kernels: {library().sets()[-1]}"
    except NoKernels as reason:
        said = f"Native kernels: none ({reason}). Nemora works without them, slower."
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

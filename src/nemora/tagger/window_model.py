"""What runs an encoder: the native kernels where they are there and faster, and otherwise onnxruntime."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Literal, Protocol

from nemora.errors import CorruptCheckpoint
from nemora.ops.cpu.encoder import NativeEncoder
from nemora.ops.cpu.library import NoKernels, NotCompiled, library
from nemora.tagger.encoder_graph import AnotherGraph, encoder_weights
from nemora.tagger.onnx_file import NotReadable, read_graph
from nemora.tagger.spans import Floats, Ints

FASTER_FROM = "avx512_vnni"
"""The instruction set from which on the kernels were measured to be faster than onnxruntime (bench/reader_speed.py)."""
Engine = Literal["auto", "native", "onnxruntime"]
logger = logging.getLogger("nemora.tagger")


class WindowModel(Protocol):
    """An encoder, ready to run. Thread-safe."""

    has_meaning: bool

    def encode(self, ids: Ints, shapes: Ints, *, meaning: bool = False) -> tuple[Floats, Floats, Floats | None]:
        """Of one window, [tokens]: [outputs], [tokens, labels], and with `meaning` [tokens, hidden]."""
        ...


def open_model(
    path: Path, *, threads: int = 1, engine: Engine = "auto", instructions: str | None = None
) -> WindowModel:
    """The ONNX file of an encoder.

    Args:
        threads: cores for one window; the kernels use one.
        engine: "native" is on whatever instruction set there is, or fails.
        instructions: the kernels' instruction set; by default the widest.

    Raises:
        CorruptCheckpoint: it is missing or damaged, or must run on the kernels and cannot.
    """
    if engine == "native" or (engine == "auto" and threads == 1 and _is_faster()):
        try:
            weights = encoder_weights(read_graph(path.read_bytes()))
            return NativeEncoder(weights, library(), instructions)
        except (OSError, NotReadable, AnotherGraph, NoKernels, ValueError) as reason:
            if engine == "native":
                raise CorruptCheckpoint(f"The model cannot run on the native kernels: {reason}.") from None
            logger.info("the model that reads requests runs on onnxruntime: %s", reason)
    from nemora.tagger.onnx_model import OnnxModel  # whose import costs time and memory that the kernels save

    return OnnxModel(path, threads)


@functools.cache
def _is_faster() -> bool:
    """Whether the kernels are there for this processor; says once why not. `make install` said if there are none."""
    try:
        sets = library().sets()
    except NoKernels as reason:
        level = logging.INFO if isinstance(reason, NotCompiled) else logging.WARNING
        logger.log(level, "Nemora's native kernels are not used, and reading takes longer: %s.", reason)
        return False
    return FASTER_FROM in sets

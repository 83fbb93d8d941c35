"""The nodes and arrays of an ONNX file, for a model that does not run on onnxruntime.

Read without the onnx package, whose import takes longer than the model's loading: protobuf's wire format is numbers
and byte strings, each after the number of its field (https://protobuf.dev/programming-guides/encoding/). The numbers
are those of onnx.proto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
_TYPES: dict[int, type[np.generic]] = {1: np.float32, 3: np.int8, 7: np.int64}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


class NotReadable(Exception):
    """The file is damaged, or holds something that is not read here."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    domain: str
    numbers: dict[str, float]
    """Its attributes that are one number."""


@dataclass(slots=True)
class Graph:
    """What is read of a file. Arrays are views of its bytes."""

    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)


def read_graph(data: bytes) -> Graph:
    """The graph in an ONNX file's bytes.

    Raises:
        NotReadable: it is damaged, or its arrays are not all float32, int8 and int64 in the file itself.
    """
    graph = Graph()
    try:
        for number, part in _fields(memoryview(data)):
            if number == 7 and isinstance(part, memoryview):  # ModelProto.graph
                _read_graph(part, graph)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError, RecursionError) as error:
        raise NotReadable(f"the ONNX file is damaged ({type(error).__name__})") from None
    return graph


def _read_graph(data: memoryview, graph: Graph) -> None:
    for number, part in _fields(data):
        if number == 1:  # GraphProto.node
            graph.nodes.append(_node(_bytes(part)))
        elif number == 5:  # GraphProto.initializer
            name, array = _array(_bytes(part))
            graph.arrays[name] = array
        elif number == 15:  # GraphProto.sparse_initializer
            raise ValueError("sparse arrays are not read")


def _node(data: memoryview) -> Node:
    texts: dict[int, list[str]] = {1: [], 2: [], 4: [], 7: []}  # NodeProto: input, output, op_type, domain
    numbers = {}
    for number, part in _fields(data):
        if number in texts:
            texts[number].append(str(_bytes(part), "utf-8"))
        elif number == 5:  # NodeProto.attribute
            name, value = _attribute(_bytes(part))
            numbers[name] = value
    return Node("".join(texts[4]), tuple(texts[1]), tuple(texts[2]), "".join(texts[7]), numbers)


def _attribute(data: memoryview) -> tuple[str, float]:
    """Its name and number; nan where it is none."""
    name, value = "", math.nan
    for number, part in _fields(data):
        if number == 1:  # AttributeProto.name
            name = str(_bytes(part), "utf-8")
        elif number == 2:  # AttributeProto.f
            (value,) = struct.unpack("<f", _bytes(part))
        elif number == 3 and isinstance(part, int):  # AttributeProto.i
            value = part - (1 << 64) if part >= 1 << 63 else part
    return name, value


def _array(data: memoryview) -> tuple[str, Array]:
    name, kind, raw = "", 0, None
    shape: list[int] = []
    for number, part in _fields(data):
        if number == 1:  # TensorProto.dims, alone or packed
            shape.extend([part] if isinstance(part, int) else _varints(part))
        elif number == 2 and isinstance(part, int):  # TensorProto.data_type
            kind = part
        elif number == 8:  # TensorProto.name
            name = str(_bytes(part), "utf-8")
        elif number == 9:  # TensorProto.raw_data
            raw = _bytes(part)
    if raw is None or kind not in _TYPES:
        raise ValueError(f"arrays of type {kind} are not read")
    return name, np.frombuffer(raw, np.dtype(_TYPES[kind]).newbyteorder("<")).reshape(shape)


def _bytes(part: int | memoryview) -> memoryview:
    if isinstance(part, int):
        raise ValueError("a number where bytes belong")
    return part


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers with what they hold: a number, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("unknown kind of field")
        if size > len(data) - at:
            raise ValueError("a field ends behind the file")
        yield number, data[at : at + size]
        at += size


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for i in range(_MAX_VARINT_BYTES):
        byte = data[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("a number is too long")

"""Reading an ONNX file without the onnx package: the same arrays and nodes, and any damage is one kind of error."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from tiny_reader import write_tiny_reader

from nemora.tagger.encoder_graph import AnotherGraph, encoder_weights
from nemora.tagger.onnx_file import Graph, Node, NotReadable, read_graph

SHIPPED = Path(str(resources.files("nemora.tagger") / "reader_model")) / "model.onnx"


@pytest.fixture(scope="module")
def data() -> bytes:
    return SHIPPED.read_bytes()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return (write_tiny_reader(tmp_path_factory.mktemp("tiny")) / "model.onnx").read_bytes()


def test_it_reads_what_the_onnx_package_reads(data: bytes) -> None:
    found, expected = read_graph(data), onnx.load_model_from_string(data).graph
    assert list(found.arrays) == [tensor.name for tensor in expected.initializer]
    for tensor in expected.initializer:
        array = numpy_helper.to_array(tensor)
        assert found.arrays[tensor.name].dtype == array.dtype and np.array_equal(found.arrays[tensor.name], array)
    for mine, node in zip(found.nodes, expected.node, strict=True):
        numbers = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        assert mine == Node(node.op_type, tuple(node.input), tuple(node.output), node.domain, numbers)


def test_nothing_of_the_file_is_kept_but_copies(data: bytes) -> None:
    weights = encoder_weights(read_graph(data))
    assert weights.word_codes.base is None and weights.positions.base is None


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 3000), change=st.binary(max_size=8), cut=st.booleans())
def test_a_damaged_file_is_not_readable_or_another_graph(tiny: bytes, at: int, change: bytes, cut: bool) -> None:
    damaged = tiny[:at] + change + (b"" if cut else tiny[at + len(change) :])
    try:
        encoder_weights(read_graph(damaged))
    except (NotReadable, AnotherGraph):
        return
    raise AssertionError("the tiny model is no encoder")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    try:
        read_graph(noise)
    except NotReadable:
        return


@pytest.mark.parametrize("number", range(0, 83, 3))
@pytest.mark.parametrize("change", ["kind", "inputs", "domain", "numbers", "gone"])
def test_a_graph_that_computes_something_else_is_refused(whole: Graph, number: int, change: str) -> None:
    node = whole.nodes[number]
    changed = {
        "kind": Node("Sub", node.inputs, node.outputs, node.domain, node.numbers),
        "inputs": Node(node.kind, ("ids", *node.inputs[1:]), node.outputs, node.domain, node.numbers),
        "domain": Node(node.kind, node.inputs, node.outputs, "elsewhere", node.numbers),
        "numbers": Node(node.kind, node.inputs, node.outputs, node.domain, node.numbers | {"more": 1}),
    }
    nodes = [*whole.nodes[:number], *([changed[change]] if change in changed else []), *whole.nodes[number + 1 :]]
    if node.kind in ("Identity",) and change == "gone":
        return  # a model without vectors for meaning is one as well
    with pytest.raises(AnotherGraph):
        encoder_weights(Graph(nodes, whole.arrays))


@pytest.fixture(scope="module")
def whole(data: bytes) -> Graph:
    return read_graph(data)

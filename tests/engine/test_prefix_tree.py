"""The tree of what was read, against a plain list of it."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.engine.prefix_tree import PrefixTree
from nemora.models.state import KVShape, KVSlice, MambaShape, State

PIECE = st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple)
PATH = st.lists(PIECE, min_size=1, max_size=5)


def state(length: int) -> State:
    made = State(kv=[KVShape(1, 2)], mamba=[MambaShape(2, 3, 1, 2, 2)], batch=1, capacity=length)
    made.append(0, torch.arange(2.0 * length).view(1, 1, length, 2), torch.zeros(1, 1, length, 2))
    made.advance(length)
    return made


def add(tree: PrefixTree, namespace: str, path: list[tuple[int, ...]]) -> None:
    read = state(sum(map(len, path)))
    tree.add(namespace, path, read.snapshot(), read.copy_kv)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.tuples(st.sampled_from("ab"), PATH), st.none()), max_size=20))
def test_what_was_kept_is_found_and_what_was_forgotten_takes_nothing(steps: list) -> None:
    tree, kept = PrefixTree(), set()
    for step in steps:
        if step is None:
            before = tree.bytes
            tree.evict()
            assert (tree.bytes < before) == bool(kept)
        else:
            add(tree, *step)
            kept.add((step[0], tuple(step[1])))
        tree.check_integrity()
        found = {(name, path) for name, path in kept if _has(tree, name, path)}
        assert len(found) == len(tree) and len(kept) - len(found) <= 1
        kept = found
    while len(tree):
        tree.evict()
        tree.check_integrity()
    assert tree.bytes == 0 and not tree._roots


def _has(tree: PrefixTree, namespace: str, path: tuple[tuple[int, ...], ...]) -> bool:
    nodes = tree.path(namespace, path)
    return len(nodes) == len(path) and nodes[-1].snapshot is not None


def test_positions_come_back_as_they_were() -> None:
    tree, read = PrefixTree(), state(6)
    tree.add("", [(1, 1), (2,), (3, 3, 3)], read.snapshot(), read.copy_kv)
    again = State(kv=[KVShape(1, 2)], mamba=[MambaShape(2, 3, 1, 2, 2)], batch=1, capacity=9)
    nodes = tree.path("", [(1, 1), (2,), (3, 3, 3)])
    assert nodes[-1].snapshot is not None
    again.load([node.kv for node in nodes], nodes[-1].snapshot)
    assert again.length == 6
    assert torch.equal(again.keys[0][:, :, :6], read.keys[0])


def test_what_saves_most_for_its_bytes_stays() -> None:
    tree = PrefixTree()
    add(tree, "", [(1,) * 40])
    add(tree, "", [(2,) * 2])
    add(tree, "", [(3,) * 30])
    tree.evict()
    assert [len(tree.path("", [(n,) * count])) for n, count in ((1, 40), (2, 2), (3, 30))] == [1, 0, 1]


def test_what_was_used_stays_before_what_was_not() -> None:
    tree = PrefixTree()
    for n in range(4):
        add(tree, "", [(n,) * 5])
    tree.evict()
    kept = [n for n in range(4) if tree.path("", [(n,) * 5])]
    for n in kept[1:]:
        tree.touch(tree.path("", [(n,) * 5])[0])
    tree.evict()
    assert [n for n in range(4) if tree.path("", [(n,) * 5])] == kept[1:]


def test_a_piece_shared_by_two_paths_is_kept_once() -> None:
    tree = PrefixTree()
    add(tree, "", [(1,) * 50])
    alone = tree.bytes
    add(tree, "", [(1,) * 50, (2,)])
    assert tree.bytes - alone < alone
    assert KVSlice(0, (), ()).bytes == 0

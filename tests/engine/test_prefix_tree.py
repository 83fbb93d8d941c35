"""The tree of what was read, against a plain list of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.engine.prefix_tree import LONGEST_JOINED, PrefixTree
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


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.tuples(st.sampled_from("ab"), PATH), st.none()), max_size=30))
def test_however_short_nodes_are_joined_each_snapshot_is_found_with_its_positions(steps: list) -> None:
    tree, kept = PrefixTree(joins=True), set()
    for step in steps:
        if step is None:
            tree.evict()
        else:
            namespace, path = step
            ids = tuple(token for piece in path for token in piece)
            known = [node.ids for node in tree.furthest(namespace, ids)]
            end = sum(map(len, known))
            add(tree, namespace, known + ([ids[end:]] if end < len(ids) else []))
            kept.add((namespace, ids))
        tree.check_integrity()
        found = set()
        for namespace, ids in kept:
            nodes, alike = tree.reach(namespace, ids, len(ids) + 1)
            if sum(len(node.ids) for node in nodes) == len(ids):
                found.add((namespace, ids))
                keys = torch.cat([node.kv.keys[0] for node in nodes], dim=2)
                assert torch.equal(keys.flatten(), torch.arange(2.0 * len(ids)))
                assert tuple(token for node in nodes for token in node.ids) == ids and alike == len(ids)
        assert len(found) == len(tree) and len(kept) - len(found) <= 1
        kept = found
    while len(tree):
        tree.evict()
        tree.check_integrity()
    assert tree.bytes == 0 and not tree._roots


def test_a_text_that_grew_by_a_token_at_a_time_is_not_kept_in_as_many_nodes() -> None:
    tree, ids = PrefixTree(joins=True), tuple(range(400))
    for end in range(1, len(ids) + 1):
        known = [node.ids for node in tree.furthest("", ids[:end])]
        add(tree, "", [*known, ids[sum(map(len, known)) : end]])
        if len(tree) > 4:
            tree.evict()
    tree.check_integrity()
    assert len(tree.furthest("", ids)) <= 4 + 2 * 400 // LONGEST_JOINED + 2


def test_no_memory_for_joining_forgets_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> KVSlice:
        raise RuntimeError("no memory")

    monkeypatch.setattr(KVSlice, "joined", fails)
    tree = PrefixTree(joins=True)
    for path in ([(1,)], [(1,), (2,)]):
        add(tree, "", path)
    tree.touch(tree.furthest("", (1, 2))[-1])
    tree.evict()
    tree.check_integrity()
    assert len(tree) == 1


def test_how_far_a_text_is_known_is_said_to_the_token() -> None:
    tree = PrefixTree(joins=True)
    add(tree, "", [(1, 2, 3), (4, 5, 6)])
    add(tree, "", [(1, 7)])
    assert [tree.reach("", ids, len(ids))[1] for ids in ((1, 2, 3, 4, 5, 9), (1, 2, 9), (9,), (1, 2, 3))] == [
        5,
        2,
        0,
        3,
    ]


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

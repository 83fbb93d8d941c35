"""What was read before, as a tree: one edge for each forward pass, keyed by the ids that it read.

A path from a root is a way in which a prompt was cut and read. Who comes the same way finds the very numbers that it
would compute itself. Each node holds the keys and values of its own ids only, so that a shared beginning is kept once;
some hold a snapshot of the recurrent states too, and only there a sequence can go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from nemora.models.state import KVSlice, Snapshot

log = logging.getLogger(__name__)

Ids = tuple[int, ...]
ID_BYTES = 40
"""What a token id takes as a Python integer in a tuple."""

LONGEST_JOINED = 256
"""Tokens of a node that was made of others: two texts that part within it keep what they share in it twice."""


class Node:
    """The end of one forward pass. A root, which stands for nothing read, has no parent."""

    __slots__ = ("children", "end", "ids", "kv", "parent", "snapshot", "worth")

    def __init__(self, parent: Node | None, ids: Ids, kv: KVSlice) -> None:
        self.parent, self.ids, self.kv = parent, ids, kv
        self.end: int = self.start + len(ids)
        self.children: dict[Ids, Node] = {}
        self.snapshot: Snapshot | None = None
        self.worth = 0.0

    @property
    def start(self) -> int:
        """Tokens read before this pass."""
        return self.parent.end if self.parent is not None else 0

    @property
    def own_bytes(self) -> int:
        """Without the snapshot."""
        return self.kv.bytes + ID_BYTES * len(self.ids)

    @property
    def snapshot_bytes(self) -> int:
        return self.snapshot.bytes if self.snapshot is not None else 0

    def way_up(self) -> Iterator[Node]:
        """This node and those above it, but for the root."""
        node = self
        while node.parent is not None:
            yield node
            node = node.parent


class PrefixTree:
    """Prefixes of several namespaces, which share nothing. Not thread-safe.

    What is forgotten first is decided by GreedyDual-Size (Cao and Irani 1997): a snapshot is worth the tokens that it
    saves from being read, for each byte that it takes, and worth of old counts less with everything that is forgotten.
    Keys and values go with the last snapshot that needs them, so every leaf has one.

    Args:
        joins: it does not matter in which pieces something was read, so short ones may become one.
    """

    def __init__(self, *, joins: bool = False) -> None:
        self._joins = joins
        self.bytes = 0
        """Memory taken."""
        self._roots: dict[str, Node] = {}
        self._points: dict[Node, str] = {}  # every node with a snapshot, and its namespace
        self._age = 0.0

    def __len__(self) -> int:
        """Snapshots kept."""
        return len(self._points)

    def path(self, namespace: str, pieces: Sequence[Ids]) -> list[Node]:
        """The nodes along `pieces`, as far as they are known."""
        found: list[Node] = []
        node = self._roots.get(namespace)
        for piece in pieces:
            node = node.children.get(piece) if node is not None else None
            if node is None:
                break
            found.append(node)
        return found

    def reach(self, namespace: str, ids: Ids, before: int) -> tuple[list[Node], int]:
        """The nodes to the furthest snapshot along `ids` that ends before `before`, in whatever pieces it was read; and
        how many of `ids` are known, with a snapshot at their end or not."""
        best: list[Node] = []
        known = 0
        for way, node in self._ways(namespace, ids):
            if node.snapshot is not None and node.end < before and node.end > (best[-1].end if best else 0):
                best = way
            known = max(known, node.end, *(node.end + _alike(piece, ids, node.end) for piece in node.children))
        return best, known

    def furthest(self, namespace: str, ids: Ids) -> list[Node]:
        """The nodes along `ids`, in whatever pieces they were read, as far as whole ones go."""
        return max(self._ways(namespace, ids), key=lambda found: found[1].end, default=([], None))[0]

    def _ways(self, namespace: str, ids: Ids) -> Iterator[tuple[list[Node], Node]]:
        """The nodes to each that lies along `ids`, and that one; the root is among these."""
        root = self._roots.get(namespace)
        left: list[tuple[list[Node], Node]] = [([], root)] if root is not None else []
        while left:
            way, node = left.pop()
            yield way, node
            for piece, child in node.children.items():
                if piece == ids[node.end : child.end]:
                    left.append(([*way, child], child))

    def touch(self, node: Node) -> None:
        """A node's snapshot was made or used."""
        above = next((other for other in node.way_up() if other is not node and other.snapshot is not None), None)
        saved = node.end - (above.end if above is not None else 0)
        node.worth = self._age + saved / max(1, self._freed_by(node))

    def add(
        self, namespace: str, pieces: Sequence[Ids], snapshot: Snapshot, copy_kv: Callable[[int, int], KVSlice]
    ) -> None:
        """Keep `snapshot`, taken after `pieces` were read; `copy_kv(start, end)` gives missing positions."""
        nodes = self.path(namespace, pieces)
        at, slices = nodes[-1].end if nodes else 0, []
        for piece in pieces[len(nodes) :]:  # all before anything changes: there may be no memory for a copy
            slices.append(copy_kv(at, at + len(piece)))
            at += len(piece)
        node = nodes[-1] if nodes else self._roots.setdefault(namespace, Node(None, (), KVSlice(0, (), ())))
        for piece, kv in zip(pieces[len(nodes) :], slices, strict=True):
            child = Node(node, piece, kv)
            node.children[piece] = child
            self.bytes += child.own_bytes
            node = child
        if node.snapshot is None:
            node.snapshot = snapshot
            self.bytes += snapshot.bytes
            self._points[node] = namespace
        self.touch(node)

    def evict(self) -> None:
        """Forget the snapshot that is worth least, and what nothing needs without it. Harmless when empty."""
        if not self._points:
            return
        node = min(self._points, key=lambda point: point.worth)
        self._age = max(self._age, node.worth)
        namespace = self._points.pop(node)
        self.bytes -= node.snapshot_bytes
        node.snapshot = None
        while node.parent is not None and not node.children and node.snapshot is None:
            parent = node.parent
            del parent.children[node.ids]
            self.bytes -= node.own_bytes
            node = parent
        if self._joins:
            self._join(node)
        if node.parent is None and not node.children:
            del self._roots[namespace]

    def _join(self, node: Node) -> None:
        """Make one of short nodes of which nothing but the next needs the first: else many of a token each are left."""
        for first in (node, node.parent):
            if first is None or first.parent is None or first.snapshot is not None or len(first.children) != 1:
                continue
            (second,) = first.children.values()
            ids = first.ids + second.ids
            if len(ids) > LONGEST_JOINED or ids in first.parent.children:
                continue
            try:
                kv = first.kv.joined(second.kv)
            except (RuntimeError, MemoryError) as error:  # torch's error where there is no memory for a copy
                log.warning("what is kept could not be joined: %s", type(error).__name__)
                return
            del first.parent.children[first.ids]
            second.parent, second.ids, second.kv = first.parent, ids, kv
            first.parent.children[ids] = second

    def check_integrity(self) -> None:
        """Raise RuntimeError if the tree contradicts itself."""
        total, points = 0, set()
        for namespace, root in self._roots.items():
            if not root.children:
                raise RuntimeError("a namespace without nodes is kept")
            for node in _below(root):
                total += node.own_bytes + node.snapshot_bytes
                if node.kv.count != len(node.ids) or node.end != node.start + len(node.ids):
                    raise RuntimeError("a node has other positions than ids")
                if node.snapshot is None:
                    if not node.children:
                        raise RuntimeError("a node is kept that leads to no snapshot")
                    continue
                points.add(node)
                if self._points.get(node) != namespace or node.snapshot.length != node.end:
                    raise RuntimeError("a snapshot is not where it was taken")
        if points != set(self._points):
            raise RuntimeError("a snapshot was forgotten by the tree and not by its list")
        if total != self.bytes:
            raise RuntimeError(f"the prefixes take {total} bytes and {self.bytes} are counted")

    def _freed_by(self, point: Node) -> int:
        """Bytes that forgetting a point's snapshot gives back."""
        freed = point.snapshot_bytes
        if not point.children:
            for node in point.way_up():
                if node is not point and (node.snapshot is not None or len(node.children) > 1):
                    break
                freed += node.own_bytes
        return freed


def _alike(piece: Ids, ids: Ids, start: int) -> int:
    """Of how many ids at its beginning a piece has in common with `ids` from `start` on."""
    count = 0
    for one, other in zip(piece, ids[start : start + len(piece)], strict=False):
        if one != other:
            break
        count += 1
    return count


def _below(root: Node) -> Iterator[Node]:
    left = list(root.children.values())
    while left:
        node = left.pop()
        left += node.children.values()
        yield node

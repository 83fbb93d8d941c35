"""The prefix cache: what prompts have in common is read once."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Sequence as AnySequence

from nemora.engine.prefix_tree import ID_BYTES, Ids, Node, PrefixTree
from nemora.engine.sequence import Sequence, Stage
from nemora.models.state import State

SNAPSHOT_SHARE = 4
"""Snapshots along one sequence of the longest kind take at most this part (1 / 4) of the cache."""


def snapshot_interval(limit: int, context: int, chunk: int, snapshot_bytes: int) -> int:
    """Tokens between two snapshots of one prompt, a multiple of `chunk`: as few as SNAPSHOT_SHARE permits."""
    affordable = max(1, limit // SNAPSHOT_SHARE // max(1, snapshot_bytes))
    return chunk * max(1, math.ceil(context / affordable / chunk))


class PrefixCache:
    """Beginnings of prompts, with what the model remembered of them, within a limit of bytes. Thread-safe.

    Snapshots are taken at the last cut of a prompt that a longer one would share, where prompts turn out to part or
    others wait, and at cuts that lie at least `interval` tokens apart. What is kept is a copy, and a hit copies it into
    the sequence's own state: nothing is shared with a sequence that runs, so eviction asks nobody.

    Args:
        exact: a text gives the same bits in whatever pieces it is read, and token by token too. Then what a sequence
            wrote is kept as well, since it comes back as history; otherwise a prompt must find the very pieces in
            which it would be read itself.
    """

    def __init__(self, *, limit: int, interval: int, exact: bool = False) -> None:
        self.limit, self.interval, self.exact = limit, interval, exact
        self._tree = PrefixTree(joins=exact)
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Memory taken."""
        return self._tree.bytes

    def load(self, sequence: Sequence, state: State) -> None:
        """Give an empty state what is known of the sequence's prompt, and plan its snapshots."""
        with self._lock:
            path, usable, parting = self._find(sequence)
            if usable:
                hit = usable[-1]
                nodes = [node for node in path if node.end <= hit.end]
                assert hit.snapshot is not None
                state.load([node.kv for node in nodes], hit.snapshot)
                self._tree.touch(hit)
                sequence.cached_tokens = hit.end
        points = [cut for cut in sequence.cuts if cut <= parting][-1:]
        # At its own end a prompt cannot go on: a token must be left to read.
        points += [cut for cut in sequence.cuts[-2:] if cut < sequence.prompt_tokens][-1:]
        sequence.snapshot_at = self._plan(sequence.cuts, sequence.cached_tokens, points)

    def known(self, sequence: Sequence) -> int:
        """How many tokens of the sequence's prompt `load` would give."""
        with self._lock:
            _, usable, _ = self._find(sequence)
            return usable[-1].end if usable else 0

    def keep(self, sequence: Sequence) -> None:
        """After a pass over a prompt: keep what is remembered, if this is a place for it."""
        places = sequence.snapshot_at | sequence.awaited_at
        if sequence.stage is Stage.PREFILL and sequence.computed in places:
            self._keep(sequence)

    def keep_cancelled(self, sequence: Sequence) -> None:
        """Before a sequence is dropped whose prompt was not read to its end: keep as much as was read."""
        if sequence.stage is Stage.PREFILL and sequence.computed in sequence.cuts:
            self._keep(sequence)

    def keep_answer(self, sequence: Sequence) -> None:
        """Before a sequence ends that was writing: keep what it read and wrote."""
        if self.exact and sequence.stage is Stage.DECODE and sequence.computed <= len(sequence.ids):
            self._keep(sequence)

    def shrink(self, limit: int) -> None:
        """Set the limit, and forget what is beyond it."""
        with self._lock:
            self.limit = limit
            while self._tree.bytes > limit and len(self._tree):
                self._tree.evict()

    def check_integrity(self) -> None:
        """Raise RuntimeError if the counts are wrong or the limit is not kept."""
        with self._lock:
            self._tree.check_integrity()
            if self._tree.bytes > max(0, self.limit):
                raise RuntimeError(f"the prefixes take {self._tree.bytes} bytes and may take {self.limit}")

    def _find(self, sequence: Sequence) -> tuple[list[Node], list[Node], int]:
        """The known beginning of the prompt, where in it a sequence can go on from, and where it ends or parts."""
        if self.exact:
            ids = tuple(sequence.ids[: sequence.prompt_tokens])
            usable, parting = self._tree.reach(sequence.namespace, ids, len(ids))
            return usable, usable, parting
        path = self._tree.path(sequence.namespace, _pieces(sequence))
        usable = [node for node in path if node.snapshot is not None and node.end < sequence.prompt_tokens]
        return path, usable, path[-1].end if path else 0

    def _plan(self, cuts: AnySequence[int], start: int, more: AnySequence[int]) -> frozenset[int]:
        points = {*cuts[-1:], *more}
        last = start
        for cut in cuts:
            if cut - last >= self.interval:
                points.add(cut)
                last = cut
        return frozenset(point for point in points if point > start)

    def _keep(self, sequence: Sequence) -> None:
        state = sequence.state
        if state is None or state.length <= sequence.cached_tokens:
            return
        with self._lock:
            pieces = self._make_room(sequence, state)
            if pieces is not None:
                self._tree.add(sequence.namespace, pieces, state.snapshot(), state.copy_kv)

    def _pieces_to(self, sequence: Sequence, end: int) -> list[Ids]:
        """The first `end` ids as they were read; where that changes nothing, as they are kept, as far as they are."""
        if not self.exact:
            return _pieces(sequence)[: sequence.cuts.index(end) + 1]
        ids = tuple(sequence.ids[:end])
        kept = [node.ids for node in self._tree.furthest(sequence.namespace, ids)]
        start = sum(map(len, kept))
        cuts = [start, *(cut for cut in sequence.cuts if start < cut < end), *([end] if end > start else [])]
        return kept + [ids[first:last] for first, last in itertools.pairwise(cuts)]

    def _make_room(self, sequence: Sequence, state: State) -> list[Ids] | None:
        """Forget other things until a snapshot of `state` fits: the pieces at whose end it lies. None: it cannot, or is
        there already."""
        whole = state.length * (state.bytes_per_position + ID_BYTES) + state.snapshot_bytes
        while True:
            pieces = self._pieces_to(sequence, state.length)  # anew: what is forgotten may join others
            known = self._tree.path(sequence.namespace, pieces)
            if len(known) == len(pieces) and known[-1].snapshot is not None:
                self._tree.touch(known[-1])
                return None
            if whole > self.limit:  # and nothing is forgotten for it
                return None
            missing = state.length - (known[-1].end if known else 0)
            need = missing * (state.bytes_per_position + ID_BYTES) + state.snapshot_bytes
            if self._tree.bytes + need <= self.limit:
                return pieces
            self._tree.evict()


def _pieces(sequence: Sequence) -> list[Ids]:
    """The prompt as it is cut, without what comes after the last cut."""
    return [tuple(sequence.ids[start:end]) for start, end in itertools.pairwise((0, *sequence.cuts))]

"""How likely given continuations of one prefix are. The prefix is read once, and so is what continuations share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nemora.models.base import Model
from nemora.models.state import State


def continuation_logprobs(
    model: Model,
    prefix: Sequence[int],
    continuations: Sequence[Sequence[int]],
    *,
    chunk: int,
    check: Callable[[], None],
    new_state: Callable[[int], State] | None = None,
) -> list[list[float]]:
    """The natural logarithm of each token's probability, in fp32, after the prefix and the tokens before it.

    Args:
        prefix: at least one id.
        continuations: at least one id each.
        chunk: most tokens of one forward pass.
        check: called before each forward pass; what it raises ends the work.
        new_state: makes an empty state with room for so many positions; by default the model does.
    """
    with torch.inference_mode():
        state = (new_state or model.new_state)(len(prefix) + max(map(len, continuations), default=0))
        tree = _Tree(model, state, continuations, chunk, check)
        first = tree.read(prefix, last_only=True)[-1]
        tree.branch(range(len(continuations)), 0, first)
    return tree.found


def nesting(continuations: Sequence[Sequence[int]]) -> int:
    """The most states that are kept at once for going back to them, beside the one that reads."""
    deepest = 0
    # Members, the tokens in which they are equal, and the states that are kept for them.
    pending: list[tuple[Sequence[int], int, int]] = [(range(len(continuations)), 0, 0)]
    while pending:
        members, depth, kept = pending.pop()
        deepest = max(deepest, kept)
        for group in _groups(continuations, members, depth):
            pending.append((group, _parting(continuations, group, depth + 1), kept + 1))
    return deepest


def _groups(continuations: Sequence[Sequence[int]], members: Sequence[int], depth: int) -> list[list[int]]:
    """Members, equal before `depth`, that have the same token there and a further one after it."""
    groups: dict[int, list[int]] = {}
    for member in members:
        if len(continuations[member]) > depth + 1:
            groups.setdefault(continuations[member][depth], []).append(member)
    return list(groups.values())


def _parting(continuations: Sequence[Sequence[int]], group: Sequence[int], end: int) -> int:
    """How far a group, equal before `end`, stays equal, with a token left in each."""
    ids = [continuations[member] for member in group]
    shortest = min(map(len, ids)) - 1
    while end < shortest and len({each[end] for each in ids}) == 1:
        end += 1
    return end


class _Tree:
    """Continuations as branches that part where they differ. The state goes back to where a branch began."""

    def __init__(
        self,
        model: Model,
        state: State,
        continuations: Sequence[Sequence[int]],
        chunk: int,
        check: Callable[[], None],
    ) -> None:
        self._model = model
        self._continuations = continuations
        self._chunk = chunk
        self._check = check
        self._state = state
        self.found: list[list[float]] = [[] for _ in continuations]

    def read(self, ids: Sequence[int], *, last_only: bool = False) -> Tensor:
        """Log-probabilities [seq or 1, vocab] of the token after each of `ids`, which the state remembers from now."""
        rows = []
        for start in range(0, len(ids), self._chunk):
            self._check()
            piece = torch.tensor([list(ids[start : start + self._chunk])])
            logits = self._model.forward(piece, self._state, last_only=last_only)
            rows.append(torch.log_softmax(logits[0].float(), dim=-1))
        return rows[-1] if last_only else torch.cat(rows)

    def branch(self, members: Sequence[int], depth: int, last: Tensor) -> None:
        """Of continuations that are equal before `depth`; `last`, [vocab], are the log-probabilities there."""
        for member in members:
            self.found[member].append(float(last[self._continuations[member][depth]]))
        for group in _groups(self._continuations, members, depth):
            end = _parting(self._continuations, group, depth + 1)
            before = self._state.snapshot()
            rows = self.read(self._continuations[group[0]][depth:end])
            for member in group:
                shared = self._continuations[member][depth + 1 : end]
                self.found[member] += [float(row[token]) for row, token in zip(rows, shared, strict=False)]
            self.branch(group, end, rows[-1])
            self._state.restore(before)

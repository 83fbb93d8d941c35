"""From documents to rows of equal length: shuffled, packed, and resumed where a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Generic, NamedTuple, TypeVar

import torch

from nemora.errors import UsageError
from nemora.ops.texts import Texts
from nemora.train.batch import Batch

D = TypeVar("D")


class Tokens(NamedTuple):
    """A document's ids; `counted` tells which of them are to be learnt, all if None."""

    ids: Sequence[int]
    counted: Sequence[bool] | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream has been read: the next token is number `token` of the epoch's document number `document`."""

    epoch: int = 0
    document: int = 0
    token: int = 0


@dataclass(slots=True)
class _Row:
    ids: list[int]
    texts: list[int]
    counted: list[bool]


class Rows(Generic[D]):
    """An endless stream of batches, made of `documents` again and again, in a new order each time.

    A row is filled with documents, one after the other. What does not fit goes on in the next row as a text of its own,
    or, unless `split`, the row is padded and the document begins the next; then one longer than a row is cut off.
    What comes next depends on `position` only, and not on how many processes share the rows: each makes all of them
    and keeps its own, which costs it the tokenising of the others.

    Args:
        documents: anything that has a length and can be indexed: a list, `TextFiles`.
        encode: a document's tokens; it is for the caller to end them with an end token.
        length: tokens in a row.
        seed: of the order.
        rank, world: which of how many processes this is. Each gets its part of every batch.
    """

    def __init__(
        self,
        documents: Sequence[D],
        encode: Callable[[D], Tokens],
        length: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        split: bool = True,
        pad: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not len(documents):
            raise UsageError("There are no documents to train on; give at least one.")
        if length < 2:
            raise UsageError(f"A row of {length} tokens has nothing to predict; 2 or more were expected.")
        self.documents, self.encode, self.length, self.pad = documents, encode, length, pad
        self.seed, self.shuffle, self.split = seed, shuffle, split
        self.rank, self.world = rank, world
        self.position = Position()
        self._order: tuple[int, list[int]] = (-1, [])
        self._read: tuple[int, Tokens] = (-1, Tokens([]))

    def batch(self, rows: int) -> Batch:
        """The next `rows` rows of each process; gives those of this one.

        Raises:
            UsageError: no document has a token.
        """
        made = [self._row() for _ in range(rows * self.world)]
        own = made[self.rank * rows : (self.rank + 1) * rows]
        counted = torch.tensor([row.counted for row in own])
        texts = Texts(torch.tensor([row.texts for row in own]))
        return Batch(torch.tensor([row.ids for row in own]), texts, None if counted.all() else counted)

    def state(self) -> dict[str, int]:
        """What `resume` needs to go on from here."""
        return asdict(self.position)

    def resume(self, state: dict[str, int]) -> None:
        """Go on from where `state` was taken."""
        self.position = Position(**state)

    def _row(self) -> _Row:
        row = _Row([], [], [])
        text, barren = 0, 0
        while len(row.ids) < self.length:
            taken = self._take(self.length - len(row.ids), first=not row.ids)
            if taken is None:
                break
            barren = 0 if taken.ids else barren + 1
            if barren > len(self.documents):
                raise UsageError("No document has a token; texts to train on were expected.")
            row.ids += taken.ids
            row.texts += [text] * len(taken.ids)
            row.counted += taken.counted if taken.counted is not None else [True] * len(taken.ids)
            text += 1
        missing = self.length - len(row.ids)
        return _Row(row.ids + [self.pad] * missing, row.texts + [text] * missing, row.counted + [False] * missing)

    def _take(self, room: int, *, first: bool) -> Tokens | None:
        """The next tokens of the stream, at most `room` and of one document; None if the next one is for a new row."""
        at = self.position
        tokens = self._document(at)
        left = len(tokens.ids) - at.token
        if not self.split and left > room and not first:
            return None
        end = min(len(tokens.ids), at.token + room)
        if end < len(tokens.ids) and self.split:
            self.position = Position(at.epoch, at.document, end)
        elif at.document + 1 < len(self.documents):
            self.position = Position(at.epoch, at.document + 1)
        else:
            self.position = Position(at.epoch + 1)
        counted = None if tokens.counted is None else list(tokens.counted[at.token : end])
        return Tokens(list(tokens.ids[at.token : end]), counted)

    def _document(self, at: Position) -> Tokens:
        """The tokens of the document that is next. The last one is kept: it may fill many rows."""
        if self._order[0] != at.epoch:
            self._order = (at.epoch, self._shuffled(at.epoch))
        number = self._order[1][at.document]
        if self._read[0] != number:
            self._read = (number, self.encode(self.documents[number]))
        return self._read[1]

    def _shuffled(self, epoch: int) -> list[int]:
        if not self.shuffle:
            return list(range(len(self.documents)))
        generator = torch.Generator().manual_seed((self.seed << 20) + epoch)
        return torch.randperm(len(self.documents), generator=generator).tolist()

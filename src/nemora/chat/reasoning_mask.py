"""A grammar for what a model says after it has thought: while it thinks, nearly everything is permitted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import torch

from nemora.chat.grammar_mask import GrammarMask
from nemora.chat.reasoning import ReasoningTags
from nemora.chat.tokenizer import Tokenizer

GAP = 2
"""Most characters of white space in one token that may stand between reasoning and text."""


class ReasoningVocabulary:
    """What the tokens of one vocabulary mean to reasoning tags. Built once for a model.

    Args:
        visible: ids of hidden tokens that are text all the same; see `Format.visible_ids`.
    """

    def __init__(
        self, tokenizer: Tokenizer, tags: ReasoningTags, *, vocab_size: int, visible: Collection[int] = ()
    ) -> None:
        hidden = tokenizer.special.hidden.difference(visible)
        count = min(tokenizer.size, vocab_size)
        self.open, self.close = tags.open.encode(), tags.close.encode()
        self.eos_ids = frozenset(i for i in tokenizer.eos_ids if i < vocab_size)
        self.pieces: Mapping[int, bytes] = {i: tokenizer.bytes_of(i) for i in range(count) if i not in hidden}
        self.spaces = frozenset(i for i, p in self.pieces.items() if p and len(p) <= GAP and not p.strip())
        self._vocab_size = vocab_size
        self._opening: dict[bytes, list[int]] = {}
        ends = self._ending(self.pieces.items())
        self._inside = [self._all_but(e for e, n in ends if n == held) for held in range(len(self.close))]

    def opening(self, held: bytes) -> list[int]:
        """Ids that go on with the opening tag, of which `held` is there already."""
        if held not in self._opening:
            rest = self.open[len(held) :]
            self._opening[held] = [
                i
                for i, piece in self.pieces.items()
                if piece and (rest.startswith(piece) or (piece.startswith(rest) and not piece[len(rest) :].strip()))
            ]
        return self._opening[held]

    def inside(self, tail: bytes, *, may_end: bool) -> torch.Tensor:
        """A bool tensor [vocab] of what may come within reasoning that ends with `tail` as yet."""
        allowed = self._inside[self._held(tail)].clone()
        if not may_end:
            allowed[sorted(self.eos_ids)] = False
        return allowed

    def nothing(self) -> torch.Tensor:
        """A bool tensor [vocab] that permits nothing."""
        return torch.zeros(self._vocab_size, dtype=torch.bool)

    def _held(self, tail: bytes) -> int:
        """How much of the closing tag stands at the end."""
        lengths = range(min(len(self.close) - 1, len(tail)), 0, -1)
        return next((length for length in lengths if tail.endswith(self.close[:length])), 0)

    def _ending(self, pieces: Iterable[tuple[int, bytes]]) -> list[tuple[int, int]]:
        """Ids that close the tag and go on with text of the answer, and after how much of the tag they do so."""
        last = self.close[-1:]
        found = []
        for i, piece in pieces:
            if last not in piece or not piece.rpartition(last)[2].strip():
                continue
            for held in range(len(self.close)):
                _, closed, rest = (self.close[:held] + piece).partition(self.close)
                if closed and rest.strip():
                    found.append((i, held))
        return found

    def _all_but(self, ids: Iterable[int]) -> torch.Tensor:
        allowed = torch.ones(self._vocab_size, dtype=torch.bool)
        allowed[list(ids)] = False
        return allowed


class ReasoningMask:
    """A `TokenMask` that lets a model think before its text follows a grammar.

    Where the prompt has not opened the reasoning, the model may do so itself or begin with its text.

    Args:
        may_end: the model may end its answer while it thinks; otherwise it has to come to its text.
    """

    def __init__(
        self,
        new_mask: Callable[[], GrammarMask],
        vocabulary: ReasoningVocabulary,
        *,
        inside: bool,
        may_end: bool = False,
    ) -> None:
        self._new_mask = new_mask
        self._mask: GrammarMask | None = new_mask()
        self._vocabulary = vocabulary
        self._may_end = may_end
        self._state = "inside" if inside else "before"
        self._tail = b""
        self._gap = False
        """Whether white space may come now, between reasoning and text."""
        self._begun = not inside

    def allowed(self) -> torch.Tensor:
        """A bool tensor [vocab] of permitted ids."""
        if self._state == "inside":
            return self._vocabulary.inside(self._tail, may_end=self._may_end)
        allowed = self._vocabulary.nothing() if self._mask is None else self._mask.allowed()
        if self._state == "before":
            allowed[self._vocabulary.opening(self._tail)] = True
        elif self._gap:
            allowed[sorted(self._vocabulary.spaces)] = True
        return allowed

    def accept(self, token_id: int) -> None:
        """Advance by the token that was drawn."""
        piece = self._vocabulary.pieces.get(token_id, b"")
        if self._state == "inside":
            self._think(piece)
        elif self._state == "before":
            self._begin(token_id, piece)
        else:
            self._gap = False
            is_gap = not self._begun and token_id in self._vocabulary.spaces
            if not is_gap or self._grammar().permits(token_id):
                self._begun = True
                self._grammar().accept(token_id)

    def _think(self, piece: bytes) -> None:
        _, closed, rest = (self._tail + piece).partition(self._vocabulary.close)
        if closed:
            self._state, self._gap, self._begun = "after", not rest, False
            self._mask = self._new_mask()
        else:
            self._tail = (self._tail + piece)[-len(self._vocabulary.close) + 1 :]

    def _begin(self, token_id: int, piece: bytes) -> None:
        text = self._tail + piece
        opens = bool(piece) and self._vocabulary.open.startswith(text)
        if text.startswith(self._vocabulary.open):
            self._state, self._tail = "inside", b""
            self._think(text[len(self._vocabulary.open) :])
        elif opens and not self._grammar_permits(token_id):
            self._mask, self._tail = None, text
        else:
            self._grammar().accept(token_id)
            self._state, self._tail = ("before", text) if opens else ("after", b"")

    def _grammar_permits(self, token_id: int) -> bool:
        return self._mask is not None and self._mask.permits(token_id)

    def _grammar(self) -> GrammarMask:
        assert self._mask is not None  # it is given up only while the reasoning is being opened
        return self._mask

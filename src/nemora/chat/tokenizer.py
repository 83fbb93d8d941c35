"""Text to token ids and back. Every vocabulary here is byte-level BPE: an id stands for a few bytes of UTF-8.

Two sources, see `tokenizer_source`: the keys that a GGUF file carries, or a folder's tokenizer.json.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import tokenizers

from nemora.errors import RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialTokens:
    """Tokens that stand for no text of a user.

    `ids` has all of them by their written form, markup such as `<think>` included. `hidden` are those that a
    reader of an answer does not see. `add_bos`: a raw completion begins with `bos_id`.
    """

    ids: Mapping[str, int]
    hidden: frozenset[int]
    bos_id: int | None = None
    eos_ids: frozenset[int] = frozenset()
    add_bos: bool = False


class Tokenizer:
    """A vocabulary with its merges.

    Args:
        backend: knows ordinary tokens only, so special tokens can never come out of text.
        pieces: the bytes of each id.
    """

    def __init__(self, backend: tokenizers.Tokenizer, pieces: Sequence[bytes], special: SpecialTokens) -> None:
        self._backend = backend
        self._pieces = pieces
        self.special = special
        longest_first = sorted(special.ids, key=len, reverse=True)
        self._special_text = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def without_vocabulary(cls) -> Tokenizer:
        """Stands in where only ids are used: every id is no text."""
        return cls(tokenizers.Tokenizer(tokenizers.models.BPE()), [], SpecialTokens(ids={}, hidden=frozenset()))

    @property
    def eos_ids(self) -> frozenset[int]:
        """Ids that end an answer."""
        return self.special.eos_ids

    @functools.cached_property
    def newline_ids(self) -> frozenset[int]:
        """Ids of tokens that end with a line's end."""
        return frozenset(i for i, piece in enumerate(self._pieces) if piece.endswith(b"\n"))

    def encode(self, text: str) -> list[int]:
        """Ids of plain text. Nothing is added, and `<|im_end|>` in it stays ten characters.

        A byte that the vocabulary has no token for is left out, as it was in training.

        Raises:
            RequestError: the text has lone surrogates, so it is no Unicode text.
        """
        try:
            ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        except (UnicodeEncodeError, TypeError):
            raise RequestError("The text holds lone surrogates, which are not Unicode text.") from None
        return ids

    def split_special(self, text: str) -> Iterable[str | int]:
        """`text` cut at special tokens: plain pieces, and the ids between them. For a template's own output only."""
        position = 0
        for match in self._special_text.finditer(text):
            if match.start() > position:
                yield text[position : match.start()]
            yield self.special.ids[match.group()]
            position = match.end()
        if position < len(text):
            yield text[position:]

    @property
    def size(self) -> int:
        """One more than the highest id that stands for something."""
        return len(self._pieces)

    def bytes_of(self, token_id: int) -> bytes:
        """The UTF-8 bytes that an id stands for: none for an id that the vocabulary does not name."""
        return self._pieces[token_id] if 0 <= token_id < len(self._pieces) else b""

    def decode(self, ids: Iterable[int], *, skip_hidden: bool = False) -> str:
        """The text of `ids`. What is no UTF-8 becomes U+FFFD; with `skip_hidden` control tokens become nothing."""
        hidden = self.special.hidden if skip_hidden else frozenset()
        return b"".join(self.bytes_of(i) for i in ids if i not in hidden).decode("utf-8", "replace")


@functools.cache
def byte_symbols() -> dict[str, int]:
    """GPT-2's printable stand-ins for bytes: printable Latin-1 is itself, the rest follows from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(0x100 + n): b for n, b in enumerate(rest)}


def symbol_bytes(token: str) -> bytes:
    """The bytes of a token written in stand-ins.

    Raises:
        KeyError: a character that stands for no byte.
    """
    symbols = byte_symbols()
    return bytes(symbols[character] for character in token)


def is_markup(token: str) -> bool:
    """Whether an added token is markup like `<think>` or `[INST]`, which users must not be able to forge."""
    return len(token) > 2 and token[0] + token[-1] in ("<>", "[]")


# Tokens that end a turn in one family or another. Files often name only one of those that their model uses.
END_OF_TURN = frozenset({"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>"})

"""Token ids to text while they come: a character is emitted when all of its bytes are there."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterable

from nemora.chat.tokenizer import Tokenizer


class StreamDecoder:
    """Decodes one answer piece by piece. The pieces joined are what decoding everything at once gives.

    Hidden tokens become nothing, but for those in `visible`: markup that a parser downstream looks for.
    """

    def __init__(self, tokenizer: Tokenizer, *, visible: Collection[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._hidden = tokenizer.special.hidden.difference(visible)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: Iterable[int]) -> str:
        """The characters that `ids` complete."""
        return self._utf8.decode(b"".join(self._tokenizer.bytes_of(i) for i in ids if i not in self._hidden))

    def finish(self) -> str:
        """What is left: U+FFFD if the last character is incomplete."""
        return self._utf8.decode(b"", final=True)

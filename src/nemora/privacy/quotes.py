"""The sentences and lines of a text, by which a quotation of it is known again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LEAST = 40
"""Characters without space of a sentence that is no commonplace."""
_SENTENCES = re.compile(r"(?<=[.!?。！？…])[\"'”’»)\]]*\s+|:\s+|\n\s*\n|[\"“”„«»]|(?<![^\W_])['‘]|['’](?![^\W_])")
_AROUND = " .,;:!?'‘’()[]{}<>*_`~#|•–—-"


def sentences(text: str) -> Iterator[str]:
    """Each sentence and each line that is long enough, without white space, quotation marks and what stands around it.

    A wrapped sentence and its lines are both there: a table has lines, prose has sentences.
    """
    for pieces in (_SENTENCES.split(text), text.split("\n")):
        for piece in pieces:
            bare = "".join(unicodedata.normalize("NFC", piece).split()).strip(_AROUND)
            if len(bare) >= LEAST:
                yield bare

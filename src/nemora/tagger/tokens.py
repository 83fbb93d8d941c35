"""A text as a model reads it: token ids, the words they belong to, where they stand, and their shapes.

Where a script has no spaces between words, a word ends where the script changes: 電話は03-1234-5678です.

The encoder's vocabulary has no capitals and no line ends. Both tell names and forms from prose, so each token also has
a shape: how it is written, and what stands before it.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers

from nemora.errors import CorruptCheckpoint
from nemora.tagger.windows import pieces

Ints = npt.NDArray[np.int64]
SHAPES = 19
"""0-17: 3 · case + gap, as `shapes` says; 18: a special token."""
SPECIAL_SHAPE = 18
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LOWER, _UPPER, _DIGIT, _SPACE, _BREAK = 1, 2, 4, 8, 16
_UNSPACED = np.array([0x0E00, 0x0E80, 0x1100, 0x1200, 0x3040, 0x30A0, 0x3100, 0xAC00, 0xD7B0])
"""Where Thai, jamo, hiragana, katakana and hangul begin and end; `_SCRIPTS` is which of them lies after each bound."""
_SCRIPTS = np.array([0, 4, 0, 1, 0, 2, 3, 0, 1, 0])
_THAI = 4


def tokenise(tokenizer: tokenizers.Tokenizer, text: str) -> tuple[Ints, Ints, Ints]:
    """Token ids [n], word numbers [n] and code point ranges [n, 2] of a text of any length."""
    readable = _LONE_SURROGATE.sub("\ufffd", text)
    ids, words, offsets = [], [], []
    next_word = 0
    for start, piece in pieces(readable):
        encoding = tokenizer.encode(piece, add_special_tokens=False)
        if not encoding.ids:
            continue
        ids.append(np.array(encoding.ids, dtype=np.int64))
        offsets.append(np.array(encoding.offsets, dtype=np.int64) + start)
        words.append(_split_by_script(readable, np.array(encoding.word_ids, dtype=np.int64), offsets[-1]) + next_word)
        next_word = int(words[-1][-1]) + 1
    if not ids:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing.reshape(0, 2)
    return np.concatenate(ids), np.concatenate(words), np.concatenate(offsets)


def _split_by_script(text: str, words: Ints, offsets: Ints) -> Ints:
    """Word numbers from 0, [n], with a new word where kana, hangul or Thai meet each other or letters and digits, and
    at every token of Thai."""
    firsts = np.array([ord(text[start]) if start < len(text) else 0 for start in offsets[:, 0].tolist()], np.int64)
    script = _SCRIPTS[np.searchsorted(_UNSPACED, firsts, side="right")]
    if not script.any():
        return words
    new = (np.diff(words, prepend=words[:1]) != 0) | (np.diff(script, prepend=script[:1]) != 0) | (script == _THAI)
    numbered: Ints = np.cumsum(new, dtype=np.int64)
    return numbered


def shapes(text: str, offsets: Ints) -> Ints:
    """The shape of each token: 3 · case + gap, [n].

    case: 0 neither letters with case nor digits, 1 lower, 2 Capital, 3 UPPER, 4 mIxed, 5 with a digit.
    gap: 0 it follows the character before, 1 after a space, 2 after a line end or at the start.
    """
    if not len(offsets):
        return np.empty(0, np.int64)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    flags = _flags()[np.minimum(codes, len(_flags()) - 1)]
    start, end = offsets[:, 0], offsets[:, 1]

    def within(flag: int) -> Ints:
        counted = np.zeros(len(flags) + 1, np.int64)
        np.cumsum((flags & flag) > 0, out=counted[1:])
        found: Ints = np.subtract(counted[end], counted[start])
        return found

    lower, upper, digits = within(_LOWER), within(_UPPER), within(_DIGIT)
    first = (flags[np.minimum(start, len(flags) - 1)] & _UPPER) > 0
    is_capital = (upper == 1) & first & (lower > 0)
    case = np.select(
        [digits > 0, is_capital, (upper > 0) & (lower > 0), upper > 0, lower > 0], [5, 2, 4, 3, 1], default=0
    )
    before = flags[np.maximum(start - 1, 0)]
    gap = np.select([start == 0, (before & _BREAK) > 0, (before & _SPACE) > 0], [2, 2, 1], default=0)
    form: Ints = np.array(3 * case + gap, np.int64)
    return form


@functools.cache
def _flags() -> npt.NDArray[np.uint8]:
    """What each character of the first plane is; the last entry stands for all beyond."""
    table = np.zeros(0x10001, np.uint8)
    for code in range(0x10000):
        char = chr(code)
        table[code] = (
            _LOWER * char.islower()
            | _UPPER * char.isupper()
            | _DIGIT * char.isdigit()
            | _SPACE * char.isspace()
            | _BREAK * (char in "\n\r\v\f\x85\u2028\u2029")
        )
    return table


def special_token(tokenizer: tokenizers.Tokenizer, token: str) -> int:
    """The id of a token that every text is put between.

    Raises:
        CorruptCheckpoint: the tokenizer has none of that name.
    """
    found: int | None = tokenizer.token_to_id(token)
    if found is None:
        raise CorruptCheckpoint(f"The model's tokenizer.json has no {token} token; install the model anew.")
    return found


def load_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """A tokenizer.json, for texts of any length.

    Raises:
        CorruptCheckpoint: it is missing or damaged.
    """
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
        raise CorruptCheckpoint(
            f"The model's tokenizer.json is missing or damaged ({type(error).__name__}); install the model anew."
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # "[SEP]" in a text is text
    return tokenizer

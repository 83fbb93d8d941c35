"""From bytes to text: UTF-8, UTF-16 and UTF-32 with a mark, UTF-16 without one, and as a last resort Windows-1252."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_SWITCH = re.compile("\x1b[$()%]")  # to other letters, as in ISO 2022
_RARE = "[ƒˆ‰ŠŽšžŸ¢£¥¦¨ª¬¯±²³´¸¹º¼½¾¿×÷ÐÞðþ¤¶]"  # in words of Western languages; common letters elsewhere
_FOREIGN = re.compile(f"[^\x00-\x7f]{{3}}|(?<=[A-Za-z]){_RARE}|{_RARE}(?=[a-z])")
_LEAST_ZEROS = 0.3  # of one half of the bytes of UTF-16: text that is mostly Latin


@dataclass(frozen=True, slots=True)
class DecodedText:
    """`sure`: the encoding was told by the bytes, not guessed."""

    text: str
    sure: bool = True


def decode_text(data: bytes) -> DecodedText | None:
    """None if the bytes are no text."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], name)
    if b"\0" in data[:1024]:
        halves = [data[:1024][start::2] for start in (0, 1)]
        zeros = [half.count(0) / max(1, len(half)) for half in halves]
        if max(zeros) < _LEAST_ZEROS:
            return None
        return _decoded(data, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
    found = _decoded(data, "utf-8")
    return found if found is not None else _western(data)


def decode_with(data: bytes, charset: str) -> DecodedText:
    """With a declared charset; where that is unknown or wrong, as it can be, and not `sure`."""
    try:
        return DecodedText(data.decode(charset))
    except (LookupError, UnicodeError, ValueError):
        return DecodedText((decode_text(data) or DecodedText(data.decode("latin-1"))).text, sure=False)


def _decoded(data: bytes, name: str) -> DecodedText | None:
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return None
    if "\0" in text or len(_CONTROLS.findall(text)) * 100 > len(text):
        return None
    return DecodedText(text, sure=not _SWITCH.search(text))


def _western(data: bytes) -> DecodedText | None:
    """Windows-1252 is sure only where other encodings are unlikely: a few single letters of Western languages."""
    text = data.decode("cp1252", errors="replace")
    if _CONTROLS.search(text):
        return None
    return DecodedText(text, sure="\ufffd" not in text and not _FOREIGN.search(text))

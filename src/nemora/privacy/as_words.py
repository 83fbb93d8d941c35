"""What a model that names people reads of a text: the same, with what joins or marks the words of a name as spaces.

"Maria_Schmidt" and "Tilda **Braunfels**" are names to everybody but a model of words. As many characters stand in every
place as before, so what is found keeps its place.
"""

from __future__ import annotations

import re

_MARK = r"(?:\*{1,3}|~~|``?|</?(?:a|b|em|font|i|mark|span|strong|u)(?:\s[^<>\n]{0,80})?>)"
_BETWEEN = re.compile(rf"(?<=[^\W\d_])(?: ?{_MARK}{{1,2}} ?(?=[^\W\d_])|_(?=[^\W\d_]))")
_CLOSING = re.compile(rf"(?<=[^\W\d_]){_MARK}(?![^\W_])")
_NAME = re.compile(r"[^\W\d_]{2,}(?:[_.\-][^\W\d_]{2,}){1,3}")


def as_words(text: str, *, is_name: bool = False) -> str:
    """`text` for the model.

    Args:
        is_name: the whole text is what somebody is called by a program: `tilda_braunfels`, `maria.schmidt`.
    """
    if is_name and _NAME.fullmatch(text):
        spaced = re.sub(r"[_.\-]", " ", text).title()
        return spaced if len(spaced) == len(text) else text
    if not _mark_or_joint(text):
        return text
    spaced = _BETWEEN.sub(_spaces, text)
    return text if spaced == text else _CLOSING.sub(lambda mark: " " * len(mark.group()), spaced)


def _mark_or_joint(text: str) -> bool:
    return any(sign in text for sign in "*_~`<")


def _spaces(joint: re.Match[str]) -> str:
    """As spaces where capitals stand on both sides: what is joined otherwise are names of things in programs."""
    text, start, end = joint.string, joint.start(), joint.end()
    word = re.search(r"[^\W\d_]+\Z", text[max(0, start - 40) : start])
    before = text[start - len(word.group()) - 1 : start - len(word.group())] if word else ""
    after = re.match(r"[^\W\d_]+", text[end : end + 40])
    if word is None or after is None or before == "_" or text[end + len(after.group()) :][:1] == "_":
        return joint.group()
    capital = all(part[0].isupper() and not part.isupper() for part in (word.group(), after.group()))
    return " " * (end - start) if capital else joint.group()

"""Words of the command line and lines of a pipe as Unicode text."""

from __future__ import annotations

from nemora.errors import UsageError


def is_unicode(text: str) -> bool:
    """Whether `text` has no lone surrogates, as which the system passes on bytes that are not UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def unicode_text(text: str, name: str) -> str:
    """`text`, if it is Unicode.

    Raises:
        UsageError: it is not; the sentence begins with `name`.
    """
    if not is_unicode(text):
        raise UsageError(f"{name} is not valid UTF-8 text; convert it first.")
    return text

"""OpenAI's `logprobs` of a choice, read. The server is not trusted to keep to the format."""

from __future__ import annotations

import math
from typing import Any

from nemora.core import LOWEST_LOGPROB, TokenLogprob

MAX_TOP = 100


def logprobs_of(content: Any) -> tuple[TokenLogprob, ...] | None:
    """The entries of `logprobs.content`; empty where there is none, None where it is something else."""
    if content is None:
        return ()
    if not isinstance(content, list):
        return None
    found = [_entry(item, with_top=True) for item in content]
    return None if None in found else tuple(entry for entry in found if entry is not None)


def _entry(value: Any, *, with_top: bool = False) -> TokenLogprob | None:
    if not isinstance(value, dict):
        return None
    token, logprob = value.get("token"), value.get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return None
    if isinstance(logprob, float) and math.isnan(logprob):
        return None
    text = token.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    piece = _bytes(value.get("bytes"), text)
    top = value.get("top_logprobs") or [] if with_top else []
    if piece is None or not isinstance(top, list) or len(top) > MAX_TOP:
        return None
    alternatives = [_entry(item) for item in top]
    if None in alternatives:
        return None
    kept = tuple(entry for entry in alternatives if entry is not None)
    return TokenLogprob(text, float(min(0.0, max(logprob, LOWEST_LOGPROB))), piece, kept)


def _bytes(value: Any, text: str) -> bytes | None:
    """The bytes of a token; those of its text where a server leaves them out."""
    if value is None:
        return text.encode("utf-8", "replace")
    if not isinstance(value, list) or not all(
        isinstance(byte, int) and not isinstance(byte, bool) and 0 <= byte < 256 for byte in value
    ):
        return None
    return bytes(value)

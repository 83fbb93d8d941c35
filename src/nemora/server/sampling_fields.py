"""The fields that say how tokens are drawn and when an answer ends: OpenAI's, and those of vLLM beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nemora.core import Json, Sampling
from nemora.errors import RequestError
from nemora.server.fields import a_list, an_object, flag, integer, number, text

MAX_STOPS = 16
MAX_TOKENS = 2**31 - 1
MAX_IDS = 1024
MAX_WORDS = 128
MAX_TOP_LOGPROBS = 20
MAX_ID = 9_999_999
"""No vocabulary is larger."""

SAMPLING = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "max_tokens", "max_completion_tokens", "stop"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "bad_words"),
        *("stop_token_ids", "min_tokens", "ignore_eos", "logprobs", "top_logprobs"),
    )
)
"""The fields that are read here."""

_ID = re.compile(r"\d{1,7}", re.ASCII)


def sampling_of(table: Mapping[str, Json]) -> Sampling:
    """The fields of a body together. Values that ask for nothing are as good as none.

    Raises:
        RequestError: one has a wrong type or value.
    """
    return Sampling(
        temperature=number(table.get("temperature"), "/temperature", 0, 2),
        top_p=number(table.get("top_p"), "/top_p", 0, 1, above=True),
        top_k=integer(table.get("top_k"), "/top_k", 1, MAX_TOKENS),
        min_p=number(table.get("min_p"), "/min_p", 0, 1) or None,  # 0 means: off, as leaving it out does
        seed=integer(table.get("seed"), "/seed", -(2**63), 2**63 - 1),
        frequency_penalty=number(table.get("frequency_penalty"), "/frequency_penalty", -2, 2) or None,
        presence_penalty=number(table.get("presence_penalty"), "/presence_penalty", -2, 2) or None,
        repetition_penalty=number(table.get("repetition_penalty"), "/repetition_penalty", 0, 100, above=True),
        logit_bias=_logit_bias(table.get("logit_bias")),
        bad_words=_texts(table.get("bad_words"), "/bad_words", MAX_WORDS),
        stop_token_ids=_ids(table.get("stop_token_ids"), "/stop_token_ids"),
        min_tokens=integer(table.get("min_tokens"), "/min_tokens", 0, MAX_TOKENS) or None,
        ignore_eos=flag(table.get("ignore_eos"), "/ignore_eos") or None,
        logprobs=_logprobs(table),
    )


def max_tokens_of(table: Mapping[str, Json]) -> int | None:
    """`max_completion_tokens`, or `max_tokens` as it was called before."""
    old = integer(table.get("max_tokens"), "/max_tokens", 1, MAX_TOKENS)
    new = integer(table.get("max_completion_tokens"), "/max_completion_tokens", 1, MAX_TOKENS)
    if old is not None and new is not None and old != new:
        raise RequestError("/max_tokens and /max_completion_tokens differ; send one of them.", param="/max_tokens")
    return new if new is not None else old


def stops_of(value: Json, where: str) -> tuple[str, ...]:
    """A stop string, or a list of them."""
    return _texts([value] if isinstance(value, str) else value, where, MAX_STOPS)


def _texts(value: Json, where: str, most: int) -> tuple[str, ...]:
    items = [] if value is None else a_list(value, where)
    if len(items) > most:
        raise RequestError(f"{where} must hold at most {most} strings.", param=where)
    return tuple(text(item, f"{where}/{i}", empty=False) for i, item in enumerate(items))


def _ids(value: Json, where: str) -> tuple[int, ...]:
    items = [] if value is None else a_list(value, where)
    if len(items) > MAX_IDS or None in items:
        raise RequestError(f"{where} must hold at most {MAX_IDS} token ids.", param=where)
    found = (integer(item, f"{where}/{i}", 0, MAX_ID) for i, item in enumerate(items))
    return tuple(token_id for token_id in found if token_id is not None)


def _logit_bias(value: Json) -> dict[int, float] | None:
    """Token ids as JSON's keys, text of digits. A wrong key is the client's content and is not repeated."""
    table = an_object({} if value is None else value, "/logit_bias")
    if len(table) > MAX_IDS or not all(_ID.fullmatch(key) for key in table):
        raise RequestError(f"/logit_bias must have at most {MAX_IDS} keys, which are token ids.", param="/logit_bias")
    found = {int(key): number(bias, "/logit_bias", -100, 100) for key, bias in table.items()}
    if len(found) < len(table) or None in found.values():
        raise RequestError("/logit_bias must have one number for each token id.", param="/logit_bias")
    return {token_id: bias for token_id, bias in found.items() if bias is not None} or None


def _logprobs(table: Mapping[str, Json]) -> int | None:
    asked = flag(table.get("logprobs"), "/logprobs") or False
    top = integer(table.get("top_logprobs"), "/top_logprobs", 0, MAX_TOP_LOGPROBS) or 0
    if top and not asked:
        raise RequestError("/top_logprobs needs /logprobs to be true.", param="/top_logprobs")
    return top if asked else None

"""The fields that say how much to think: `reasoning_effort`, budgets, and those of `chat_template_kwargs` that
templates know.

Words of a fixed list, flags and one number: no text of a client can get into a prompt this way, unread.
"""

from __future__ import annotations

from collections.abc import Mapping

from nemora.core import Effort, Json, Thinking
from nemora.errors import RequestError
from nemora.server.fields import an_object, flag, integer, only

EFFORTS: Mapping[str, Effort] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
MAX_BUDGET = 10_000_000
_HINTS: Mapping[str, Effort] = {"low_effort": "low", "medium_effort": "medium"}
_WHERE = "/chat_template_kwargs"


def thinking_of(table: Mapping[str, Json]) -> Thinking:
    """The fields of a body together.

    Raises:
        RequestError: one has a wrong type or value, or two contradict each other.
        UnsupportedField: a template's variable that is not on the list.
    """
    value = table.get("chat_template_kwargs")
    settings = an_object({} if value is None else value, _WHERE)
    only(settings, {"enable_thinking", "reasoning_budget", "truncate_history_thinking", *_HINTS}, _WHERE)
    truncate = flag(settings.get("truncate_history_thinking"), f"{_WHERE}/truncate_history_thinking")
    efforts = [effort for name, effort in _HINTS.items() if flag(settings.get(name), f"{_WHERE}/{name}")]
    if (named := _effort(table.get("reasoning_effort"))) is not None:
        efforts.append(named)
    enabled = flag(settings.get("enable_thinking"), f"{_WHERE}/enable_thinking")
    if len(set(efforts)) > 1 or (enabled and "none" in efforts):
        raise RequestError(
            f"/reasoning_effort and {_WHERE} ask for different things; send one of them.", param="/reasoning_effort"
        )
    return Thinking(
        enabled=enabled,
        effort=efforts[0] if efforts else None,
        budget=integer(settings.get("reasoning_budget"), f"{_WHERE}/reasoning_budget", 1, MAX_BUDGET),
        keep_history=None if truncate is None else not truncate,
        limit=_limit(table),
    )


def _limit(table: Mapping[str, Json]) -> int | None:
    """vLLM's name of it, or the shorter one. None at all, with 0, is no reasoning."""
    budgets = {
        name: integer(table.get(name), f"/{name}", 0, MAX_BUDGET)
        for name in ("thinking_token_budget", "thinking_budget")
    }
    asked = {value for value in budgets.values() if value is not None}
    if len(asked) > 1:
        raise RequestError(
            "/thinking_token_budget and /thinking_budget differ; send one of them.", param="/thinking_budget"
        )
    return asked.pop() if asked else None


def _effort(value: Json) -> Effort | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in EFFORTS:
        raise RequestError(f"/reasoning_effort must be one of {', '.join(EFFORTS)}.", param="/reasoning_effort")
    return EFFORTS[value]

"""How long a model may reason, in its own tokens, for the engine to hold it to."""

from __future__ import annotations

from nemora.chat.reasoning import ReasoningTags
from nemora.chat.tokenizer import Tokenizer
from nemora.core import Thinking
from nemora.engine.thinking import ThinkingLimit

GRACE = 500
"""Tokens beyond a budget in which a line may still end, as in NVIDIA's budget control."""
LAST_PART = 10
"""Of a limit the last tenth is where reasoning ends with its line."""


def thinking_limit(
    thinking: Thinking, tags: ReasoningTags | None, tokenizer: Tokenizer, *, tail: str
) -> ThinkingLimit | None:
    """The limit that a request asks for; None where it asks for none or the model has no reasoning.

    Args:
        tail: end of the prompt, which may have opened the reasoning.
    """
    if tags is None or (thinking.budget is None and thinking.limit is None):
        return None
    soft: list[int] = []
    hard: list[int] = []
    if thinking.budget is not None:
        soft, hard = [thinking.budget], [thinking.budget + GRACE]
    if thinking.limit is not None:
        soft.append(thinking.limit - thinking.limit // LAST_PART)
        hard.append(thinking.limit)
    close = _ids(tags.close, tokenizer)
    return ThinkingLimit(
        open=_ids(tags.open, tokenizer),
        close=close,
        cut=(*tokenizer.encode("\n"), *close),
        newlines=tokenizer.newline_ids,
        inside=tags.opened_by(tail),
        soft=min(soft + hard),
        hard=min(hard),
    )


def _ids(tag: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tag's own token, or those of its letters where it has none."""
    token_id = tokenizer.special.ids.get(tag)
    return (token_id,) if token_id is not None else tuple(tokenizer.encode(tag))

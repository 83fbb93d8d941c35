"""A local model's choice among fixed answers, by their probabilities. Nothing is generated, so nothing is parsed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nemora.core import Message
from nemora.errors import RequestError

if TYPE_CHECKING:
    from nemora.backends.local_model import LocalModel


@dataclass(frozen=True, slots=True)
class Choice:
    """A conversation that ends with a question, and the answers among which the model is to choose."""

    messages: tuple[Message, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """`probabilities` of each choice's answers, which sum to 1, and the `tokens` of the prompts, shared ones once."""

    probabilities: list[tuple[float, ...]]
    tokens: int


def choose(model: LocalModel, choices: Sequence[Choice], *, seconds: float) -> Chosen:
    """How likely each answer is: that the model's answer begins with it and with no longer one of the answers.

    Those are the probabilities of its tokens after the rendered prompt, over their sum. What the prompts begin with
    alike is read once.

    Args:
        seconds: a deadline for all of it.

    Raises:
        RequestError: an answer has no tokens, or the chat template refuses the conversation.
        ContextLengthExceeded: a prompt does not fit.
        ModelError: there is no chat template, the model fails, is closed, or is too slow.
    """
    until = time.monotonic() + seconds
    prompts = [_prompt(model, choice) for choice in choices]
    answers = [[model.tokenizer.encode(answer) for answer in choice.answers] for choice in choices]
    if not all(ids for each in answers for ids in each):
        raise RequestError("A fixed answer has no tokens in this model's vocabulary.")
    shared = _shared(prompts)
    continuations = [prompt[shared:] + ids for prompt, each in zip(prompts, answers, strict=True) for ids in each]
    prefix = prompts[0][:shared] if prompts else []
    found = iter(model.engine.logprobs(prefix, continuations, seconds=until - time.monotonic()) if prompts else ())
    # The rest of a prompt is the same before each of its answers, so its part of the sums cancels out.
    return Chosen(
        probabilities=[_normalised([sum(next(found)) for _ in each], each) for each in answers],
        tokens=shared + sum(len(prompt) - shared for prompt in prompts),
    )


def _prompt(model: LocalModel, choice: Choice) -> list[int]:
    """The rendered conversation up to where the answer's text begins: a template that opens reasoning is closed."""
    tags = model.format.reasoning
    assert model.template is not None  # `format` has seen to that
    prompt = model.template.render(choice.messages)
    if tags is None or not tags.opened_by(prompt.tail):
        return prompt.ids
    closed: list[int] = []
    for piece in model.tokenizer.split_special(f"{tags.close}\n\n"):
        closed += [piece] if isinstance(piece, int) else model.tokenizer.encode(piece)
    return prompt.ids + closed


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens with which all prompts begin; answers make every continuation longer than its prompt."""
    length = 0
    for tokens in zip(*prompts, strict=False):
        if len(set(tokens)) > 1:
            break
        length += 1
    return length


def _normalised(logs: Sequence[float], answers: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Probabilities that sum to 1, of answers' tokens and their logarithms.

    Whoever says "10" has begun with "1": what longer answers have is taken off the one that they begin with.
    """
    top = max(logs)
    weights = [math.exp(value - top) for value in logs]
    own = list(weights)
    for index, ids in enumerate(answers):
        begun = [
            n for n, other in enumerate(answers) if len(other) < len(ids) and list(ids[: len(other)]) == list(other)
        ]
        if begun:
            own[max(begun, key=lambda n: len(answers[n]))] -= weights[index]
    own = [max(0.0, weight) for weight in own]
    return tuple(weight / sum(own) for weight in own)

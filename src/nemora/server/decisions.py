"""`POST /v1/decisions` as one of the server's APIs: typed answers with probabilities, and no generated text.

A request goes the way of every other: it is read, decided and recorded, and a policy that blocks it blocks it here.
That is more than the boundary needs, as nothing leaves whatever was found; but a request that the policy says is not
answered at all must not be answered by a side door, and what is sensitive is then known when its text comes again in a
conversation. Only the local model is ever asked; the gateway refuses the name of any other.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from nemora.core import Delta, Json
from nemora.errors import NemoraError
from nemora.server.decisions_request import Asked, ParsedDecisions, parse_decisions
from nemora.server.envelope import envelope
from nemora.server.transcript import Transcript
from nemora.server.wire_format import ParsedRequest


class Decisions:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest:
        return parse_decisions(body)

    def writer(self, model: str, parsed: ParsedRequest) -> DecisionsWriter:
        assert isinstance(parsed, ParsedDecisions)
        return DecisionsWriter(model, parsed.asked)

    def error(self, error: NemoraError) -> bytes:
        return envelope(error)


class DecisionsWriter:
    """An `AnswerWriter`."""

    media_type = "application/json"

    def __init__(self, model: str, asked: Sequence[Asked]) -> None:
        self._model = model
        self._asked = asked

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        said = Transcript()
        probabilities: tuple[tuple[float, ...], ...] = ()
        async for delta in deltas:
            said.add(delta)
            probabilities = delta.probabilities or probabilities
        if [len(each) for each in probabilities] != [len(asked.answers) for asked in self._asked]:
            raise NemoraError("The local model did not answer every question; this is a mistake of ours.")
        tokens = said.usage.prompt_tokens if said.usage is not None else 0
        return {
            "object": "decisions",
            "model": self._model,
            "answers": [answer(asked, each) for asked, each in zip(self._asked, probabilities, strict=True)],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
        }

    async def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        """Never asked for: `stream` is refused. The whole answer as one piece."""
        yield json.dumps(await self.whole(deltas)).encode("ascii")


def answer(asked: Asked, probabilities: Sequence[float]) -> dict[str, Json]:
    """One question's answer. Of equally likely ones the first counts."""
    named: dict[str, Json] = {"id": asked.id, "type": asked.type}
    likeliest = asked.answers[max(range(len(probabilities)), key=probabilities.__getitem__)]
    if asked.type == "predicate":
        return named | {"answer": likeliest == asked.answers[0], "probability": probabilities[0]}
    listed: dict[str, Json] = dict(zip(asked.answers, probabilities, strict=True))
    if asked.type == "choice":
        return named | {"answer": likeliest, "probabilities": listed}
    mean = sum(int(value) * p for value, p in zip(asked.answers, probabilities, strict=True))
    return named | {"answer": int(likeliest), "mean": mean, "probabilities": listed}

"""What an OpenAI-compatible server answers, read into deltas. The server is not trusted to keep to the format."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from nemora.backends.openai_logprobs import logprobs_of
from nemora.core import Delta, StopReason, ToolCallDelta, Usage
from nemora.errors import BackendError

FINISHES = {
    "stop": StopReason.STOP,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.CONTENT_FILTER,
}
MAX_CALLS = 128


@dataclass(slots=True)
class _Choice:
    """How far one of the answers has come."""

    calls: dict[int, str] = field(default_factory=dict)
    last_call: int = -1
    finish: StopReason | None = None


class AnswerReader:
    """Reads one answer, or the several `choices` that were asked for.

    `server` is its configured name, for messages; `tools` the names that were offered.

    Raises `BackendError` from each method when the server breaks the format or calls a tool nobody offered.
    """

    def __init__(self, server: str, tools: frozenset[str], choices: int = 1) -> None:
        self._server = server
        self._tools = tools
        self._choices = [_Choice() for _ in range(choices)]
        self._usage: Usage | None = None
        self._started = False

    @property
    def finished(self) -> bool:
        """Whether the server has said why it ended; only usage may still come."""
        return all(choice.finish is not None for choice in self._choices)

    def event(self, data: str) -> list[Delta]:
        """The deltas of one streamed event."""
        chunk = self._object(self._json(data))
        self._started = True
        if chunk.get("error") is not None:
            raise BackendError(f"The server {self._server!r} broke off its answer with an error; ask again.")
        self._read_usage(chunk.get("usage"))
        deltas: list[Delta] = []
        for choice in self._list(chunk.get("choices")):
            deltas += self._choice(self._object(choice), "delta", streamed=True)
        return deltas

    def whole(self, data: bytes) -> list[Delta]:
        """The deltas of an answer that came as one JSON object, though a stream was asked for."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise self._garbage() from None
        answer = self._object(self._json(text))
        self._read_usage(answer.get("usage"))
        choices = self._list(answer.get("choices"))
        if not choices:
            raise self._garbage()
        deltas: list[Delta] = []
        for choice in choices[: len(self._choices)]:
            whole = self._object(choice)
            self._object(whole.get("message"))
            deltas += self._choice({**whole, "finish_reason": whole.get("finish_reason") or "stop"}, "message")
        return [*deltas, self.end(complete=True)]

    def end(self, *, complete: bool) -> Delta:
        """The last delta, which ends the first choice. `complete`: the stream said [DONE], so a missing finish reason
        means a plain stop."""
        if not self._started and not complete:
            raise self._garbage()
        first, *further = self._choices
        if any(choice.finish is None for choice in further):
            raise BackendError(f"The server {self._server!r} gave fewer answers than n asked for; ask for one.")
        if first.finish is None and not complete:
            raise BackendError(f"The server {self._server!r} ended its answer in the middle; ask again.")
        return Delta(finish=_finish(first), usage=self._usage)

    def _choice(self, value: dict[str, Any], key: str, *, streamed: bool = False) -> list[Delta]:
        """What a choice holds under `key`. The end of any but the first comes with it."""
        index = value.get("index")
        index = 0 if index is None else index
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(self._choices):
            return []
        choice = self._choices[index]
        deltas = self._message(choice, self._object(value.get(key) or {}), streamed=streamed)
        if chances := self._object(value.get("logprobs") or {}):
            found = logprobs_of(chances.get("content"))
            if found is None:
                raise self._garbage()
            if found:
                deltas = [replace((deltas or [Delta()])[0], logprobs=found), *deltas[1:]]
        ended = self._read_finish(choice, value.get("finish_reason"))
        if ended and index > 0:
            deltas.append(Delta(finish=_finish(choice)))
        return [replace(delta, index=index) for delta in deltas] if index else deltas

    def _message(self, choice: _Choice, message: dict[str, Any], *, streamed: bool) -> list[Delta]:
        text = self._text(message.get("content")) + self._text(message.get("refusal"))
        reasoning = self._text(message.get("reasoning_content")) or self._text(message.get("reasoning"))
        deltas = [Delta(text=text, reasoning=reasoning)] if text or reasoning else []
        calls = self._list(message.get("tool_calls"))
        for position, call in enumerate(calls):
            deltas.append(Delta(tool_call=self._call(choice, self._object(call), None if streamed else position)))
        return deltas

    def _call(self, choice: _Choice, call: dict[str, Any], position: int | None) -> ToolCallDelta:
        function = self._object(call.get("function") or {})
        name = self._text(function.get("name"))
        arguments = self._text(function.get("arguments"))
        index = call.get("index") if position is None else position
        if index is None:  # some servers leave it out and send each call whole
            index = choice.last_call + 1 if name else max(choice.last_call, 0)
        if not isinstance(index, int) or not 0 <= index < MAX_CALLS:
            raise self._garbage()
        choice.last_call = max(choice.last_call, index)
        if index in choice.calls:
            if name and name != choice.calls[index]:
                raise self._garbage()
            return ToolCallDelta(index, arguments=arguments)
        if name not in self._tools:
            raise BackendError(
                f"The server {self._server!r} called a tool that the request did not offer; the call was dropped."
            )
        choice.calls[index] = name
        return ToolCallDelta(index, self._text(call.get("id")) or f"call_{secrets.token_hex(8)}", name, arguments)

    def _read_finish(self, choice: _Choice, value: Any) -> bool:
        """Whether the choice has ended just now."""
        if value is None:
            return False
        if not isinstance(value, str):
            raise self._garbage()
        first = choice.finish is None
        choice.finish = FINISHES.get(value, StopReason.STOP)
        return first

    def _read_usage(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        prompt, written = value.get("prompt_tokens"), value.get("completion_tokens")
        if _count(prompt) is None or _count(written) is None:
            return
        self._usage = Usage(
            prompt_tokens=prompt or 0,
            completion_tokens=written or 0,
            cached_tokens=_detail(value, "prompt_tokens_details", "cached_tokens"),
            reasoning_tokens=_detail(value, "completion_tokens_details", "reasoning_tokens"),
        )

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._garbage() from None

    def _object(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._garbage()
        return value

    def _list(self, value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._garbage()
        return value

    def _text(self, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._garbage()
        # Half a surrogate pair, escaped in JSON, is no text: it could not be hashed or sent on.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not _encodable(value) else value

    def _garbage(self) -> BackendError:
        return BackendError(
            f"The server {self._server!r} answered with something that is not a chat completion; check its base_url."
        )


def _finish(choice: _Choice) -> StopReason:
    if choice.calls and choice.finish in (None, StopReason.STOP):
        return StopReason.TOOL_CALLS
    return choice.finish or StopReason.STOP


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _detail(usage: dict[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, dict) else 0

"""One answer, from token ids to deltas: decode, separate reasoning, find tool calls, stop at stop strings."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nemora.chat.format import Format
from nemora.chat.reasoning import ReasoningSplitter, Thought
from nemora.chat.stop import StopMatcher
from nemora.chat.stream_decoder import StreamDecoder
from nemora.chat.token_text import Chances, token_logprob
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tool_calls.call import Call, Offered
from nemora.core import Delta, StopReason, TokenLogprob, ToolCallDelta, Usage

NO_TOOLS: Offered = {}


class AnswerReader:
    """Reads one answer. When `done` turns true the caller should cancel the engine; what still comes is ignored.

    Args:
        tail: end of the prompt, which may have opened the reasoning.
        stops: searched in the visible text only, not in reasoning or tool calls.
        offered: the tools that may be called; calls of others stay text.
        max_calls: end the answer after this many calls.
        min_tokens: no stop string counts before; what such tokens wrote is not searched later either.
        index: which of several answers this is.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        format: Format,
        *,
        prompt_tokens: int,
        tail: str = "",
        stops: Iterable[str] = (),
        offered: Offered = NO_TOOLS,
        max_calls: int | None = None,
        min_tokens: int = 0,
        index: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._decoder = StreamDecoder(tokenizer, visible=format.visible_ids(tokenizer))
        tags = format.reasoning
        self._tools = format.tool_parser(offered) if format.tool_parser is not None and offered else None
        self._splitter = None
        if tags is not None:
            call_tags = format.call_tags if self._tools is not None else None
            self._splitter = ReasoningSplitter(tags, inside=tags.opened_by(tail), call_tags=call_tags)
        self._stops = StopMatcher(stops)
        self._max_calls = max_calls
        self._min_tokens = min_tokens
        self._index = index
        self._logprobs: list[TokenLogprob] = []
        self._calls = 0
        self._prompt_tokens = prompt_tokens
        self._completion = self._reasoning = 0
        self.cached_tokens = 0
        """Tokens of the prompt that were not read anew; whoever runs the model knows."""
        self.done = False

    @property
    def usage(self) -> Usage:
        """Tokens so far."""
        return Usage(
            self._prompt_tokens,
            self._completion,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=self._reasoning,
        )

    def feed(self, ids: Sequence[int], chances: Sequence[Chances] = ()) -> list[Delta]:
        """The deltas that `ids` complete. `chances`: none, or one for each id; they come with the text, later if it
        is held back, those of a stop string's tokens too."""
        deltas: list[Delta] = []
        for position, token_id in enumerate(ids):
            if self.done:
                break
            thinks = self._thinks
            self._completion += 1
            self._reasoning += thinks
            found = self._split(self._decoder.feed([token_id]))
            if not thinks and self._thinks:
                self._logprobs.clear()  # what stood before the tag is not the answer
            elif chances and not thinks:
                self._logprobs.append(token_logprob(self._tokenizer, token_id, chances[position]))
            deltas += self._with_logprobs(found)
        return self._numbered(deltas)

    def finish(self, reason: StopReason) -> list[Delta]:
        """What was held back, then the last delta."""
        deltas: list[Delta] = []
        if not self.done:
            deltas += self._split(self._decoder.finish())
        if not self.done and self._splitter is not None:
            deltas += self._thought(self._splitter.flush(over=reason is StopReason.STOP))
        if not self.done and self._tools is not None:
            deltas += self._found(self._tools.flush())
        if held := self._stops.flush():
            deltas.append(Delta(text=held))
        if self.done:
            reason = StopReason.STOP
        if self._calls and reason is StopReason.STOP:
            reason = StopReason.TOOL_CALLS
        deltas = self._with_logprobs(deltas)
        if self._logprobs:
            deltas.append(Delta(logprobs=tuple(self._logprobs)))
            self._logprobs = []
        return self._numbered([*deltas, Delta(finish=reason, usage=self.usage, stop=self._stops.found)])

    @property
    def _thinks(self) -> bool:
        return self._splitter is not None and self._splitter.inside

    def _with_logprobs(self, deltas: list[Delta]) -> list[Delta]:
        """`deltas`, the first with text having the logprobs that wait."""
        for position, delta in enumerate(deltas):
            if self._logprobs and delta.text:
                deltas[position] = replace(delta, logprobs=tuple(self._logprobs))
                self._logprobs = []
        return deltas

    def _numbered(self, deltas: list[Delta]) -> list[Delta]:
        return [replace(delta, index=self._index) for delta in deltas] if self._index else deltas

    def _split(self, text: str) -> list[Delta]:
        if not text:
            return []
        return self._thought(self._splitter.feed(text) if self._splitter is not None else Thought(text=text))

    def _thought(self, thought: Thought) -> list[Delta]:
        deltas = [Delta(reasoning=thought.reasoning)] if thought.reasoning else []
        if thought.text:
            deltas += self._found(self._tools.feed(thought.text) if self._tools is not None else [thought.text])
        return deltas

    def _found(self, items: Iterable[str | Call]) -> list[Delta]:
        deltas: list[Delta] = []
        for item in items:
            if self.done:
                break
            if isinstance(item, Call):
                if held := self._stops.flush():
                    deltas.append(Delta(text=held))
                deltas.append(self._call_delta(item))
                self.done = self._calls == self._max_calls
            else:
                if text := item if self._completion <= self._min_tokens else self._stops.feed(item):
                    deltas.append(Delta(text=text))
                self.done = self._stops.stopped
        return deltas

    def _call_delta(self, call: Call) -> Delta:
        index, self._calls = self._calls, self._calls + 1
        call_id = f"call_{secrets.token_hex(12)}"
        return Delta(tool_call=ToolCallDelta(index, call_id, call.name, call.arguments))

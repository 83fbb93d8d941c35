"""The checkpoint's own chat template: messages to a prompt, as token ids."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nemora.chat.protect import Markup, StandIns
from nemora.chat.tokenizer import Tokenizer
from nemora.core import Json, Message, TextPart, Tool, ToolCall
from nemora.errors import RequestError, TemplateError, WorkerFailed
from nemora.worker import Worker

MEMORY_BYTES = 2 * 1024**3
SECONDS = 5.0
SECONDS_PER_CHARACTER = 2e-6
NO_SETTINGS: Mapping[str, bool | int | str] = {}


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids, and the end of the text that they stand for: it says whether the answer begins inside a tag."""

    ids: list[int]
    tail: str


class ChatTemplate:
    """Renders in a killable child process that stays alive between calls. Thread-safe.

    Args:
        source: the Jinja text.
        seconds: time for one rendering, plus a little for long requests.
    """

    def __init__(self, source: str, tokenizer: Tokenizer, *, seconds: float = SECONDS) -> None:
        self.source = source
        self._tokenizer = tokenizer
        self._seconds = seconds
        self._markup = Markup.of(tokenizer.special.ids)
        self._worker = Worker("nemora.chat.template_job:start", source, memory_bytes=MEMORY_BYTES)
        self._variables: frozenset[str] | None = None

    def variables(self) -> frozenset[str]:
        """Names that the template reads and does not set, such as `messages` and `tools`.

        Raises:
            TemplateError: the template cannot be parsed.
        """
        if self._variables is None:
            self._variables = frozenset(self._call({"what": "variables"}, self._seconds))
        return self._variables

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        add_generation_prompt: bool = True,
        settings: Mapping[str, bool | int | str] = NO_SETTINGS,
        continue_final: bool = False,
    ) -> Prompt:
        """The prompt for an answer to `messages`. `settings` are further variables: ours, never a client's text.

        `continue_final`: the last message is an assistant's, and the prompt ends where its text ends.

        Special ids in it come from the template only: no content becomes one, whatever it spells.

        Raises:
            RequestError: the template refuses the conversation, or a value in it cannot be rendered.
            TemplateError: the template fails, takes too long or writes too much.
        """
        end = ""
        if continue_final:
            end, add_generation_prompt = secrets.token_hex(16), False
            messages = [*messages[:-1], _with_end(messages[-1], end)]
        stand_ins = StandIns(self._markup, [self.source, *_strings(messages, tools)])
        described = dict(settings) | self._variables_for(messages, tools, stand_ins)
        described["add_generation_prompt"] = add_generation_prompt
        length = sum(len(text) for text in _strings(messages, tools))
        rendered = self._call(
            {"what": "render", "variables": described}, self._seconds + length * SECONDS_PER_CHARACTER
        )
        if end:
            # A template may also look for the text in order to leave it out, or write it twice.
            rendered, found, rest = rendered.partition(end)
            if not found or end in rest:
                raise RequestError("The model's chat template cannot continue a message.", param="/messages")
        ids: list[int] = []
        for piece in self._tokenizer.split_special(rendered):
            ids += [piece] if isinstance(piece, int) else self._tokenizer.encode(stand_ins.restore(piece))
        return Prompt(ids, rendered[-64:])

    def close(self) -> None:
        """End the child process."""
        self._worker.close()

    def _variables_for(self, messages: Sequence[Message], tools: Sequence[Tool], stand_ins: StandIns) -> dict[str, Any]:
        special = self._tokenizer.special
        written = {token_id: text for text, token_id in special.ids.items()}
        eos = next((written[i] for i in sorted(special.eos_ids) if i in written), "")
        developer = "developer" in self.source
        return {
            "messages": [_described(message, stand_ins, developer) for message in messages],
            "tools": [_described_tool(tool, stand_ins) for tool in tools] or None,
            "bos_token": "" if special.bos_id is None else written.get(special.bos_id, ""),
            "eos_token": eos,
        }

    def _call(self, call: dict[str, Any], seconds: float) -> Any:
        try:
            return self._worker.call(call, seconds)
        except WorkerFailed as error:
            late = "time" in error.message
            raise TemplateError(
                f"The model's chat template did not end within {seconds:.0f} seconds."
                if late
                else "The model's chat template made its worker process fail."
            ) from None


def _described(message: Message, stand_ins: StandIns, developer: bool) -> dict[str, Any]:
    """A message as templates expect it. Keys that are not there are left out: templates test for them."""
    role = "system" if message.role == "developer" and not developer else message.role
    described: dict[str, Any] = {"role": role, "content": stand_ins.protect(message.text())}
    if message.name is not None:
        described["name"] = stand_ins.protect(message.name)
    if message.reasoning is not None:
        described["reasoning_content"] = stand_ins.protect(message.reasoning)
    if message.tool_calls:
        described["tool_calls"] = [_described_call(call, stand_ins) for call in message.tool_calls]
    if message.tool_call_id is not None:
        described["tool_call_id"] = stand_ins.protect(message.tool_call_id)
    return described


def _with_end(message: Message, end: str) -> Message:
    """An assistant's message whose text ends with a mark, by which its place in the prompt is found."""
    if message.role != "assistant" or message.tool_calls or not message.text():
        raise RequestError(
            "To be continued, the last message must be an assistant's with text and without tool calls.",
            param="/messages",
        )
    parts = message.content if isinstance(message.content, tuple) else (TextPart(message.text()),)
    return replace(message, content=(*parts, TextPart(end)))


def _described_call(call: ToolCall, stand_ins: StandIns) -> dict[str, Any]:
    function = {"name": stand_ins.protect(call.name), "arguments": stand_ins.protect_json(_arguments(call.arguments))}
    return {"id": stand_ins.protect(call.id), "type": "function", "function": function}


def _arguments(text: str) -> Json:
    """Templates want arguments as a value; what is no JSON object stays text."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def _described_tool(tool: Tool, stand_ins: StandIns) -> dict[str, Any]:
    function: dict[str, Any] = {"name": stand_ins.protect(tool.name)}
    if tool.description is not None:
        function["description"] = stand_ins.protect(tool.description)
    if tool.parameters is not None:
        function["parameters"] = stand_ins.protect_json(dict(tool.parameters))
    return {"type": "function", "function": function}


def _strings(messages: Sequence[Message], tools: Sequence[Tool]) -> Iterable[str]:
    for message in messages:
        yield from (message.text(), message.name or "", message.reasoning or "", message.tool_call_id or "")
        for call in message.tool_calls:
            yield from (call.id, call.name, call.arguments)
            # Escapes in JSON text become characters when it is read as a value.
            yield from _json_strings(_arguments(call.arguments))
    for tool in tools:
        yield from (tool.name, tool.description or "")
        if tool.parameters is not None:
            yield from _json_strings(dict(tool.parameters))


def _json_strings(value: Json) -> Iterable[str]:
    """All strings of a value, in any order. Not recursive: the depth is checked later."""
    left: list[Any] = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            yield from item.keys()
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)


def no_template(name: str) -> TemplateError:
    """The error for a model without a chat template."""
    return TemplateError(f"{name} has no chat template, so it cannot chat; give it a plain prompt.")

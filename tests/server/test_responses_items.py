"""Responses in process: a stream says what the whole says, and no body breaks a parser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import Delta, Json, Message, StopReason, ToolCallDelta, Usage
from nemora.errors import NemoraError
from nemora.server.openai_completions import CompletionWriter, parse_completion_request
from nemora.server.openai_responses import HOSTED, IGNORED, NEUTRAL, READ, ParsedResponse, parse_responses_request
from nemora.server.openai_responses_format import OpenAIResponses, ResponsesWriter
from nemora.server.openai_responses_input import NOT_SUPPORTED, SUPPORTED, read_input
from nemora.server.responses_store import ResponseStore
from nemora.server.tokenization import parse_detokenize, parse_tokenize

PIECES = st.lists(
    st.one_of(
        st.builds(lambda t: ("reasoning", t), st.text(min_size=1, max_size=6)),
        st.builds(lambda t: ("text", t), st.text(min_size=1, max_size=6)),
        st.builds(lambda t: ("call", t), st.text(max_size=6)),
    ),
    max_size=6,
)
CUTS = st.lists(st.integers(1, 3), max_size=20)
ENDS = st.sampled_from([StopReason.STOP, StopReason.LENGTH, StopReason.TOOL_CALLS, StopReason.CONTENT_FILTER])


def deltas_of(pieces: list[tuple[str, str]], cuts: list[int], end: StopReason) -> list[Delta]:
    """The same answer, cut into deltas as `cuts` say."""
    deltas, sizes, calls = [], iter(cuts), 0
    for kind, text in pieces:
        if kind == "call":
            deltas.append(Delta(tool_call=ToolCallDelta(calls, f"c{calls}", "f")))
        at = 0
        while at < len(text):
            size = next(sizes, 4)
            part, at = text[at : at + size], at + size
            if kind == "call":
                deltas.append(Delta(tool_call=ToolCallDelta(calls, arguments=part)))
            else:
                deltas.append(Delta(text=part) if kind == "text" else Delta(reasoning=part))
        calls += kind == "call"
    return [*deltas, Delta(finish=end, usage=Usage(1, 2))]


async def played(deltas: list[Delta]) -> AsyncIterator[Delta]:
    for delta in deltas:
        yield delta


def writer(store: ResponseStore | None = None, **fields: Json) -> ResponsesWriter:
    api = OpenAIResponses(ResponseStore() if store is None else store, "t")
    return api.writer("m", api.parse({"model": "local", "input": "hi", **fields}))


def whole(deltas: list[Delta]) -> dict[str, Any]:
    return asyncio.run(writer().whole(played(deltas)))


def events(deltas: list[Delta]) -> list[dict[str, Any]]:
    async def read() -> list[bytes]:
        return [piece async for piece in writer().stream(played(deltas))]

    return [json.loads(piece.split(b"\n")[1].removeprefix(b"data: ")) for piece in asyncio.run(read())]


def without_names(value: Any) -> Any:
    """Without what is new in each answer: ids and times."""
    if isinstance(value, dict):
        return {
            k: without_names(v) for k, v in value.items() if k not in ("id", "item_id", "created_at", "completed_at")
        }
    return [without_names(item) for item in value] if isinstance(value, list) else value


@given(pieces=PIECES, cuts=CUTS, other=CUTS, end=ENDS)
@settings(max_examples=15, deadline=None)
def test_a_stream_says_what_the_whole_says_however_it_is_cut(
    pieces: list[tuple[str, str]], cuts: list[int], other: list[int], end: StopReason
) -> None:
    told = events(deltas_of(pieces, cuts, end))
    final = told[-1]["response"]
    assert without_names(final) == without_names(whole(deltas_of(pieces, other, end)))
    assert rebuilt(told) == final["output"]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))


def rebuilt(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as a client puts them together from deltas alone, with a check of each event's place."""
    items: list[dict[str, Any]] = []
    for event in told:
        kind = event["type"]
        if kind == "response.output_item.added":
            assert event["output_index"] == len(items)
            items.append(event["item"])
        elif "item_id" in event:
            item = items[event["output_index"]]
            assert item["id"] == event["item_id"] and item is items[-1]
            if kind == "response.content_part.added":
                item["content"].append(event["part"])
            elif kind == "response.function_call_arguments.delta":
                item["arguments"] += event["delta"]
            elif kind.endswith(".delta"):
                item["content"][event["content_index"]]["text"] += event["delta"]
            elif kind == "response.function_call_arguments.done":
                assert item["arguments"] == event["arguments"]
            elif kind == "response.content_part.done":
                assert item["content"] == [event["part"]]
            else:
                assert item["content"][0]["text"] == event["text"]
        elif kind == "response.output_item.done":
            items[event["output_index"]]["status"] = event["item"]["status"]
            assert items[event["output_index"]] == event["item"]
    return items


@given(pieces=PIECES, end=ENDS)
@settings(max_examples=20, deadline=None)
def test_an_answer_is_the_same_history_stored_or_sent_back(pieces: list[tuple[str, str]], end: StopReason) -> None:
    store = ResponseStore()
    answer = asyncio.run(writer(store).whole(played(deltas_of(pieces, [], end))))
    kept = store.get("t", answer["id"])
    assert kept is not None
    assert kept.messages == (Message("user", "hi"), *(read_input(answer["output"]).messages if pieces else ()))


def test_a_piece_of_a_call_that_has_ended_is_an_error_and_not_lost() -> None:
    deltas = [Delta(tool_call=ToolCallDelta(n, f"c{n}", "f", "{")) for n in (0, 1)]
    late = Delta(tool_call=ToolCallDelta(0, arguments="}"))
    assert events([*deltas, late])[-1]["type"] == "response.failed"


def test_a_response_that_is_larger_than_the_store_says_that_it_is_not_stored() -> None:
    deltas = deltas_of([("text", "x" * 6)], [], StopReason.STOP)
    assert asyncio.run(writer(ResponseStore(most_bytes=10)).whole(played(deltas)))["store"] is False
    assert asyncio.run(writer(ResponseStore()).whole(played(deltas)))["store"] is True


@given(text=st.text(min_size=1, max_size=12), cuts=CUTS, end=st.sampled_from([StopReason.STOP, StopReason.LENGTH]))
@settings(max_examples=15, deadline=None)
def test_a_continued_text_streams_as_it_is_whole(text: str, cuts: list[int], end: StopReason) -> None:
    async def both() -> tuple[dict[str, Any], list[bytes]]:
        deltas = deltas_of([("text", text)], cuts, end)
        made = CompletionWriter("m", ("",), include_usage=True)
        return await made.whole(played(deltas)), [piece async for piece in made.stream(played(deltas))]

    one, pieces = asyncio.run(both())
    assert pieces[-1] == b"data: [DONE]\n\n"
    chunks = [json.loads(piece.removeprefix(b"data: ")) for piece in pieces[:-1]]
    said = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert "".join(choice["text"] for choice in said) == one["choices"][0]["text"] == text
    assert said[-1]["finish_reason"] == one["choices"][0]["finish_reason"] == str(end)
    assert chunks[-1]["usage"] == one["usage"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    [
        *SUPPORTED,
        *NOT_SUPPORTED[:3],
        *HOSTED[:3],
        "function",
        "input_text",
        "output_text",
        "reasoning_text",
        "refusal",
        "summary_text",
        "input_image",
        "input_file",
        "input_audio",
        "user",
        "assistant",
        "system",
        "auto",
        "completed",
    ]
)
KEYS = st.sampled_from(
    [
        "type",
        "id",
        "role",
        "content",
        "status",
        "phase",
        "call_id",
        "name",
        "arguments",
        "output",
        "summary",
        "text",
        "image_url",
        "file_data",
        "detail",
        "refusal",
        "annotations",
        "parameters",
        "strict",
        "format",
        "effort",
        "mode",
    ]
)
ITEM = st.recursive(
    WORDS | JSON, lambda inner: st.dictionaries(KEYS, inner, max_size=6) | st.lists(inner, max_size=2), max_leaves=10
)
FIELDS = st.sampled_from(sorted(READ | IGNORED | NEUTRAL.keys()))


def only_our_errors(call: Any) -> bool:
    """Whether a body was read; every error is one of ours, and one of its client's."""
    try:
        call()
    except NemoraError as raised:
        error = raised
    else:
        return True
    assert error.status == 400 and error.message
    return False


@given(fields=st.dictionaries(FIELDS, ITEM, max_size=4), items=st.lists(ITEM, max_size=3), body=JSON)
@settings(max_examples=80, deadline=None)
def test_no_body_breaks_the_parser_of_responses(fields: dict[str, Json], items: list[Json], body: Json) -> None:
    only_our_errors(lambda: parse_responses_request(body, lambda _: None))
    sent = {"model": "m", "input": "hi", **fields}
    only_our_errors(lambda: parse_responses_request(sent, lambda _: None))
    only_our_errors(lambda: read_input(items))


@given(part=ITEM, where=st.sampled_from(["content", "output"]))
@settings(max_examples=50, deadline=None)
def test_what_is_read_of_an_item_is_read_again_from_what_is_kept_of_it(part: Json, where: str) -> None:
    item = {"role": "user"} if where == "content" else {"type": "function_call_output", "call_id": "c"}
    value: Json = [{**item, where: [part]}]  # type: ignore[dict-item]
    if only_our_errors(lambda: read_input(value)):
        read = read_input(value)
        assert read_input(list(read.items)).messages == read.messages


@given(
    fields=st.dictionaries(
        st.sampled_from(["prompt", "stop", "n", "echo", "max_tokens", "messages", "tokens", "tools", "logit_bias"]),
        ITEM,
    ),
    body=JSON,
)
@settings(max_examples=50, deadline=None)
def test_no_body_breaks_the_parsers_of_texts_and_tokens(fields: dict[str, Json], body: Json) -> None:
    for parse in (parse_completion_request, parse_tokenize, parse_detokenize):
        only_our_errors(lambda parse=parse: parse(body))
        only_our_errors(lambda parse=parse: parse({"model": "m", **fields}))


def test_a_plain_body_is_read() -> None:
    parsed = parse_responses_request({"model": "m", "input": "hi"}, lambda _: None)
    assert isinstance(parsed, ParsedResponse) and parsed.request.messages == (Message("user", "hi"),)

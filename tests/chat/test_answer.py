from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_vocabulary import BUSY, CHATML, small_tokenizer

from nemora.chat.answer import AnswerReader
from nemora.chat.format import Format, format_of
from nemora.chat.template import ChatTemplate
from nemora.core import LOWEST_LOGPROB, ChatRequest, Delta, Message, StopReason, Tool, ToolChoice
from nemora.errors import UnsupportedField

TOKENIZER = small_tokenizer()
THINK, END_THINK, CALL, END_CALL = (
    TOKENIZER.special.ids[t] for t in ("<think>", "</think>", "<tool_call>", "</tool_call>")
)
EOT = TOKENIZER.special.ids["<|im_end|>"]


def formats() -> dict[str, Format]:
    found = {}
    for name, source in (("chatml", CHATML), ("busy", BUSY)):
        template = ChatTemplate(source, TOKENIZER)
        found[name] = format_of(template)
        template.close()
    return found


FORMATS = formats()


def read(ids: list[int], *, step: int = 1, reason: StopReason = StopReason.STOP, format: str = "busy", **more):
    reader = AnswerReader(TOKENIZER, FORMATS[format], prompt_tokens=5, **more)
    deltas: list[Delta] = []
    for start in range(0, len(ids), step):
        deltas += reader.feed(ids[start : start + step])
        if reader.done:
            break
    deltas += reader.finish(reason)
    assert [d.finish is not None for d in deltas] == [False] * (len(deltas) - 1) + [True]
    return deltas


def text(deltas: list[Delta]) -> str:
    return "".join(d.text for d in deltas)


ANSWER = [THINK, *TOKENIZER.encode("\nwhy é?\n"), END_THINK, *TOKENIZER.encode("\n\nSure 日.\n"), CALL,
          *TOKENIZER.encode('{"name": "f", "arguments": {"a": 1}}'), END_CALL]  # fmt: skip


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_answer_falls_into_reasoning_text_and_calls(step):
    deltas = read(ANSWER, step=step, offered={"f": None})
    assert "".join(d.reasoning for d in deltas) == "why é?"
    assert text(deltas) == "Sure 日.\n"
    calls = [d.tool_call for d in deltas if d.tool_call]
    assert [(c.index, c.name, c.arguments) for c in calls] == [(0, "f", '{"a": 1}')]
    assert calls[0].id.startswith("call_")
    assert deltas[-1].finish is StopReason.TOOL_CALLS
    assert deltas[-1].usage.prompt_tokens == 5
    assert deltas[-1].usage.completion_tokens == len(ANSWER)
    assert 0 < deltas[-1].usage.reasoning_tokens < len(ANSWER)


def test_tool_call_in_reasoning_is_not_executed():
    ids = [THINK, CALL, *TOKENIZER.encode('{"name": "f"}'), END_CALL, END_THINK, *TOKENIZER.encode("no")]
    deltas = read(ids, offered={"f": None})
    assert not any(d.tool_call for d in deltas)
    assert text(deltas) == "no"
    assert deltas[-1].finish is StopReason.STOP


def test_call_of_a_tool_that_nobody_offered_is_text():
    deltas = read(ANSWER, offered={"g": None})
    assert not any(d.tool_call for d in deltas)
    assert '{"name": "f"' in text(deltas)
    assert '{"name": "f"' in text(read(ANSWER))


def test_prompt_that_opened_the_reasoning_counts():
    deltas = read([*TOKENIZER.encode("hmm"), END_THINK, *TOKENIZER.encode("yes")], tail="<think>\n")
    assert ("".join(d.reasoning for d in deltas), text(deltas)) == ("hmm", "yes")


def test_cut_answer_keeps_length_as_its_reason():
    assert read(ANSWER, offered={"f": None}, reason=StopReason.LENGTH)[-1].finish is StopReason.LENGTH


def test_one_call_is_enough_where_parallel_calls_are_off():
    deltas = read(ANSWER + ANSWER[-20:], offered={"f": None}, max_calls=1)
    assert sum(d.tool_call is not None for d in deltas) == 1
    assert deltas[-1].finish is StopReason.TOOL_CALLS


@settings(max_examples=100)
@given(st.text("hello w12é日\n", max_size=30), st.text("hello w12é日\n", min_size=1, max_size=4), st.integers(1, 5))
def test_stop_string_ends_the_text_wherever_it_falls(answer, stop, step):
    deltas = read(TOKENIZER.encode(answer), step=step, format="chatml", stops=[stop])
    assert text(deltas) == answer.partition(stop)[0]
    assert deltas[-1].finish is StopReason.STOP


def test_stop_string_in_reasoning_stops_nothing():
    assert text(read(ANSWER, stops=["why"])).startswith("Sure")


def test_done_reader_ignores_what_still_comes():
    reader = AnswerReader(TOKENIZER, FORMATS["chatml"], prompt_tokens=1, stops=["l"])
    assert text(reader.feed(TOKENIZER.encode("hello"))) == "he"
    assert reader.done
    assert reader.feed(TOKENIZER.encode("more")) == []
    final = reader.finish(StopReason.CANCELLED)
    assert [d.finish for d in final] == [StopReason.STOP]
    assert text(final) == ""


def test_last_incomplete_character_is_flushed():
    assert text(read(TOKENIZER.encode("a日")[:-1], format="chatml")) == "a\ufffd"


def request(**more) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message("user", "a"),), **more)


def test_tools_are_refused_by_name_where_the_template_has_none():
    with pytest.raises(UnsupportedField) as caught:
        FORMATS["chatml"].check(request(tools=(Tool("f"),)))
    assert caught.value.param == "tools"
    FORMATS["chatml"].check(request(tools=(Tool("f"),), tool_choice=ToolChoice("none")))
    FORMATS["busy"].check(request(tools=(Tool("f"),)))


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", "f")])
def test_choice_that_needs_a_grammar_is_accepted_where_calls_have_rules(choice):
    FORMATS["busy"].check(request(tools=(Tool("f"),), tool_choice=choice))
    with pytest.raises(UnsupportedField) as caught:
        FORMATS["chatml"].check(request(tools=(Tool("f"),), tool_choice=choice))
    assert caught.value.param == "tools"


@settings(max_examples=60)
@given(st.text(alphabet="hello wé日1\n", max_size=20), st.booleans())
def test_the_bytes_of_logprobs_are_those_of_the_text(said: str, thinks: bool) -> None:
    reader = AnswerReader(TOKENIZER, FORMATS["busy"], prompt_tokens=5)
    ids = [*([THINK, *TOKENIZER.encode("why"), END_THINK] if thinks else []), *TOKENIZER.encode("x" + said)]
    deltas = []
    for token_id in ids:
        deltas += reader.feed([token_id], [(-0.5, ((token_id, -0.5), (THINK, float("-inf"))))])
    deltas += reader.finish(StopReason.STOP)
    logprobs = [each for delta in deltas for each in delta.logprobs]
    assert b"".join(each.bytes for each in logprobs) == text(deltas).encode()
    assert all(each.top[0].bytes == each.bytes and each.top[1].logprob == LOWEST_LOGPROB for each in logprobs)
    # A streamed piece of text never comes before the chances of its tokens.
    so_far = 0
    for delta in deltas:
        so_far += sum(len(each.bytes) for each in delta.logprobs) - len(delta.text.encode())
        assert so_far >= 0


def test_no_stop_string_counts_before_the_least_length() -> None:
    ids = TOKENIZER.encode("hello stop hello stop x")
    early = len(TOKENIZER.encode("hello stop"))
    assert text(read(ids, stops=("stop",))) == "hello "
    assert text(read(ids, stops=("stop",), min_tokens=early)) == "hello stop hello "


def test_deltas_say_of_which_answer_they_are() -> None:
    assert {delta.index for delta in read(ANSWER, index=3, offered={"f": None})} == {3}

"""Whole answers of the family through template, engine and parsers: thinking × tools × truncation × split."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.backends.local_model import LocalModel
from nemora.chat.answer import AnswerReader
from nemora.chat.thinking import ThinkingControl
from nemora.core import ChatRequest, Delta, Effort, Message, Sampling, StopReason, Thinking, Tool
from nemora.errors import UnsupportedField
from scripted_model import answered, scripted
from small_family import keys

MODELS = {
    "nemotron-3-nano-30b-a3b": "chatml",
    "nemotron-3-ultra-550b-a55b": "chatml",
    "nemotron-nano-9b-v2": "nano2",
    "llama-3.3-nemotron-super-49b-v1.5": "llama",
    "llama-3.3-nemotron-super-49b-v1": "llama",
}
NANO3, NANO2 = "nemotron-3-nano-30b-a3b", "nemotron-nano-9b-v2"
TOOL = Tool("f", parameters={"properties": {"n": {"type": "integer"}, "t": {"type": "string"}}})
CALL = {
    NANO3: "<tool_call>\n<function=f>\n<parameter=n>\n5\n</parameter>\n<parameter=t>\n5\né\n</parameter>\n</function>\n</tool_call>",
    NANO2: '<TOOLCALL>[{"name": "f", "arguments": {"n": 5, "t": "5\\né"}}]</TOOLCALL>',
}
ARGUMENTS = {"n": 5, "t": "5\né"}


@pytest.fixture(scope="module")
def models():
    made = {name: scripted(name, keys(generation)) for name, generation in MODELS.items()}
    yield made
    for model in made.values():
        model.close()


def says(model: LocalModel, text: str) -> list[int]:
    """Tokens of an answer: its tags are single tokens, as a model writes them."""
    pieces = model.tokenizer.split_special(text)
    return [i for piece in pieces for i in ([piece] if isinstance(piece, int) else model.tokenizer.encode(piece))]


def asked(**more: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message("user", "hi"),), sampling=Sampling(temperature=0), **more)


def read(deltas: list[Delta]) -> tuple[str, str, list[dict[str, Any]], StopReason | None]:
    calls = [json.loads(d.tool_call.arguments) for d in deltas if d.tool_call is not None]
    return "".join(d.reasoning for d in deltas), "".join(d.text for d in deltas), calls, deltas[-1].finish


def ask(model: LocalModel, text: str, **more: Any) -> tuple[str, str, list[dict[str, Any]], StopReason | None]:
    return read(list(answered(model, asked(**more), says(model, text))))


ON, OFF = Thinking(enabled=True), Thinking(enabled=False)
TOOL_USE = StopReason.TOOL_CALLS


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("thinking", [ON, OFF])
def test_thought_and_answer_are_told_apart(models, name, thinking):
    # Llama-Nemotron opens the tag itself; in the others the prompt has opened it.
    opened = "<think>\n" if "llama" in name else ""
    text = f"{opened}why?\n</think>\n\nSure." if thinking is ON else "Sure."
    assert ask(models[name], text, thinking=thinking) == (
        "why?" if thinking is ON else "",
        "Sure.",
        [],
        StopReason.STOP,
    )


@pytest.mark.parametrize("name", CALL)
@pytest.mark.parametrize(
    ("before", "after", "thinking", "reasoning", "text"),
    [
        ("why?\n</think>\n\n", "", ON, "why?", ""),
        ("why?\n</think>\n\nSo:\n", "\n", ON, "why?", "So:\n"),
        ("why?\n", "", ON, "why?", ""),  # the closing tag was forgotten
        ("", "", ON, "", ""),
        ("", "", OFF, "", ""),
        ("So: ", " Done.", OFF, "", "So: Done."),
        ("</think>", "", OFF, "", ""),  # closed once more
    ],
)
def test_calls_are_found_wherever_they_stand(models, name, before, after, thinking, reasoning, text):
    found = ask(models[name], before + CALL[name] + after, thinking=thinking, tools=(TOOL,))
    assert found == (reasoning, text, [ARGUMENTS], TOOL_USE)
    two = ask(models[name], before + CALL[name] + "\n" + CALL[name] + after, thinking=thinking, tools=(TOOL,))
    assert two == (reasoning, text, [ARGUMENTS, ARGUMENTS], TOOL_USE)
    one = ask(
        models[name], before + CALL[name] * 2 + after, thinking=thinking, tools=(TOOL,), parallel_tool_calls=False
    )
    assert one[2] == [ARGUMENTS] and one[3] is TOOL_USE


@pytest.mark.parametrize("name", CALL)
def test_call_that_is_only_thought_of_never_runs(models, name):
    thought = f"I could write {CALL[name]} here."
    for text, more in ((f"{thought}</think>No.", {}), (thought, {}), (CALL[name] + "</think>No.", {})):
        reasoning, _, calls, finish = ask(models[name], text, thinking=ON, tools=(TOOL,), **more)
        assert not calls and finish is StopReason.STOP and CALL[name] in reasoning
    cut = says(models[name], f"why {CALL[name]}")
    found = read(list(answered(models[name], asked(tools=(TOOL,), max_tokens=len(cut)), [*cut, *cut])))
    assert found == (f"why {CALL[name]}", "", [], StopReason.LENGTH)


@pytest.mark.parametrize("name", CALL)
def test_call_of_another_tool_or_of_none_is_text(models, name):
    for tools in ((), (Tool("g"),)):
        assert ask(models[name], CALL[name], thinking=OFF, tools=tools) == ("", CALL[name], [], StopReason.STOP)


@pytest.mark.parametrize("name", CALL)
def test_nothing_but_reasoning(models, name):
    assert ask(models[name], "why?\n", thinking=ON) == ("why?", "", [], StopReason.STOP)
    assert ask(models[name], "", thinking=ON) == ("", "", [], StopReason.STOP)


@pytest.mark.parametrize("name", CALL)
@pytest.mark.parametrize(("thinking", "tools"), list(itertools.product([ON, OFF], [(), (TOOL,)])))
def test_answer_cut_at_any_token_loses_nothing_and_runs_nothing_half(models, name, thinking, tools):
    model = models[name]
    before = "why é?\n</think>\n\n" if thinking is ON else ""
    ids = says(model, f"{before}So:\n{CALL[name]}\n\n{CALL[name]}")
    for length in range(1, len(ids) + 1, 3):
        request = asked(thinking=thinking, tools=tools, max_tokens=length)
        reasoning, text, calls, finish = read(list(answered(model, request, ids)))
        assert finish is StopReason.LENGTH
        said = model.tokenizer.decode(ids[:length])
        thought, closed, rest = said.partition("</think>") if thinking is ON else ("", "", said)
        assert reasoning == thought.strip()
        whole = rest.count(CALL[name]) if tools else 0
        assert len(calls) == whole + (1 if tools and _closed_but_for_the_tag(rest) else 0)
        kept = rest.replace(CALL[name], "") if tools else rest
        if len(calls) == whole:
            assert re.sub(r"\s", "", text) == re.sub(r"\s", "", kept if closed or thinking is OFF else "")


def _closed_but_for_the_tag(rest: str) -> bool:
    """Only `</tool_call>` or `</TOOLCALL>` is missing: such a call counts."""
    return re.search(r"(</function>\s*|\}\])\Z", rest) is not None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_streamed_is_whole_at_any_split_of_the_tokens(models, data):
    name = data.draw(st.sampled_from(sorted(CALL)))
    model = models[name]
    parts = ["why", "\n", " ", "é日", "<think>", "</think>", "<tool_call>", "</tool_call>", "<TOOLCALL>", "</function>", CALL[name]]  # fmt: skip
    ids = says(model, "".join(data.draw(st.lists(st.sampled_from(parts), max_size=9))))
    tail = data.draw(st.sampled_from(["<think>\n", "<think></think>"]))
    reason = data.draw(st.sampled_from([StopReason.STOP, StopReason.LENGTH]))

    def reading(cuts: list[int]) -> tuple[str, str, list[dict[str, Any]], StopReason | None]:
        reader = AnswerReader(model.tokenizer, model.format, prompt_tokens=1, tail=tail, offered={"f": TOOL.parameters})
        deltas = [d for a, b in itertools.pairwise([0, *cuts, len(ids)]) for d in reader.feed(ids[a:b])]
        return read([*deltas, *reader.finish(reason)])

    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=6)))
    assert reading(cuts) == reading([]) == reading(list(range(len(ids))))


def test_prompt_follows_the_request(models):
    model = models["nemotron-3-ultra-550b-a55b"]

    def prompt(**fields: Any) -> str:
        return model.tokenizer.decode(model.prepare(asked(thinking=Thinking(**fields))).ids)

    efforts: tuple[Effort, ...] = ("minimal", "low", "medium")
    assert prompt().endswith("<|im_start|>assistant\n<think>\n")
    assert prompt(enabled=False).endswith("<|im_start|>assistant\n<think></think>") and prompt(enabled=False) == prompt(effort="none")  # fmt: skip
    assert {"{reasoning effort: efficient}" in prompt(effort=effort) for effort in efforts} == {True}
    assert prompt(effort="max") == prompt()
    assert "{thinking token budget: 64}" in prompt(budget=64)
    prepared = models[NANO3].prepare(asked(thinking=Thinking(budget=64)))  # is not told, and held to it
    assert prepared.params.thinking is not None and prepared.params.thinking.soft == 64


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_may_decide_itself_is_told_to_think_without_a_budget(models, name):
    prepared = models[name].prepare(asked(thinking=Thinking(adaptive=True)))
    assert prepared.ids == models[name].prepare(asked(thinking=Thinking(enabled=True))).ids
    assert prepared.params.thinking is None
    with_effort = models[name].prepare(asked(thinking=Thinking(adaptive=True, effort="low"))).ids
    assert with_effort == models[name].prepare(asked(thinking=Thinking(enabled=True, effort="low"))).ids


def test_a_model_that_cannot_think_answers_where_it_may_decide_itself():
    ThinkingControl().check(Thinking(adaptive=True, effort="max"), reasons=False)
    assert ThinkingControl().settings(Thinking(adaptive=True)) == {}


def test_python_callers_switch_it_too(models, monkeypatch):
    model, submit, read = models[NANO3], models[NANO3].engine.submit, []
    monkeypatch.setattr(
        model.engine, "submit", lambda ids, *more, **names: read.append(ids) or submit(ids, *more, **names)
    )
    for thinking in (None, True, False):
        list(model.generate([Message("user", "hi")], max_tokens=1, thinking=thinking))
    expected = [model.prepare(asked(thinking=Thinking(enabled=thinking))).ids for thinking in (None, True, False)]
    assert read == expected and read[0] == read[1] != read[2]


def test_tools_are_refused_where_the_family_has_none(models):
    with pytest.raises(UnsupportedField):
        models["llama-3.3-nemotron-super-49b-v1"].prepare(asked(tools=(TOOL,)))


@pytest.mark.parametrize("name", [NANO3, NANO2])
@pytest.mark.parametrize("limit", [0, 1, 12])
def test_reasoning_that_would_not_end_is_ended_and_counted(models, name, limit):
    words = "so and so " * 20
    asked_for = asked(thinking=Thinking(enabled=True, limit=limit), max_tokens=60)
    deltas = list(answered(models[name], asked_for, says(models[name], words)))
    reasoning, text, _, finish = read(deltas)
    assert words.startswith(reasoning) and text and finish is StopReason.LENGTH
    usage = deltas[-1].usage
    assert usage is not None and limit <= usage.reasoning_tokens <= limit + 2  # a line's end and the closing tag
    assert usage.completion_tokens == 60


def test_a_budget_ends_with_its_line(models):
    model = models[NANO3]
    said = says(model, "one two three\nfour five six\nseven")
    deltas = list(answered(model, asked(thinking=Thinking(budget=3), max_tokens=40), said))
    assert read(deltas)[0] == "one two three"


@pytest.mark.parametrize("thinking", [Thinking(budget=5), Thinking(limit=5)])
def test_a_model_that_does_not_think_has_no_budget(thinking):
    with pytest.raises(UnsupportedField):
        ThinkingControl().check(thinking, reasons=False)
    ThinkingControl().check(thinking, reasons=True)

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chat_templates import CHATML, CONTRARY, ENDLESS, OPENED, THINKING
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.template import ChatTemplate
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.core import Message, Tool, ToolCall
from nemora.errors import TemplateError, UsageError
from nemora.train.chat_data import Runs, Sample, render_chats, samples_of
from nemora.train.chat_file import Chat
from tiny_tokenizer import tokenizer_folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(tokenizer_folder(tmp_path_factory.mktemp("tokenizer")))


@contextmanager
def template_of(source: str, tokenizer: Tokenizer) -> Iterator[ChatTemplate]:
    template = ChatTemplate(source, tokenizer)
    try:
        yield template
    finally:
        template.close()


@pytest.fixture(scope="module")
def chatml(tokenizer: Tokenizer) -> Iterator[ChatTemplate]:
    with template_of(CHATML, tokenizer) as template:
        yield template


def chat(*contents: str, learned_from: int = 0, **of_answers: Any) -> Chat:
    """Turns of a user and an assistant."""
    messages = [
        Message("assistant", content, **of_answers) if index % 2 else Message("user", content)
        for index, content in enumerate(contents)
    ]
    return Chat(tuple(messages), (), learned_from, "chat.jsonl, line 1")


def learned(sample: Sample, tokenizer: Tokenizer) -> str:
    """What is learned, with a bar wherever something is left out."""
    pieces, gap = [], True
    for token_id, wanted in zip(sample.ids, sample.learned, strict=True):
        if wanted:
            pieces.append(("|" if gap else "") + tokenizer.decode([token_id]))
        gap = not wanted
    return "".join(pieces)


def whole(sample: Sample, tokenizer: Tokenizer) -> str:
    return tokenizer.decode(sample.ids)


def test_answers_are_learned_with_what_ends_their_turn_and_nothing_else(
    chatml: ChatTemplate, tokenizer: Tokenizer
) -> None:
    (sample,) = samples_of(chat("one", "two", "three", "four"), chatml, tokenizer)
    assert learned(sample, tokenizer) == "|two<|im_end|>|four<|im_end|>"
    assert (
        list(sample.ids) == chatml.render(chat("one", "two", "three", "four").messages, add_generation_prompt=False).ids
    )


def test_what_stands_before_the_completion_is_not_learned(chatml: ChatTemplate, tokenizer: Tokenizer) -> None:
    (sample,) = samples_of(chat("one", "two", "three", "four", learned_from=3), chatml, tokenizer)
    assert learned(sample, tokenizer) == "|four<|im_end|>"


def test_what_follows_the_last_answer_is_left_out(chatml: ChatTemplate, tokenizer: Tokenizer) -> None:
    (sample,) = samples_of(chat("one", "two", "three"), chatml, tokenizer)
    assert whole(sample, tokenizer).endswith("two<|im_end|>\n")


@given(contents=st.lists(st.text(alphabet="\n ab1helo<|im_end|>\u00e9", max_size=6), min_size=2, max_size=6))
@settings(deadline=None)
def test_each_prompt_is_tokenised_as_it_is_when_the_model_answers(
    chatml: ChatTemplate, tokenizer: Tokenizer, contents: list[str]
) -> None:
    """Bytes at the seam may merge into one token with the answer's; the prompt's own tokens must stay."""
    talk = chat(*contents)
    (sample,) = samples_of(talk, chatml, tokenizer)
    assert whole(sample, tokenizer) == whole(
        Sample(tuple(ids := chatml.render(talk.messages[: len(contents) // 2 * 2], add_generation_prompt=False).ids),
               (False,) * len(ids)), tokenizer,
    )  # fmt: skip
    prompt = chatml.render(talk.messages[:1]).ids
    assert list(sample.ids[: len(prompt)]) == prompt
    assert not any(sample.learned[: len(prompt)]) and sample.learned[len(prompt)]


def test_two_newlines_at_the_seam_stay_two_tokens(tmp_path: Path) -> None:
    checkpoint = tokenizer_folder(tmp_path)
    table = json.loads((tmp_path / "tokenizer.json").read_text())
    merged = max(entry["id"] for entry in table["added_tokens"]) + 1
    table["model"]["vocab"]["ĊĊ"] = merged
    table["model"]["merges"].append("Ċ Ċ")
    (tmp_path / "tokenizer.json").write_text(json.dumps(table))
    tokenizer = load_tokenizer(checkpoint)
    assert tokenizer.encode("\n\n") == [merged]
    with template_of(CHATML, tokenizer) as template:
        (sample,) = samples_of(chat("one", "\n\ntwo", "three", "\n\n\nfour"), template, tokenizer)
    assert learned(sample, tokenizer) == "|\n\ntwo<|im_end|>|\n\n\nfour<|im_end|>"
    assert sample.ids.count(merged) == 1


def test_an_answer_is_learned_as_it_looks_when_it_is_given(tokenizer: Tokenizer) -> None:
    with template_of(THINKING, tokenizer) as template:
        first, second = samples_of(chat("one", "two", "three", "four", reasoning="hm"), template, tokenizer)
    assert learned(first, tokenizer) == "|<think>\nhm\n</think>\ntwo<|im_end|>"
    assert learned(second, tokenizer) == "|<think>\nhm\n</think>\nfour<|im_end|>"
    assert "<|im_start|>assistant\ntwo<|im_end|>" in whole(second, tokenizer)


def test_tags_that_a_generation_prompt_opens_are_no_part_of_the_answer(tokenizer: Tokenizer) -> None:
    with template_of(OPENED, tokenizer) as template:
        (plain,) = samples_of(chat("one", "two", "three", "four"), template, tokenizer)
        (thought,) = samples_of(chat("one", "two", reasoning="hm"), template, tokenizer)
    assert learned(plain, tokenizer) == "|</think>two<|im_end|>|</think>four<|im_end|>"
    assert learned(thought, tokenizer) == "|hm\n</think>\ntwo<|im_end|>"


def test_a_template_that_begins_answers_otherwise_is_refused(tokenizer: Tokenizer) -> None:
    with template_of(CONTRARY, tokenizer) as template, pytest.raises(UsageError, match=r"line 1 .* cannot be told"):
        list(samples_of(chat("one", "two"), template, tokenizer))


def test_a_template_that_never_ends_an_answer_is_refused(tokenizer: Tokenizer) -> None:
    with template_of(ENDLESS, tokenizer) as template, pytest.raises(UsageError, match="never learn to stop"):
        list(samples_of(chat("one", "two"), template, tokenizer))


@pytest.mark.parametrize(
    ("name", "talk"),
    [
        ("reasoning_content", chat("one", "two", reasoning="secret")),
        ("tool_calls", chat("one", "two", tool_calls=(ToolCall("a", "secret", "{}"),))),
        ("tools", Chat(chat("one", "two").messages, (Tool("secret"),), 0, "chat.jsonl, line 1")),
    ],
)
def test_what_the_template_would_pass_over_is_refused(
    chatml: ChatTemplate, tokenizer: Tokenizer, name: str, talk: Chat
) -> None:
    with pytest.raises(UsageError, match=f"line 1 cannot be used: it has {name}") as error:
        list(samples_of(talk, chatml, tokenizer))
    assert "secret" not in error.value.message


def test_a_template_that_fails_names_the_line(tokenizer: Tokenizer) -> None:
    with (
        template_of("{{ messages[0].content + 1 }}", tokenizer) as template,
        pytest.raises(TemplateError, match="line 1"),
    ):
        list(samples_of(chat("one", "two"), template, tokenizer))
    refusing = "{{ raise_exception('Only one turn.') }}"
    with template_of(refusing, tokenizer) as template, pytest.raises(UsageError, match=r"line 1 .*Only one turn"):
        list(samples_of(chat("one", "two"), template, tokenizer))


def test_too_long_ones_are_cut_at_their_end_and_counted(chatml: ChatTemplate, tokenizer: Tokenizer) -> None:
    talks = [chat("one", "two"), chat("one", "two" * 50), chat("one" * 50, "two")]
    short = len(next(samples_of(talks[0], chatml, tokenizer)).ids)
    rendered = render_chats(talks, chatml, tokenizer, longest=short + 10)
    assert [len(sample.ids) for sample in rendered.samples] == [short, short + 10]
    assert (rendered.chats, rendered.cut, rendered.dropped) == (3, 2, 1)
    assert rendered.tokens == 2 * short + 10 and rendered.targets == sum(s.targets for s in rendered.samples)


def test_the_first_token_of_a_sequence_is_no_target() -> None:
    assert Sample((1, 2, 3), (True, True, False)).targets == 1
    with pytest.raises(ValueError, match="mark for each"):
        Sample((1, 2), (True,))


@given(st.text(alphabet="helo \n12\u00e9\u20ac", max_size=12), st.integers(0, 12))
def test_joining_keeps_the_bytes_and_the_first_ids(tokenizer: Tokenizer, text: str, at: int) -> None:
    before, all_ids = tokenizer.encode(text[:at]), [*tokenizer.encode(text), 0]
    joined = Runs(tokenizer).joined(before, all_ids)
    assert joined is not None
    assert joined[: len(before)] == before and tokenizer.decode(joined) == tokenizer.decode(all_ids)


def test_ids_that_do_not_continue_others_are_not_joined(tokenizer: Tokenizer) -> None:
    runs, (end,) = Runs(tokenizer), [tokenizer.special.ids["<|im_end|>"]]
    encode = tokenizer.encode
    assert runs.joined(encode("ab"), encode("ac")) is None
    assert runs.joined([*encode("ab"), end], encode("abc")) is None
    assert runs.joined(encode("abc"), [*encode("ab"), end]) is None
    assert runs.joined(encode("abc"), encode("ab")) is None
    euro = "\u20ac".encode()
    byte = {tokenizer.bytes_of(i): i for i in range(256)}
    assert runs.joined([byte[euro[:1]]], encode("\u20ac")) == [byte[euro[:1]], *(byte[euro[n : n + 1]] for n in (1, 2))]


TRL = importlib.util.find_spec("trl")


@pytest.mark.skipif(TRL is None, reason="needs trl, whose training templates are compared with")
@pytest.mark.parametrize(
    "name", ["qwen2_5", "llama3", "phi3", "nemotron_3_nano", "nemotron_3_super", "nemotron_3_ultra", "qwen3"]
)
def test_what_is_learned_is_what_trl_marks_in_its_copies_of_real_templates(name: str, tmp_path: Path) -> None:
    """The original template through prefixes, against TRL's copy of it with `{% generation %}` in the right places.

    TRL also learns white space around an answer, and the tag that a generation prompt has opened already.
    """
    transformers = pytest.importorskip("transformers")
    assert TRL is not None and TRL.submodule_search_locations is not None
    folder = Path(TRL.submodule_search_locations[0]) / "chat_templates"
    end = {"llama3": "<|eot_id|>", "phi3": "<|end|>"}.get(name, "<|im_end|>")
    checkpoint = tokenizer_folder(tmp_path)
    for file in checkpoint.tokenizer_files.values():  # the same small vocabulary with this template's own marks
        file.write_text(file.read_text().replace("<|im_end|>", end))
    tokenizer = load_tokenizer(checkpoint)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), bos_token="")
    talk = chat("one", "two", "three", "four five")
    with template_of((folder / f"{name}.jinja").read_text(), tokenizer) as template:
        samples = list(samples_of(talk, template, tokenizer))
    described = [{"role": message.role, "content": message.content} for message in talk.messages]
    marked = theirs.apply_chat_template(
        described,
        chat_template=(folder / f"{name}_training.jinja").read_text(),
        return_assistant_tokens_mask=True,
        return_dict=True,
    )
    expected = Sample(tuple(marked["input_ids"]), tuple(map(bool, marked["assistant_masks"])))
    wanted = learned(expected, tokenizer)
    for opened in ("<think></think>", "<think>\n\n</think>\n\n"):
        wanted = wanted.replace(f"|{opened}", "|</think>")
    found = learned(samples[-1], tokenizer).replace("</think>\n\n", "</think>")
    answers = [part.strip() for part in wanted.split("|")]
    assert found.split("|")[-1] == answers[-1]
    assert len(samples) > 1 or found.split("|") == answers

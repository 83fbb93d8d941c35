from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from nemora.cli import generate
from nemora.errors import UsageError
from starter import STARTER, needs_starter
from tiny_llama import write_folder
from tiny_nemotron_h import CONFIG as HYBRID
from tiny_nemotron_h import random_tensors


def run(*words: str, config: Path | None = None) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    generate.add_arguments(parser)
    return generate.run(argparse.Namespace(config=config, **vars(parser.parse_args(words))))


@pytest.mark.parametrize(
    "words",
    [
        ["m"],
        ["m", "text", "--prompt-ids", "1"],
        ["m", "--prompt-ids", "1,x"],
        ["m", "--prompt-ids", ""],
        ["m", "--prompt-ids", "1", "--chat"],
    ],
)
def test_wrong_words_are_a_usage_error_before_anything_is_loaded(words):
    with pytest.raises(UsageError):
        run(*words)


@needs_starter
def test_json_has_all_that_scripts_need(capsys):
    assert run(str(STARTER), "The capital of France is", "--max-tokens", "3", "--temperature", "0", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["text"] == " Paris."[: len(answer["text"])] or answer["text"]
    assert len(answer["token_ids"]) == 3
    assert answer["prompt_tokens"] == 5
    assert answer["prefill_tokens_per_second"] > 0 and answer["decode_tokens_per_second"] > 0


@needs_starter
def test_text_is_streamed_and_ids_give_the_same(capsys):
    run(str(STARTER), "The capital of France is", "--max-tokens", "3", "--temperature", "0")
    text = capsys.readouterr().out
    run(str(STARTER), "--prompt-ids", "504,3575,282,4649,314", "--max-tokens", "3", "--temperature", "0")
    assert capsys.readouterr().out == text
    assert text.startswith(" Paris") and text.endswith("\n")


@needs_starter
def test_chat_uses_the_template(capsys):
    run(str(STARTER), "Hi", "--chat", "--max-tokens", "2", "--temperature", "0", "--json")
    assert json.loads(capsys.readouterr().out)["prompt_tokens"] > 20


def test_a_checkpoint_without_a_vocabulary_answers_in_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_folder(tmp_path / "hybrid", HYBRID, random_tensors(HYBRID))
    assert run(str(model), "--prompt-ids", "5,6,7", "--max-tokens", "4", "--temperature", "0") == 0
    ids = [int(part) for part in capsys.readouterr().out.split(",")]
    assert len(ids) == 4 and all(0 <= id < HYBRID["vocab_size"] for id in ids)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--max-tokens", "0"], "--max-tokens"),
        (["--temperature", "nan"], "--temperature"),
        (["--temperature", "-1"], "--temperature"),
        (["--top-k", "-5"], "--top-k"),
        (["--top-p", "0"], "--top-p"),
        (["--min-p", "2"], "--min-p"),
    ],
)
def test_an_option_out_of_range_is_named_before_a_model_is_looked_for(words, named):
    with pytest.raises(UsageError, match=f"^{named} must be"):
        run("/does/not/exist", "text", *words)


def test_a_prompt_that_is_no_text_is_refused_before_a_model_is_looked_for():
    with pytest.raises(UsageError, match="PROMPT is not valid UTF-8"):
        run("/does/not/exist", "a \udcff")

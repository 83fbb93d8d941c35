"""The verb: what it writes, prints and refuses."""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path

import pytest
import torch

import tiny_llama
from nemora.backends.perplexity import perplexity
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.cli import quantize
from nemora.errors import NemoraError, NotCached, UnsupportedCheckpoint, UsageError
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from starter import STARTER, needs_starter
from tiny_llama import write_folder
from tiny_tokenizer import SIZE, tokenizer_folder

# Written for this test.
TEXT = (
    "The harbour wakes before the town does. Men in rubber boots carry crates of ice along the quay, and the gulls, "
    "who know the hour better than any clock, have already taken their places on the roof of the fish market. At five "
    "the first boat comes in. Her engine coughs twice and stops, someone throws a rope, and for a moment nobody speaks, "
    "because everybody is looking at how deep she lies in the water. A boat that lies deep has had a good night.\n\n"
    "By seven the auction is over. The buyers drive away with their vans, the ice melts into the gutters, and the cafe "
    "at the corner fills with people who have been awake for ten hours and are in no hurry to go to bed. They talk about "
    "the weather, about the price of diesel, and about a young seal that has learned to open the traps.\n"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tensors = {name: tensor.bfloat16() for name, tensor in tiny_llama.random_tensors(tiny_llama.CONFIG).items()}
    return write_folder(tmp_path / "source", tiny_llama.CONFIG, tensors)


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A source that can read text, and a text."""
    config = tiny_llama.CONFIG | {"vocab_size": SIZE}
    tensors = {name: tensor.bfloat16() for name, tensor in tiny_llama.random_tensors(config).items()}
    tokenizer_folder(write_folder(tmp_path / "reader", config, tensors), "smollm")
    (tmp_path / "text.txt").write_text(TEXT[:300])
    return tmp_path / "reader"


def run(*words: object) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    quantize.add_arguments(parser)
    return quantize.run(argparse.Namespace(config=None, **vars(parser.parse_args([str(word) for word in words]))))


@pytest.mark.parametrize(("format", "out"), [("nvfp4", "folder"), ("q8_0", "m.gguf"), ("q4_0", "m.gguf")])
def test_what_is_written_loads_and_the_error_of_each_kind_is_printed(
    tmp_path: Path, source: Path, format: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(source, tmp_path / out, "--format", format) == 0
    printed = capsys.readouterr().out
    for kind in ("attention q", "attention output", "mlp gate", "mlp down"):
        assert kind in printed
    assert "perplexity" not in printed
    model = load_model(open_checkpoint(tmp_path / out))
    assert torch.isfinite(model.forward(torch.tensor([[3, 4]]), model.new_state(2))).all()


def test_json_is_one_object_with_the_same_numbers(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(source, tmp_path / "m.gguf", "--format", "q4_0", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["out"] == str(tmp_path / "m.gguf") and answer["format"] == "q4_0"
    assert answer["bytes"] == (tmp_path / "m.gguf").stat().st_size
    kinds = {row["kind"]: row for row in answer["errors"]}
    assert kinds["head"]["format"] == "Q8_0" and kinds["mlp up"]["format"] == "Q4_0"
    assert 0 < kinds["head"]["relative_error"] < 1e-3 < kinds["mlp up"]["relative_error"] < 2e-2
    assert kinds["mlp up"]["relative_error"] <= kinds["mlp up"]["largest_relative_error"]
    assert kinds["mlp up"]["largest_of"] in ("layers.0.mlp.up", "layers.1.mlp.up")
    assert "perplexity" not in answer


@pytest.mark.parametrize(("format", "algorithm"), [("fp8", "FP8"), ("nvfp4", "NVFP4")])
def test_with_a_text_inputs_are_measured_and_their_rounding_is_part_of_what_comes_after(
    tmp_path: Path, reader: Path, format: str, algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--format", format, "--text", tmp_path / "text.txt", "--context", "32", "--json")
    assert run(reader, tmp_path / "out", *words) == 0
    measured = json.loads(capsys.readouterr().out)["perplexity"]
    written = open_checkpoint(tmp_path / "out")
    assert written.metadata["quantization_config"]["quant_algo"] == algorithm
    scales = [name for name in written.file.tensors if name.endswith(".input_scale")]
    assert len(scales) == 2 * 7
    assert all(0 < float(written.file.read(name).decode()) < 1 for name in scales)
    ids = load_tokenizer(written).encode(TEXT[:300])
    ids = [load_tokenizer(written).special.bos_id or 0, *ids]
    for key, path, simulate in (("before", reader, False), ("after", tmp_path / "out", True)):
        model = load_model(open_checkpoint(path), simulate_activations=simulate)
        assert perplexity(model, ids, context=32).value == pytest.approx(measured[key], rel=1e-4)
    assert measured["tokens"] == len(ids) - 1


def test_a_gguf_file_made_of_a_folder_carries_its_tokenizer(tmp_path: Path, reader: Path) -> None:
    assert run(reader, tmp_path / "m.gguf", "--format", "q8_0", "--text", tmp_path / "text.txt") == 0
    written, source = open_checkpoint(tmp_path / "m.gguf"), open_checkpoint(reader)
    assert written.chat_template is None and written.metadata["tokenizer.ggml.pre"] == "smollm"
    assert load_tokenizer(written).encode(TEXT) == load_tokenizer(source).encode(TEXT)
    assert load_tokenizer(written).eos_ids == load_tokenizer(source).eos_ids


@pytest.mark.parametrize("mistake", ["exists", "fp8", "context", "no text", "no utf-8", "no tokenizer"])
def test_mistakes_are_one_sentence_and_nothing_is_written(tmp_path: Path, source: Path, mistake: str) -> None:
    out, text = tmp_path / "out", tmp_path / "text.txt"
    text.write_text(TEXT)
    words: list[object] = [source, out, "--format", "nvfp4"]
    match mistake:
        case "exists":
            words[1] = source
        case "fp8":
            words[3] = "fp8"
        case "context":
            words += ["--context", "1"]
        case "no text":
            words += ["--text", tmp_path / "gone.txt"]
        case "no utf-8":
            text.write_bytes(b"\xff\xfe")
            words += ["--text", text]
        case "no tokenizer":
            words += ["--text", text]
    with pytest.raises(NemoraError) as caught:
        run(*words)
    assert caught.value.message.endswith(".") and ". " not in caught.value.message
    assert isinstance(caught.value, UnsupportedCheckpoint if mistake == "no tokenizer" else UsageError)
    assert not out.exists()


def test_a_name_of_the_family_means_its_weights_that_are_not_quantised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("NEMORA_OFFLINE", "1")
    for name in ("nemotron-3-nano-30b-a3b", "nemotron-3-nano-30b-a3b:bf16"):
        with pytest.raises(NotCached, match="hub:nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"):
            run(name, tmp_path / "out", "--format", "nvfp4")


def test_what_cannot_be_written_is_refused_before_perplexity_is_measured(
    tmp_path: Path, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> None:
        raise AssertionError

    text = ("--text", tmp_path / "text.txt")
    assert run(reader, tmp_path / "quantised", "--format", "nvfp4") == 0
    monkeypatch.setattr(quantize, "_measure_source", measured)
    with pytest.raises(UnsupportedCheckpoint, match="quantised already"):
        run(tmp_path / "quantised", tmp_path / "out", "--format", "nvfp4", *text)


@pytest.mark.parametrize("format", ["nvfp4", "q8_0"])
def test_a_process_that_is_told_to_end_leaves_nothing_half_written(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    def end(*_: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2
        os.kill(os.getpid(), signal.SIGTERM)

    def kept_alive(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("nemora.weights.save_tensors.Outgoing.write", end)
    before = signal.signal(signal.SIGTERM, kept_alive)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(source, tmp_path / "out", "--format", format)
        assert signal.getsignal(signal.SIGTERM) is kept_alive
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(tmp_path.iterdir()) == [source]


def test_a_text_without_an_end_is_refused(tmp_path: Path, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "MAX_TEXT_BYTES", 1000)
    with pytest.raises(UsageError, match="more than 1,000 bytes"):
        run(reader, tmp_path / "out", "--format", "nvfp4", "--text", "/dev/zero")


@needs_starter
def test_eight_bits_cost_the_starter_model_less_than_a_hundredth_of_perplexity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    assert run(STARTER, tmp_path / "m.gguf", "--format", "q8_0", "--text", tmp_path / "text.txt", "--json") == 0
    measured = json.loads(capsys.readouterr().out)["perplexity"]
    assert measured["tokens"] > 150
    assert 5 < measured["before"] < 100
    assert abs(measured["after"] / measured["before"] - 1) < 0.01


@needs_starter
def test_four_bits_of_the_starter_model_are_measured_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_text(TEXT[:400])
    words = ("--format", "q4_0", "--text", tmp_path / "text.txt", "--context", "64")
    assert run(STARTER, tmp_path / "m.gguf", *words) == 0
    printed = capsys.readouterr().out
    before, after = (float(printed.split("perplexity ")[1].split()[index]) for index in (0, 2))
    assert 1 < before < after < 10 * before

"""`nemora bench` on a tiny random model. Nothing here is timed: limits are measured on next to nothing, to be quick."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nemora.cli import bench
from nemora.engine.speed import DecodeCase, DecodeRun, PromptRun, decode_speed, prompt_speed
from nemora.errors import UsageError
from nemora.models.work import Bulk, Work
from nemora.ops import limits
from nemora.ops.limits import LimitProbe, Limits
from nemora.weights.resident import peak_resident
from tiny_llama import write_folder
from tiny_nemotron_h import CONFIG, random_tensors


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SECONDS", 0.0), ("BUFFER_BYTES", 1 << 16), ("SIZE", 64), ("ROWS", 8), ("FEWEST", 1)):
        monkeypatch.setattr(limits, name, value)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("bench") / "hybrid", CONFIG, random_tensors(CONFIG))


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    bench.add_arguments(parser)
    return bench.run(argparse.Namespace(config=None, **vars(parser.parse_args(words))))


def report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert run(*words, "--json", "--threads", str(torch.get_num_threads())) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_json_has_all_that_was_asked_for(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(
        capsys, str(model), "--prompt", "9", "--gen", "2", "--context", "0,20", "--batch", "1,3", "--repeat", "2"
    )
    assert found["model"]["architecture"] == "nemotron_h" and sum(found["model"]["formats"].values()) > 0
    assert 0 < sum(found["model"]["formats"].values()) <= found["model"]["file_bytes"]
    assert found["model"]["weights_in_memory_bytes"] > 0 and found["model"]["activations"] == "float32"
    assert (found["repeats"], found["gen"], found["prompt"]["tokens"]) == (2, 2, 9)
    assert [(case["context"], case["batch"]) for case in found["decode"]] == [(0, 1), (20, 1), (0, 3)]
    spreads = [found["prompt"][name] for name in ("tokens_per_second", "first_token_seconds", "share_of_fp32")]
    for case in found["decode"]:
        spreads += [case[name] for name in ("tokens_per_second", "share_of_bandwidth", "share_by_stored_bytes")]
        assert case["weight_bytes"] >= case["stored_bytes"] > 0 and case["cache_bytes"] > 0
    spreads += [found["limits"][f"{name}_per_second"] for name in ("bandwidth_bytes", "fp32_operations")]
    if found["limits"]["int8_by"]:
        spreads += [found["limits"]["int8_operations_per_second"], found["prompt"]["share_of_int8"]]
    else:
        assert found["limits"]["int8_operations_per_second"] is found["prompt"]["share_of_int8"] is None
    assert all(0 < spread["least"] <= spread["median"] <= spread["most"] for spread in spreads)
    machine, memory = found["machine"], found["memory"]
    assert machine["threads"] == torch.get_num_threads() and machine["torch"] == torch.__version__
    assert machine["native_kernels"] == bool(machine["native_instructions"]) == (not machine["why_no_native_kernels"])
    assert memory["above_file_bytes"] == memory["peak_resident_bytes"] - found["model"]["file_bytes"]
    assert found["token"]["read_bytes"] == found["decode"][0]["weight_bytes"] and found["date"]


def test_ids_of_a_file_are_read_and_usual_contexts_are_left_out_that_do_not_fit(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ids"
    file.write_text("5, 6,7\n8 ")
    found = report(capsys, str(model), "--prompt-ids", str(file), "--gen", "1", "--batch", "1", "--repeat", "1")
    assert found["prompt"]["tokens"] == 4
    assert [case["context"] for case in found["decode"]] == [0]


def test_people_get_a_table(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(model), "--prompt", "4", "--gen", "1", "--batch", "2", "--repeat", "1") == 0
    out = capsys.readouterr().out
    for words in ("prefill of 4", "time to first token", "decode after 0, 2 at once", "GB/s", "Peak memory"):
        assert words in out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--batch", "1,x"], "--batch"),
        (["--batch", "0"], "--batch"),
        (["--batch", ""], "--batch"),
        (["--context", "-1"], "--context"),
        (["--context", "99999999"], "--context"),
        (["--prompt", "0"], "--prompt"),
        (["--gen", "-3"], "--gen"),
        (["--repeat", "0"], "--repeat"),
        (["--threads", "0"], "--threads"),
        (["--threads", "99999"], "--threads"),
        (["--prompt", "3", "--prompt-ids", "x"], "either"),
        (["--prompt-ids", "/does/not/exist"], "--prompt-ids"),
        (["--device", "cuda"], "--device cpu"),
    ],
)
def test_wrong_words_are_one_sentence_before_anything_is_loaded(words: list[str], named: str) -> None:
    joined = [f"{words[0]}={words[1]}", *words[2:]]
    with pytest.raises(UsageError, match=named) as raised:
        run("/no/model", *joined)
    assert "\n" not in raised.value.message and raised.value.message.count(". ") == 0


@pytest.mark.parametrize("content", [b"", b"1,-2", b"1 secret", b"\xff", b"1,2,9999999999"])
def test_a_file_that_holds_no_ids_is_refused_without_its_content(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(content)
    with pytest.raises(UsageError, match="must hold token ids") as raised:
        run("/no/model", "--prompt-ids", str(tmp_path / "ids"))
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--context", "512"], "--context"),
        (["--context", "500", "--gen", "13"], "--context"),
        (["--prompt", "512"], "prompt"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(model: Path, words: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        run(str(model), *words, "--batch", "1", "--repeat", "1")


def test_an_id_outside_the_vocabulary_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text(str(CONFIG["vocab_size"]))
    with pytest.raises(UsageError, match="none of the model's"):
        run(str(model), "--prompt-ids", str(tmp_path / "ids"))


WORK = Work(trunk=Bulk(read=80, stored=20, numbers=20), head=Bulk(read=20, stored=5, numbers=5), row=Bulk())


def test_shares_are_of_the_limits_around_each_run() -> None:
    slow, fast = Limits(bandwidth=100.0, fp32=1000.0, int8=None), Limits(bandwidth=300.0, fp32=3000.0, int8=None)
    case = DecodeCase(0, 1)
    runs = [DecodeRun(case, 10, seconds, 10, around) for seconds, around in ((20.0, slow), (10.0, slow.mean(fast)))]
    found = decode_speed(runs, WORK)
    assert (found.tokens_per_second.least, found.tokens_per_second.most) == (0.5, 1.0)
    assert found.share_of_bandwidth.least == found.share_of_bandwidth.most == pytest.approx(110 * 0.5 / 100)
    assert found.share_by_stored_bytes.median == pytest.approx(35 * 0.5 / 100)
    prompt = prompt_speed([PromptRun(10, 2.0, 3.0, slow)], WORK)
    assert prompt.share_of_int8 is None
    assert prompt.share_of_fp32.median == pytest.approx(2 * (10 * 20 + 5) / 2.0 / 1000)


def test_a_limit_is_named_by_what_measured_it() -> None:
    probe = LimitProbe()
    found = probe.measure()
    assert found.bandwidth > 0 and found.fp32 > 0
    assert (found.int8 is None) == (probe.int8_by == "")
    assert (probe.native is None) == bool(probe.why_no_native)


def test_the_peak_of_memory_holds_what_was_taken_and_given_back() -> None:
    before = peak_resident()
    torch.ones(64 << 18)  # 64 MiB, gone at once
    assert peak_resident() >= before > 1 << 20

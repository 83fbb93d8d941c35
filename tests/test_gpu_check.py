"""The check of accelerators, run on the CPU with tiny shapes: it says what it found, and it can fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
BENCH, SOURCE = ROOT / "bench", ROOT / "src"


def run(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """The script's main, after some Python. One thread: tiny tensors gain nothing by two."""
    code = f"import sys; sys.path[:0] = [{str(BENCH)!r}, {str(SOURCE)!r}]; sys.argv[1:] = {list(words)!r}\n"
    code += before + "\nimport gpu_check\nsys.exit(gpu_check.main())"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_a_cpu_agrees_with_itself_and_all_is_written_down(tmp_path: Path) -> None:
    answer = run("--quick", "--device", "cpu", "--shapes", "tiny", "--out", str(tmp_path / "out" / "found.json"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = json.loads((tmp_path / "out" / "found.json").read_text())
    assert found["ok"] and all(check["ok"] for check in found["checks"]) and not found["left_out"]
    assert {check["section"] for check in found["checks"]} == {"parity", "memory"}
    assert found["machine"]["torch"] == torch.__version__ and found["machine"]["date"] in answer.stdout
    speeds = [values for values in found["measurements"] if "tokens_per_second" in values]
    assert {(v.get("prompt"), v.get("batch")) for v in speeds} == {(8, None), (40, None), (None, 1), (None, 2)}
    assert all(values["tokens_per_second"] > 0 for values in speeds)


BROKEN_RESTORE = "from nemora.models.state import State; State.restore = lambda self, point: self._cut(point.length)"
BROKEN_STEP = "from nemora.ops import kernels; kernels._ssd_step = lambda x, dt, a, b, c, state: (0 * x, state)"
BROKEN_ROUNDING = "from nemora.models import state; state.round_stochastically = lambda x, random: (0.999 * x).half()"
BROKEN_DECODING = """
from nemora.ops.blocks import StoredMatrix
to = StoredMatrix.to
StoredMatrix.to = lambda self, device: StoredMatrix(self.format, to(self, device).data ^ 1, self.scales, self.scale)
"""


def test_what_is_wrong_is_named_in_a_sentence_and_by_the_exit_status() -> None:
    sabotage = "\n".join((BROKEN_RESTORE, BROKEN_STEP, BROKEN_ROUNDING, BROKEN_DECODING))
    answer = run("--quick", "--device", "cpu", "--only", "parity", "--no-save", before=sabotage)
    assert answer.returncode == 1, answer.stderr
    wrong = [line for line in answer.stdout.splitlines() if "WRONG: " in line]
    for named in ("a restored state", "single tokens", "lean in deviations", "Q4_0 is decoded"):
        assert any(named in line for line in wrong), named
    assert not any(fine in line for line in wrong for fine in ("in the engine", "llama, a fork", "is written"))


HOARDING = """
from nemora.weights.random_weights import RandomWeights
hoard, kept = [], RandomWeights._kept
def hoarding(self, parts):
    hoard.append(parts[0].data.clone())
    return kept(self, parts)
RandomWeights._kept = hoarding
"""


def test_weights_that_take_more_than_they_say_are_found() -> None:
    answer = run("--device", "cpu", "--only", "memory", "--no-save", before=HOARDING)
    assert answer.returncode == 1
    assert "the weights take" in answer.stdout


def test_nothing_new_is_begun_when_the_time_is_over_and_that_is_said() -> None:
    clock = "import itertools, time; ticks = itertools.count(); time.monotonic = lambda: 10.0 * next(ticks)"
    answer = run("--device", "cpu", "--seconds", "15", "--no-save", before=clock)
    assert "no time left" in answer.stdout
    assert answer.returncode == 0


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
def test_without_an_accelerator_one_line_says_that_nothing_was_checked() -> None:
    answer = run()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "No accelerator that torch can use is present. Nothing was checked.\n"
    asked = run("--device", "cuda")
    assert asked.returncode == 2 and "(cpu)" in asked.stderr

"""The soak in its short form, and that it would notice what it looks for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parent.parent / "bench" / "soak.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak_bench", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak_bench"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


soak = loaded()


def test_a_server_under_more_than_it_can_answers_rightly_and_leaves_nothing() -> None:
    command = [sys.executable, str(FILE), "--minutes", "0.08", "--texts", "4", "--swaps", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all as it should be" in done.stdout and "wrong answers: 0" in done.stdout


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"wrong": ["one to text 0: 'a' (as one), and alone 'b'"]}, "wrong answer"),
        ({"waits": [500.0]}, "waited 500.0 s"),
        ({"outcomes": Counter(answered=1, internal_error=2)}, "2 requests ended with internal_error"),
        ({"outcomes": Counter(left=3)}, "no request was answered"),
        ({"resident": [100 << 20] * 40 + [140 << 20] * 40}, "grew from 100 to 140 MB"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(changed: dict[str, object], word: str) -> None:
    fine = {"outcomes": Counter(answered=9, left=2, overloaded=3), "waits": [1.0], "resident": [100 << 20] * 80}
    assert soak.failures_of(soak.Seen(**fine), {"running": 0.0}, 5.0, long=True) == []
    assert any(word in each for each in soak.failures_of(soak.Seen(**(fine | changed)), {}, 5.0, long=True))
    assert soak.failures_of(soak.Seen(**fine), {"state_bytes": 8.0}, 5.0, long=True) == [
        "when nobody asks, state_bytes is 8"
    ]

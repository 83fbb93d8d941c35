"""Two processes that share a run learn what one process learns from the same rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

import tiny_llama
from tiny_tokenizer import SIZE, tokenizer_folder

ROOT = Path(__file__).parents[2]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def run(folder: Path, out: str, *options: object, processes: int = 1) -> dict[str, object]:
    start = ["-m", "torch.distributed.run", "--nproc-per-node", processes] if processes > 1 else []
    words = ["-m", "nemora.cli.main", "train", "sft", "model", "--data", "chat.jsonl", "--out", out, "--length", 64]
    command = [sys.executable, *map(str, [*start, *words, *options])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("held-out loss") == 1
    report: dict[str, object] = json.loads((folder / out / "report.json").read_text())
    return report


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    config = tiny_llama.CONFIG | {"vocab_size": SIZE}
    model = tiny_llama.write_folder(tmp_path / "model", config, tiny_llama.random_tensors(config))
    tokenizer_folder(model)
    (model / "chat_template.jinja").write_text(TEMPLATE)
    rows = [{"prompt": f"{number}?", "completion": f"hello {number}"} for number in range(12)]
    (tmp_path / "chat.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shared = ("--steps", 3, "--rate", 0.001, "--lora", 4, "--merge")
    one = run(tmp_path, "one", "--rows", 2, *shared)
    two = run(tmp_path, "two", "--rows", 1, *shared, processes=2)
    assert one["held_out_loss"] == pytest.approx(two["held_out_loss"], abs=1e-5)
    for file in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
        alone, together = load_file(tmp_path / "one" / file), load_file(tmp_path / "two" / file)
        assert alone.keys() == together.keys()
        assert all((alone[name] - together[name]).abs().max() < 1e-4 for name in alone)

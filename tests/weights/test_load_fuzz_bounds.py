"""What a checkpoint claims costs neither memory nor time: a process with little of both reads them all to the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from mutate import damaged_folder, gguf_bytes
from safetensors.torch import save_file
from test_load_fuzz import HYBRID, LLAMA, hybrid, quantised

import tiny_llama
from tiny_llama import write_folder

MEMORY = 512 << 20  # beside what torch has, and far above what the files of this test hold
DEADLINE = 60  # seconds for one checkpoint, on a machine that may be busy: not a limit but the end of a hang
CHILD = Path(__file__).parent / "load_child.py"


def attempts(sound: Path, paths: list[Path], memory: int = MEMORY) -> dict[str, dict[str, Any]]:
    """What came of each checkpoint, by its name."""
    command = [sys.executable, str(CHILD), str(memory), str(DEADLINE), str(sound), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(paths) + 1
    assert lines[0]["said"] == "It works."
    return {Path(line["path"]).name: line for line in lines[1:]}


def says_why(attempt: dict[str, Any]) -> bool:
    said = attempt["said"]
    return said is not None and said.endswith(".") and said.isprintable() and len(said) < 600


HUGE = 1 << 24
SIZES = [key for key, value in HYBRID.items() if type(value) is int and "token" not in key]
HOSTILE: dict[str, dict[str, Any]] = {
    "wide": {"hidden_size": HUGE},
    "every size": dict.fromkeys(SIZES, HUGE) | {"n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 1},
    "heads": {"mamba_num_heads": HUGE, "mamba_head_dim": HUGE},
    "attention": {"num_attention_heads": HUGE, "head_dim": HUGE},
    "shared experts": {"n_shared_experts": HUGE, "moe_shared_expert_intermediate_size": HUGE},
    "a million experts": {"n_routed_experts": 10**6},
    "as many experts as there may be": {"n_routed_experts": HUGE},
    "experts in every layer": {"hybrid_override_pattern": "E" * 4096, "n_routed_experts": 10**6},
    "a few experts in every layer": {"hybrid_override_pattern": "E" * 4095, "n_routed_experts": 4},
    "as many experts as are read": {
        "hybrid_override_pattern": "E" * 16,
        "n_routed_experts": 1 << 13,
        "num_nextn_predict_layers": 0,
    },
    "deep": {"hybrid_override_pattern": "ME*-" * 1024, "n_routed_experts": 8},
    "deep Mamba": {"hybrid_override_pattern": "M" * 4096},
    "a million letters": {"hybrid_override_pattern": "M" * 10**6},
    "letters that are none": {"hybrid_override_pattern": "Z" * 10**6},
    "a million names": {"layers_block_type": ["mamba"] * 10**6},
    "a million drafting layers": {"mtp_hybrid_override_pattern": "*E" * 10**6},
    "a million digits": {"rope_theta": 1, "vocab_size": "1" * 10**6},
    "a million blocks": {"model_type": "nemotron_h_puzzle", "block_configs": [{"block_type": "moe"}] * 10**5},
    "too many patterns": {
        "quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["*a"] * 10**5}
    },
    "slow patterns": {
        "quantization_config": {
            "quant_method": "modelopt",
            "quant_algo": "FP8",
            "ignore": ["*e*e*e*eb" + "b" * 99] * 1024,
        }
    },
    "a pattern that tries all": {
        "quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["*a" * 99]}
    },
    "a list of everything": {
        "quantization_config": {
            "quant_method": "modelopt",
            "quantized_layers": {f"model.layers.{n}.x": {"quant_algo": "FP8"} for n in range(10**5)},
        }
    },
}
SOUND = {"slow patterns", "a list of everything"}  # strange, but nothing is wrong with them
HOSTILE_LLAMA: dict[str, dict[str, Any]] = {
    "llama deep": {"num_hidden_layers": 4096},
    "llama head": {"head_dim": HUGE, "num_attention_heads": 1},
    "llama every size": {key: HUGE for key, value in LLAMA.items() if type(value) is int and "token" not in key},
    "llama vocabulary": {"vocab_size": HUGE, "hidden_size": HUGE},
}


def test_what_settings_claim_costs_nothing(tmp_path: Path) -> None:
    tensors = (tmp_path / "hybrid" / "model.safetensors"), (tmp_path / "llama" / "model.safetensors")
    sound = hybrid(tmp_path / "hybrid")
    write_folder(tmp_path / "llama", LLAMA, tiny_llama.random_tensors(LLAMA))
    paths = []
    for base, cases, file in ((HYBRID, HOSTILE, tensors[0]), (LLAMA, HOSTILE_LLAMA, tensors[1])):
        for name, changes in cases.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / "config.json").write_text(json.dumps(base | changes))
            (folder / "model.safetensors").symlink_to(file)
            paths.append(folder)
    found = attempts(sound, paths)
    assert [line for line in found.values() if not says_why(line)] == []
    assert {name for name, line in found.items() if line["said"] == "It works."} == SOUND


def test_files_that_are_damaged_at_random_cost_nothing(tmp_path: Path) -> None:
    folder = quantised(tmp_path / "sound")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    paths = []
    for seed in range(150):
        path = tmp_path / str(seed)
        path.mkdir()
        paths.append(damaged_folder(seed, files, path))
    found = attempts(folder, paths)
    assert [line for line in found.values() if not says_why(line)] == []


def test_hostile_files_cost_nothing(tmp_path: Path) -> None:
    sound = hybrid(tmp_path / "sound")
    config = json.dumps(HYBRID)
    texts = {
        "twice": config[:-1] + ', "vocab_size": 32}',
        "nested": config[:-1] + ', "x": ' + "[" * 10**6 + "]" * 10**6 + "}",
        "many lists": config[:-1] + ', "x": [' + "[]," * 5_000_000 + "[]]}",
        "many objects": config[:-1] + ', "x": [' + "{}," * 5_000_000 + "{}]}",
        "many keys": '{"a":{' + ",".join(f'"{n}":0' for n in range(3_000_000)) + "}}",
        "nested objects": '{"a":' * 10**5,
        "infinite": config.replace("1e-05", "Infinity"),
        "long number": config.replace('"vocab_size": 32', '"vocab_size": ' + "9" * 10**6),
        "long exponent": config.replace("1e-05", "1e" + "9" * 1000),
        "true for 1": config.replace('"n_groups": 1', '"n_groups": true'),
        "float for 1": config.replace('"n_groups": 1', '"n_groups": 1.0'),
    }
    paths = []
    for name, text in texts.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(text)
        (folder / "model.safetensors").symlink_to(sound / "model.safetensors")
        paths.append(folder)
    names = {f"model.layers.{number}.x": f"{number}.safetensors" for number in range(20_000)}
    for name, content in {
        "index": {"weight_map": names},
        "index of one": {"weight_map": dict.fromkeys(names, "a.safetensors")},
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(config)
        (folder / "model.safetensors.index.json").write_text(json.dumps(content))
        paths.append(folder)
    (tmp_path / "tensors").mkdir()
    (tmp_path / "tensors" / "config.json").write_text(config)
    save_file(
        {f"model.layers.{n}.{'x' * 50}": torch.zeros(1) for n in range(20_000)},
        tmp_path / "tensors" / "model.safetensors",
    )
    paths.append(tmp_path / "tensors")
    metadata = {"general.architecture": "nemotron_h_moe", "nemotron_h_moe.block_count": 4096, "x": ["a"] * 10**5}
    (tmp_path / "m.gguf").write_bytes(gguf_bytes(metadata, [("token_embd.weight", [1, 1, 1, 1], 0, bytes(4))]))
    found = attempts(sound, [*paths, tmp_path / "m.gguf"])
    assert [line for line in found.values() if not says_why(line) or line["said"] == "It works."] == []


def test_the_memory_of_the_child_is_limited(tmp_path: Path) -> None:
    """The twin of the tests above: with a file that needs more memory than there is, the child does say so."""
    sound = hybrid(tmp_path / "sound")
    big = LLAMA | {"vocab_size": 1 << 20}
    needs = write_folder(tmp_path / "big", big, tiny_llama.random_tensors(big))
    (line,) = attempts(sound, [needs], memory=64 << 20).values()
    assert line["said"] is None and "error" in line

"""A recipe of seconds: the smallest hybrid with every kind of layer that the shipped one has, and texts for it."""

from __future__ import annotations

import json
from pathlib import Path

RECIPE = """
seed = 3
vocabulary = 320

[model]
hybrid_override_pattern = "ME*E"
hidden_size = 32
max_position_embeddings = 256
mamba_num_heads = 2
mamba_head_dim = 16
n_groups = 2
ssm_state_size = 16
conv_kernel = 4
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 16
n_routed_experts = 4
num_experts_per_tok = 2
moe_intermediate_size = 16
moe_shared_expert_intermediate_size = 32
routed_scaling_factor = 2.5
num_nextn_predict_layers = 1
mtp_hybrid_override_pattern = "*E"

[[sets]]
path = "authored"
form = "requests"
licence = "Apache-2.0"

[[sets]]
path = "docs.txt"
form = "files"
licence = "CC0-1.0"

[[sets]]
path = "talks.jsonl"
form = "turns"
licence = "CC0-1.0"

[training]
steps = 6
rows = 4
length = 64
rate = 3e-3
warm_up = 1
decay = 2
weight_decay = 0.1
draft_weight = 0.3
balance_rate = 1e-2
"""
WORDS = ["a ferry", "the harbour", "an old map", "seven lanterns", "the tide", "a quiet street", "two bakers", "rain"]


def write_recipe(folder: Path) -> Path:
    """The recipe as a file."""
    path = folder / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def write_texts(folder: Path) -> Path:
    """A data folder with the recipe's three sets."""
    (folder / "authored").mkdir(parents=True)
    rows = [
        {"text": f"Where does {word} meet {other}?", "class": "public", "topics": [], "group": f"{word}-{other}"}
        for word in WORDS
        for other in WORDS
    ]
    (folder / "authored" / "some.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    texts = [f"##### FILE {n}\n{word} waits for {WORDS[n % 5]}.\n" * 3 for n, word in enumerate(WORDS * 20)]
    (folder / "docs.txt").write_text("".join(texts), encoding="utf-8")
    talks = [{"text": f"user: Is it {word}?\nassistant: Yes.\ntool_call: {{}}\ntool_result: ok"} for word in WORDS]
    (folder / "talks.jsonl").write_text("\n".join(map(json.dumps, talks)) + "\n", encoding="utf-8")
    return folder

"""Parameters of a published config by plain arithmetic: a twin of what is counted from the models as they are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LETTERS = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"}


def trunk(config: Mapping[str, Any]) -> int:
    """All parameters but those of the predictor of further tokens."""
    if config["model_type"] == "nemotron_h":
        layers = sum(_hybrid_layer(config, letter) for letter in pattern(config))
        return layers + 2 * _embedding(config) + config["hidden_size"]
    layers = sum(_llama_layers(config))
    return layers + 2 * _embedding(config) + config["hidden_size"]


def predictor(config: Mapping[str, Any]) -> int:
    """Parameters of the MTP head: two layers, three more norms and the matrix that joins both halves."""
    if not config.get("num_nextn_predict_layers"):
        return 0
    hidden = config["hidden_size"]
    return _hybrid_layer(config, "*") + _hybrid_layer(config, "E") + 3 * hidden + 2 * hidden * hidden


def active(config: Mapping[str, Any]) -> int:
    """Parameters of the trunk that one token reads."""
    if "num_experts_per_tok" not in config:
        return trunk(config)
    idle = config["n_routed_experts"] - config["num_experts_per_tok"]
    return trunk(config) - pattern(config).count("E") * idle * _expert(config)


def pattern(config: Mapping[str, Any]) -> str:
    if "layers_block_type" in config:
        return "".join(LETTERS[word] for word in config["layers_block_type"])
    return str(config["hybrid_override_pattern"])


def _embedding(config: Mapping[str, Any]) -> int:
    size: int = config["vocab_size"] * config["hidden_size"]
    return size


def _expert(config: Mapping[str, Any]) -> int:
    width: int = config.get("moe_latent_size") or config["hidden_size"]
    return 2 * width * int(config["moe_intermediate_size"])


def _hybrid_layer(config: Mapping[str, Any], letter: str) -> int:
    hidden: int = config["hidden_size"]
    norm = hidden
    if letter == "M":
        heads = config["mamba_num_heads"]
        inner = heads * config["mamba_head_dim"]
        convolved = inner + 2 * config["n_groups"] * config["ssm_state_size"]
        projections = hidden * (inner + convolved + heads) + inner * hidden
        return norm + projections + convolved * (config["conv_kernel"] + 1) + 3 * heads + inner
    if letter == "*":
        return norm + 2 * hidden * 128 * (config["num_attention_heads"] + config["num_key_value_heads"])
    if letter == "-":
        return norm + 2 * hidden * config["intermediate_size"]
    latent = config.get("moe_latent_size")
    experts = config["n_routed_experts"]
    router = experts * hidden + experts
    shared = 2 * hidden * config["moe_shared_expert_intermediate_size"]
    return norm + router + shared + experts * _expert(config) + (2 * hidden * latent if latent else 0)


def _llama_layers(config: Mapping[str, Any]) -> list[int]:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    if config["model_type"] == "llama":
        attention = 2 * hidden * 128 * (heads + config["num_key_value_heads"])
        return config["num_hidden_layers"] * [2 * hidden + attention + 3 * hidden * config["intermediate_size"]]
    counts = []
    for block in config["block_configs"]:
        count = 0
        if not block["attention"]["no_op"]:
            count += hidden + 2 * hidden * 128 * (heads + heads // block["attention"]["n_heads_in_group"])
        if not block["ffn"]["no_op"]:
            width = int(2 * block["ffn"]["ffn_mult"] * hidden / 3)
            count += hidden + 3 * hidden * (-(-width // 256) * 256)
        counts.append(count)
    return counts

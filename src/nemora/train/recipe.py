"""A recipe for a model from nothing: its settings, its texts and how it is trained, as a TOML file says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nemora.errors import UsageError
from nemora.train.corpus import TextSet, read_sets

# What all published hybrids have: see docs of the family. A recipe may say otherwise.
COMMON: Mapping[str, Any] = {
    "architectures": ["NemotronHForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 11,
    "hidden_dropout": 0.0,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "mamba_hidden_act": "silu",
    "mamba_proj_bias": False,
    "mamba_ssm_cache_dtype": "float32",
    "mlp_bias": False,
    "mlp_hidden_act": "relu2",
    "model_type": "nemotron_h",
    "n_group": 1,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "pad_token_id": 0,
    "rescale_prenorm_residual": True,
    "residual_in_fp32": False,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "time_step_floor": 0.0001,
    "time_step_max": 0.1,
    "time_step_min": 0.001,
    "topk_group": 1,
    "torch_dtype": "bfloat16",
    "use_bias": False,
    "use_cache": True,
    "use_conv_bias": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How long and how hard. `rows` of `length` tokens are a batch; `warm_up` and `decay` are steps out of `steps`."""

    steps: int
    rows: int
    length: int
    rate: float
    warm_up: int
    decay: int
    weight_decay: float
    draft_weight: float
    balance_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`model` is what config.json says of it, `vocabulary` the number of tokens that are learned for it."""

    seed: int
    vocabulary: int
    model: Mapping[str, Any]
    sets: tuple[TextSet, ...]
    training: Training

    @property
    def settings(self) -> dict[str, Any]:
        """The contents of config.json."""
        pattern = self.model["hybrid_override_pattern"]
        return dict(
            sorted({**COMMON, **self.model, "num_hidden_layers": len(pattern), "vocab_size": self.vocabulary}.items())
        )


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises:
        UsageError: there is no such file, or it lacks something or has too much.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"The recipe {path.name} cannot be read as TOML ({type(error).__name__}).") from None
    try:
        training = Training(**values["training"])
        kept = {name: values[name] for name in ("seed", "vocabulary", "model")}
        recipe = Recipe(**kept, sets=tuple(read_sets(values["sets"])), training=training)
        assert_numbers(training)
        recipe.settings["hybrid_override_pattern"]
    except (KeyError, TypeError):
        raise UsageError(
            f"The recipe {path.name} must have seed, vocabulary, [model] with a hybrid_override_pattern, [[sets]] and "
            f"[training] with {', '.join(field.name for field in fields(Training))}, and nothing else there."
        ) from None
    return recipe


def assert_numbers(training: Training) -> None:
    """Raise UsageError unless every number is one and is above zero, or zero where that makes sense."""
    for field in fields(Training):
        value = getattr(training, field.name)
        whole = field.type == "int"
        least = 0 if field.name in ("warm_up", "decay", "weight_decay", "draft_weight", "balance_rate") else 1e-12
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or value < least:
            raise UsageError(f"{field.name} under [training] must be a {'whole ' if whole else ''}number above zero.")

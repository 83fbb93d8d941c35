"""How a model is sampled when a request does not say: what its publisher recommends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nemora.core import Sampling
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.safetensors import read_json_object

# By a part of general.name or general.basename in GGUF files, which carry no generation_config.json.
PUBLISHED = {
    "smollm2": Sampling(temperature=0.2, top_p=0.9),
    "nemotron": Sampling(temperature=0.6, top_p=0.95),
}
PLAIN = Sampling(temperature=1.0)


def sampling_defaults(checkpoint: Checkpoint) -> Sampling:
    """The recommendation in generation_config.json, or the published one of a known family, or plain sampling."""
    if "generation_config.json" in checkpoint.tokenizer_files:
        return _from_generation_config(dict(read_json_object(checkpoint.tokenizer_files["generation_config.json"])))
    names = " ".join(str(checkpoint.metadata.get(f"general.{key}", "")) for key in ("name", "basename")).lower()
    return next((sampling for part, sampling in PUBLISHED.items() if part in names), PLAIN)


def with_defaults(asked: Sampling, defaults: Sampling) -> Sampling:
    """`asked`, its gaps filled from `defaults`."""
    return replace(
        asked,
        temperature=defaults.temperature if asked.temperature is None else asked.temperature,
        top_p=defaults.top_p if asked.top_p is None else asked.top_p,
        top_k=defaults.top_k if asked.top_k is None else asked.top_k,
        min_p=defaults.min_p if asked.min_p is None else asked.min_p,
        repetition_penalty=(
            defaults.repetition_penalty if asked.repetition_penalty is None else asked.repetition_penalty
        ),
    )


def _from_generation_config(config: dict[str, Any]) -> Sampling:
    """Values that make no sense are left out: they are a recommendation, and a request can override them."""
    if config.get("do_sample") is False:
        return Sampling(temperature=0.0)

    def number(key: str, low: float, high: float) -> float | None:
        value = config.get(key)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and low < value <= high
        return float(value) if fits else None  # type: ignore[arg-type]

    top_k = number("top_k", 0, 1e9)
    return Sampling(
        temperature=number("temperature", 0, 100) or 1.0,
        top_p=number("top_p", 0, 1),
        top_k=None if top_k is None else int(top_k),
        min_p=number("min_p", 0, 1),
        repetition_penalty=number("repetition_penalty", 0, 100),
    )

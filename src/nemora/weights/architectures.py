"""The architectures that are implemented, and what each is called in each kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nemora.errors import UnsupportedCheckpoint
from nemora.models.base import Model, ModelConfig, Weights
from nemora.models.config_reader import shown
from nemora.models.llama import Llama
from nemora.models.llama_config import llama_config_from_gguf, llama_config_from_hugging_face
from nemora.models.nemotron import Nemotron
from nemora.models.nemotron_config import nemotron_config_from_gguf, nemotron_config_from_hugging_face
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.models.nemotron_h_gguf import nemotron_h_config_from_gguf
from nemora.models.nemotron_nas import NemotronNAS
from nemora.models.nemotron_nas_config import nemotron_nas_config_from_gguf, nemotron_nas_config_from_hugging_face
from nemora.weights.names import Layout
from nemora.weights.names_llama import LLAMA_HUGGING_FACE, llama_gguf
from nemora.weights.names_nemotron import NEMOTRON_GGUF, NEMOTRON_HUGGING_FACE
from nemora.weights.names_nemotron_h import NEMOTRON_H_HUGGING_FACE, nemotron_h_gguf

FileKind = Literal["gguf", "safetensors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """How one architecture is read from one kind of file.

    `read_config` takes the contents of config.json, or a `GGUFHeader`. `build` takes that config, weights, and whether
    to build the draft head too, where there is one. `layout` takes the config.
    """

    read_config: Callable[[Any], ModelConfig]
    build: Callable[[Any, Weights, bool], Model]
    layout: Callable[[Any], Layout]


def _llama(config: Any, weights: Weights, mtp: bool) -> Model:
    return Llama(config, weights)


def _nemotron_h(config: Any, weights: Weights, mtp: bool) -> Model:
    return NemotronH(config, weights, mtp=mtp)


def _nemotron_nas(config: Any, weights: Weights, mtp: bool) -> Model:
    return NemotronNAS(config, weights)


def _nemotron(config: Any, weights: Weights, mtp: bool) -> Model:
    return Nemotron(config, weights)


_HYBRID = Architecture(
    read_config=nemotron_h_config_from_hugging_face, build=_nemotron_h, layout=lambda config: NEMOTRON_H_HUGGING_FACE
)
_HYBRID_GGUF = Architecture(
    read_config=nemotron_h_config_from_gguf,
    build=_nemotron_h,
    layout=lambda config: nemotron_h_gguf(len(config.layers)),
)

HUGGING_FACE: Mapping[str, Architecture] = {
    "llama": Architecture(
        read_config=llama_config_from_hugging_face, build=_llama, layout=lambda config: LLAMA_HUGGING_FACE
    ),
    "nemotron_h": _HYBRID,
    "nemotron_h_puzzle": _HYBRID,
    "nemotron-nas": Architecture(  # a Llama without some of its tensors, under the same names
        read_config=nemotron_nas_config_from_hugging_face,
        build=_nemotron_nas,
        layout=lambda config: LLAMA_HUGGING_FACE,
    ),
    "nemotron": Architecture(
        read_config=nemotron_config_from_hugging_face,
        build=_nemotron,
        layout=lambda config: NEMOTRON_HUGGING_FACE,
    ),
}
"""By `model_type` in config.json."""

GGUF: Mapping[str, Architecture] = {
    "llama": Architecture(
        read_config=llama_config_from_gguf, build=_llama, layout=lambda config: llama_gguf(config.head_dim)
    ),
    "nemotron_h": _HYBRID_GGUF,
    "nemotron_h_moe": _HYBRID_GGUF,
    "deci": Architecture(
        read_config=nemotron_nas_config_from_gguf,
        build=_nemotron_nas,
        layout=lambda config: llama_gguf(config.head_dim),
    ),
    "nemotron": Architecture(
        read_config=nemotron_config_from_gguf, build=_nemotron, layout=lambda config: NEMOTRON_GGUF
    ),
}
"""By `general.architecture`."""


def architecture_of(kind: FileKind, name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        UnsupportedCheckpoint: it is not implemented.
    """
    table = GGUF if kind == "gguf" else HUGGING_FACE
    if name not in table:
        raise UnsupportedCheckpoint(
            f"The checkpoint has the architecture {shown(name)}; only {', '.join(table)} are implemented for this kind "
            "of file."
        )
    return table[name]

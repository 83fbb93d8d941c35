"""What is known about one published model: repositories, licence, config, sampling, launch settings. Nouns only.

A value that is not known is None and shown as "unknown"; nothing is guessed without a note that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nemora.core import Sampling

Precision = Literal["bf16", "fp8", "nvfp4", "gguf"]
PRECISIONS: tuple[Precision, ...] = ("bf16", "fp8", "nvfp4", "gguf")
"""The most exact first; what a GGUF file holds differs."""

Part = Literal[
    "embedding", "head", "experts", "shared_up", "shared_down", "latent_down", "latent_up", "mamba_in", "mamba_out",
    "qkv", "output", "mlp",
]  # fmt: skip
"""The kinds of matrices in a model, as far as published checkpoints store them differently."""

MIXERS: Mapping[str, str] = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
"""The letters of `hybrid_override_pattern`, each with its word in `layers_block_type`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A licence of weights, by name and address. Its text stands there and in the repository; none is kept here."""

    name: str
    url: str
    permissive: bool | None
    """Whether it asks for no more than that notices are kept; None: not known. A summary, not legal advice."""

    def line(self) -> str:
        """Name, address, and whether it has conditions, in one line."""
        return f"{self.name} ({'permissive' if self.permissive else 'has conditions: read it'}), {self.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A kind of matrix that a checkpoint stores in fewer bits than BF16."""

    format: Literal["fp8", "nvfp4"]
    part: Part
    layers: frozenset[int] | None = None
    """Only in these layers; None: in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Which matrices of a quantised checkpoint are in which format. What is not named is BF16."""

    stored: tuple[Stored, ...]
    rule: str
    """The same in words."""
    assumed: bool = False
    """The publisher's own list was not seen: the sizes that follow are estimates."""

    def format_of(self, part: str, layer: int | None) -> str:
        """The format of a matrix of the kind `part` in that layer: "bf16", "fp8" or "nvfp4"."""
        for entry in self.stored:
            if entry.part == part and (entry.layers is None or layer in entry.layers):
                return entry.format
        return "bf16"


BF16 = Storage(stored=(), rule="every matrix BF16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository on the Hugging Face hub."""

    id: str
    """`owner/name`."""
    precision: Precision
    kind: Literal["chat", "base", "reward", "draft"] = "chat"
    """`base` was not trained to converse, `reward` judges answers, `draft` guesses ahead for a larger model."""
    storage: Storage | None = BF16
    """None: not known, so its size is not computed."""
    listed_bytes: int | None = None
    """Bytes of its safetensors files as the hub lists them, where that was seen: what is computed must come close."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Numbers of parameters that others give, as text, so that their digits are known: "31.578B"."""

    total: str | None = None
    """Without the predictor of further tokens (MTP)."""
    mtp: str | None = None
    active: str | None = None
    """Read for one token, both embeddings counted whole."""
    active_without_embedding: str | None = None
    """The same without the input embedding, of which a token reads one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingModes:
    """The publisher's recommendation for each way of use; temperature 0 is greedy."""

    thinking: Sampling | None = None
    plain: Sampling | None = None
    """Thinking switched off."""
    tools: Sampling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsers:
    """What another engine calls its parsers for this model; None: not known, or it has none."""

    engine: str
    reasoning: str | None = None
    tools: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Settings with which the publisher starts another engine."""

    engine: str
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumVram:
    """GB of GPU memory that NVIDIA's vLLM recipes ask for, by precision of the weights."""

    bf16: float | None = None
    fp8: float | None = None
    nvfp4: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyModel:
    """One model of the family, in all of its published precisions."""

    name: str
    """Its name here: lower-case words, digits, dots, dashes."""
    title: str
    generation: str
    architecture: str
    """`architectures[0]` of its config.json."""
    model_type: str
    repositories: tuple[Repository, ...]
    licences: tuple[Terms, ...] = ()
    """All of them hold together. Empty: not known; the repository says."""
    config: Mapping[str, Any] | None = None
    """Its config.json in the published spelling, without what only a tokenizer or trainer reads."""
    context: int | None = None
    """Positions that config.json gives."""
    claimed_context: int | None = None
    """Positions that the publisher claims, if other."""
    sampling: SamplingModes = SamplingModes()
    chat_format: str | None = None
    """Name of its way to write turns, thinking and tool calls; None for models that do not converse."""
    parsers: tuple[Parsers, ...] = ()
    launch: tuple[Launch, ...] = ()
    vram: MinimumVram = MinimumVram()
    published: Published = Published()
    not_runnable: str = ""
    """Why it cannot be run here; empty if it can."""
    notes: tuple[str, ...] = ()

    @property
    def converses(self) -> bool:
        """Whether one of its repositories is trained to converse."""
        return any(repository.kind == "chat" for repository in self.repositories)

    def repository(self, precision: Precision) -> Repository | None:
        """The main repository at a precision: the conversing one if there is one."""
        found = [r for r in self.repositories if r.precision == precision and r.kind in ("chat", "base")]
        return min(found, key=lambda r: r.kind != "chat", default=None)

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The precisions with a main repository, the most exact first."""
        return tuple(precision for precision in PRECISIONS if self.repository(precision) is not None)


# The licences that more than one generation uses.
_AGREEMENTS = "https://www.nvidia.com/en-us/agreements/enterprise-software"
NVIDIA_OPEN = Terms(  # ends if a model's guardrails are weakened, and asks to follow NVIDIA's terms of trustworthy AI
    name="NVIDIA Open Model License", url=f"{_AGREEMENTS}/nvidia-open-model-license/", permissive=False
)
NEMOTRON_OPEN = Terms(
    name="NVIDIA Nemotron Open Model License", url=f"{_AGREEMENTS}/nvidia-nemotron-open-model-license/", permissive=True
)
NVIDIA_AGREEMENT = Terms(
    name="NVIDIA Open Model Agreement", url=f"{_AGREEMENTS}/nvidia-open-model-agreement/", permissive=None
)
NVIDIA_RESEARCH = Terms(
    name="NVIDIA Internal Scientific Research and Development Model License",
    url=f"{_AGREEMENTS}/nvidia-internal-scientific-research-and-development-model-license/",
    permissive=False,
)
OPENMDW = Terms(name="OpenMDW-1.1", url="https://openmdw.ai/license/1-1/", permissive=True)

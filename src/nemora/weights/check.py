"""Looks a checkpoint over without reading its weights: what it is, how it is stored, and all that is wrong with it."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from nemora.errors import CorruptCheckpoint, ModelError, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.ops import blocks
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.checkpoint_weights import LoadProgress
from nemora.weights.hub import Reference
from nemora.weights.load import Headers, LoadPlan, load_model, plan_loading
from nemora.weights.progress import Progress
from nemora.weights.quantisation import Quantisation, read_quantisation
from nemora.weights.remote_headers import open_remote
from nemora.weights.safetensors import describe
from nemora.weights.stored import Found, Problem
from nemora.weights.tensors import TensorInfo

TRIAL_TOKENS = 5


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One forward pass of a few token ids. `model_bytes` is memory of the weights, `peak_bytes` that of the process."""

    load_seconds: float
    forward_seconds: float
    finite: bool
    model_bytes: int
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is known of a checkpoint called `name`; where its settings cannot be read, `problems` says why and no more.

    `parameters` are the numbers in all tensors of the model, `draft_parameters` those of its draft head among them.
    `draft_head` is `missing` where the settings have one and the files do not, which does not keep the model from
    running. `forms` counts matrices, each expert's for itself, by how they are stored: "BF16", "FP8", "NVFP4", "Q4_K".
    """

    name: str
    kind: str = ""
    architecture: str = ""
    parameters: int = 0
    draft_parameters: int = 0
    draft_head: Literal["present", "missing", "none"] = "none"
    context: int = 0
    stored_bytes: int = 0
    forms: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    trial: Trial | None = None


class RemoteTensor(Protocol):
    """A tensor of a file that lies elsewhere. `dtype` is what the file's format calls its type."""

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class RemoteHeaders(Protocol):
    """A checkpoint that lies elsewhere, by its headers. `quantisation` is what hf_quant_config.json holds, if any."""

    @property
    def kind(self) -> Literal["gguf", "safetensors"]: ...

    @property
    def architecture(self) -> str: ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...

    @property
    def tensors(self) -> Mapping[str, RemoteTensor]: ...

    @property
    def quantisation(self) -> Mapping[str, Any] | None: ...


def check_path(
    path: Path, *, load: bool = False, device: str = "cpu", decode_budget: int = 0, progress: LoadProgress | None = None
) -> Report:
    """Report on a GGUF file or a folder. With `load` a sound one is loaded, draft head included, and tried once.

    What is wrong with the checkpoint is in the report, never raised. The other arguments are those of `load_model`.
    """
    try:
        checkpoint = open_checkpoint(path)
    except ModelError as error:
        return Report(name=path.name, problems=(Problem("settings", "", error.message),))
    report = check_headers(path.name, checkpoint)
    if not load or report.problems:
        return report
    return _tried(report, checkpoint, device, decode_budget, progress)


def check_remote(name: str, remote: RemoteHeaders) -> Report:
    """Report on a checkpoint of which only headers are here."""
    try:
        headers = _headers(name, remote)
    except ModelError as error:
        return Report(name=name, kind=remote.kind, problems=(Problem("settings", "", error.message),))
    return check_headers(name, headers)


def check_hub(reference: Reference, *, token: str | None = None, progress: Progress | None = None) -> Report:
    """Report on a repository of the hub, or a GGUF file in it, of which only headers are fetched.

    Raises:
        FetchError: the hub cannot be reached or refuses, or has no such model.
    """
    name = str(reference)
    try:
        remote = open_remote(reference.repo, reference.revision, file=reference.file, token=token, progress=progress)
    except (CorruptCheckpoint, UnsupportedCheckpoint) as error:
        return Report(name=name, problems=(Problem("settings", "", error.message),))
    return check_remote(name, remote)


def check_headers(name: str, checkpoint: Headers) -> Report:
    """Report on a checkpoint that is open."""
    found = Report(name=name, kind=checkpoint.kind, architecture=checkpoint.architecture)
    try:
        plan = plan_loading(checkpoint)
    except ModelError as error:
        return replace(found, problems=(Problem("settings", "", error.message),))
    return replace(
        found,
        parameters=plan.inventory.parameters,
        draft_parameters=plan.inventory.parameters_of("mtp."),
        draft_head=_draft_head(plan),
        context=plan.config.context_length,
        stored_bytes=plan.stored_bytes,
        forms=_forms(plan),
        problems=tuple(plan.problems()),
    )


def _draft_head(plan: LoadPlan) -> Literal["present", "missing", "none"]:
    if "mtp.join" in plan.inventory.matrices:
        return "present"
    return "missing" if getattr(plan.config, "mtp", None) is not None else "none"


def _forms(plan: LoadPlan) -> dict[str, int]:
    tensors = plan.finder.tensors
    found = (matrix for matrix in plan.finder.look_up(plan.inventory) if isinstance(matrix, Found))
    return dict(Counter(matrix.algorithm or tensors[matrix.name].format.name for matrix in found).most_common())


def _tried(
    report: Report, checkpoint: Checkpoint, device: str, decode_budget: int, progress: LoadProgress | None
) -> Report:
    """The report with a trial, or with what kept the model from running."""
    started = time.perf_counter()
    try:
        model = load_model(checkpoint, device=device, decode_budget=decode_budget, mtp=True, progress=progress)
    except ModelError as error:
        return replace(report, problems=(Problem("running", "", error.message),))
    loaded = time.perf_counter()
    ids = torch.arange(1, TRIAL_TOKENS + 1)[None] % model.config.vocab_size
    with torch.inference_mode():
        logits = model.forward(ids, model.new_state(TRIAL_TOKENS))
        finite = bool(logits.isfinite().all())  # waits for the device
    trial = Trial(
        load_seconds=loaded - started,
        forward_seconds=time.perf_counter() - loaded,
        finite=finite,
        model_bytes=model.bytes,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    wrong = () if finite else (Problem("running", "", f"{report.name} computes logits that are not finite numbers."),)
    return replace(report, trial=trial, problems=wrong)


@dataclass(frozen=True)
class _Described:
    name: str
    tensors: Mapping[str, TensorInfo]


@dataclass(frozen=True, kw_only=True)
class _Headers:
    kind: Literal["gguf", "safetensors"]
    architecture: str
    metadata: Mapping[str, Any]
    quantisation: Quantisation
    file: _Described


def _headers(name: str, remote: RemoteHeaders) -> _Headers:
    """What lies elsewhere, in the words of files that lie here."""
    folder = remote.kind == "safetensors"
    info = describe if folder else _gguf_info
    return _Headers(
        kind=remote.kind,
        architecture=remote.architecture,
        metadata=remote.metadata,
        quantisation=read_quantisation(remote.metadata, remote.quantisation) if folder else Quantisation(),
        file=_Described(name, {key: info(t.name, t.dtype, t.shape) for key, t in remote.tensors.items()}),
    )


def _gguf_info(name: str, dtype: str, shape: tuple[int, ...]) -> TensorInfo:
    if dtype not in blocks.FORMATS:
        raise UnsupportedCheckpoint(f"Tensor {shown(name)} has the type {shown(dtype)}, which is not implemented.")
    return TensorInfo(name, shape, blocks.FORMATS[dtype])

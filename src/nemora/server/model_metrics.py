"""What the models of this process do, as Prometheus reads it. Gauges are of this moment, counters since it began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nemora.backends.base import Backend
from nemora.server.metrics import sample_lines

if TYPE_CHECKING:
    from nemora.engine.figures import EngineLoad, Totals


@runtime_checkable
class HasEngine(Protocol):
    """A backend whose model runs in this process. `totals` go on over all times that it is loaded."""

    @property
    def model(self) -> str: ...

    @property
    def totals(self) -> Totals: ...

    def load_now(self) -> EngineLoad | None:
        """None while the model is not loaded."""
        ...


GAUGES = (
    ("nemora_engine_running", "Sequences that hold memory and take turns.", "running"),
    ("nemora_engine_waiting", "Sequences that wait to begin.", "waiting"),
    ("nemora_engine_waiting_tokens", "Tokens of the prompts that wait.", "waiting_tokens"),
    ("nemora_engine_state_bytes", "Bytes reserved for what running sequences remember.", "state_bytes"),
    ("nemora_engine_cache_bytes", "Bytes that the prefix cache takes.", "cache_bytes"),
    ("nemora_engine_memory_bytes", "Bytes that states and prefix cache may have together.", "memory_bytes"),
)
TOKENS = (("read", "read_tokens"), ("cached", "cached_tokens"), ("written", "written_tokens"))
SECONDS = (("read", "read_seconds"), ("written", "written_seconds"))


def model_lines(local: Sequence[Backend]) -> str:
    """The text; empty where no model runs here."""
    models = [backend for backend in local if isinstance(backend, HasEngine)]
    if not models:
        return ""
    now = {each.model: each.load_now() for each in models}
    lines = sample_lines(
        "nemora_model_loaded",
        "1: the model is in memory.",
        "gauge",
        (((("model", name),), int(load is not None)) for name, load in now.items()),
    )
    for name, text, field in GAUGES:
        found = ((((("model", model),)), getattr(load, field)) for model, load in now.items() if load is not None)
        lines += sample_lines(name, text, "gauge", found)
    lines += sample_lines(
        "nemora_engine_tokens_total",
        "Tokens of prompts that were read or known already, and tokens written.",
        "counter",
        _by_kind(models, TOKENS),
    )
    lines += sample_lines(
        "nemora_engine_seconds_total", "Seconds of passes over prompts, and of those that write.", "counter",
        _by_kind(models, SECONDS),
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def _by_kind(
    models: Iterable[HasEngine], kinds: Sequence[tuple[str, str]]
) -> Iterable[tuple[tuple[tuple[str, str], ...], float]]:
    for each in models:
        for kind, field in kinds:
            yield (("model", each.model), ("kind", kind)), getattr(each.totals, field)

"""The one seam behind which every model stands: the local engine and remote servers alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from nemora.core import ChatRequest, Delta

Trust = Literal["local", "cloud"]


class Backend(Protocol):
    """Something that answers chat requests.

    `trust` says on which side of the privacy boundary it stands, and is the only thing the router
    asks about it. `model` is the name under which clients may ask for it.
    """

    name: str
    model: str
    trust: Trust

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Answer `request`. The last delta has `finish`. Closing the iterator cancels the work within a step.

        Raises `NemoraError` subclasses only; before the first delta where that is possible.
        """
        ...

    async def ready(self) -> bool:
        """Whether a request could be answered now. Never runs the model."""
        ...

    async def close(self) -> None:
        """Release connections, threads and memory."""
        ...


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a model that runs here."""

    architecture: str
    """The family's name in the checkpoint: `nemotron_h`."""
    kind: str
    """`gguf` or `safetensors`."""
    context_length: int
    """Tokens of a sequence, as it is served."""
    bytes: int
    """Memory that the weights keep."""
    calls_tools: bool
    reasons: bool


@runtime_checkable
class DescribesItself(Protocol):
    """A backend that knows its model; None until it was loaded."""

    def describe(self) -> Description | None: ...


@dataclass(frozen=True, slots=True)
class Residence:
    """That a model is loaded."""

    seconds_left: float
    """In which it goes if nobody asks; `math.inf`: it stays."""


@runtime_checkable
class ComesAndGoes(Protocol):
    """A backend whose model is loaded when it is asked for, and let go again."""

    async def load(self, keep_alive: float | None = None) -> None:
        """Load it, if it is not; it stays `keep_alive` seconds after its last use. Raises `ModelError`."""
        ...

    def unload(self) -> None:
        """Let it go as soon as nobody uses it."""
        ...

    def start(self) -> None:
        """Begin to look after it, on the event loop that runs."""
        ...

    def residence(self) -> Residence | None:
        """How long it stays; None: it is not loaded."""
        ...


@runtime_checkable
class KeepsPrefixes(Protocol):
    """A backend that remembers what it has read, and so must know whose request it answers."""

    def stream_for(self, tenant: str, request: ChatRequest) -> AsyncIterator[Delta]:
        """As `Backend.stream`; nothing that was read for one tenant makes another's answer come sooner."""
        ...


@runtime_checkable
class Tokenizes(Protocol):
    """A backend whose model runs here, so that its tokens are known."""

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        ...

    async def tokenize(self, request: ChatRequest) -> list[int]:
        """What the model would read for `request`, however much fits. Raises `NemoraError` subclasses only."""
        ...

    async def detokenize(self, prompts: Sequence[Sequence[int]], *, swap: bool = False) -> list[str]:
        """The text of each prompt's tokens, by one use of the model. Raises `RequestError`: one is none of the
        vocabulary.

        `swap`: they will be asked about, so that another model may be unloaded for this one.
        """
        ...


def at_hand(backends: Sequence[Backend]) -> Backend:
    """That of some local backends whose model is loaded; the first where none is, or where they do not come and go."""
    for backend in backends:
        if not isinstance(backend, ComesAndGoes) or backend.residence() is not None:
            return backend
    return backends[0]


def stream_for(backend: Backend, tenant: str, request: ChatRequest) -> AsyncIterator[Delta]:
    """The backend's answer to a tenant's request."""
    if isinstance(backend, KeepsPrefixes):
        return backend.stream_for(tenant, request)
    return backend.stream(request)

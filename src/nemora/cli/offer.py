"""Which local model `serve` starts with: the named one, else the largest of the family that fits, if it is wanted."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable
from typing import TextIO

import httpx2

from nemora.settings import Settings
from nemora.weights.catalog import HUB, STARTER
from nemora.weights.family import USUAL_CONTEXT

PROBE_SECONDS = 2.0

Probe = Callable[[], bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How the user can be asked: a terminal or not, `--yes`, and where questions and answers go."""

    yes: bool
    interactive: bool
    output: TextIO
    answer: Callable[[], str]


def asking(yes: bool) -> Asking:
    """On this process's standard streams."""
    interactive = sys.stdin is not None and sys.stdin.isatty()
    return Asking(yes=yes, interactive=interactive, output=sys.stderr, answer=lambda: sys.stdin.readline())


def with_chosen_model(settings: Settings, ask: Asking, probe: Probe | None = None) -> Settings:
    """`settings` with the local model that is to be loaded, as `weights.fetch.resolve` understands it.

    Without a configured model, and with a hub that can be reached, the largest member of the family that fits is
    offered; without an answer it is the starter.
    """
    if any(server.trust == "local" for server in settings.servers):
        return settings
    if settings.local.model is not None:
        return settings
    offered = None if settings.offline else _offered(settings, ask, probe or hub_answers)
    return _with_model(settings, offered or STARTER[0])


def hub_answers() -> bool:
    """Whether the hub can be reached within `PROBE_SECONDS`, looking up its name included."""
    answered = threading.Event()
    threading.Thread(target=_probe, args=(answered,), daemon=True).start()
    return answered.wait(PROBE_SECONDS)


def _probe(answered: threading.Event) -> None:
    try:
        with httpx2.Client(timeout=PROBE_SECONDS) as client:
            if client.head(HUB).status_code < 500:
                answered.set()
    except (httpx2.HTTPError, OSError):
        return  # not set: the hub cannot be reached


def _offered(settings: Settings, ask: Asking, probe: Probe) -> str | None:
    """The repository of the offered model if it is accepted, else None; says in a line what happens."""
    from nemora.weights import fit
    from nemora.weights.device import check_device

    check_device(settings.local.device)
    best = fit.largest_that_fits(context=settings.local.context or USUAL_CONTEXT, device=settings.local.device)
    starter = STARTER[0]
    if best is None:
        return None
    model, repository = best.model, best.repository
    size = fit.checkpoint_bytes(model, repository) or 0
    licences = "\n              and ".join(terms.line() for terms in model.licences)
    named = f"{model.name} ({repository.precision}, {size / 1e9:.1f} GB)"
    if not (ask.yes or ask.interactive):
        ask.output.write(f"Using {starter}; {named} would fit: nemora serve --model {model.name}\n")
        return None
    if not probe():
        ask.output.write(f"Using {starter}; {named} would fit, but the hub cannot be reached.\n")
        return None
    ask.output.write(
        f"The largest model of the family that fits here is {model.title}:\n"
        f"  repository  {repository.id}, {size / 1e9:.1f} GB to fetch\n"
        f"  memory      {best.needed / 1e9:.1f} of {best.available / 1e9:.1f} GB, with {best.context:,} tokens\n"
        f"  licence     {licences}\n"
    )
    if not ask.yes:
        ask.output.write(f"Fetch and use it, under this licence? Otherwise {starter} is used. [y/N] ")
        ask.output.flush()
        if ask.answer().strip().lower() not in ("y", "yes"):
            return None
    ask.output.write(f'To be asked no more, write under [local] in nemora.toml: model = "{model.name}"\n')
    return f"hub:{repository.id}"


def _with_model(settings: Settings, model: str) -> Settings:
    return dataclasses.replace(settings, local=dataclasses.replace(settings.local, model=model))

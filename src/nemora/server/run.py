"""The server process: bind, load, serve, drain.

The socket is bound first, so that a taken port or a forbidden address is an error before a model is loaded.
Clients that connect while the model loads wait in the socket's queue.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nemora.backends.base import Backend
from nemora.net_guard import guard_network
from nemora.privacy.classify import classify
from nemora.privacy.disclosures import Disclosures
from nemora.privacy.keys import derive, load_key
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy_file import PolicyFile
from nemora.privacy.taint import TaintStore
from nemora.server.api_keys import ApiKeys
from nemora.server.app import build_app
from nemora.server.documents import DocumentReader
from nemora.server.drain import Drain
from nemora.server.embedder import load_embedder
from nemora.server.gateway import Gateway
from nemora.server.inspection import InspectionWorker
from nemora.server.judge import Judging, load_band
from nemora.server.listen import base_url, bind, run
from nemora.server.local_side import LocalSide, local_side, remote_backend
from nemora.server.model_pull import ModelPulls
from nemora.server.readers import Inspects
from nemora.settings import Settings

if TYPE_CHECKING:
    from nemora.weights.progress import Progress


def serve(
    settings: Settings, *, progress: Progress | None = None, config: Path | None = None, asked_at: str = ""
) -> None:
    """Run the server until SIGTERM or SIGINT; answers under way may finish within `server.drain` seconds.

    Args:
        config, asked_at: see `banner`.

    Raises:
        SettingsError: the address cannot be bound, or is not loopback and there is no API key.
        ModelError: the local model or the tagger cannot be loaded.
    """
    keys = ApiKeys(settings.paths.data)
    with bind(settings.server, keyed=bool(keys.all())) as listening:
        gateway = build_gateway(settings, progress=progress)
        # From here on only the configured servers may be reached, and what is fetched, another process fetches.
        guard_network(air_gapped=settings.air_gapped, hosts=reachable(settings))
        host, port = listening.getsockname()[:2]
        drain = Drain(settings.server.drain)
        pulls = ModelPulls(settings, gateway, drain=drain)
        app = build_app(gateway, settings.server, bound=host, keys=keys, drain=drain, pulls=pulls)
        run(app, listening, banner=banner(host, port, gateway, config=config, asked_at=asked_at), drain=drain)


def build_gateway(
    settings: Settings,
    *,
    local: Sequence[Backend] | None = None,
    inspection: Inspects | None = None,
    progress: Progress | None = None,
) -> Gateway:
    """The gateway that `settings` describe; `local` and `inspection` replace what would be loaded.

    A configured server with `trust = "local"` is the local side; only without one a model is loaded here.
    """
    if settings.air_gapped:
        guard_network(air_gapped=True)
    policies = policy_file(settings)
    policy = policies.in_force.policy
    data = settings.paths.data
    key = load_key(data)
    clouds = [remote_backend(server) for server in settings.clouds]
    side = local_side(settings, progress) if local is None else LocalSide(local)
    gateway = Gateway(
        local=side.backends,
        cloud=clouds[0] if clouds else None,
        further_clouds=clouds[1:],
        inspection=inspection or InspectionWorker(settings),
        classify=classify,
        policy=policies,
        taint=TaintStore.open(data, key, days=policy.taint_days),
        ledger=Ledger.open(data, key, heads=settings.heads_file),
        placeholder_key=derive(key, "placeholders"),
        disclosures=Disclosures(data, key),
        judging=_judging(settings, derive(key, "judge"), side.backends, progress),
        documents=DocumentReader(settings, derive(key, "documents")),
    )
    gateway.embedder = load_embedder(settings, progress)
    gateway.local_models = side.models
    return gateway


def _judging(settings: Settings, key: bytes, local: Sequence[Backend], progress: Progress | None) -> Judging | None:
    """The configured judge: the model that answers requests here if it is the one, else one loaded beside it."""
    if settings.inspection.judge is None:
        return None
    from nemora.backends.local import LocalBackend

    shared = next((backend.local for backend in local if isinstance(backend, LocalBackend)), None)
    band, own = load_band(settings, key, shared=shared, progress=progress)
    return Judging(band, own) if band is not None else None


def reachable(settings: Settings) -> list[tuple[str, int]]:
    """The hosts and ports of the configured servers: all that a running server connects to."""
    urls = [urlsplit(server.base_url) for server in settings.servers]
    return [(url.hostname or "", url.port or (443 if url.scheme == "https" else 80)) for url in urls]


def policy_file(settings: Settings) -> PolicyFile:
    """The configured policy file, watched; without one, `policy.toml` beside nemora.toml, also if it comes later.

    Raises:
        SettingsError: it is wrong, or it was named and is missing.
    """
    if settings.policy is not None:
        return PolicyFile(settings.policy)
    return PolicyFile(settings.paths.config / "policy.toml", optional=True)


def banner(host: str, port: int, gateway: Gateway, *, config: Path | None = None, asked_at: str = "") -> str:
    """The address, what answers, and three things to try.

    Args:
        config: the settings file, where the command line names one.
        asked_at: where `nemora ask` looks for a server by that file, or the usual one.
    """
    base = base_url(host, port)
    ask = _ask(base, config, asked_at)
    clouds = ", ".join(f"{cloud.model} at {cloud.name}" for cloud in gateway.clouds)
    far = clouds or "none: everything is answered here"
    return f"""\
{base}
local: {gateway.local[0].model}   cloud: {far}

Try:
  {ask} "Write a haiku about autumn"
  {ask} "My card 4716 2093 8854 1728 was charged twice. Write to my bank."
  curl {base}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""


def _ask(base: str, config: Path | None, asked_at: str) -> str:
    """The command that asks the server at `base`: with the flags without which it would look elsewhere."""
    words = [sys.argv[0] if Path(sys.argv[0]).name == "nemora" else "nemora"]
    words += ["--config", str(config)] if config is not None else []
    here, there = urlsplit(base), urlsplit(asked_at)
    words += ["ask", *(["--host", str(here.hostname)] if here.hostname != there.hostname else [])]
    words += ["--port", str(here.port)] if here.port != there.port else []
    return shlex.join(words)

"""Models that are fetched while the server runs, by a process of its own: this one reaches no hub.

Only models of the catalog and the family can be fetched so. Their names are known beforehand: a name that anybody can
make up would be a place for content, and would leave in an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from nemora.core import Json
from nemora.errors import FetchError, NotCached, RequestError
from nemora.server.caller import Caller
from nemora.server.drain import Drain
from nemora.server.gateway import Gateway
from nemora.server.model_orders import needs_administrator
from nemora.settings import Settings, environment_of_downloads
from nemora.weights.catalog import CATALOG
from nemora.weights.family import split_precision
from nemora.worker import rebuilt

log = logging.getLogger(__name__)

CHILD = (sys.executable, "-m", "nemora.weights.pull_process")
MAX_LINE = 64 * 1024
LOOK_SECONDS = 0.5
"""After which it is looked whether the server drains."""


class ModelPulls:
    """Fetches models, one after the other.

    Args:
        settings: the cache, the hub's token, and whether anything may be fetched at all.
        gateway: whose local models become one more, where more can come.
        drain: when it begins, nothing more is fetched.
        child: the command of the process that fetches.
    """

    def __init__(
        self, settings: Settings, gateway: Gateway, *, drain: Drain | None = None, child: Sequence[str] = CHILD
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._drain = drain
        self._child = child
        self._turn = asyncio.Lock()

    def check(self, model: str, caller: Caller) -> None:
        """Raise unless `caller` may have this model fetched.

        Raises:
            KeyNotAllowed: only the owner and administrators may.
            NotCached: nothing is fetched by this server.
            RequestError: no model that can be fetched by its name alone.
        """
        needs_administrator(caller, "fetches no models")
        if self._settings.offline or self._settings.air_gapped:
            raise NotCached(
                "This server fetches no models, for offline or air_gapped is set; copy the model's folder into its "
                "cache from a machine that has it."
            )
        if model not in CATALOG and split_precision(model)[0] is None:
            raise RequestError(
                "A running server fetches only models of the catalog and the family, which `nemora models` lists; for "
                "others run nemora pull NAME there.",
                param="/model",
            )

    async def pull(self, model: str) -> AsyncGenerator[dict[str, Json], None]:
        """Fetch a model that `check` let through; yields what the child says. Closing it stops the child: what has
        come is kept, and the next time goes on from there. At the end, `serves` is the name to ask it by, or None.

        Raises:
            ModelError: it cannot be fetched, or not be run here.
        """
        if self._turn.locked():
            yield {"note": "waiting for another model that is being fetched"}
        async with self._turn:
            log.info("fetching a model")
            async with aclosing(self._told_by_child(model)) as told:
                async for said in told:
                    yield said
            yield {"serves": await self._serve(model)}

    async def _serve(self, model: str) -> str | None:
        """The name under which a model that is in the cache can be asked now; None where it cannot."""
        models = self._gateway.local_models
        if models is None or (model in CATALOG and CATALOG[model].kind != "chat"):
            return None
        place = await asyncio.to_thread(models.find, model)
        if place.name not in self._gateway.models():
            self._gateway.add_local(models.add(place))
        return place.name

    async def _told_by_child(self, model: str) -> AsyncGenerator[dict[str, Json], None]:
        settings = self._settings
        child = await asyncio.create_subprocess_exec(
            *self._child,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment_of_downloads(),
            limit=MAX_LINE,
            start_new_session=True,  # it may start programs of its own, which end with it
        )
        assert child.stdin is not None and child.stdout is not None
        asked = {
            "model": model,
            "cache": str(settings.paths.cache),
            "context": settings.local.context,
            "device": settings.local.device,
            "token": settings.hub_token,
        }
        ended = False
        try:
            child.stdin.write(json.dumps(asked).encode())
            child.stdin.write_eof()
            whole = False
            while line := await self._next_line(child.stdout):
                said = json.loads(line)
                if "error" in said:
                    raise rebuilt(said["error"])
                whole = whole or "path" in said
                yield said
            ended = True
            if not whole:
                raise FetchError(f"The process that fetched {model} stopped unexpectedly; ask for it again.")
        finally:
            if not ended:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            await child.wait()

    async def _next_line(self, stream: asyncio.StreamReader) -> bytes:
        """Empty at the end. Raises `ShuttingDown`: the server drains."""
        reading = asyncio.ensure_future(stream.readline())
        try:
            while not reading.done():
                if self._drain is not None and self._drain.begun:
                    raise self._drain.refusal()
                await asyncio.wait({reading}, timeout=LOOK_SECONDS)
            return reading.result()
        finally:
            reading.cancel()

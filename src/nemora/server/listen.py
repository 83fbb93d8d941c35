"""The listening socket and uvicorn around the application: limits, signals, and logs without content."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from nemora.errors import SettingsError
from nemora.server.drain import Drain
from nemora.server.protocol import HttpProtocol
from nemora.settings import ServerSettings

CUT_SECONDS = 1
"""For answers to end by themselves after the drain, before they are cancelled."""
KEEP_ALIVE_SECONDS = 30


def bind(settings: ServerSettings, *, keyed: bool = False) -> socket.socket:
    """A listening socket at the configured address. `keyed`: clients have keys of their own.

    Raises:
        SettingsError: see `serve`.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise SettingsError("server.host is neither an address nor a name of this machine.") from None
    family, _, _, _, address = found[0]
    if settings.api_key is None and not keyed and not ipaddress.ip_address(address[0]).is_loopback:
        raise SettingsError(
            "server.host is not a loopback address, and there is no API key; make one with nemora keys add, name a "
            "variable with one in server.api_key_env, or bind 127.0.0.1."
        )
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Port {settings.port} at {address[0]} cannot be bound ({error.strerror}); choose another server.port, "
            "or stop what uses it."
        ) from None
    return listening


def base_url(host: str, port: int) -> str:
    """The URL under which a client on this machine reaches a server bound to `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def run(app: ASGIApp, listening: socket.socket, *, banner: str = "", drain: Drain | None = None) -> None:
    """Serve `app` on a bound socket until a signal comes, and `drain` is over. A second signal ends that.

    `banner` is printed once requests are answered.
    """
    quiet_logs()
    asyncio.run(http_server(app, banner, drain).serve(sockets=[listening]))


def http_server(app: ASGIApp, banner: str = "", drain: Drain | None = None) -> uvicorn.Server:
    """uvicorn with our protocol and without what could tell content: access log, header of its own, tracebacks."""
    config = uvicorn.Config(
        app,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=CUT_SECONDS,
    )
    return _Server(config, banner, drain or Drain(0))


class _Server(uvicorn.Server):
    """uvicorn's server, which says where it listens and exits with status 0 when it is told to stop."""

    def __init__(self, config: uvicorn.Config, banner: str, drain: Drain) -> None:
        super().__init__(config)
        self._banner = banner
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the drain, the next one ends it."""
        if not self._drain.begun:
            self._drain.begin()
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to go: asked ten times a second."""
        stop = await super().on_tick(counter)
        return stop or (self._drain.begun and (not self.server_state.tasks or self._drain.is_over))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._banner:
            print(self._banner, end="", flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again at the end: stopping on request is success."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


class _WithoutTracebacks(logging.Formatter):
    """First lines only. A traceback ends in an exception's text, and asyncio adds that of lost tasks; both may hold
    content."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {record.getMessage().strip().partition(chr(10))[0]}"


def quiet_logs() -> None:
    """Our own warnings and uvicorn's go to stderr; nothing else is logged, and never a traceback."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutTracebacks())
    for name in ("nemora", "uvicorn", "asyncio"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.WARNING)

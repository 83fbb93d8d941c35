"""`ask` and `chat` connect to this machine's server or to what is configured, whatever the environment says."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nemora.cli.asking import ServerDoor, _is_this_machine
from nemora.core import ChatRequest, Message
from nemora.errors import NemoraError

REQUEST = ChatRequest(model="auto", messages=(Message("user", "zyxquark"),), stream=True)


@contextmanager
def listener(status: int = 200, location: str = "") -> Iterator[tuple[str, list[str]]]:
    """A server that keeps the request lines and the authorization of what it is sent."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.append(f"{self.path} {self.headers.get('authorization')}")
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_neither_proxies_nor_netrc_nor_redirects_carry_a_request_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login zyx password quark\n")
    netrc.chmod(0o600)
    with listener() as (trap, caught), listener(307, f"{trap}/v1/chat/completions") as (base, seen):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, trap)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("NO_PROXY", raising=False)
        with closing(ServerDoor(base, None)) as door, pytest.raises(NemoraError):
            door.answer(REQUEST)
    assert seen == ["/v1/chat/completions None"] and caught == []


def test_only_an_address_of_this_machine_is_asked() -> None:
    assert all(map(_is_this_machine, ("127.0.0.1", "::1", "localhost")))
    assert not _is_this_machine("192.0.2.1") and not _is_this_machine("203.0.113.9")


def test_a_gateway_in_this_process_reaches_configured_servers_only() -> None:
    program = """if True:
        import socket
        import nemora.server.run as run
        from nemora.cli.asking import GatewayDoor
        from nemora.errors import EgressRefused
        from nemora.settings import load_settings
        run.build_gateway = lambda *_, **__: None
        GatewayDoor(load_settings(None, {"HOME": "/nowhere"}))
        try:
            socket.create_connection(("192.0.2.1", 80), timeout=0.1)
        except EgressRefused:
            print("refused")
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "refused", done.stderr

"""A Hugging Face hub on two real sockets: the hub with its API, and the store that large files are redirected to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

REPO = "nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16"
COMMIT = "c0ffee" * 6 + "c0de"
TOKEN = "hf_canary"


@dataclass
class Hub:
    """What the hub holds, how it behaves and what it was asked. `edit` changes the API's answer before it is sent."""

    files: dict[str, bytes]
    large: set[str] = field(default_factory=set)
    repo: str = REPO
    commit: str = COMMIT
    revisions: set[str] = field(default_factory=lambda: {"main"})
    licence: dict[str, Any] = field(default_factory=lambda: {"license": "apache-2.0"})
    gated: Any = False
    needs_token: bool = False
    files_need_token: bool = False
    ranges: bool = True
    served: dict[str, bytes] = field(default_factory=dict)
    """Other bytes than the listed ones, by name."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bodies of this file end after that many bytes, by name."""
    edit: Callable[[dict[str, Any]], Any] = lambda answer: answer
    raw_answer: bytes | None = None
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Server ("hub" or "store"), path and headers of each request."""
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of bodies written, by file."""
    store_url: str = ""

    def listing(self) -> Any:
        """What the API says."""
        answer: dict[str, Any] = {
            "id": self.repo,
            "sha": self.commit,
            "gated": self.gated,
            "cardData": self.licence,
            "tags": ["transformers", "license:other"],
            "siblings": [self._sibling(name, data) for name, data in self.files.items()],
        }
        return self.edit(answer)

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        if name not in self.large:
            return {"rfilename": name, "size": len(data), "blobId": git_blob(data)}
        pointer = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return {"rfilename": name, "size": len(data), "blobId": git_blob(b"version https://git-lfs"), "lfs": pointer}

    def paths(self, server: str) -> list[str]:
        """What one of the servers was asked for."""
        return [path for name, path, _ in self.asked if name == server]


def git_blob(data: bytes) -> str:
    """Git's id of a content, written out."""
    return hashlib.sha1(b"blob " + str(len(data)).encode() + b"\0" + data, usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        hub, name = self.server.hub, self.server.name
        hub.asked.append((name, self.path, {key.lower(): value for key, value in self.headers.items()}))
        authorised = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        api = re.fullmatch(rf"/api/models/{re.escape(hub.repo)}/revision/([^/?]+)\?blobs=true", self.path)
        file = re.fullmatch(rf"/{re.escape(hub.repo)}/resolve/([^/?]+)/([^?]+)", self.path)
        if name == "store":
            self._file(unquote(self.path.removeprefix("/blobs/")))
        elif hub.needs_token and not authorised:
            self._head(401)
        elif api and unquote(api[1]) in hub.revisions | {hub.commit}:
            answer = json.dumps(hub.listing()).encode() if hub.raw_answer is None else hub.raw_answer
            self._head(200, {"Content-Length": str(len(answer))})
            self.wfile.write(answer)
        elif file and file[1] == hub.commit and unquote(file[2]) in hub.files:
            if hub.files_need_token and not authorised:
                self._head(403)
            elif unquote(file[2]) in hub.large:
                self._head(302, {"Location": f"{hub.store_url}/blobs/{file[2]}"})
            else:
                self._file(unquote(file[2]))
        else:
            self._head(404)

    def _file(self, name: str) -> None:
        hub = self.server.hub
        data = hub.served.get(name, hub.files[name])
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if hub.ranges else None
        start = int(match[1]) if match else 0
        stop = min(int(match[2]) + 1 if match and match[2] else len(data), len(data))
        headers = {"Content-Length": str(stop - start), "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        if match:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        self._head(206 if match else 200, headers)
        body = data[start:stop]
        body = body[: hub.cut.get(name, len(body))]
        for i in range(0, len(body), 65536):
            self.wfile.write(body[i : i + 65536])
            hub.sent[name] = hub.sent.get(name, 0) + len(body[i : i + 65536])

    def _head(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Length": "0"}).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    hub: Hub
    name: str
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


@contextmanager
def serving_hub(hub: Hub) -> Iterator[str]:
    """Serve until the block ends; yields the hub's address."""
    servers = []
    for name in ("hub", "store"):
        server = _Server(("127.0.0.1", 0), _Handler)
        server.hub, server.name = hub, name
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
    addresses = [f"http://127.0.0.1:{server.server_address[1]}" for server, _ in servers]
    hub.store_url = addresses[1]
    try:
        yield addresses[0]
    finally:
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join()


def safetensors_file(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    """A safetensors file, written by hand: type, shape and bytes of each tensor."""
    table, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    header = json.dumps(table).encode()
    return len(header).to_bytes(8, "little") + header + data

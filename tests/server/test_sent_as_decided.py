"""While running: what the sockets' meter sees of a request is what was decided and recorded, else it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from server_fakes import setup
from talking_cloud import talking_cloud

from nemora.backends.openai import OpenAIBackend
from nemora.core import ChatRequest, Delta, Message
from nemora.errors import BackendError
from nemora.server.records import NOT_AS_DECIDED
from nemora.settings import RemoteServer

EXTRA = "zyxquark"


class Honest(OpenAIBackend):
    """Sends what it said that it would."""


class Grows(OpenAIBackend):
    """Says one body when it is asked, and sends a longer one."""

    asked = 0

    def outbound(self, request: ChatRequest) -> bytes:
        self.asked += 1
        body = super().outbound(request)
        return body if self.asked == 1 else body.replace(b'"hello"', f'"hello {EXTRA}"'.encode())


class Changes(OpenAIBackend):
    """Says one body when it is asked, and sends another of the same length."""

    asked = 0

    def outbound(self, request: ChatRequest) -> bytes:
        self.asked += 1
        body = super().outbound(request)
        return body if self.asked == 1 else body.replace(b"hello", EXTRA[:5].encode())


class Twice(OpenAIBackend):
    """Sends the request once more."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        async for delta in super().stream(request):
            yield delta
        async for _ in super().stream(request):
            pass


class Elsewhere(OpenAIBackend):
    """Writes under another server's name."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.name = "another"
        async for delta in super().stream(request):
            yield delta


@pytest.mark.parametrize("kind", [Honest, Grows, Changes, Twice, Elsewhere])
def test_what_was_not_decided_is_refused_recorded_and_counted(kind: type[OpenAIBackend]) -> None:
    with talking_cloud() as cloud:
        far = kind(RemoteServer(name="far", base_url=cloud.url, model="big", trust="cloud"))
        what = setup(with_cloud=False, further_clouds=[far])  # type: ignore[list-item]

        async def ask() -> None:
            answer = await what.gateway.answer(ChatRequest(model="auto", messages=(Message("user", "hello"),)))
            assert answer.destination.side == "cloud"
            if kind is Honest:
                assert [delta async for delta in answer.deltas]
            else:
                with pytest.raises(BackendError):
                    _ = [delta async for delta in answer.deltas]
            await far.close()

        asyncio.run(ask())
    end = what.completions(1)[0]
    text = what.gateway.metrics.text()
    honest = kind is Honest
    assert (end.status == NOT_AS_DECIDED) is not honest
    assert f"nemora_sent_not_as_decided_total {int(not honest)}\n" in text
    assert EXTRA[:5].encode() not in cloud.received and len(cloud.bodies) == (1 if kind in (Honest, Twice) else 0)
    assert (end.bytes_sent == 0) is (kind in (Grows, Changes, Elsewhere))

"""What every endpoint that reads a body does alike, whatever API it speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

import httpx2
import pytest
from server_fakes import Setup, served, setup

from nemora.errors import BackendError, NemoraError
from nemora.server.api_keys import ApiKeys
from nemora.server.app import APIS
from nemora.server.broken_stream import ended_by_error

PATHS = [*APIS, "/v1/responses", "/v1/messages/count_tokens", "/v1/tokenize", "/v1/detokenize"]
LARGE = 100_000


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> ApiKeys:
    return ApiKeys(tmp_path_factory.mktemp("keys") / "data")


@pytest.fixture(scope="module")
def server(keys: ApiKeys) -> Iterator[Setup]:
    with served(setup(), keys=keys) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_who_may_not_ask_learns_nothing_of_the_body_and_a_wrong_body_is_named(
    server: Setup, keys: ApiKeys, path: str
) -> None:
    admin, once = keys.add(f"admin{PATHS.index(path)}", admin=True), keys.add(f"user{PATHS.index(path)}", requests=2)

    def post(key: str, body: bytes) -> int:
        headers = {"x-api-key": key, "content-type": "application/json"}
        return httpx2.post(server.url + path, content=body, headers=headers).status_code

    assert post(admin, b"{") == 403
    assert post(once, b"{") == 400
    assert post(once, b"[" + b"0," * LARGE + b"0]") == 400  # read on a thread
    assert post(once, b"{") == 429


async def _fails(error: Exception, closed: list[bool]) -> AsyncGenerator[str, None]:
    try:
        yield "first"
        raise error
    finally:
        closed.append(True)


@pytest.mark.parametrize("error", [BackendError("It broke."), ValueError("a secret")])
def test_a_stream_that_fails_ends_with_its_error_and_without_content(error: Exception) -> None:
    async def told() -> list[str]:
        def say(failed: NemoraError) -> list[str]:
            return [failed.message]

        return [piece async for piece in ended_by_error(_fails(error, []), say)]

    first, last = asyncio.run(told())
    assert first == "first" and "secret" not in last
    assert ("It broke." in last) == isinstance(error, NemoraError)


def test_closing_a_stream_closes_its_source_and_says_nothing() -> None:
    closed: list[bool] = []

    async def left() -> None:
        stream = ended_by_error(_fails(ValueError(), closed), lambda _: pytest.fail("nobody is left to hear it"))
        assert await anext(stream) == "first"
        await stream.aclose()

    asyncio.run(left())
    assert closed == [True]

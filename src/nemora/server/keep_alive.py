"""A stream that says something now and then, also while its source is silent: some clients and proxies give up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator


async def kept_alive(pieces: AsyncIterator[bytes], ping: bytes, seconds: float) -> AsyncGenerator[bytes, None]:
    """`pieces`, with `ping` after every `seconds` in which none came. Closing it cancels the one that is waited for."""
    waited: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            waited = asyncio.ensure_future(anext(pieces, None))
            while not (await asyncio.wait({waited}, timeout=seconds))[0]:
                yield ping
            piece = waited.result()
            if piece is None:
                return
            yield piece
    finally:
        if waited is not None and not waited.done():
            waited.cancel()
            await asyncio.wait({waited})

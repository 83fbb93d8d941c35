"""Plays the cloud in a process of its own: every byte that any client sends is appended to a file.

    python recording_cloud.py FILE      prints the port, then serves until it is killed

It answers OpenAI-shaped, streamed when it is asked to stream.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "far-model"}


async def serve(record: Path) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = b""
        while piece := await reader.read(65536):
            with record.open("ab") as file:
                file.write(piece)
            received += piece
            while (end := _end_of_request(received)) is not None:
                request, received = received[:end], received[end:]
                writer.write(_answer(request))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_of_request(data: bytes) -> int | None:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    length = re.search(rb"(?i)content-length: *(\d+)", data[:head])
    end = head + 4 + (int(length[1]) if length else 0)
    return end if len(data) >= end else None


def _answer(request: bytes) -> bytes:
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    if not body.get("stream"):
        message = {"role": "assistant", "content": "From afar."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = {**CHUNK, "object": "chat.completion", "choices": [choice], "usage": usage}
        return _response("application/json", json.dumps(whole))
    deltas = [{"role": "assistant", "content": ""}, {"content": "From "}, {"content": "afar."}]
    chunks = [{**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({**CHUNK, "choices": [], "usage": usage})
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return _response("text/event-stream", events + "data: [DONE]\n\n")


def _response(kind: str, body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))

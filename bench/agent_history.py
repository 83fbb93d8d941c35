"""What reading costs an agent: a history that grows by about 2,000 tokens a turn, read through the real worker.

    python bench/agent_history.py [--turns 30]

The text is this repository's own source and documentation, each turn another piece. Prints the time that inspection
adds to each turn, and for a short request. Tokens are estimated as characters / 4.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from nemora.core import ChatRequest, Message
from nemora.errors import NemoraError
from nemora.server.inspection import InspectionWorker
from nemora.settings import load_settings

ROOT = Path(__file__).parent.parent
CHARACTERS_A_TURN = 8_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Time that inspection adds to each turn of an agent.")
    parser.add_argument("--turns", type=int, default=30)
    args = parser.parse_args()
    text = "\n".join(f.read_text(encoding="utf-8") for f in sorted((ROOT / "src").rglob("*.py")))
    settings = load_settings()
    with tempfile.TemporaryDirectory() as data:
        paths = dataclasses.replace(settings.paths, data=Path(data) / "data")
        try:
            worker = InspectionWorker(dataclasses.replace(settings, paths=paths))
        except NemoraError as error:
            sys.stderr.write(f"{error.message}\n")
            return 1
        try:
            measure(worker, text, args.turns)
        finally:
            worker.close()
    return 0


def measure(worker: InspectionWorker, text: str, turns: int) -> None:
    """Print one line a turn, and the medians."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    short = [_timed(worker, (Message("user", text[n * 300 : (n + 1) * 300]),)) for n in range(40)]
    print(f"300 characters, cold: median {statistics.median(short):.1f} ms")
    messages: list[Message] = []
    times = []
    for turn in range(turns):
        piece = text[turn * CHARACTERS_A_TURN : (turn + 1) * CHARACTERS_A_TURN]
        messages.append(Message("user" if turn % 2 == 0 else "assistant", piece))
        times.append(_timed(worker, tuple(messages)))
        total = sum(len(message.text()) for message in messages) // 4
        print(f"turn {turn + 1:2}: about {total:6,} tokens in all, {times[-1]:6.1f} ms")
    last = statistics.median(times[-10:])
    print(f"median of all turns {statistics.median(times):.1f} ms, of the last ten {last:.1f} ms")
    print(f"the whole history again, unchanged: {_timed(worker, tuple(messages)):.1f} ms")


def _timed(worker: InspectionWorker, messages: tuple[Message, ...]) -> float:
    started = time.perf_counter()
    worker.inspect(ChatRequest(model="auto", messages=messages))
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())

"""Random requests, policies and faults against the boundary: does a cloud get what it may not have?

    python bench/boundary_campaign.py --requests 20000 --seed 1 --minutes 30 --out FILE

A *world* is a policy, a gateway behind its application, three clouds behind sockets (two of OpenAI's kind, one of
Anthropic's) and about a hundred requests, some at once, while something fails (`campaign_world.py`); `--processes`
worlds are whole `nemora serve` processes that are killed (`campaign_process.py`). What may go where is worked out from
the policies as they were drawn (`campaign_policies.py`); every byte that arrived is looked through, and compared with
the ledger (`campaign_oracle.py`). Exits with 1 if there was any problem. `--shipped` is the share of worlds that the
shipped reading model reads for; the others have the detectors alone, and needles that need no model.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import functools
import json
import logging
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore2

from campaign_documents import pool
from campaign_oracle import Verdict
from campaign_peers import Peers
from campaign_process import AirGappedWorld, ProcessWorld
from campaign_world import KEY, Counts, Inline, Shared, World
from nemora.server.documents import DocumentReader
from nemora.server.inspection import InspectionWorker
from nemora.settings import Paths, Settings

PER_WORLD = 100
AT_ONCE = 10


@dataclass
class Report:
    """All that a campaign saw."""

    counts: Counts = field(default_factory=Counts)
    verdict: Verdict = field(default_factory=Verdict)
    worlds: int = 0
    process_worlds: int = 0
    kills: int = 0

    @property
    def crossings(self) -> int:
        """Everything that must not be: what crossed, and what was not recorded as it was."""
        return sum(self.verdict.problems.values())

    def add(self, name: str, verdict: Verdict) -> None:
        self.worlds += 1
        whole = self.verdict
        whole.problems.update(verdict.problems)
        whole.lines += [f"{name}: {line}" for line in verdict.lines]
        sys.stderr.write("".join(f"{name}: {line}\n" for line in verdict.lines))
        for key in ("bodies", "bytes", "needles_that_may", "redacted", "overridden"):
            setattr(whole, key, getattr(whole, key) + getattr(verdict, key))


class _Kept(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


@contextlib.contextmanager
def shared(seed: int, shipped: float) -> Iterator[Shared]:
    """What all worlds use. The log of every library is kept, from INFO on, ours from DEBUG on."""
    lines: list[str] = []
    handler, root, ours = _Kept(lines), logging.getLogger(), logging.getLogger("nemora")
    before = root.handlers, root.level, ours.level, ours.propagate
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    ours.setLevel(logging.DEBUG)
    ours.propagate = True  # a server that ran in this process before may have set up its own log
    # Each backend makes contexts for TLS, which nobody uses here, in a tenth of a second.
    context, httpcore2.default_ssl_context = (
        httpcore2.default_ssl_context,
        functools.cache(httpcore2.default_ssl_context),
    )
    peers = Peers()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(paths=Paths(config=home, cache=home, data=home / "data"))
        documents = DocumentReader(settings, KEY)
        worker = InspectionWorker(settings) if shipped > 0 else None
        try:
            yield Shared(peers, home, pool(seed), documents, worker, lines)
        finally:
            documents.close()
            if worker is not None:
                worker.close()
            peers.close()
            httpcore2.default_ssl_context = context
            root.handlers = before[0]
            root.setLevel(before[1])
            ours.setLevel(before[2])
            ours.propagate = before[3]


def campaign(
    requests: int,
    seed: int,
    seconds: float = float("inf"),
    *,
    shipped: float = 0.0,
    processes: int = 0,
    made: Shared | None = None,
) -> Report:
    """Run worlds until `requests` were made, or the time is over.

    Args:
        shipped: the share of worlds that the shipped reading model reads for.
        processes: how many worlds are processes of their own that are killed, with an air-gapped one behind them.
        made: what worlds share, where several campaigns do.
    """
    report, end = Report(), time.monotonic() + seconds

    async def run(made: Shared) -> None:
        numbers = iter(range(1_000_000))
        asyncio.get_running_loop().set_default_executor(Inline(8, "asyncio"))

        async def worlds() -> None:
            while report.counts.requests < requests and time.monotonic() < end:
                number = next(numbers)
                world = World(f"{seed}:{number}", made, report.counts, shipped=(number * shipped) % 1 + shipped >= 1)
                report.add(world.name, await world.run(min(PER_WORLD, max(requests // AT_ONCE, 20))))

        async def killed() -> None:
            for number in range(processes):
                if time.monotonic() < end:
                    await _process(report, ProcessWorld(f"{seed}:process:{number}", made, report.counts, shipped=True))
            if processes:
                await _process(report, AirGappedWorld(f"{seed}:air-gapped", made, report.counts, shipped=True))

        await asyncio.gather(*(worlds() for _ in range(AT_ONCE)), killed())

    with contextlib.nullcontext(made) if made is not None else shared(seed, shipped) as used:
        asyncio.run(run(used))
    return report


async def _process(report: Report, world: ProcessWorld) -> None:
    report.add(world.name, await world.run(PER_WORLD))
    report.process_worlds += 1
    report.kills += world.kills


def upper_bound(requests: int) -> float:
    """The 95 % upper bound of a rate of which `requests` tries showed none: 1 - 0.05^(1/n), Clopper and Pearson."""
    return 1.0 - 0.05 ** (1.0 / requests) if requests else 1.0


def machine() -> str:
    """This machine's processor, cores and system."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {platform.system()}, Python {platform.python_version()}"
    return f"{platform.processor()}, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    ).stdout.strip()


def told(report: Report, seed: int, seconds: float, code: str) -> dict[str, Any]:
    """The report as JSON."""
    counts, verdict = report.counts, report.verdict

    def table(counter: Counter[str]) -> dict[str, int]:
        return dict(sorted(counter.items()))

    return {
        "requests": counts.requests, "sensitive": counts.sensitive, "crossings": report.crossings,
        "problems": table(verdict.problems),
        "upper_bound_95": None if report.crossings else upper_bound(counts.sensitive),
        "seed": seed, "seconds": round(seconds, 1), "requests_per_second": round(counts.requests / seconds, 1),
        "commit": code, "date": datetime.datetime.now(datetime.UTC).date().isoformat(), "machine": machine(),
        "worlds": report.worlds, "process_worlds": report.process_worlds, "kills": report.kills,
        "shipped_reading_requests": counts.shipped_reading, "real_process_requests": counts.real_process,
        "bodies_arrived": verdict.bodies, "bytes_arrived": verdict.bytes, "left_redacted": verdict.redacted,
        "left_by_override": verdict.overridden, "needles_where_they_may_be": verdict.needles_that_may,
        "endpoints": table(counts.endpoints), "environment": table(counts.environment),
        "clients": table(counts.clients), "cloud_behaviour": table(counts.clouds), "places": table(counts.places),
        "outcomes": table(counts.outcomes),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--shipped", type=float, default=0.25, help="share of worlds with the shipped reading model")
    parser.add_argument("--processes", type=int, default=4, help="worlds that are processes of their own")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    begun, code = time.monotonic(), commit()
    report = campaign(args.requests, args.seed, args.minutes * 60, shipped=args.shipped, processes=args.processes)
    text = json.dumps(told(report, args.seed, time.monotonic() - begun, code), indent=1)
    if args.out is not None:
        args.out.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    return 1 if report.crossings else 0


if __name__ == "__main__":
    raise SystemExit(main())

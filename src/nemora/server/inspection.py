"""Requests are read in a child process with a deadline and a memory limit, so that no input can stop the server."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from nemora.core import ChatRequest
from nemora.errors import WorkerFailed
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.keys import derive, load_key
from nemora.privacy.protocols import Segment
from nemora.privacy.reading import ReadingRules, rules_of
from nemora.privacy.segment import segments
from nemora.privacy.segment_cache import SegmentCache
from nemora.settings import Settings
from nemora.tagger.reader import load_reader
from nemora.worker import Worker

CHARACTERS_PER_SECOND = 20_000
MEMORY_BYTES = 3 * 1024**3
KEPT_RULES = 8
"""Sets of a policy's rules that the child keeps: the tenants', and those of policies that are on their way out."""

logger = logging.getLogger("nemora.server")


class InspectionWorker:
    """Reads requests in a child. A call that runs too long or crashes counts as not read, and so as sensitive."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.inspection.seconds
        key = derive(load_key(settings.paths.data), "segment-cache")
        options = {
            "model": settings.inspection.model,
            "entries": settings.inspection.cache_entries,
            "key": key.hex(),
        }
        self._worker = Worker("nemora.server.inspection:inspector_job", options, memory_bytes=MEMORY_BYTES)
        try:
            self._worker.start()
        except BaseException:
            self._worker.close()
            raise

    def inspect(self, request: ChatRequest, rules: ReadingRules | None = None) -> Inspection:
        """Read `request` with a policy's `rules`. Blocking; call it from a thread.

        Never raises for what the request holds. The child keeps the last rules; it is sent those that it does not have.
        """
        rules = rules or ReadingRules()
        parts = segments(request)
        seconds = self._seconds + sum(len(part.text) for part in parts) / CHARACTERS_PER_SECOND
        call = {"rules": rules.id, "parts": _to_json(parts)}
        try:
            reply = self._worker.call(call, seconds)
            if reply.get("unknown_rules"):
                reply = self._worker.call(call | {"new": rules.to_json()}, seconds)
            return _from_json(reply)
        except WorkerFailed as error:
            logger.error("a request could not be read and counts as sensitive: %s", error.message)
            return Inspection((), complete=False, failures=("WorkerFailed",))

    def close(self) -> None:
        """Stop the child."""
        self._worker.close()


def inspector_job(options: dict[str, Any]) -> Callable[[Any], Any]:
    """Runs in the child: load the model once, then read one request after the other."""
    cache = SegmentCache(options["entries"], bytes.fromhex(options["key"]))
    inspector = Inspector(load_reader(options["model"]), cache=cache)

    known = OrderedDict({"": ReadingRules()})

    def inspect(call: dict[str, Any]) -> dict[str, Any]:
        name = call["rules"]
        if "new" in call:
            known[name] = rules_of(call["new"])
            while len(known) > KEPT_RULES:
                known.popitem(last=False)
        if name not in known:
            return {"unknown_rules": True}
        known.move_to_end(name)
        found = inspector.inspect([Segment(*part) for part in call["parts"]], known[name])
        return {
            "findings": _rows(found.findings),
            "doubts": _rows(found.doubts),
            "weak": _rows(found.weak),
            "complete": found.complete,
            "failures": list(found.failures),
        }

    return inspect


def _to_json(parts: Sequence[Segment]) -> list[list[Any]]:
    return [[part.where, part.text, part.label, part.offset, part.opaque] for part in parts]


def _rows(findings: Sequence[Finding]) -> list[list[Any]]:
    return [[f.kind.value, f.detector, f.where, f.start, f.end, f.confidence, f.entity] for f in findings]


def _from_json(reply: dict[str, Any]) -> Inspection:
    findings, doubts, weak = (
        tuple(Finding(Kind(row[0]), *row[1:]) for row in reply[key]) for key in ("findings", "doubts", "weak")
    )
    return Inspection(findings, reply["complete"] is True, tuple(reply["failures"]), doubts, weak)

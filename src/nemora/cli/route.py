"""nemora route: judge requests as if a cloud were configured. Nothing is sent, nothing is remembered."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console

from nemora.cli.asking import CONTROLS
from nemora.cli.files import with_files
from nemora.cli.route_explain import Explainer
from nemora.cli.unicode_text import unicode_text
from nemora.core import ChatRequest, Json, Message
from nemora.errors import NemoraError, RequestError, UsageError
from nemora.privacy.classify import Classification, classify
from nemora.privacy.decide import Decision, Inspected, decide
from nemora.privacy.finding import Sensitivity
from nemora.privacy.grey_band import GreyBand
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.policy import Action, Policy, load_policy
from nemora.privacy.reasons import explain
from nemora.privacy.segment import segments
from nemora.server.documents import DocumentReader
from nemora.server.judge import load_band
from nemora.server.openai_chat import parse_chat_request
from nemora.server.redaction import Redaction, Redactor
from nemora.server.wire import parse_json
from nemora.settings import Settings, load_settings
from nemora.tagger.reader import load_reader

MAX_LINE_BYTES = 32 * 1024 * 1024
NO_INPUT = "There is no standard input to read from; give a text, or --jsonl with a file."

Judge = Callable[[ChatRequest], Decision]
Redact = Callable[[ChatRequest, Decision], Redaction]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", help="a request to judge; left out, it is read from standard input")
    parser.add_argument(
        "--jsonl", metavar="FILE", help='judge each line {"id", "text"} or {"id", "request"} of FILE (- for stdin)'
    )
    parser.add_argument("--file", type=Path, action="append", default=[], help="a document in the request; repeatable")
    parser.add_argument("--outbound", action="store_true", help="with --jsonl: add the exact body that would be sent")
    parser.add_argument(
        "--redacted", action="store_true", help="also show what would be sent of a request that may leave redacted"
    )
    parser.add_argument(
        "--explain", action="store_true", help="show what was found where, the rule, and what would change it"
    )


def run(args: argparse.Namespace) -> int:
    if args.jsonl is not None and args.text is not None:
        raise UsageError("Give a text or --jsonl, not both.")
    if args.file and args.jsonl is not None:
        raise UsageError("--file goes with a text; with --jsonl, documents stand in the requests.")
    if args.outbound and args.jsonl is None:
        raise UsageError("--outbound goes with --jsonl.")
    if args.jsonl == "-" and sys.stdin is None:
        raise UsageError(NO_INPUT)
    text = "" if args.jsonl is not None else _text(args.text, args.file)
    settings = load_settings(args.config)
    with closing(make_reading(settings)) as reading:
        return _run(args, text, settings, reading)


def _text(given: str | None, files: list[Path]) -> str:
    """The request to judge: the argument, or else standard input. Beside documents it may be empty."""
    text = unicode_text(_read_input(files) if given is None else given, "The request")
    if not text.strip() and not files:
        raise UsageError("The request is empty; give a text, a document with --file, or standard input.")
    return text


def _read_input(files: list[Path]) -> str:
    if sys.stdin is None:
        raise UsageError(NO_INPUT)
    try:
        return "" if files and sys.stdin.isatty() else sys.stdin.read()  # who names a document need not type as well
    except OSError as error:
        raise UsageError(f"The request cannot be read from standard input ({error.strerror}).") from None
    except UnicodeError:
        raise UsageError("The request is not valid UTF-8 text; convert it first.") from None


def _run(args: argparse.Namespace, text: str, settings: Settings, reading: Reading) -> int:
    judge, redact = reading.judge, reading.redact
    explainer = Explainer(reading, settings.policy) if args.explain else None
    if args.jsonl is None:
        request = ChatRequest(model="auto", messages=(with_files(text, args.file),))
        if explainer is not None:
            explainer.show(text, request, Console(highlight=False))
            return 0
        return _judge_one(judge, request, redact, show=args.redacted)
    model = settings.cloud.model if settings.cloud is not None else "cloud"
    redacting = redact if args.redacted else None
    with _opened(args.jsonl) as lines:
        outbound = model if args.outbound else None
        return judge_lines(judge, lines, outbound_model=outbound, redact=redacting, explainer=explainer)


class Reading:
    """Inspection, class and decision of requests under one policy, each request alone."""

    def __init__(
        self,
        inspector: Inspector,
        policy: Policy,
        band: GreyBand | None = None,
        documents: DocumentReader | None = None,
    ) -> None:
        self._inspector = inspector
        self._band = band
        self._documents = documents
        self.policy = policy
        self._key = secrets.token_bytes(32)

    def read(self, request: ChatRequest) -> ChatRequest:
        """`request` with what its documents hold."""
        return request if self._documents is None else self._documents.read_now(request)

    def inspect(self, request: ChatRequest) -> Inspection:
        request = self.read(request)
        inspection = self.unjudged(request)
        return inspection if self._band is None else self._band.judged(inspection, segments(request), self.decide)

    def unjudged(self, request: ChatRequest) -> Inspection:
        """What is found in `request`, whose documents were read, without asking the judge."""
        return self._inspector.inspect(segments(request), self.policy.reading)

    def decide(self, inspection: Inspected, policy: Policy | None = None) -> Decision:
        """The decision on what was read, by `policy` if it is given: what else it could be."""
        chosen = policy or self.policy
        return decide(inspection, classify(inspection, chosen.class_of), Sensitivity.PUBLIC, chosen)

    def judge(self, request: ChatRequest) -> Decision:
        return self.decide(self.inspect(request))

    def redact(self, request: ChatRequest, decision: Decision) -> Redaction:
        """As the server does it, under a key of this run: the stand-ins are not those of the server."""
        redactor = Redactor(self._key, _WithoutJudge(self))
        return redactor.redact(self.read(request), decision, policy=self.policy, classify=self._classified)

    def close(self) -> None:
        if self._documents is not None:
            self._documents.close()

    def _classified(self, inspection: Inspected) -> Classification:
        return classify(inspection, self.policy.class_of)


class _WithoutJudge:
    """Reads what was redacted, as the server does."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def inspect(self, request: ChatRequest) -> Inspection:
        return self._reading.unjudged(request)


def make_reading(settings: Settings) -> Reading:
    """The configured detectors, judge and policy."""
    band, _ = load_band(settings, secrets.token_bytes(32))
    documents = DocumentReader(settings, secrets.token_bytes(32))
    return Reading(Inspector(load_reader(settings.inspection.model)), load_policy(settings.policy), band, documents)


def judge_lines(
    judge: Judge,
    lines: BinaryIO,
    *,
    outbound_model: str | None,
    redact: Redact | None = None,
    explainer: Explainer | None = None,
) -> int:
    """Answer every line in its place; 1 if any line was bad, else 0."""
    status = 0
    for line in _whole_lines(lines):
        if not line.strip() and len(line) <= MAX_LINE_BYTES:
            continue
        answer = _judge_line(judge, line, outbound_model, redact, explainer)
        status = 1 if "error" in answer else status
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return status


def _whole_lines(lines: BinaryIO) -> Iterator[bytes]:
    """Lines, each cut one byte over the limit; what follows in it is dropped, so that it is not judged as a line."""
    while line := lines.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = lines.readline(MAX_LINE_BYTES + 1)
        yield line


def _judge_line(
    judge: Judge, line: bytes, outbound_model: str | None, redact: Redact | None, explainer: Explainer | None
) -> dict[str, Any]:
    name: Json = None
    try:
        if len(line) > MAX_LINE_BYTES:
            raise RequestError(f"A line is longer than {MAX_LINE_BYTES} bytes; split the request.")
        entry = parse_json(line)
        if not isinstance(entry, dict):
            raise RequestError('A line must be an object with "id" and "text" or "request".')
        name = entry.get("id")
        if isinstance(name, list | dict):
            name = None
            raise RequestError("id must be text or a number.")
        request = _request(entry)
        started = time.perf_counter()
        decision = judge(request)
        milliseconds = (time.perf_counter() - started) * 1000
    except NemoraError as error:
        return {"id": name, "error": error.message}
    answer = {"id": name, **described(decision), "ms": round(milliseconds, 3)}
    if explainer is not None:
        answer["explanation"] = explainer.explained(request)[1]
    sent = request if decision.route == "cloud" else None
    if redact is not None and decision.action is Action.REDACT:
        redaction = redact(request, decision)
        answer["redaction"] = {"outcome": redaction.outcome, "replaced": dict(redaction.counts)}
        sent = redaction.request
    if outbound_model is not None:
        answer["outbound"] = _outbound(sent, outbound_model) if sent is not None else None
    return answer


def described(decision: Decision) -> dict[str, Any]:
    """A decision without content, as scripts read it."""
    return {
        "decision": decision.action.value,
        "class": decision.sensitivity.word,
        "scores": dict(decision.scores),
        "findings": [
            {
                "kind": finding.name,
                "detector": finding.detector,
                "where": finding.where,
                "start": finding.start,
                "end": finding.end,
                "confidence": finding.confidence,
            }
            for finding in decision.findings
        ],
        "reasons": list(decision.reasons),
    }


def _request(entry: dict[str, Json]) -> ChatRequest:
    unknown = set(entry) - {"id", "text", "request"}
    if unknown or ("text" in entry) == ("request" in entry):
        raise RequestError('A line must hold "id" and exactly one of "text" and "request", and nothing else.')
    if "request" in entry:
        return parse_chat_request(entry["request"]).request
    text = entry["text"]
    if not isinstance(text, str):
        raise RequestError("text must be a string.")
    return as_request(text)


def as_request(text: str) -> ChatRequest:
    """One user message."""
    return ChatRequest(model="auto", messages=(Message("user", text),))


def _outbound(request: ChatRequest, model: str) -> dict[str, Json]:
    from nemora.backends.openai_body import chat_body

    return chat_body(request, model)


def _judge_one(judge: Judge, request: ChatRequest, redact: Redact, *, show: bool) -> int:
    decision = judge(request)
    print(f"decision: {decision.action.value}   class: {decision.sensitivity.word}")
    for reason in decision.reasons:
        print(f"  {reason}: {explain(reason)}")
    for kind, count in decision.kinds().items():
        print(f"  found: {kind} x {count}")
    if decision.action is Action.REDACT:
        _explain_redaction(redact(request, decision), show=show)
    return 0


def _explain_redaction(redaction: Redaction, *, show: bool) -> None:
    if redaction.request is None:
        print(f"  stays here, for {explain(redaction.outcome)}")
        return
    for kind, count in redaction.counts.items():
        print(f"  replaced before it leaves: {kind} x {count}")
    for message in redaction.request.messages if show else ():
        print(f"{message.role}: {CONTROLS.sub('', message.text())}")


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115 - closed below; an error inside the block is not this file's
    except OSError as error:
        raise UsageError(
            f"The file given with --jsonl cannot be read ({error.strerror}); name a readable file."
        ) from None
    with file:
        yield file

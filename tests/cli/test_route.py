"""nemora route: the contract for scripts."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nemora.backends.openai_body import chat_body
from nemora.cli import route
from nemora.cli.main import main
from nemora.cli.route import Reading, Redact, as_request, judge_lines
from nemora.core import ChatRequest
from nemora.privacy.classify import classify
from nemora.privacy.decide import Decision, decide
from nemora.privacy.finding import Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import Policy
from nemora.privacy.segment import segments

CARD = "My card 4716 2093 8854 1728 was charged twice."


def judge(request: ChatRequest) -> Decision:
    inspection = Inspector(None).inspect(segments(request))
    return decide(inspection, classify(inspection), Sensitivity.PUBLIC, Policy())


def judged(
    capsys: pytest.CaptureFixture[str], *lines: Any, outbound: bool = False
) -> tuple[int, list[dict[str, Any]], str]:
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    status = judge_lines(judge, io.BytesIO(data), outbound_model="far" if outbound else None)
    text = capsys.readouterr().out
    return status, [json.loads(line) for line in text.splitlines()], text


def test_each_line_is_answered_in_order_without_content(capsys: pytest.CaptureFixture[str]) -> None:
    status, answers, text = judged(capsys, {"id": "a", "text": "Write a haiku"}, {"id": 2, "text": CARD})
    assert status == 0
    assert [(a["id"], a["decision"], a["class"]) for a in answers] == [("a", "cloud", "public"), (2, "local", "secret")]
    (finding,) = answers[1]["findings"]
    assert (finding["kind"], finding["where"], finding["start"], finding["end"]) == (
        "payment_card",
        "/messages/0/content",
        8,
        27,
    )
    assert set(answers[1]) == {"id", "decision", "class", "scores", "findings", "reasons", "ms"}
    assert "4716" not in text and "haiku" not in text


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"[]",
        b'{"id": 1}',
        b'{"id": 1, "text": 3}',
        b'{"id": 1, "text": "a", "request": {}}',
        b'{"id": 1, "request": {"messages": []}}',
        b'{"id": 1, "text": "a", "text": "b"}',
        b'{"id": [1], "text": "a"}',
        b'{"id": 1, "text": "\\ud800"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_bad_line_stands_in_its_place_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str], bad: bytes) -> None:
    status, answers, _ = judged(capsys, {"id": 0, "text": "one"}, bad, {"id": 9, "text": "two"})
    assert status == 1
    assert [answer["id"] for answer in (answers[0], answers[2])] == [0, 9]
    assert set(answers[1]) == {"id", "error"}


def test_a_request_is_read_in_all_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    request = {"model": "x", "messages": [{"role": "user", "content": "hi"}], "metadata": {"note": CARD}}
    _, (answer,), _ = judged(capsys, {"id": 1, "request": request})
    assert answer["decision"] == "local"
    assert answer["findings"][0]["where"] == "/metadata/note"


def test_lines_do_not_influence_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    text = "A long and harmless message, which is the same in both of the requests here."
    tainted = {"messages": [{"role": "user", "content": CARD}, {"role": "user", "content": text}], "model": "x"}
    _, answers, _ = judged(capsys, {"id": 1, "request": tainted}, {"id": 2, "text": text})
    assert [answer["decision"] for answer in answers] == ["local", "cloud"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_answers_follow_the_lines_and_say_the_same_in_any_order(
    capsys: pytest.CaptureFixture[str], order: tuple[int, ...]
) -> None:
    texts = ["Write a haiku", CARD, "password: hunter2zebra"]
    _, answers, _ = judged(capsys, *({"id": n, "text": texts[n]} for n in order))
    assert [answer["id"] for answer in answers] == list(order)
    for answer in answers:
        _, (alone,), _ = judged(capsys, {"id": answer["id"], "text": texts[answer["id"]]})
        assert {**answer, "ms": 0} == {**alone, "ms": 0}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id": 1, "text": "canary"',
        b'{"id": 1, "text": ["canary"]}',
        b'{"id": 1, "canary": "canary"}',
        b'{"id": 1, "request": {"model": "x", "messages": [{"role": "canary", "content": "canary"}]}}',
        b'{"id": 1, "request": {"model": "x", "messages": [], "canary": "canary"}}',
    ],
)
def test_an_error_repeats_nothing_of_its_line(capsys: pytest.CaptureFixture[str], bad: bytes) -> None:
    status, (answer,), text = judged(capsys, bad)
    assert status == 1
    assert answer["error"]
    assert "canary" not in text


def test_a_line_over_the_limit_is_one_bad_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MAX_LINE_BYTES", 64)
    hidden = b'{"id": "hidden", "text": "the rest of a line"}'
    for padding in (64, 65, 128, 129, 130):
        long = b" " * padding + hidden
        status, answers, _ = judged(capsys, {"id": 0, "text": "a"}, long, {"id": 2, "text": "b"})
        assert status == 1
        assert [answer["id"] for answer in answers] == [0, None, 2]
        assert "64 bytes" in answers[1]["error"]


def test_a_line_of_exactly_the_limit_is_judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = b'{"id": 1, "text": "hi"}'
    monkeypatch.setattr(route, "MAX_LINE_BYTES", len(line))
    status, answers, _ = judged(capsys, line)  # the last line, without a line end
    assert (status, [answer["id"] for answer in answers]) == (0, [1])


def test_outbound_is_there_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    _, answers, _ = judged(capsys, {"id": 1, "text": "Write a haiku"})
    assert "outbound" not in answers[0]


def test_outbound_is_the_exact_body_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _, answers, _ = judged(capsys, {"id": 1, "text": "Write a haiku"}, {"id": 2, "text": CARD}, outbound=True)
    assert answers[0]["outbound"] == chat_body(as_request("Write a haiku"), "far")
    assert answers[1]["outbound"] is None


def test_what_would_leave_redacted_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    reading = Reading(Inspector(None), Policy())
    text = "Write to tilda.braunfels@kettlewood.net about the picnic."
    lines = [json.dumps({"id": n, "text": t}).encode() for n, t in enumerate((text, CARD))]

    def answers(redact: Redact | None) -> list[dict[str, Any]]:
        judge_lines(reading.judge, io.BytesIO(b"\n".join(lines)), outbound_model="far", redact=redact)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    plain, card = answers(None)
    assert plain["decision"] == "redact" and plain["outbound"] is None and "redaction" not in plain
    redacted, card = answers(reading.redact)
    assert redacted["redaction"] == {"outcome": "redacted", "replaced": {"email_address": 1}}
    assert re.fullmatch(
        r"Write to email_\w+@redacted\.example about .*", redacted["outbound"]["messages"][-1]["content"]
    )
    assert "kettlewood" not in json.dumps(redacted) and card["outbound"] is None and "redaction" not in card


def test_routing_loads_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys, nemora.cli.main as m\n"
        "status = m.main(['route', '--jsonl', '-'])\n"
        "assert 'torch' not in sys.modules\nsys.exit(status)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], input='{"id": 1, "text": "hi"}\n', capture_output=True, text=True, check=False
    )
    assert (answer.returncode, json.loads(answer.stdout)["decision"]) == (0, "cloud"), answer.stderr


def test_a_wrong_command_line_is_2_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["route", "text", "--jsonl", "-"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["route", "text", "--outbound"]) == 2


@pytest.mark.parametrize("words", [["route"], ["route", "--jsonl", "-"]])
def test_without_a_standard_input_one_sentence_asks_for_a_text(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "no standard input" in error and error.count("\n") == 1


def test_standard_input_that_is_no_text_is_refused_without_an_echo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"CANARY \xff"), encoding="utf-8"))
    assert main(["route"]) == 2
    error = capsys.readouterr().err
    assert "not valid UTF-8" in error and "CANARY" not in error


@pytest.mark.parametrize("words", [["CANARY \udcff"], []])
def test_bytes_that_are_no_text_are_refused_and_not_called_public(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the locale is C, python lets them into standard input too."""
    stream = io.TextIOWrapper(io.BytesIO(b"CANARY \xff"), encoding="utf-8", errors="surrogateescape")
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["route", *words]) == 2
    said = capsys.readouterr()
    assert "not valid UTF-8" in said.err and "CANARY" not in said.err and not said.out


@pytest.mark.parametrize("words", [[""], [" \n"], []])
def test_nothing_to_judge_is_refused_and_not_called_public(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["route", *words]) == 2
    said = capsys.readouterr()
    assert "empty" in said.err and said.err.count("\n") == 1 and not said.out


def test_a_document_alone_is_judged_without_waiting_for_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def read(self, size: int | None = -1) -> str:
            raise AssertionError("a terminal was read")

    monkeypatch.setattr(sys, "stdin", Terminal())
    (tmp_path / "note.txt").write_text(CARD)
    assert main(["route", "--file", str(tmp_path / "note.txt")]) == 0
    assert "class: secret" in capsys.readouterr().out

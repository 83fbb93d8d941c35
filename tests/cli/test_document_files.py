"""nemora ask and route --file: files as parts of a message."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from scripted_door import ScriptedDoor

from nemora.cli import ask, route
from nemora.cli.asking import _body
from nemora.cli.main import main
from nemora.cli.route import Reading
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import Policy
from nemora.server.documents import DocumentReader
from nemora.settings import load_settings

CARD = "4716 2093 8854 1728"


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> ScriptedDoor:
    scripted = ScriptedDoor()
    monkeypatch.setattr(ask, "open_door", lambda args: scripted)
    return scripted


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_settings: object) -> Reading:
        return Reading(Inspector(None), Policy(), documents=DocumentReader(load_settings(), b"k"))

    monkeypatch.setattr(route, "make_reading", make)


def test_files_are_sent_as_parts_with_their_types(door: ScriptedDoor, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1")
    (tmp_path / "b.PNG").write_bytes(b"\x89PNG")
    (tmp_path / "c.rs").write_text("fn main() {}")
    files = [str(tmp_path / name) for name in ("a.pdf", "b.PNG", "c.rs")]
    assert main(["ask", "What is this?", "--file", files[0], "--file", files[1], "--file", files[2]]) == 0
    (message,) = _body(door.requests[0])["messages"]  # type: ignore[misc, union-attr]
    text, pdf, picture, code = message["content"]  # type: ignore[index, call-overload]
    assert text == {"type": "text", "text": "What is this?"}
    assert pdf["file"] == {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert code["file"]["file_data"].startswith("data:text/plain;base64,")


def test_a_question_from_standard_input_goes_with_files(
    door: ScriptedDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("a")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"What?")))
    assert main(["ask", "-", "--file", str(tmp_path / "a.txt")]) == 0
    assert door.asked() == [["What?"]] and len(door.requests[0].opaque_parts()) == 1


def test_a_file_that_cannot_be_sent_is_refused_in_one_line(
    door: ScriptedDoor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "a.pdf").write_bytes(b"%PDF-\xff")
    for arguments in (["?", "--file", str(tmp_path / "missing")], ["?", "--file", str(tmp_path / "empty")],
                      ["?", "--file", str(tmp_path)], ["--file", str(tmp_path / "a.pdf")]):  # fmt: skip
        assert main(["ask", *arguments]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "Traceback" not in said
    assert not door.requests


def test_route_reads_a_file_and_says_where_in_it_and_nothing_of_it(
    readings: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "zyxquark.txt"
    file.write_text(f"The quillfeather card is {CARD}.")
    assert main(["route", "Sum up.", "--file", str(file)]) == 0
    assert "decision: local" in capsys.readouterr().out
    assert main(["route", "--explain", "Sum up.", "--file", str(file)]) == 0
    said = capsys.readouterr().out
    assert "document (text), passages read: 1" in said and "payment_card in document 1 (text), text" in said
    for canary in ("zyxquark", "quillfeather", CARD[:9]):
        assert canary not in said


def test_route_judges_documents_in_requests(readings: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.jsonl"
    bodies = []
    for text in ("Tides are waves.", f"card {CARD}"):
        (tmp_path / "a.txt").write_text(text)
        from nemora.backends.openai_body import content_of
        from nemora.cli.files import with_files

        content = content_of(with_files("Sum up.", [tmp_path / "a.txt"]))
        bodies.append(
            {"id": text[:4], "request": {"model": "auto", "messages": [{"role": "user", "content": content}]}}
        )
    rows.write_text("\n".join(map(json.dumps, bodies)))
    assert main(["route", "--jsonl", str(rows), "--explain"]) == 0
    out = capsys.readouterr().out
    first, second = map(json.loads, out.splitlines())
    assert (first["decision"], second["decision"]) == ("cloud", "local") and CARD not in out
    assert first["explanation"]["documents"] == [{"kind": "text", "passages": 1, "complete": True, "unread": []}]
    assert main(["route", "--jsonl", str(rows), "--file", str(rows)]) == 2

"""Documents from the official client to the sockets of a cloud: what was read completely may leave, the rest stays."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sent_documents import asks, bomb, docx, encoded, file, pdf, picture, png, zipped
from test_redaction import NAME, World, opened

from nemora.core import ChatRequest, Message, OpaquePart, Passage, ReadDocument
from nemora.errors import WorkerFailed
from nemora.privacy.policy import Policy, parse_policy
from nemora.server.declared import agrees, media_type_of
from nemora.server.documents import DocumentReader

CARD = "4716 2093 8854 1728"
ASKED = "Summarise this in two sentences, please."
TIDES = "Tides are long waves that follow the moon around the earth, twice in each day."
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SECRET_TEXT = f"The harbour office counts every ship that enters before noon. The card is {CARD}, valid until spring."


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as opened_:
        yield opened_


def route(world: World, *turns: Any, **fields: Any) -> str:
    """The route, or the code of the error."""
    try:
        return world.ask(*turns, **fields)[0]
    except openai.APIStatusError as error:
        return str(error.code)


def stays(world: World, *parts: dict[str, Any], text: str = ASKED) -> bool:
    """Whether a request with these parts is not sent to the cloud, nor anything of it."""
    before = len(world.cloud.received)
    return route(world, asks(text, *parts)) == "local" and len(world.cloud.received) == before


HARMLESS = {
    "text": file(TIDES.encode(), "text/plain", "tides.txt"),
    "bare": file(TIDES.encode(), name="tides.txt"),
    "table": file(b"moon,planet\nPhobos,Mars\nDeimos,Mars\n", "text/csv", "moons.csv"),
    "html": file(f"<html><body><p>{TIDES}</p></body></html>".encode(), "text/html"),
    "docx": file(docx(TIDES, "The moon pulls."), WORD, "tides.docx"),
    "pdf": file(pdf(TIDES, "The moon pulls."), "application/pdf", "tides.pdf"),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_document_that_was_read_leaves_as_the_same_bytes(world: World, kind: str) -> None:
    assert route(world, asks(ASKED, HARMLESS[kind])) == "cloud"
    assert world.cloud.bodies[-1]["messages"][-1]["content"] == asks(ASKED, HARMLESS[kind])["content"]


HIDDEN = {
    "text": file(f"Notes.\n\n{CARD}\n".encode(), "text/plain"),
    "metadata": file(docx(TIDES, author=f"card {CARD}"), WORD),
    "comment": file(docx(TIDES, comment=f"card {CARD}"), WORD),
    "page": file(pdf(TIDES, f"card {CARD}"), "application/pdf"),
    "title": file(pdf(TIDES, title=f"card {CARD}"), "application/pdf"),
    "html comment": file(f"<html><!-- {CARD} --><p>Hi</p></html>".encode(), "text/html"),
    "archive": file(zipped({"a.txt": TIDES, "b/c.txt": f"card {CARD}"}), "application/zip"),
    "name": file(TIDES.encode(), "text/plain", f"{CARD}.txt"),
    "declared type": file(TIDES.encode(), f"text/{CARD.replace(' ', '')}"),
}


@pytest.mark.parametrize("place", HIDDEN)
def test_a_secret_anywhere_in_a_document_stays(world: World, place: str) -> None:
    assert stays(world, HIDDEN[place])
    assert world.headers["x-nemora-class"] == "secret"


def test_a_number_is_found_across_the_border_of_text_and_document(world: World) -> None:
    assert stays(world, file(b"8854 1728, that is the rest.", "text/plain"), text="My card begins with 4716 2093 ")


UNREAD = {
    "picture": picture(png()),
    "address": {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    "id of a file": {"type": "file", "file": {"file_id": "file-123"}},
    "id beside data": {"type": "file", "file": {"file_id": "file-123", "file_data": encoded(TIDES.encode())}},
    "address beside data": {
        "type": "file",
        "file": {"file_url": "http://x.test", "file_data": encoded(TIDES.encode())},
    },
    "unknown field": {**file(TIDES.encode()), "cache_control": {"type": "ephemeral"}},
    "sound": {"type": "input_audio", "input_audio": {"data": encoded(TIDES.encode()), "format": "wav"}},
    "no base64": {"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG8*"}},
    "spaced base64": {"type": "file", "file": {"file_data": "data:text/plain;base64,SGVs bG8="}},
    "loose base64": {"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG9="}},  # unused bits are set
    "two encodings": {"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG8=SGVsbG8="}},
    "url-safe base64": {"type": "file", "file": {"file_data": "data:text/plain;base64,_-_-"}},
    "parameter": {"type": "file", "file": {"file_data": "data:text/plain;charset=utf-7;base64,SGVsbG8="}},
    "no base64 said": {"type": "file", "file": {"file_data": "data:text/plain,Hello"}},
    "empty": {"type": "file", "file": {"file_data": "data:text/plain;base64,"}},
    "text as a picture": picture(TIDES.encode(), "text/plain"),
    "text as pdf": file(TIDES.encode(), "application/pdf"),
    "text named pdf": file(TIDES.encode(), "text/plain", "a.pdf"),
    "pdf as text": file(pdf(TIDES), "text/plain"),
    "noise": file(bytes((i * 131 + i * i) % 256 for i in range(3000))),
    "cut pdf": file(pdf(TIDES)[:-200], "application/pdf"),
    "encrypted pdf": file(pdf(TIDES, encrypted=True), "application/pdf"),
    "cut archive": file(docx(TIDES)[:-40], WORD),
    "program": file(zipped({"a.exe": b"MZ\x90\0" + bytes(400)}), "application/zip"),
}


@pytest.mark.parametrize("form", UNREAD)
def test_what_is_not_read_completely_stays(world: World, form: str) -> None:
    assert stays(world, UNREAD[form])
    assert world.headers["x-nemora-class"] != "public"


def test_a_bomb_stays_and_the_next_document_is_read(world: World) -> None:
    assert stays(world, file(bomb(), "application/zip"))
    assert route(world, asks("And this?", HARMLESS["docx"])) == "cloud"


def test_a_document_with_findings_is_not_redacted_and_text_beside_a_clean_one_is(world: World) -> None:
    assert stays(world, file(f"Invite {NAME} to the picnic.".encode(), "text/plain"))
    assert route(world, asks(f"Write to {NAME} about this.", HARMLESS["docx"])) == "cloud"
    assert b"Braunfels" not in world.cloud.received
    assert world.cloud.bodies[-1]["messages"][-1]["content"][1] == HARMLESS["docx"]
    named = file(f"{TIDES} Signed, {NAME.split()[1]}".encode(), "text/plain")
    assert stays(world, named, text=f"Write to {NAME} about this.")  # the name alone is no finding there


def test_naming_the_cloud_does_not_let_an_unread_document_out(world: World) -> None:
    before = len(world.cloud.received)
    for form in ("picture", "address", "text as pdf"):
        assert route(world, asks(ASKED, UNREAD[form]), model="far-model") == "privacy_refused"
    assert len(world.cloud.received) == before


def test_a_documents_text_is_known_in_later_turns_also_where_it_is_quoted(world: World) -> None:
    report = file(SECRET_TEXT.encode(), "text/plain", "report.txt")
    assert route(world, "It says 'Another harbour counts ships that leave after the tea at noon.' True?") == "cloud"
    assert stays(world, report)
    assert route(world, asks(ASKED, report), {"role": "assistant", "content": "Ships."}, "And in French?") == "local"
    quoted = "It says 'The harbour office counts every ship\n that enters before noon.' Is that usual?"
    assert route(world, quoted) == "local" and world.headers["x-nemora-reason"] == "taint:secret"


@pytest.mark.parametrize("where", ["system", "assistant", "tool"])
def test_a_document_is_read_in_every_turn(world: World, where: str) -> None:
    turn = {**asks("Here.", file(f"card {CARD}".encode(), "text/plain")), "role": where}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    before: list[Any] = []
    if where == "tool":
        turn["tool_call_id"] = "c"
        before = ["Look it up.", {"role": "assistant", "content": None, "tool_calls": [call]}]
    left = len(world.cloud.received)
    assert route(world, *before, turn, "Go on, then.") == "local" and len(world.cloud.received) == left


def test_a_child_that_dies_or_hangs_leaves_the_document_unread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert route(world, asks(ASKED, file(f"{TIDES} One.".encode(), "text/plain"))) == "cloud"
    child = world.documents._worker._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    timer = threading.Timer(0.3, child.kill)
    timer.start()
    assert stays(world, file(f"{TIDES} Two.".encode(), "text/plain"))
    timer.join()
    assert route(world, asks(ASKED, file(f"{TIDES} Two.".encode(), "text/plain"))) == "cloud"
    child = world.documents._worker._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    monkeypatch.setattr(world.documents, "_seconds", 0.2)
    assert stays(world, file(f"{TIDES} Three.".encode(), "text/plain"))


def test_a_document_that_comes_again_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    part = file(f"{TIDES} Again and again.".encode(), "text/plain")
    assert route(world, asks(ASKED, part)) == "cloud"

    def fails(*_: object) -> None:
        raise WorkerFailed("not again")

    monkeypatch.setattr(world.documents._worker, "call", fails)
    assert route(world, asks(ASKED, part), {"role": "assistant", "content": "Waves."}, "Shorter.") == "cloud"
    assert stays(world, file(b"Something new that nobody read before.", "text/plain"))


def test_the_childs_places_and_codes_are_words_and_numbers_or_nothing_was_read(world: World) -> None:
    for where, kind in (("page/Müller", "pdf"), ("4716/x", "pdf"), ("page/3", "Tilda Braunfels"), ("", "pdf")):
        reply = {"kind": kind, "passages": [[where, "text", ""]], "complete": True, "unread": []}
        reader = DocumentReader(_settings(world), b"k")
        reader._worker.call = lambda *_, reply=reply: reply  # type: ignore[method-assign, misc]
        part = OpaquePart("file", file(f"{where}{kind}".encode(), "text/plain"))
        read = reader.read_now(ChatRequest(model="m", messages=(Message("user", (part,)),)))
        assert read.opaque_parts()[0].read is None
        reader.close()


def _settings(_world: World) -> Any:
    from test_redaction import SETTINGS

    return SETTINGS


def test_what_a_client_may_not_say_it_read_is_read_anew(world: World) -> None:
    claimed = ReadDocument("text", (Passage("text", "harmless"),), complete=True)
    part = OpaquePart("image_url", {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}, claimed)
    request = ChatRequest(model="auto", messages=(Message("user", (part,)),))
    assert world.documents.read_now(request).opaque_parts()[0].read is None


PICTURES_READ = parse_policy('[documents]\nimages = "read"')


def test_a_picture_counts_as_read_only_where_the_owner_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {
        "kind": "image",
        "passages": [["text", "Welcome to the harbour", ""]],
        "complete": False,
        "unread": ["image"],
    }
    for policy, expected in ((Policy(), "local"), (PICTURES_READ, "cloud")):
        with opened(policy=policy) as world:
            monkeypatch.setattr(world.documents._worker, "call", lambda *_: seen)
            assert route(world, asks(ASKED, picture(png()))) == expected
            assert (b"iVBOR" in world.cloud.received) == (expected == "cloud")
            told = {**seen, "passages": [["text", f"card {CARD}", ""]]}
            monkeypatch.setattr(world.documents._worker, "call", lambda *_, told=told: told)
            assert stays(world, picture(png(9, 9)))
            blind = {**seen, "passages": [], "unread": ["image", "missing_reader"]}
            monkeypatch.setattr(world.documents._worker, "call", lambda *_, blind=blind: blind)
            assert stays(world, picture(png(9, 10)))


def test_the_local_model_is_given_what_was_read(world: World) -> None:
    assert stays(world, file(f"card {CARD}".encode(), "text/plain"))
    (part,) = world.local.requests[-1].opaque_parts()
    assert part.read is not None and part.read.passages[0].text == f"card {CARD}"


def test_nothing_of_a_document_or_its_name_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = f"The zyxquark harbour has a card {CARD} and a canary in it, as everybody knows by now."
    with opened(tmp_path) as world:
        stays(world, file(text.encode(), "text/plain", "quillfeather.txt"))
        stays(world, file(text.encode() + bytes(9), "application/pdf", "quillfeather.pdf"))
        child = world.documents._worker._child
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        threading.Timer(0.2, child.kill).start()
        stays(world, file(text.encode() + b"!", "text/plain", "quillfeather.txt"))
        row = httpx2.get(f"{world.client.base_url}nemora/decisions/{world.headers['x-nemora-decision-id']}").text
        assert json.loads(row)["route"] == "local"
        left = caplog.text + row + str(world.headers)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + left.encode()
    assert len(kept) > 10_000 and "could not be read" in caplog.text
    for canary in (b"zyxquark", b"4716", b"canary in", b"quillfeather", encoded(text.encode())[8:40].encode()):
        assert canary not in kept


def test_many_documents_share_one_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def slow(_call: object, seconds: float) -> None:
        waited.append(seconds)
        time.sleep(0.05)
        raise WorkerFailed("late")

    monkeypatch.setattr(world.documents, "_seconds", 0.12)
    monkeypatch.setattr(world.documents._worker, "call", slow)
    assert stays(world, *(file(f"{n} bottles on the wall".encode(), "text/plain") for n in range(80)))
    assert len(waited) < 10 and waited == sorted(waited, reverse=True)


@given(
    st.sampled_from(["pdf", "docx", "xlsx", "image", "text", "html", "svg", "email", "unknown"]),
    st.sampled_from(["", "a.pdf", "a.docx", "a.png", "a.PNG", "a.txt", "a.tar.gz", "a.svg", "a"]),
)
def test_a_name_of_another_kind_of_file_is_never_believed(kind: str, name: str) -> None:
    part = OpaquePart("file", file(b"x", name=name))
    inline = part.inline()
    assert inline is not None
    of_kind = {
        "a.pdf": "pdf",
        "a.docx": "docx",
        "a.png": "image",
        "a.PNG": "image",
        "a.svg": "svg",
        "a.tar.gz": "archive",
    }
    assert agrees(part, inline, kind) == (of_kind.get(name, kind) == kind)
    if name in of_kind:
        declared = OpaquePart("file", file(b"x", media_type_of(name, b"x"), name))
        said = declared.inline()
        assert said is not None and agrees(declared, said, of_kind[name])


@given(st.binary(min_size=1, max_size=60), st.text(alphabet="ABCabc+/=_- \n", max_size=8))
def test_only_bytes_that_encode_to_what_was_sent_are_read(data: bytes, noise: str) -> None:
    inline = OpaquePart("file", file(data)).inline()
    assert inline is not None and inline.data() == data
    raw = {"type": "file", "file": {"file_data": encoded(data) + noise}}
    other = OpaquePart("file", raw).inline()
    assert other is not None
    read = other.data()
    assert read is None or encoded(read) == raw["file"]["file_data"]  # type: ignore[index]

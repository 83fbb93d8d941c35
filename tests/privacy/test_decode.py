"""Encodings are undone to depth 3 within a budget; what stays closed is opaque; ordinary text is neither."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import itertools
import json
import random
import urllib.parse
import uuid
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy import decode
from nemora.privacy.decode import decoded_layers
from nemora.privacy.normalise import normalise

SECRET = "card 4716 2093 8854 1728 here"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base64url": lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "hex": lambda t: t.encode().hex(),
    "url": lambda t: "".join(f"%{b:02X}" for b in t.encode()),
    "html": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "html hex": lambda t: "".join(f"&#x{ord(c):x};" for c in t),
    "unicode": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
    "bytes": lambda t: "".join(f"\\x{b:02x}" for b in t.encode()),
    "quoted-printable": lambda t: "".join(f"={b:02X}" for b in t.encode()),
    "octal": lambda t: "".join(f"\\{b:03o}" for b in t.encode()),
    "hex bytes": lambda t: ", ".join(f"0x{b:02X}" for b in t.encode()),
    "deflate": lambda t: base64.b64encode(zlib.compress(t.encode())[2:-4]).decode(),
    "utf-16": lambda t: base64.b64encode(t.encode("utf-16-be")).decode(),
    "gzip": lambda t: base64.b64encode(gzip.compress(t.encode())).decode(),
}


def wrapped(text: str, width: int, between: str) -> str:
    return between.join(text[at : at + width] for at in range(0, len(text), width))


def layers(text: str) -> list[str]:
    return [layer.text for layer in decoded_layers(normalise(text)).layers]


@pytest.mark.parametrize("names", [*itertools.permutations(ENCODINGS, 1), *itertools.permutations(ENCODINGS, 2)])
def test_text_under_one_or_two_encodings_is_read(names: tuple[str, ...]) -> None:
    text = SECRET
    for name in names:
        text = ENCODINGS[name](text)
    assert any(SECRET in layer for layer in layers(f"Look at this: {text} please"))


@pytest.mark.parametrize("seed", range(12))
def test_text_under_three_encodings_is_read(seed: int) -> None:
    text = SECRET
    for name in random.Random(seed).sample(sorted(ENCODINGS), 3):
        text = ENCODINGS[name](text)
    assert any(SECRET in layer for layer in layers(f"Look at this: {text} please"))


def test_what_lies_deeper_than_three_is_not_complete() -> None:
    text = SECRET
    for _ in range(5):
        text = ENCODINGS["base64"](text)
    assert not decoded_layers(normalise(text)).complete


def test_a_finding_in_a_run_spans_the_run() -> None:
    run = ENCODINGS["base64"](SECRET)
    text = f"Look: {run} ok"
    layer = next(x for x in decoded_layers(normalise(text)).runs if SECRET in x.text)
    start, end = layer.original_span(5, 24)
    assert text[start:end] == run


def test_a_finding_between_escapes_spans_only_its_disguised_form() -> None:
    text = "Look: %34%37%31%36 2093 8854 1728 ok"
    layer = next(x for x in decoded_layers(normalise(text)).layers if "4716 2093" in x.text)
    at = layer.text.index("4716")
    start, end = layer.original_span(at, at + 19)
    assert text[start:end] == "%34%37%31%36 2093 8854 1728"


def test_a_long_blob_is_opaque() -> None:
    blob = base64.b64encode(random.Random(1).randbytes(400)).decode()
    text = f"Here: {blob}"
    (span,) = decoded_layers(normalise(text)).opaque
    assert text[span[0] : span[1]] == blob


@pytest.mark.parametrize(
    "text",
    [
        hashlib.sha256(b"x").hexdigest(),
        hashlib.sha512(b"x").hexdigest(),
        f"commit {hashlib.sha1(b'x', usedforsecurity=False).hexdigest()}",
        str(uuid.UUID(int=7)),
        "https://example.org/a/very/long/path/with-many-parts/and_more_of_them/index.html?page=2&sort=ascending#section-four",
        "getUserAccountInformationFromRemoteRepositoryByIdentifierAsync" * 3,
        "The quick brown fox jumps over the lazy dog. " * 20,
        "/usr/lib/python3/dist-packages/" * 20,
        "def f(x): return {k: v for k, v in sorted(x.items()) if v is not None}\n" * 10,
        "=" * 300,
        "A" * 300,
        "deadbeef" * 12,
    ],
)
def test_ordinary_text_is_not_opaque(text: str) -> None:
    found = decoded_layers(normalise(text))
    assert found.opaque == []
    assert found.complete


def test_a_bomb_is_not_inflated_without_bound() -> None:
    bomb = base64.b64encode(gzip.compress(b"a" * 50_000_000)).decode()
    assert all(len(layer) <= 2 * 1024 * 1024 for layer in layers(bomb))


def test_over_the_budget_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_RUNS", 3)
    text = " ".join(ENCODINGS["base64"](f"{SECRET} {n}") for n in range(10))
    assert not decoded_layers(normalise(text)).complete


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=80))
def test_any_text_can_be_tried(text: str) -> None:
    for layer in decoded_layers(normalise(text)).layers:
        start, end = layer.original_span(0, len(layer.text)) if layer.text else (0, 0)
        assert 0 <= start <= end <= len(text)


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40))
def test_ascii_text_survives_every_single_encoding(text: str) -> None:
    for encode in (ENCODINGS["url"], ENCODINGS["html"], ENCODINGS["unicode"]):
        assert any(text in layer for layer in layers(encode(text)))
    assert (
        html.unescape(ENCODINGS["html"](text))
        == urllib.parse.unquote(ENCODINGS["url"](text))
        == json.loads(f'"{ENCODINGS["unicode"](text)}"')
    )


@pytest.mark.parametrize(
    "text",
    [
        "x" + ENCODINGS["base64"](SECRET),
        "key" + ENCODINGS["base64"](SECRET) + "xyz",
        "a" + ENCODINGS["hex"](SECRET),
        "XY" + ENCODINGS["base32"](SECRET),
        ENCODINGS["base32"](SECRET).lower(),
        wrapped(ENCODINGS["base64"](SECRET), 16, "\n> "),
        wrapped(ENCODINGS["base64"](SECRET), 8, "\n"),
        wrapped(ENCODINGS["base64"](SECRET), 20, "\\n"),
        base64.b64encode(b"\x08\x96\x01\x12\x10" + SECRET.encode() + b"\xff\xfe\x80\x00").decode(),
        base64.b64encode(f"Jos\xe9: {SECRET}".encode("latin-1")).decode(),
        base64.b64encode(gzip.compress(b"fine so far") + gzip.compress(SECRET.encode())).decode(),
    ],
)
def test_a_run_is_read_whatever_is_glued_to_it_or_lies_around_it(text: str) -> None:
    assert any(SECRET in layer for layer in layers(f"Look: {text} please"))


def test_a_number_in_a_query_does_not_become_quoted_printable() -> None:
    assert any("card=4716 2093" in layer for layer in layers("?card=4716%202093&x=1"))


def test_a_plus_in_a_query_is_a_space() -> None:
    assert any("name=Ada Lovelace&" in layer for layer in layers("see https://x.test/?name=Ada+Lovelace&n=1"))


def test_escapes_are_undone_in_the_whole_text_for_the_tagger() -> None:
    text = 'say \\"hello\\" to\\nAda Lovelace %26 Co'
    unescaped = decoded_layers(normalise(text)).unescaped
    assert unescaped.text == 'say "hello" to\nAda Lovelace & Co'
    at = unescaped.text.index("Ada")
    start, end = unescaped.original_span(at, at + 12)
    assert text[start:end] == "Ada Lovelace"


@pytest.mark.parametrize("deep", ["%25252534%2525252537", "&amp;amp;amp;#52;"])
def test_escapes_deeper_than_three_are_not_complete(deep: str) -> None:
    assert not decoded_layers(normalise(f"see {deep}")).complete


def test_many_backslashes_are_ordinary() -> None:
    assert decoded_layers(normalise("\\" * 200)).complete


def test_what_inflates_too_far_is_not_complete() -> None:
    run = base64.b64encode(gzip.compress(b"a" * 1_000_000 + SECRET.encode())).decode()
    assert not decoded_layers(normalise(run)).complete


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"PK\x03\x04\x14\x00\x08\x00\x08\x00",
        b"BZh91AY&SY\xd3\xfc\x1b",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    ],
)
def test_an_image_or_archive_is_opaque_at_any_length(data: bytes) -> None:
    run = base64.b64encode(data).decode()
    (span,) = decoded_layers(normalise(f"see {run}")).opaque
    assert span == (4, 4 + len(run.rstrip("="))) or span == (4, 4 + len(run))


def test_a_data_url_that_holds_no_text_is_opaque() -> None:
    run = base64.b64encode(bytes(range(128, 168))).decode()
    assert decoded_layers(normalise(f"data:image/x-own;base64,{run}")).opaque
    assert not decoded_layers(normalise("data:text/plain;base64," + ENCODINGS["base64"]("hello there"))).opaque

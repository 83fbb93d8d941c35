from __future__ import annotations

import base64
import random

import pytest
from marked import check

from nemora.privacy.detectors.private_key import PrivateKeyDetector

KEY = PrivateKeyDetector()


def invented(size: int) -> bytes:
    return random.Random(size).randbytes(size)


DASHES = "-" * 5
BODY = base64.b64encode(invented(300)).decode()
LINES = "\n".join(BODY[i : i + 64] for i in range(0, len(BODY), 64))


def begin(kind: str) -> str:
    return f"{DASHES}BEGIN {kind}{DASHES}"


def end(kind: str) -> str:
    return f"{DASHES}END {kind}{DASHES}"


@pytest.mark.parametrize(
    "kind",
    [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ],
)
def test_a_key_is_found_from_begin_to_end(kind: str) -> None:
    check(KEY, f"here:\n⟦{begin(kind)}\n{LINES}\n{end(kind)}⟧\nthanks")


def test_headers_inside_a_key_do_not_end_it() -> None:
    kind = "RSA PRIVATE KEY"
    check(KEY, f"⟦{begin(kind)}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{LINES}\n{end(kind)}⟧")


def test_a_key_with_escaped_line_ends_is_found() -> None:
    kind = "PRIVATE KEY"
    escaped = LINES.replace("\n", "\\n")
    check(KEY, f'{{"private_key": "⟦{begin(kind)}\\n{escaped}\\n{end(kind)}⟧\\n"}}')


def test_a_key_cut_short_is_found_to_its_last_line() -> None:
    check(KEY, f"⟦{begin('PRIVATE KEY')}\n{LINES}⟧\n")
    check(KEY, f"⟦{begin('PRIVATE KEY')}\n{BODY[:40]}⟧... the rest is cut")


def test_two_keys_are_two_findings() -> None:
    one = f"⟦{begin('EC PRIVATE KEY')}\n{LINES}\n{end('EC PRIVATE KEY')}⟧"
    check(KEY, one + "\n" + one)


def test_putty_and_json_web_keys_are_found() -> None:
    check(KEY, f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n⟦Private-Lines: 6\n{LINES}⟧\nPrivate-MAC: 00")
    scalar = base64.urlsafe_b64encode(invented(32)).decode().rstrip("=")
    check(KEY, f'{{"kty":"EC","crv":"P-256","d":"⟦{scalar}⟧"}}')


@pytest.mark.parametrize(
    "text",
    [
        f"A PEM file starts with {begin('PRIVATE KEY')} and holds base64.",
        f'if "{begin("RSA PRIVATE KEY")}" in text:',
        f"{begin('PUBLIC KEY')}\n{LINES}\n{end('PUBLIC KEY')}",
        f"{begin('CERTIFICATE')}\n{LINES}\n{end('CERTIFICATE')}",
        f"{begin('PRIVATE KEY')}\n...\n{end('PRIVATE KEY')}",
        f"{begin('PRIVATE KEY')}\nYOUR KEY HERE\n{end('PRIVATE KEY')}",
    ],
)
def test_headers_alone_and_public_parts_are_none(text: str) -> None:
    check(KEY, text)

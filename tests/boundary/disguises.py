"""Planted secrets, and the disguises in which they try to leave."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """`text` is what a client sends; `value` the part that must not leave."""

    name: str
    text: str
    value: str


PRIVATE_KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACDk3vJxYHq5V0cR8mTt2uWn4LsKp9ZbQe7fGi1XoJd6hwAAAJgq8sLrKvLC
6wAAAAtzc2gtZWQyNTUxOQAAACDk3vJxYHq5V0cR8mTt2uWn4LsKp9ZbQe7fGi1XoJd6hw
-----END OPENSSH PRIVATE KEY-----"""

SECRETS = [
    Planted("card", "My card 5412 7538 8106 3098 was charged twice.", "5412 7538 8106 3098"),
    Planted("iban", "Please pay it to DE54370400440532913111 by Friday.", "DE54370400440532913111"),
    Planted("ssn", "My social security number is 536-81-4927.", "536-81-4927"),
    Planted(
        "email",
        "Write to margarethe.oyelaran@kestrelworks-gmbh.de about it.",
        "margarethe.oyelaran@kestrelworks-gmbh.de",
    ),
    Planted("phone", "Call me at +49 30 83214907 tonight.", "+49 30 83214907"),
    Planted("aws", "The access key is AKIAQ7XVN3TLZ5RWJ2KD for the bucket.", "AKIAQ7XVN3TLZ5RWJ2KD"),
    Planted("password", "password: Tr0ub4dor&Quokka-93!", "Tr0ub4dor&Quokka-93!"),
    Planted("database", "postgres://svc_bill:hV8-qPz2Lw@10.20.4.7:5432/ledger", "hV8-qPz2Lw"),
    Planted("ip", "The host answers at 84.177.23.9 only.", "84.177.23.9"),
    Planted("private key", PRIVATE_KEY, "QyNTUxOQAAACDk3vJxYHq5V0cR8mTt2uWn4LsKp9ZbQe7fGi1XoJd6hw"),
    Planted("person", "Our patient Margarethe Oyelaran lives at 48 Birchwood Lane, Leeds.", "Margarethe Oyelaran"),
]

LOOKALIKES = str.maketrans("aceopxyiABCEHKMOPTX0", "асеорхуіАВСЕНКМОРТХ߀")
"""Latin letters as Cyrillic ones; zero as the zero of N'Ko."""


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def zero_width(text: str) -> str:
    return "\u200b".join(text)


def homoglyphs(text: str) -> str:
    return text.translate(LOOKALIKES)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def hex_of(text: str) -> str:
    return text.encode().hex()


def url_of(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def light_url_of(text: str) -> str:
    return urllib.parse.quote(text)


def entities_of(text: str) -> str:
    return "".join(f"&#{ord(c)};" for c in text)


def hex_entities_of(text: str) -> str:
    return "".join(f"&#x{ord(c):x};" for c in text)


def escapes_of(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def json_of(text: str) -> str:
    return json.dumps({"note": {"content": text}})


def nested(*layers: Callable[[str], str]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        for layer in layers:
            text = layer(text)
        return text

    return apply


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": base64_of,
    "hex": hex_of,
    "url": url_of,
    "light url": light_url_of,
    "entities": entities_of,
    "hex entities": hex_entities_of,
    "escapes": escapes_of,
    "json": json_of,
    "zero-width": zero_width,
    "full-width": full_width,
    "homoglyph": homoglyphs,
    "base64 twice": nested(base64_of, base64_of),
    "base64 of hex of url": nested(url_of, hex_of, base64_of),
    "escapes of entities of base64": nested(base64_of, entities_of, escapes_of),
    "url of json of base64": nested(base64_of, json_of, url_of),
}

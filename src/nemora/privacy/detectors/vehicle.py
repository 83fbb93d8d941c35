"""Vehicle identification numbers (ISO 3779) and number plates."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.detectors.context import key_pattern, keyed_pattern, names, near
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_VIN = QuickPattern(r"(?<![A-Za-z0-9-])(?=[A-Z0-9]{0,16}\d)[A-HJ-NPR-Z0-9]{13}\d{4}(?![A-Za-z0-9-])")
_VIN_KEY = key_pattern(
    r"vin|chassis|fahrgestell\w{0,8}|fin|vehicle|bastidor|numéro de série|telaio|fahrzeug\w{0,20}|vin[ -]?number"
)
_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# Printed in the standard's articles and in manuals.
_PUBLISHED = frozenset({"1M8GDM9AXKP042788", "11111111111111111", "1HGCM82633A004352", "5GZCZ43D13S812715"})
_PLATE_WORDS = (
    r"(?:licen[cs]e|number|registration|vehicle|car)[ _-]?plates?(?:[ _-]?(?:number|no|nr|#))?"
    r"|vehicle[ _-]?(?:registration|reg)(?:[ _-]?(?:number|no|mark))?|reg(?:istration)?[ _-]?(?:plate|mark)|plate[ _-]?(?:number|no)"
    r"|(?:kfz-?)?kennzeichen|nummernschild|plaque d'immatriculation|immatriculation|matr[ií]cula|targa|kenteken"
    r"|numer rejestracyjny|registreringsnummer|rekisterinumero|госномер|номер машины|车牌号?|車牌|ナンバープレート|차량번호|plaka|placa"
)
_PLATE = (
    r"(?-i:(?=[A-ZÄÖÜА-Я0-9 ·-]{0,6}\d)(?=[0-9 ·-]{0,6}[A-ZÄÖÜА-Я])[A-ZÄÖÜА-Я0-9]{1,8}"
    r"(?:[ ·-]{1,2}[A-Z0-9]{1,5}){0,3})(?![\w-])|[一-龥][A-Z]·?[A-Z0-9]{5,6}"
)
_PLATE_KEY, _PLATE_KEYED, _PLATE_BARE = (
    key_pattern(_PLATE_WORDS),
    keyed_pattern(_PLATE_WORDS, _PLATE),
    re.compile(_PLATE),
)


# A literal of every plate word.
_HINTS = Literals(
    (
        "plate",
        "vehicle",
        "reg",
        "kennzeichen",
        "nummernschild",
        "immatriculation",
        "matrícula",
        "matricula",
        "targa",
        "kenteken",
        "rejestracyjny",
        "rekisteri",
        "госномер",
        "номер",
        "车牌",
        "車牌",
        "ナンバー",
        "차량",
        "plak",
        "placa",
    )
)


class VehicleDetector:
    """A car leads to its keeper."""

    name = "vehicle"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], float] = {}
        for match in _VIN.finditer(text):
            if match.group() not in _PUBLISHED and len(set(match.group())) > 5:
                keyed = names(_VIN_KEY, label) or near(_VIN_KEY, text, *match.span())
                mixed = any(char.isalpha() for char in match.group())
                checked = mixed and checks(match.group())
                if keyed or checked:
                    found[match.span()] = 0.95 if keyed and checked else 0.8
        if _HINTS.there(f"{label} {text}".lower()):
            for start, end in _plates(text, label):
                compact = re.sub(r"[ ·-]", "", text[start:end])
                if 4 <= len(compact) <= 9 and len(set(compact)) > 2:
                    found[start, end] = 0.85
        return [Match(Kind.VEHICLE, *span, confidence) for span, confidence in sorted(found.items())]


def _plates(text: str, label: str) -> Iterator[tuple[int, int]]:
    """Plates hold as few as two digits, so that all of a text is looked at."""
    if names(_PLATE_KEY, label) and _PLATE_BARE.fullmatch(text.strip()):
        start = len(text) - len(text.lstrip())
        yield start, start + len(text.strip())
    for match in _PLATE_KEYED.finditer(text):
        yield match.span("value")


def checks(vin: str) -> bool:
    """North American check digit in the ninth place."""
    total = sum((int(c) if c.isdigit() else _VALUES[c]) * weight for c, weight in zip(vin, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == vin[8]

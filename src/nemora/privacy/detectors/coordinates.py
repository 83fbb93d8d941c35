"""Geographic coordinates precise to a house, where a word announces a person's place."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import re

from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

# Four decimals are eleven metres; fewer name a town.
_PAIR = QuickPattern(
    r"(?<![\w.-])[-+]?(?:[0-8]?\d|90)\.\d{4,10}°?[ ]?[NS]?[ ]?[,;/ ][ ]?[-+]?(?:1[0-7]\d|180|\d{1,2})\.\d{4,10}°?[ ]?[EWO]?(?![\w.])"
)
_SEXAGESIMAL = QuickPattern(
    r"(?<![\w.])\d{1,2}°[ ]?\d{1,2}['′’][ ]?\d{1,2}(?:\.\d{1,4})?[\"″”][ ]?[NS][, ]{1,3}"
    r"\d{1,3}°[ ]?\d{1,2}['′’][ ]?\d{1,2}(?:\.\d{1,4})?[\"″”][ ]?[EWO]"
)
_FIELDS = QuickPattern(
    r"(?i)[\"']?lat(?:itude)?[\"']?\s{0,3}[:=]\s{0,3}[-+]?\d{1,2}\.\d{4,12}[,;&\s]{1,6}"
    r"[\"']?(?:lon(?:gitude)?|lng)[\"']?\s{0,3}[:=]\s{0,3}[-+]?\d{1,3}\.\d{4,12}"
)
_FINE = re.compile(r"\.\d{4}")
_KEY = key_pattern(
    r"gps|coord(?:inate)?s?|location|located|position|lat(?:itude)?|lon(?:gitude)?|geo\w{0,12}|standort|koordinaten"
    r"|ubicación|coordenadas|coordonnées|posizione|pinned|whereabouts|latlng|坐标|位置|координат\w{0,2}"
)


class CoordinatesDetector:
    """Where somebody is, to a few metres."""

    name = "coordinates"

    def find(self, text: str, label: str) -> list[Match]:
        found = (
            [Match(Kind.COORDINATES, *match.span(), 0.95) for match in _SEXAGESIMAL.finditer(text)]
            if "°" in text
            else []
        )
        found += (
            [Match(Kind.COORDINATES, *match.span(), 0.9) for match in _FIELDS.finditer(text)] if "at" in text else []
        )
        for match in _PAIR.finditer(text) if _FINE.search(text) else ():
            if names(_KEY, label) or near(_KEY, text, *match.span()):
                found.append(Match(Kind.COORDINATES, *match.span(), 0.9))
        return found

"""Test texts in which ⟦…⟧ marks what a detector must find: no more, no less."""

from __future__ import annotations

import re

from nemora.privacy.protocols import Detector, Match


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    text, spans = "", []
    for piece in re.split(r"(⟦[^⟧]*⟧)", marked):
        if piece.startswith("⟦"):
            spans.append((len(text), len(text) + len(piece) - 2))
            piece = piece[1:-1]
        text += piece
    return text, spans


def check(detector: Detector, marked: str, label: str = "") -> list[Match]:
    """Assert that the detector finds exactly the marked stretches, and return its matches."""
    text, spans = unmark(marked)
    matches = sorted(detector.find(text, label), key=lambda match: match.start)
    found, expected = [text[m.start : m.end] for m in matches], [text[a:b] for a, b in spans]
    assert found == expected, f"found {found}, expected {expected}"
    assert [(m.start, m.end) for m in matches] == spans, "the right text in the wrong place"
    assert all(0 < m.confidence <= 1 for m in matches)
    return matches

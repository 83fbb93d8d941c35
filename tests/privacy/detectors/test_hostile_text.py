"""Every detector must survive any text, find nothing outside it, and not slow down on text made to slow it."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from re import _constants, _parser
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy import detectors
from nemora.privacy.detectors import ALL
from nemora.privacy.protocols import Detector
from nemora.privacy.quick_pattern import QuickPattern

FRAGMENTS = [
    "password", "password: ", "PIN", "@", ".com", "1", "4716 2093 8854 1728", "ssn=", "-----BEGIN PRIVATE KEY-----", "\\n", "eyJ", "://", ":", "=",
    ";", '"', "'", "api_key", "\n", " ", "a", "é", "密码", "\x00", "\ud83d\ude00", "(", ")", "+49", "::", "iban", "token", "x" * 40, "0" * 40, "aws",
]  # fmt: skip
HOSTILE = [
    "password ", "password: ", "a@", "@", "a.", "1 ", "1-", "4716 ", "(", "+1 (", "://a:", "a:b@", "x=y;", "host=a ", "A=", "eyJ", "eyJhbGciOi.", "::", "ab:",
    "1.2.3.", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nAAAA", "one two ", "ssn ", "passport ", "account number ", "DE89", "DE89 3", "AB12",
    "token=", "api key for the ", "\\\"", "<password>", "<password ", "--password ", "seed phrase is ", "word ", "at dot ", "a at b dot ", "&password=", "=", "==",
    "-", "_", "__", "a_", "key key ", "my ", "is ", "0", "a", " ", "\n", "\t", "'", '"', "x?password=", "jdbc:a:", "verification code ", "1,", "00 ", "mysql -", "curl ",
]  # fmt: skip


@pytest.mark.parametrize("detector", ALL, ids=lambda d: d.name)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6)), max_size=14).map("".join),
    st.sampled_from(["", "password", "ssn", "token", "phone"]),
)
def test_any_text_gives_matches_inside_it(detector: Detector, text: str, label: str) -> None:
    matches = detector.find(text, label)
    assert all(0 <= m.start < m.end <= len(text) and 0 < m.confidence <= 1 for m in matches)
    assert detector.find(text, label) == matches


def test_names_are_unique() -> None:
    assert len({detector.name for detector in ALL}) == len(ALL)


def _python_steps(detector: Detector, text: str) -> int:
    """Lines of Python that one call runs: a measure of work that no busy machine changes."""
    steps = 0

    def count(frame: FrameType, event: str, arg: object) -> object:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        detector.find(text, "")
    finally:
        sys.settrace(before)
    return steps


@pytest.mark.parametrize("detector", ALL, ids=lambda d: d.name)
def test_work_grows_with_the_text_and_not_with_its_square(detector: Detector) -> None:
    for piece in HOSTILE:
        small, large = (_python_steps(detector, piece * (size // len(piece))) for size in (600, 3000))
        assert large <= 8 * small + 2000, f"{piece!r}: {small} steps for 600 characters, {large} for 3000"


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every compiled pattern of the privacy room's detectors, also those inside tables."""
    names = [f"nemora.privacy.detectors.{m.name}" for m in pkgutil.iter_modules(detectors.__path__)]
    for name in [*names, "nemora.privacy.entities", "nemora.privacy.person_words"]:
        for attribute, value in vars(importlib.import_module(name)).items():
            rows = value if isinstance(value, tuple) else (value,)
            for row in rows:
                cells = (
                    row if isinstance(row, tuple) else (row, getattr(row, "pattern", None), getattr(row, "shape", None))
                )
                for cell in cells:
                    plain = cell.plain if isinstance(cell, QuickPattern) else cell
                    if isinstance(plain, re.Pattern):
                        yield f"{name}.{attribute}", plain


def _nested(parsed: Any, inside: bool = False) -> bool:
    """Whether an unbounded repeat that may give back holds another such repeat: the shape that backtracks for ever."""
    for operation, argument in parsed:
        unbounded = str(operation) in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] == _constants.MAXREPEAT
        if unbounded and inside:
            return True
        for part in argument if isinstance(argument, tuple | list) else (argument,):
            for branch in part if isinstance(part, list) else (part,):
                if isinstance(branch, _parser.SubPattern) and _nested(branch, inside or unbounded):
                    return True
    return False


def test_no_pattern_nests_unbounded_repeats() -> None:
    patterns = list(_patterns())
    assert len(patterns) > 200
    assert _nested(_parser.parse(r"(?:a+b?)*c")) and not _nested(_parser.parse(r"(?:a++b?)*c"))
    assert [
        name for name, pattern in patterns if _nested(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
    ] == []

"""Every detector must survive any text, find nothing outside it, and not slow down on text made to slow it."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.detectors import ALL
from nemora.privacy.protocols import Detector

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

"""Wordings that people use, and one that they use as a placeholder."""

from __future__ import annotations

import pytest

from nemora.privacy.detectors.government_id import GovernmentIdDetector
from nemora.privacy.detectors.password import PasswordDetector
from nemora.privacy.detectors.us_ssn import UsSsnDetector
from nemora.privacy.protocols import Detector


@pytest.mark.parametrize(
    ("detector", "text", "value"),
    [
        (PasswordDetector(), "p4ssw0rd: Tr0ub4dor&3zz", "Tr0ub4dor&3zz"),
        (PasswordDetector(), "P@ssword = Kestrel!93x", "Kestrel!93x"),
        (UsSsnDetector(), "my social is 536814927", "536814927"),
        (UsSsnDetector(), "her social is five three six eight one four nine two seven", "five three six eight one four nine two seven"),
    ],
)  # fmt: skip
def test_the_value_is_found(detector: Detector, text: str, value: str) -> None:
    assert [text[m.start : m.end] for m in detector.find(text, "")] == [value]


@pytest.mark.parametrize("text", ["my social life is 100 percent", "SELECT * FROM orders WHERE id = 1234567890123"])
def test_a_lookalike_is_no_finding(text: str) -> None:
    assert UsSsnDetector().find(text, "") == GovernmentIdDetector().find(text, "") == []

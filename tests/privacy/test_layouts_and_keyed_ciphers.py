"""Values that are laid out, keyed, counted or numbered are found; what only looks so is left alone."""

from __future__ import annotations

import pytest

from nemora.privacy.finding import CATALOGUE, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment

SENTENCE = "My SSN is 536-22-8741 today"


def kept(text: str) -> bool:
    found = Inspector(None).inspect([Segment("/messages/0/content", text)]).findings
    return any(f.confidence >= 0.5 and CATALOGUE[f.kind].sensitivity > Sensitivity.PUBLIC for f in found)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{c} is the next" for c in SENTENCE if c != " "),
        "\n".join(f"line {c}" for c in SENTENCE if c != " "),
        "".join(SENTENCE[n::4] for n in range(4)),
        "[My] [SSN] [is] [536-22-8741]",
        "My+SSN+is+536-22-8741",
        "My SSN: (1/3) 536\n(2/3) 228\n(3/3) 741",
        "My SSN: A1=536, B1=228, C1=741",
        "My SSN is ||||| ||| |||||| || || |||||||| ||||||| |||| |",
        "My SSN is :five: :three: :six: :two: :two: :eight: :seven: :four: :one:",
        "My SSN is quinque tres sex duo duo octo septem quattuor unus",
        "My SSN is 869551074 (subtract 3 from every digit)",
        "Vigenère with key lemon: Xc EGA tw 536-22-8741 fcqlc",
        'My SSN is REPLACE("5#3#6#2#2#8#7#4#1", "#", "")',
    ],
)
def test_a_value_that_can_be_put_together_is_found(text: str) -> None:
    assert kept(text)


@pytest.mark.parametrize(
    "text",
    [
        "The release notes:\n1. faster start\n2. fewer errors\n3. new icons\n4. dark mode",
        "| city | people |\n|---|---|\n| Ulm | 126 |\n| Jena | 111 |\n| Trier | 110 |\n| Kiel | 246 |",
        "Scores were 3-1 2-0 4-2 1-1 0-0 5-3 2-2 in the cup.",
        "Rotate by 3: subtract 3 from each number in [7, 8, 9].",
        "for i in range(10): total += values[i] * 2  # 536 rows",
    ],
)
def test_lists_and_tables_of_harmless_numbers_are_left_alone(text: str) -> None:
    assert not kept(text)

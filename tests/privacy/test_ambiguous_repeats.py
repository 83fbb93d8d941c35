"""No pattern can split one run of signs in very many ways: where what follows fails, Python's `re` would try them all."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from re import _constants, _parser
from typing import Any

import pytest

import nemora.privacy
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment
from nemora.privacy.quick_pattern import QuickPattern

MOST = 100_000
"""Ways to split one run."""
REPEATS = ("MAX_REPEAT", "MIN_REPEAT")


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every compiled pattern of the privacy room, also those inside tables."""
    for module in pkgutil.walk_packages(nemora.privacy.__path__, "nemora.privacy."):
        for attribute, value in vars(importlib.import_module(module.name)).items():
            for row in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,):
                fields = [getattr(row, slot, None) for slot in ("keyed", "bare", "pattern", "shape")]
                for cell in row if isinstance(row, tuple) else (row, *fields):
                    plain = cell.plain if isinstance(cell, QuickPattern) else cell
                    if isinstance(plain, re.Pattern) and isinstance(plain.pattern, str):
                        yield f"{module.name}.{attribute}", plain


def _lengths(body: Sequence[tuple[Any, Any]]) -> int:
    """In how many lengths a repeated part can take one run; 1 if a fixed sign stands in each part."""
    needed = [(str(op), arg) for op, arg in body if not str(op).startswith(("AT", "ASSERT"))]
    needed = [(op, arg) for op, arg in needed if not (op.endswith("REPEAT") and arg[0] == 0)] or needed[:1]
    if len(needed) != 1:
        return 1
    op, arg = needed[0]
    if op in REPEATS:
        return int(min(arg[1], 1000) - arg[0] + 1)
    if op == "SUBPATTERN":
        return _lengths(arg[3])
    return max(map(_lengths, arg[1])) if op == "BRANCH" else 1


def _ways(parsed: Sequence[tuple[Any, Any]], last: bool = True) -> int:
    """The most ways to split one run; a repeat that ends the pattern gives nothing back."""
    most = 1
    for place, (op, arg) in enumerate(parsed):
        ends = last and place == len(parsed) - 1
        if str(op) in REPEATS and not ends:
            times = 50 if arg[1] is _constants.MAXREPEAT else min(arg[1], 50)
            most = max(most, _lengths(arg[2]) ** times)
        for part in arg if isinstance(arg, tuple | list) else (arg,):
            for branch in part if isinstance(part, list) else (part,):
                if isinstance(branch, _parser.SubPattern):
                    most = max(most, _ways(list(branch), ends))
    return most


def _split(pattern: re.Pattern[str]) -> int:
    return _ways(list(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)))


def test_no_pattern_splits_a_run_in_very_many_ways() -> None:
    patterns = list(_patterns())
    assert len(patterns) > 400
    assert (
        _split(re.compile(r"(?:-?[A-Z]{1,8}){2,10}(?!\w)")) > MOST >= _split(re.compile(r"(?:-[A-Z]{1,8}){2,10}(?!\w)"))
    )
    assert {name for name, pattern in patterns if _split(pattern) > MOST} == set()


@pytest.mark.parametrize(
    "text",
    [
        "card UT56CXOX" + "XRF5LNHTG3RE7P35SGRW657DM7HPBDE66S6I3TGU" * 8 + "_",
        "passport number " + "." * 100 + " 12345_",
        "\u026f\u026f " + "a" * 15_000,
        "SSN card 12 34 " + "=" * 15_000,
    ],
)
def test_texts_that_could_be_split_in_many_ways_are_read(text: str) -> None:
    assert not [
        f for f in Inspector(None).inspect([Segment("/messages/0/content", text)]).failures if "Budget" not in f
    ]

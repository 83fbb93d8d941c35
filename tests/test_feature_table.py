"""docs/feature-table.md: every claim of Nemora's own links to a test that exists, and what is "no" links to none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
TABLE = (DOCS / "feature-table.md").read_text(encoding="utf-8").split("\n")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE if line.startswith("| ")]
CLAIMS = [(cells[0].strip("| "), cells[1]) for cells in ROWS if re.match(r"(yes|part|no|TOML)\b", cells[1])]
LINK = re.compile(r"\]\(\.\./(tests/[\w/]+\.py)\)")


def test_the_table_is_there_with_every_row_as_wide_as_its_head() -> None:
    wide = [cells for cells in ROWS if len(cells) > 3]
    assert len(CLAIMS) > 40 and {len(cells) for cells in wide} == {13}


@pytest.mark.parametrize(("feature", "claim"), CLAIMS, ids=[feature for feature, _ in CLAIMS])
def test_a_claim_links_to_a_test_that_exists(feature: str, claim: str) -> None:
    linked = LINK.findall(claim)
    assert bool(linked) == (not re.match(r"no\b", claim)), feature
    for name in linked:
        test = DOCS.parent / name
        assert test.is_file() and re.search(r"^(async )?def test_", test.read_text(encoding="utf-8"), re.MULTILINE), (
            name
        )


def test_what_is_partial_says_what_is_missing() -> None:
    for feature, claim in CLAIMS:
        if claim.startswith("part"):
            assert re.match(r"part \([^)]{10,}\): \[", claim), feature

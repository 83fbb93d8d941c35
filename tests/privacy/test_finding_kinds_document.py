from __future__ import annotations

from pathlib import Path

from nemora.privacy.finding import CATALOGUE, Kind
from nemora.privacy.kinds_document import kinds_document

DOCUMENT = Path(__file__).parents[2] / "docs" / "finding-kinds.md"


def test_every_kind_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == set(Kind)


def test_the_document_is_what_the_catalogue_gives() -> None:
    assert DOCUMENT.read_text() == kinds_document(), (
        "run: python -m nemora.privacy.kinds_document > docs/finding-kinds.md"
    )

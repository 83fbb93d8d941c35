"""docs/finding-kinds.md, from the catalogue: `python -m nemora.privacy.kinds_document > docs/finding-kinds.md`."""

from __future__ import annotations

from nemora.privacy.finding import CATALOGUE

_HEAD = """\
# Kinds of findings

Generated from `nemora.privacy.finding.CATALOGUE`; a test fails when the two differ. The words are those of
[labelling.md](labelling.md). A request has the highest class that any finding or the classifier gives it.

| kind | class | category | what it is |
|---|---|---|---|
"""


def kinds_document() -> str:
    """The document as text, one row a kind, in the catalogue's order."""
    rows = (
        f"| `{kind}` | {info.sensitivity.word} | {info.category} | {info.meaning} |\n"
        for kind, info in CATALOGUE.items()
    )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    print(kinds_document(), end="")

"""Readings of a text with stretches of it rewritten: windows around them, mapped to the original."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nemora.privacy.announced import announced
from nemora.privacy.covered import Covered
from nemora.privacy.label_hint import hinted
from nemora.privacy.mapped_text import Builder, MappedText

NOTHING = Covered()
BEFORE, AFTER = 80, 60
"""Characters kept on each side of what was rewritten, for the words that give it meaning."""


@dataclass(frozen=True, slots=True)
class Edit:
    """[start, end) of a text, and what it says. Every character of `plain` stands for the whole stretch."""

    start: int
    end: int
    plain: str


def apart(edits: Iterable[Edit]) -> list[Edit]:
    """The edits in their order, without those that overlap one before them."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return kept


def rewritten(
    text: MappedText, edits: Iterable[Edit], *, weak: bool, covered: Covered = NOTHING, in_place: bool = False
) -> Iterator[MappedText]:
    """The text around `edits` (sorted, without overlaps) with them made.

    With `in_place` a value is read only where it stands, and not behind a word further off that may announce it.

    Near ones share a window. `weak` ones count only in windows where a word announces an identifier, and outside of
    what is `covered` by sure findings. All windows
    together are at most as long as the text and a constant for each edit, so a detector reads at most that much more.
    """
    group: list[Edit] = []
    for edit in edits:
        if weak and covered.holds(*text.original_span(edit.start, edit.end)):
            continue
        if group and edit.start - BEFORE > group[-1].end + AFTER:
            yield from _window(text, group, weak, in_place)
            group = []
        group.append(edit)
    if group:
        yield from _window(text, group, weak, in_place)


def _window(text: MappedText, group: list[Edit], weak: bool, in_place: bool) -> Iterator[MappedText]:
    source = text.text
    start, end = max(0, group[0].start - BEFORE), min(len(source), group[-1].end + AFTER)
    builder = Builder()
    at, size = start, 0
    places: list[tuple[int, int]] = []
    for edit in group:
        builder.copy(source, at, edit.start)
        builder.put(edit.plain, edit.start, edit.end)
        size += edit.start - at
        places.append((size, size + len(edit.plain)))
        at, size = edit.end, size + len(edit.plain)
    builder.copy(source, at, end)
    made = builder.build()
    is_hinted = hinted(made.text)
    if not weak or is_hinted:
        yield text.through(made)
    if is_hinted and not in_place:
        yield from (text.through(close) for close in announced(made, places))

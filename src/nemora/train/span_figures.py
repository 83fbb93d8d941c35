"""How many of the marked spans a model finds, and how much of what it finds is one: by type, language and source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from nemora.privacy.protocols import TaggedSpan
from nemora.train.authored import Example
from nemora.train.evaluate import share_of
from nemora.train.span_labels import NAMES, STRONG, UNKNOWN

MIN_IOU = 0.5
Span = tuple[int, int, str]


class _Count:
    """Marked spans and those of them that were found; found spans and those of them that are right."""

    def __init__(self) -> None:
        self.marked = self.found = self.said = self.right = 0

    def report(self) -> dict[str, Any]:
        return {"found": share_of(self.found, self.marked), "right": share_of(self.right, self.said)}


def span_figures(examples: Sequence[Example], tagged: Sequence[Iterable[TaggedSpan]]) -> dict[str, Any]:
    """Shares with counts and intervals. A span is found if one of its type covers it with IoU >= 0.5.

    Names are joined before they are counted: given name and surname side by side are one. Of texts whose source does
    not annotate a type, what is found of that type is not counted.
    """
    by_type: dict[str, _Count] = defaultdict(_Count)
    groups: dict[str, dict[str, _Count]] = {
        key: defaultdict(_Count) for key in ("names_by_language", "strong_by_language", "names_by_source")
    }
    texts = 0
    for example, spans in zip(examples, tagged, strict=True):
        if example.spans is None:
            continue
        texts += 1
        counts = {
            "NAME": [
                by_type["NAME"],
                groups["names_by_language"][example.lang],
                groups["names_by_source"][example.source],
            ]
        } | {kind: [by_type[kind], groups["strong_by_language"][example.lang]] for kind in STRONG}
        _count(example, _joined_names(example.text, [(s.start, s.end, s.label) for s in spans]), counts, by_type)
    report = {"texts": texts, "by_type": {kind: count.report() for kind, count in sorted(by_type.items())}}
    return report | {key: {name: c.report() for name, c in sorted(group.items())} for key, group in groups.items()}


def _count(
    example: Example, found: Sequence[Span], counts: dict[str, list[_Count]], by_type: dict[str, _Count]
) -> None:
    assert example.spans is not None
    marked = _joined_names(example.text, example.spans)
    unknown = [span for span in marked if span[2] == UNKNOWN]
    known = example.known | ({"NAME"} if set(NAMES) <= example.known else set())
    for span in marked:
        if span[2] != UNKNOWN:
            hit = any(span[2] == other[2] and _iou(span, other) >= MIN_IOU for other in found)
            for count in counts.get(span[2], [by_type[span[2]]]):
                count.marked += 1
                count.found += hit
    for span in found:
        if span[2] in known and not any(_iou(span, other) > 0 for other in unknown):
            hit = any(span[2] == other[2] and _iou(span, other) >= MIN_IOU for other in marked)
            for count in counts.get(span[2], [by_type[span[2]]]):
                count.said += 1
                count.right += hit


def _joined_names(text: str, spans: Sequence[Span]) -> list[Span]:
    """Pieces of names with nothing but a few spaces and signs between them are one NAME."""
    joined: list[Span] = []
    for start, end, kind in spans:
        if kind not in NAMES:
            joined.append((start, end, kind))
        elif joined and joined[-1][2] == "NAME" and not text[joined[-1][1] : start].strip(" -'.’"):
            joined[-1] = (joined[-1][0], end, "NAME")
        else:
            joined.append((start, end, "NAME"))
    return joined


def _iou(a: Span, b: Span) -> float:
    together = min(a[1], b[1]) - max(a[0], b[0])
    return max(together, 0) / max(max(a[1], b[1]) - min(a[0], b[0]), 1)

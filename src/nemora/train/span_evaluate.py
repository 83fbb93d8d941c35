"""How many spans a tagger finds, and how many of those it gives are there: by type, language and source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from nemora.train.evaluate import interval
from nemora.train.span_labels import NAMES, UNKNOWN
from nemora.train.span_text import SpanText

Found = Sequence[tuple[int, int, str]]
LEAST_OVERLAP = 0.5


def overlap(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Intersection over union of two ranges."""
    common = min(first[1], second[1]) - max(first[0], second[0])
    return max(0, common) / (max(first[1], second[1]) - min(first[0], second[0]))


def span_figures(texts: Sequence[SpanText], found: Sequence[Found]) -> dict[str, Any]:
    """Recall and precision over all types, by type, by language and by source.

    A span counts as found if one of its type covers it with IoU ≥ 0.5; each found span answers for one only. Found
    spans whose type the source does not annotate, or that touch an UNKNOWN span, are neither right nor wrong.
    """
    hits: Counter[tuple[str, str]] = Counter()
    there: Counter[tuple[str, str]] = Counter()
    given: Counter[tuple[str, str]] = Counter()
    for text, spans in zip(texts, found, strict=True):
        right, gold, judged = _matched(text, spans)
        for counter, kinds in ((hits, right), (there, gold), (given, judged)):
            for kind in kinds:
                for key in (("all", "all"), ("type", kind), ("language", text.lang), ("source", text.source)):
                    counter[key] += 1
    report: dict[str, Any] = {"texts": len(texts), "by_type": {}, "by_language": {}, "by_source": {}}
    for key in sorted({*there, *given}):
        row = _row(hits[key], there[key], given[key])
        if key[0] == "all":
            report |= row
        else:
            report[f"by_{key[0]}"][key[1]] = row
    return report


def whole_names(text: str, spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Spans with pieces of names that have only a few spaces and signs between them made one NAME."""
    joined: list[tuple[int, int, str]] = []
    for start, end, kind in spans:
        if kind not in NAMES:
            joined.append((start, end, kind))
        elif joined and joined[-1][2] == "NAME" and not text[joined[-1][1] : start].strip(" -'.’"):
            joined[-1] = (joined[-1][0], end, "NAME")
        else:
            joined.append((start, end, "NAME"))
    return joined


def with_whole_names(text: SpanText) -> SpanText:
    """The text with its pieces of names so joined; names are annotated where both kinds of pieces are."""
    known = text.known | {"NAME"} if set(NAMES) <= text.known else text.known
    return replace(text, spans=tuple(whole_names(text.text, text.spans)), known=known)


def _matched(text: SpanText, found: Found) -> tuple[list[str], list[str], list[str]]:
    """Types of the spans that were found, that are there, and that were given and can be judged."""
    gold = [span for span in text.spans if span[2] != UNKNOWN]
    unknown = [span for span in text.spans if span[2] == UNKNOWN]
    free = list(found)
    right = []
    matched = []
    for start, end, kind in gold:
        best = max(free, key=lambda span: (span[2] == kind) * overlap(span[:2], (start, end)), default=None)
        if best is not None and best[2] == kind and overlap(best[:2], (start, end)) >= LEAST_OVERLAP:
            right.append(kind)
            matched.append(best)
            free.remove(best)
    wrong = [span for span in free if span[2] in text.known and not _touches(span, unknown)]
    return right, [kind for *_, kind in gold], [kind for *_, kind in (*matched, *wrong)]


def _touches(span: tuple[int, int, str], others: Iterable[tuple[int, int, str]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end, _ in others)


def _row(hits: int, there: int, given: int) -> dict[str, Any]:
    row: dict[str, Any] = {"spans": there, "given": given}
    if there:
        row |= {"recall": round(hits / there, 4), "recall_interval": [round(x, 4) for x in interval(hits, there)]}
    if given:
        row |= {"precision": round(hits / given, 4)}
    return row

"""Read a request: normalise, decode, run every detector and the reader, map what was found back to the original.

Fails closed: whatever could not be read, for whatever reason, makes the inspection incomplete, and an incomplete
inspection counts as sensitive.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nemora.privacy.as_words import as_words
from nemora.privacy.candidates import candidates
from nemora.privacy.covered import Covered
from nemora.privacy.decode import decoded_layers
from nemora.privacy.detectors import ALL, resolve_overlaps
from nemora.privacy.detectors.context import label_words
from nemora.privacy.detectors.public_values import is_published_as
from nemora.privacy.entities import NAMED, entity_matches
from nemora.privacy.escapes import undo_escapes
from nemora.privacy.fields import TooManyCells, labelled_lines
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.further_readings import further_readings
from nemora.privacy.invisible import other_readings
from nemora.privacy.joins import split_findings
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.normalise import normalise
from nemora.privacy.person_words import NAME_LABEL
from nemora.privacy.protocols import Detector, Match, Reader, Segment
from nemora.privacy.reading import ReadingRules
from nemora.privacy.segment import PICTURE
from nemora.privacy.segment_cache import SegmentCache
from nemora.privacy.topics import MATTERS, SURE, topic_matches

CHUNK = 4000
"""Characters read at once. Pieces that did not change since the last turn are not read again."""
LONGEST = 4 * CHUNK
"""Characters of a piece without any space."""
OVERLAP = 256
DENSE_OVERLAP = 2048
_ESCAPING = re.compile(r"[%&\\=]")
_SPACE = re.compile(r"\s")
MAX_FURTHER = 128 * 1024
"""Characters of further readings of one piece; more make the inspection incomplete."""
LEAST_LABELLED = 8
"""Characters that a key and its value have together."""
_PARTICIPANT = re.compile(r"/messages/\d+/name")
"""What somebody who takes part is called."""
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$./:-]{0,63}")
_ENCODED = re.compile(r"(?=[A-Za-z+/]{0,40}[0-9])[A-Za-z0-9+/]{12,400}={0,2}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_NO_SIGNS = re.compile(r"\W+|_")
_SAID = re.compile(r"/messages/\d+/content")
_MAY_END_IN_A_SIGN = frozenset({Kind.PASSWORD, Kind.API_KEY, Kind.CONNECTION_STRING, Kind.PRIVATE_KEY, Kind.CUSTOM})
LEAST_SAID, LEAST_ELSEWHERE = 8, 60
"""Characters from which a text is judged by what it is about."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found, in the order of the request, and whether everything could be read.

    `failures` are the class names of errors that made it incomplete, never their messages. `doubts` are stretches that
    may leave by what they are about, but not surely: they count for nothing unless a judge is asked (`grey_band`).
    """

    findings: tuple[Finding, ...]
    complete: bool = True
    failures: tuple[str, ...] = ()
    doubts: tuple[Finding, ...] = ()
    weak: tuple[Finding, ...] = ()
    """What counts for no decision, and is replaced in a request that leaves redacted (see `candidates`)."""


@dataclass(slots=True)
class _Piece:
    """A chunk of a segment, on its way."""

    segment: Segment
    offset: int
    text: str
    digest: bytes
    for_reader: list[MappedText]
    matches: list[Match]


class Inspector:
    """Reads requests. Not thread-safe.

    Args:
        reader: the model that names people and things and judges what a text is about; None only where neither is
            looked for.
        cache: remembers pieces; None: everything is read anew.
    """

    def __init__(
        self,
        reader: Reader | None,
        *,
        detectors: Sequence[Detector] = ALL,
        cache: SegmentCache | None = None,
    ) -> None:
        self._reader = reader
        self._detectors = tuple(detectors)
        self._cache = cache
        self._rules = ReadingRules()
        self._failures: list[str] = []

    def inspect(self, segments: Sequence[Segment], rules: ReadingRules | None = None) -> Inspection:
        """Read all `segments` of one request, with the policy's `rules`. Never raises for what they hold."""
        self._failures = []
        self._rules = rules or ReadingRules()
        findings: set[Finding] = set()
        weak: set[Finding] = set()
        try:
            findings.update(self._unreadable(segments))
            pieces = [piece for segment in segments for piece in self._pieces(segment)]
            self._read([piece for piece in pieces if not self._remembered(piece)])
            for piece in pieces:
                for match in piece.matches:
                    (weak if match.weak else findings).add(_finding(piece.segment, piece.offset, match))
            findings.update(self._labelled(segments, pieces))
            findings.update(split_findings(segments, self._in_join))
            findings = _without_telling_pointers(findings, segments)
        except Exception as error:  # noqa: BLE001 - fail closed, whatever it was
            self._failures.append(type(error).__name__)
        doubts = {finding for finding in findings if finding.kind in MATTERS and finding.confidence < SURE}
        kept, doubted = (tuple(_in_order(_without_repeats(some), segments)) for some in (findings - doubts, doubts))
        also = tuple(_in_order(weak, segments))
        return Inspection(kept, not self._failures, tuple(self._failures), doubted, also)

    def _unreadable(self, segments: Sequence[Segment]) -> Iterator[Finding]:
        for segment in segments:
            if segment.opaque and not (segment.label == PICTURE and self._rules.images == "read"):
                yield Finding(Kind.UNREADABLE, "opaque", segment.where, 0, 0, 1.0)

    def _pieces(self, segment: Segment) -> Iterator[_Piece]:
        for start, end in chunks(segment.text):
            text = segment.text[start:end]
            digest = (
                self._cache.digest("chunk", self._rules.id, segment.label, text) if self._cache is not None else b""
            )
            yield _Piece(segment, segment.offset + start, text, digest, [], [])

    def _remembered(self, piece: _Piece) -> bool:
        known = self._cache.get(piece.digest) if self._cache is not None else None
        if known is None:
            return False
        piece.matches = list(known)
        return True

    def _read(self, pieces: Sequence[_Piece]) -> None:
        """Read pieces, equal ones once; the reader sees all their texts in one call."""
        unique: dict[tuple[str, str], _Piece] = {}
        for piece in pieces:
            unique.setdefault((piece.segment.label, piece.text), piece)
        failed_before = len(self._failures)
        for piece in unique.values():
            self._detect(piece)
        matters = self._read_with_model(list(unique.values()))
        for piece, found in zip(unique.values(), matters, strict=True):
            # Matters are added last: they cover whole texts, and hide nothing in them.
            piece.matches = [*_resolved(piece.matches), *found]
        for piece in unique.values():
            if self._cache is not None and len(self._failures) == failed_before:
                self._cache.put(piece.digest, tuple(piece.matches))
        for piece in pieces:
            piece.matches = unique[piece.segment.label, piece.text].matches

    def _detect(self, piece: _Piece) -> None:
        base = normalise(piece.text)
        decoded = decoded_layers(base)
        readings = list(decoded.layers)
        piece.for_reader = [decoded.unescaped, *decoded.runs]
        whole = list(piece.for_reader)
        for other in other_readings(piece.text):
            whole.append(other)
            further = decoded_layers(other)
            readings += [other, *further.layers]
            decoded.complete &= further.complete
        if not decoded.complete:
            self._failures.append("DecodeBudget")
        piece.matches = [Match(Kind.UNREADABLE, start, end, 1.0) for start, end in decoded.opaque]
        unprintable = len(_UNPRINTABLE.findall(piece.text))
        if unprintable > 32 and unprintable > 0.1 * len(piece.text):
            piece.matches.append(Match(Kind.UNREADABLE, 0, len(piece.text), 1.0))
        piece.matches.extend(self._matches(base, piece.segment.label))
        for reading in readings:
            piece.matches.extend(_mapped(reading, match) for match in self._made_known(reading, piece.segment.label))
        self._look_again(piece, [base, *whole])

    def _look_again(self, piece: _Piece, texts: Sequence[MappedText]) -> None:
        """Take off the disguises that leave the characters readable, where nothing sure was found."""
        covered = Covered(piece.matches)
        plain = list(piece.matches)
        seen: set[str] = set()
        runs: set[str] = set()
        left = MAX_FURTHER
        for text in {text.text: text for text in reversed(texts)}.values():  # unescaped, it is often the same
            for reading in further_readings(text, covered):
                if reading.text in seen:
                    continue
                seen.add(reading.text)
                left -= len(reading.text)
                if left < 0:
                    self._failures.append("ReadingBudget")
                    return
                shown = self._behind_disguise(piece, reading)
                piece.matches.extend(match for match in shown if not _says_again(piece.text, match, plain))
                made = {run.group() for run in _ENCODED.finditer(reading.text)} - runs
                if any(run not in text.text for run in made):  # put together first
                    runs |= made
                    for layer in decoded_layers(reading).layers:
                        inner = self._made_known(layer, piece.segment.label)
                        piece.matches.extend(_mapped(layer, match) for match in inner)

    def _behind_disguise(self, piece: _Piece, reading: MappedText) -> Iterator[Match]:
        """What a reading shows. A value that stands in the text as it is counts there, not over all that was rewritten.

        A reading may be rewritten over a whole line, and what is found in it then covers that line.
        """
        times: dict[str, int] = {}
        for match in self._made_known(reading, piece.segment.label):
            value, mapped = reading.text[match.start : match.end], _mapped(reading, match)
            if mapped.end - mapped.start > len(value) and value in piece.text[mapped.start : mapped.end]:
                bare = _bare(value)
                if bare not in times:
                    times[bare] = _bare(reading.text).count(bare)
                stretch = piece.text[mapped.start : mapped.end]
                if times[bare] <= _bare(stretch).count(bare) == stretch.count(value):
                    for place in re.finditer(re.escape(value), stretch):
                        start = mapped.start + place.start()
                        yield dataclasses.replace(mapped, start=start, end=start + len(value))
                    continue
            yield mapped

    def _matches(self, layer: MappedText, label: str) -> Iterator[Match]:
        return (_mapped(layer, match) for match in self._unmapped(layer, label))

    def _made_known(self, layer: MappedText, label: str) -> Iterator[Match]:
        """What detectors find in a text that a reading made; the lists of published values hold for it either way."""
        for match in self._unmapped(layer, label):
            if not is_published_as(match.kind, layer.text[match.start : match.end]):
                yield match

    def _unmapped(self, layer: MappedText, label: str) -> Iterator[Match]:
        """What detectors find, in the places of the layer, without values that the policy allows."""
        for detector in (*self._detectors, *self._rules.detectors):
            try:
                found = detector.find(layer.text, label)
            except Exception as error:  # noqa: BLE001 - one detector's failure must not hide what others find
                self._failures.append(f"{detector.name}:{type(error).__name__}")
                continue
            yield from self._counting(layer, found)

    def _counted(self, layer: MappedText, found: Iterable[Match]) -> Iterator[Match]:
        """Matches in the original's places, without values that the policy allows."""
        return (_mapped(layer, match) for match in self._counting(layer, found))

    def _counting(self, layer: MappedText, found: Iterable[Match]) -> Iterator[Match]:
        return (m for m in found if m.end > m.start and not self._rules.allows(layer.text, m))

    def _read_with_model(self, pieces: Sequence[_Piece]) -> list[list[Match]]:
        """Names and the like are added to the pieces; what is returned are their matters, and their weak matches."""
        matters: list[list[Match]] = [[] for _ in pieces]
        if self._reader is None:
            return matters
        texts = [
            (piece, layer, as_words(layer.text, is_name=_PARTICIPANT.fullmatch(piece.segment.where) is not None), found)
            for piece, found in zip(pieces, matters, strict=True)
            for layer in piece.for_reader
        ]
        texts = [
            each for each in texts if _names_count(each[0].segment, each[2]) or _may_tell(each[0].segment, each[2])
        ]
        try:
            examples = self._rules.examples
            spoken = [words for _, _, words, _ in texts]
            readings = self._reader.read(spoken, examples) if examples else self._reader.read(spoken)
        except Exception as error:  # noqa: BLE001 - fail closed
            self._failures.append(f"reader:{type(error).__name__}")
            return matters
        for (piece, layer, words, found), reading in zip(texts, readings, strict=True):
            if _names_count(piece.segment, words):
                named = entity_matches(words, reading.spans, piece.segment.label)
                piece.matches.extend(self._counted(layer, named))
                # Of no weight, so they are added where matters are: they hide nothing.
                found.extend(self._counted(layer, candidates(words, reading.spans)))
            own = [Match(Kind.CUSTOM, like.start, like.end, 1.0, like.label) for like in reading.alike]
            piece.matches.extend(_mapped(layer, match) for match in own)
            if _may_tell(piece.segment, words):
                found.extend(_mapped(layer, match) for match in topic_matches((*reading.topics, *reading.doubts)))
        return matters

    def _labelled(self, segments: Sequence[Segment], pieces: Sequence[_Piece]) -> Iterator[Finding]:
        """Values whose key or column header stands apart from them, perhaps thousands of rows above.

        What is known already depends on the text alone, as what is remembered must: a matter covers whole texts, and
        hides nothing in them.
        """
        at: dict[str, list[Match]] = {}
        for piece in pieces:
            if not piece.segment.offset:
                moved = (replace(m, start=m.start + piece.offset, end=m.end + piece.offset) for m in piece.matches)
                at.setdefault(piece.segment.where, []).extend(m for m in moved if m.kind not in MATTERS and not m.weak)
        for segment in segments:
            if segment.offset or len(segment.text) < LEAST_LABELLED:
                continue
            digest = self._cache.digest("labelled", self._rules.id, segment.text) if self._cache is not None else b""
            found = self._cache.get(digest) if self._cache is not None else None
            if found is None:
                found = tuple(self._behind_labels(segment.text, Covered(at.get(segment.where, ()))))
                if self._cache is not None and not self._failures:
                    self._cache.put(digest, found)
            yield from (_finding(segment, 0, match) for match in found)

    def _behind_labels(self, written: str, sure: Covered) -> Iterator[Match]:
        """The same of one text. What is sure already is left out, so the work is for what is not."""
        text = normalise(written)
        undone = undo_escapes(text.text) if "\\n" in text.text else None
        for whole in (text,) if undone is None else (text, text.through(undone.text)):

            def is_known(start: int, end: int, whole: MappedText = whole) -> bool:
                return sure.holds(*whole.original_span(start, end))

            try:
                for lines in labelled_lines(whole.text, is_known):
                    yield from (_mapped(whole, match) for match in self._in_lines(lines))
            except TooManyCells as error:
                self._failures.append(type(error).__name__)

    def _in_lines(self, lines: MappedText) -> list[Match]:
        digest = self._cache.digest("lines", self._rules.id, lines.text) if self._cache is not None else b""
        found = self._cache.get(digest) if self._cache is not None else None
        if found is None:
            found = tuple(resolve_overlaps(self._matches(MappedText(lines.text), "")))
            if self._cache is not None and not self._failures:
                self._cache.put(digest, found)
        # A label's characters stand at the first of its value; what lies in the label was read where it is written.
        there = [_mapped(lines, match) for match in found]
        return [match for match in there if match.end - match.start > 1]

    def _in_join(self, text: str) -> tuple[Match, ...]:
        """What detectors find in a short text that was put together from two."""
        digest = self._cache.digest("join", self._rules.id, text) if self._cache is not None else b""
        found = self._cache.get(digest) if self._cache is not None else None
        if found is None:
            found = tuple(_resolved(list(self._matches(normalise(text), ""))))
            if self._cache is not None and not self._failures:
                self._cache.put(digest, found)
        return found


def chunks(text: str) -> Iterator[tuple[int, int]]:
    """[start, end) of the pieces of a text, overlapping.

    They end at line ends or spaces where possible, so that no encoded run is cut. Among escapes, each of which is many
    characters for one, they overlap by more. The cuts depend only on what comes before them, so a text that grows at
    its end keeps its earlier pieces.
    """
    start = 0
    while len(text) - start > CHUNK:
        end = _cut(text, start)
        yield start, end
        if end == len(text):
            return
        is_dense = len(_ESCAPING.findall(text, end - OVERLAP, end)) > OVERLAP // 16 or not text[end - 1].isspace()
        start = end - (DENSE_OVERLAP if is_dense else OVERLAP)
    if text:
        yield start, len(text)


def _cut(text: str, start: int) -> int:
    low, high = start + CHUNK * 3 // 4, start + CHUNK
    line = text.rfind("\n", low, high) + 1
    if line:
        return line
    gap = _SPACE.search(text, high, start + LONGEST)
    space = max(text.rfind(" ", low, high), text.rfind("\t", low, high)) + 1
    return space or (gap.end() if gap else min(start + LONGEST, len(text)))


def _bare(text: str) -> str:
    """Without signs and spaces."""
    return _NO_SIGNS.sub("", text)


def _names_count(segment: Segment, text: str) -> bool:
    """A value inside JSON text was read with the whole; alone, only its key may say that it is a name."""
    return (segment.offset == 0 or NAME_LABEL.search(label_words(segment.label)) is not None) and _may_hold_names(text)


def _may_hold_names(text: str) -> bool:
    """Identifiers, keys and bare numbers hold no full name or street, and are many in tool schemas."""
    return len(text) > 3 and not _IDENTIFIER.fullmatch(text) and any(c.isalpha() for c in text)


def _may_tell(segment: Segment, text: str) -> bool:
    """Whether a text can be about something: what people wrote, and elsewhere, as in tool schemas, whole sentences."""
    least = LEAST_SAID if _SAID.match(segment.where) else LEAST_ELSEWHERE
    return len(text) >= least and _SPACE.search(text.strip()) is not None and any(c.isalpha() for c in text)


def _says_again(text: str, match: Match, plain: Sequence[Match]) -> bool:
    """Whether a rewritten text shows no more than a value that stands there plainly, and signs around it: backwards,
    an address is an address, and the full stop behind it is a part of it."""
    return match.kind not in _MAY_END_IN_A_SIGN and any(
        one.kind is match.kind
        and match.start <= one.start
        and one.end <= match.end
        and not any(map(str.isalnum, text[match.start : one.start] + text[one.end : match.end]))
        for one in plain
    )


def _mapped(layer: MappedText, match: Match) -> Match:
    start, end = layer.original_span(match.start, match.end)
    return Match(match.kind, start, end, match.confidence, match.entity, match.weak)


def _resolved(matches: Sequence[Match]) -> list[Match]:
    """Matches without overlaps; the owner's entities stand beside them, neither hiding others nor hidden by them."""
    own = [match for match in matches if match.kind is Kind.CUSTOM]
    if not own:
        return resolve_overlaps(matches)
    return [*resolve_overlaps(match for match in matches if match.kind is not Kind.CUSTOM), *dict.fromkeys(own)]


def _finding(segment: Segment, offset: int, match: Match) -> Finding:
    detector = match.kind.value
    if match.kind in NAMED:
        detector = "reader"
    elif match.kind in MATTERS:
        detector = "topics"
    start, end = match.start + offset, match.end + offset
    return Finding(match.kind, detector, segment.where, start, end, match.confidence, match.entity)


def _without_telling_pointers(findings: set[Finding], segments: Sequence[Segment]) -> set[Finding]:
    """Findings whose pointer leads through a key that is a finding itself are placed at the object that holds it."""
    found_at = {finding.where for finding in findings}
    telling = [
        (s.where, f"{s.where}/{s.text}") for s in segments if s.where in found_at and _IDENTIFIER.fullmatch(s.text)
    ]
    moved: set[Finding] = set()
    for finding in findings:
        where = finding.where
        for holder, pointer in telling:
            if where == pointer or where.startswith(f"{pointer}/"):
                where = holder
                break
        moved.add(finding if where == finding.where else dataclasses.replace(finding, where=where))
    return moved


def _without_repeats(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of one kind that lie inside another at the same place say nothing more."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.where, f.kind, f.entity, f.start, -f.end, -f.confidence)):
        last = kept[-1] if kept else None
        inside = (
            last is not None
            and (last.where, last.kind, last.entity) == (finding.where, finding.kind, finding.entity)
            and finding.end <= last.end
        )
        if not inside or finding.end == 0:
            kept.append(finding)
    return kept


def _in_order(findings: Iterable[Finding], segments: Sequence[Segment]) -> list[Finding]:
    """Findings as they stand in the request; by their pointers message 10 would come before message 2."""
    order: dict[str, int] = {}
    for segment in segments:
        order.setdefault(segment.where, len(order))
    return sorted(findings, key=lambda f: (order.get(f.where, 0), f.start, f.end, f.kind, f.entity))

"""From a tagging model's raw labels to findings: names joined, addresses joined, numbers checked.

The model tags pieces ("GIVEN_NAME", "STREET_NAME"). What a piece means depends on what stands beside it: a first name
alone identifies nobody, a town alone neither (docs/labelling.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nemora.privacy.detectors.context import label_words
from nemora.privacy.detectors.public_values import COUNTING, SAMPLE_NATIONAL_IDS, SAMPLE_SSNS, TEST_CARDS
from nemora.privacy.east_asian_names import whole_name
from nemora.privacy.finding import Kind
from nemora.privacy.named_things import RULES, named_things
from nemora.privacy.person_words import (
    ADDRESS_WORD,
    BEFORE_NAME,
    JOINS_NAMES,
    NAME_LABEL,
    PARTICLES,
    PUBLISHED_WORK,
    SENTENCE_WORDS,
    SIGNATURE,
    STREET_WORD,
    TITLE,
)
from nemora.privacy.protocols import Match, TaggedSpan
from nemora.privacy.public_figures import is_public_figure

NAMED = frozenset({Kind.PERSON_NAME, Kind.STREET_ADDRESS, *(rule.kind for rule in RULES.values())}) - {
    Kind.PASSWORD, Kind.API_KEY, Kind.MEDICAL_RECORD, Kind.PHONE_NUMBER, Kind.EMAIL_ADDRESS
}  # fmt: skip
"""Kinds that only the model finds."""
NAME_LABELS = frozenset({"GIVEN_NAME", "SURNAME"})
_STREET = frozenset({"STREET_NAME", "BUILDING_NUMBER"})
ADDRESS_LABELS = _STREET | {"SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"}
_NUMBERS = {
    "TAX_ID": Kind.GOVERNMENT_ID,
    "GOVERNMENT_ID": Kind.GOVERNMENT_ID,
    "PASSPORT": Kind.GOVERNMENT_ID,
    "DRIVERS_LICENSE": Kind.GOVERNMENT_ID,
    "BANK_ACCOUNT": Kind.BANK_ACCOUNT,
    "ROUTING_NUMBER": Kind.BANK_ACCOUNT,
    "CREDIT_CARD": Kind.PAYMENT_CARD,  # one that is mistyped: those with a right check digit a detector finds
}
# Between two pieces of one address: punctuation, line ends, a word for a part of a building, a stray number.
_ADDRESS_GAP = re.compile(
    r"[\s,;.:()#/|>?·•\-–]{0,8}(?:(?:apt|apartment|suite|ste|unit|flat|floor|fl|p\.?o\.? box)\b\.?[\s,#]{0,4})?"
    r"(?:\d{1,4}[\s,]{0,3})?",
    re.IGNORECASE,
)
_SAME_LINE = re.compile(r"[ \t,.#]{0,3}")
_LEAST_SCORE = {
    "name": 0.5,
    "lower_name": 0.78,
    "whole_name": 0.5,
    "address": 0.48,
    "number": 0.3,
    "lone_number": 0.35,
    "short_number": 0.75,
    "card": 0.5,
    "code": 0.5,
    "lone_code": 0.7,
}
# What a model takes for a document's number, and is none: addresses of machines, hashes, dates, decimals, versions.
_NO_NUMBER = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){1,3}|(?=\d*[a-fA-F])[0-9a-fA-F]{16,}|(?:[0-9a-f]{2}[:-]){2,5}[0-9a-f]{2}|\d{4}[-/.]\d\d?[-/.]\d\d?.*"
    r"|\d\d?[-/.]\d\d?[-/.]\d{2,4}|[\d,]+\.\d+|.*[:=@].*",
    re.IGNORECASE,
)
_NUMBER_WORDS = re.compile(
    r"(?i)\b(?:id|no|nr|num|number|acct|account|passport|licen[cs]e|card|tax|tin|ssn|routing|identification"
    r"|insurance|permit|visa|member|policy|konto|ausweis|numéro|número|cuenta|compte)\b|#|№|号"
)


def entity_matches(text: str, spans: Sequence[TaggedSpan], label: str = "") -> list[Match]:
    """Findings in `text`, from the spans a tagger gave for it (any order). `label` is the key of the field, or ""."""
    ordered = sorted(spans, key=lambda span: (span.start, span.end))
    found = [
        *_people(text, ordered, label),
        *_whole_addresses(text, ordered),
        *_numbers(text, ordered),
        *_banks(text, ordered),
        *_codes(text, ordered),
        *named_things(text, ordered),
    ]
    return sorted(found, key=lambda match: (match.start, match.end))


def _people(text: str, spans: Sequence[TaggedSpan], label: str) -> list[Match]:
    found = []
    for group in name_groups(text, [s for s in spans if s.label in NAME_LABELS]):
        score = sum(span.score for span in group) / len(group)
        start, end = trimmed(text, *_widened(text, group, score))
        whole = whole_name(text, start, end)
        start, end = whole or (start, end)
        words = re.findall(r"[^\s,]*[^\W\d_][^\s,]*", text[start:end])
        if not words or any(char.isdigit() or char in "@_/\\" for char in text[start:end]):
            continue
        if len(words) > 1 and not words[0][0].islower() and words[-1][0].islower():  # "Nancy carves": a name and a verb
            words, end = words[:1], start + text[start:end].index(words[0]) + len(words[0])
        if is_public_figure(text[start:end]) or PUBLISHED_WORK.search(text[max(0, start - 48) : start]):
            continue
        both = (
            len({span.label for span in group}) > 1 and end - start > 2
        )  # written together, in scripts without spaces
        full = len(words) > 1 or whole is not None or both
        if not full and not _singled_out(text, start, end, label):
            continue
        case = "whole_name" if whole and end - start > 2 else "lower_name" if words[0][0].islower() or whole else "name"
        if score >= _LEAST_SCORE[case]:
            found.append(Match(Kind.PERSON_NAME, start, end, round(min(score, 0.95), 4)))
    return [*found, *_other_mentions(text, found)]


def name_groups(text: str, spans: Sequence[TaggedSpan]) -> Iterator[list[TaggedSpan]]:
    """Runs of pieces of one name. A comma joins only "Surname, Given", not the names of a list."""
    group: list[TaggedSpan] = []
    for span in spans:
        gap = text[group[-1].end : span.start] if group else ""
        inverted = len(group) == 1 and group[0].label == "SURNAME" and span.label == "GIVEN_NAME"
        sentence = bool(group) and re.search(r"\w{3}\.\Z", text[max(0, group[-1].end - 4) : group[-1].end]) is not None
        joined = not sentence and len(gap) <= 28 and JOINS_NAMES.fullmatch(gap) and ("," not in gap or inverted)
        if group and not joined:
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def groups(text: str, spans: Sequence[TaggedSpan]) -> Iterator[list[TaggedSpan]]:
    """Runs of pieces of one address."""
    group: list[TaggedSpan] = []
    for span in spans:
        if group and not (span.start - group[-1].end <= 24 and _ADDRESS_GAP.fullmatch(text, group[-1].end, span.start)):
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def _widened(text: str, group: Sequence[TaggedSpan], score: float) -> tuple[int, int]:
    """Over initials before ("J. R. Smith"), and over the other half of a name where the model knew one half only."""
    start, end = group[0].start, group[-1].end
    if PARTICLES.fullmatch(text[start:end].rpartition(" ")[2]) and (rest := _REST_OF_SURNAME.match(text, end)):
        end = rest.end()
    before = re.search(r"(?:(?<![\w.])[A-Z]\.[ -]?){1,3}\Z", text[max(0, start - 12) : start])
    start -= len(before.group()) if before else 0
    if len(group) > 1 or not re.fullmatch(r"[A-Z][a-zà-ž'’-]+", text[start:end]):
        return start, end
    if group[0].label == "GIVEN_NAME" and score >= 0.65 and (after := _SURNAME_AFTER.match(text, end)):
        return start, after.end()
    if group[0].label == "SURNAME" and (given := _GIVEN_BEFORE.search(text, max(0, start - 24), start)):
        return (given.start("given") if not _NO_GIVEN.fullmatch(given["given"]) else start), end
    return start, end


_REST_OF_SURNAME = re.compile(
    rf"(?i:(?:[ '’](?:{PARTICLES.pattern}|und)(?=[ '’])){{0,3}})"
    r"[ '’][A-ZÀ-Þ][^\W\d_]{0,30}(?:[-'’][^\W\d_]{1,30}){0,3}"
)
"""After a particle with which what the model knows of a name ends: "Jean-Luc de" goes on "la Tour"."""
_SURNAME_AFTER = re.compile(
    r" (?:[A-Z]\. )?(?!(?:I|The|And|But|Or|Is|Was|If|In|On|At|A|Can|Could|Will|Please)\b)(?:(?:van|von|de|der|ten|di"
    r"|da|el|al) ){0,2}[A-Z][a-zà-žA-Z'’-]+[a-zà-ž](?![\w.])"
)
_GIVEN_BEFORE = re.compile(r"(?<![\w.'’-])(?P<given>[A-Z][a-zà-ž]{2,15}) \Z")
_NO_GIVEN = re.compile(rf"(?:{TITLE.pattern}|{SENTENCE_WORDS})", re.IGNORECASE)


def _other_mentions(text: str, found: Sequence[Match]) -> Iterator[Match]:
    """The same full names elsewhere in the text: a model that knew a name once is not let to overlook it later."""
    names: dict[str, dict[str, float]] = {}
    for match in found:
        name = text[match.start : match.end]
        first = re.match(r"\w+", name)
        if first and " " in name:
            names.setdefault(first.group(), {})[name] = match.confidence
    known = {match.start for match in found}
    for word in re.finditer(r"\w+", text) if names else ():
        for name, confidence in names.get(word.group(), {}).items():
            end = word.start() + len(name)
            if word.start() not in known and text.startswith(name, word.start()) and not text[end : end + 1].isalnum():
                known.add(word.start())
                yield Match(Kind.PERSON_NAME, word.start(), end, confidence)


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without a title at the front, and without punctuation around."""
    if title := re.match(rf"(?:{TITLE.pattern})\.?\s+", text[start:end], re.IGNORECASE):
        start += title.end()
    span = text[start:end]
    start += len(span) - len(span.lstrip(" \t\r\n,;:.\"'()[]<>*-"))
    return start, max(start, end - (len(span) - len(span.rstrip(" \t\r\n,;:\"'()[]<>*-"))))


def _singled_out(text: str, start: int, end: int, label: str) -> bool:
    """Whether one name alone stands for a person here: after a title, after "Customer" or "Name:", as a signature."""
    if NAME_LABEL.search(label_words(label)) and not text[:start].strip() and not text[end:].strip():
        return True
    before = text[max(0, start - 48) : start]
    return any(pattern.search(before) for pattern in (_TITLE_BEFORE, BEFORE_NAME, SIGNATURE))


_TITLE_BEFORE = re.compile(rf"(?<![^\W_])(?:{TITLE.pattern})\.?\s{{1,3}}\Z", re.IGNORECASE)


def _addresses(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    """A street with its house number, and what follows it. More must agree: a street word, a town, or "address"."""
    for group in groups(text, [s for s in spans if s.label in ADDRESS_LABELS]):
        streets = [span for span in group if span.label == "STREET_NAME"]
        if not streets or not _numbered(text, group):
            continue
        start, end = trimmed(text, group[0].start, group[-1].end)
        agrees = (
            any(span.label in ("CITY", "STATE", "ZIP_CODE", "SECONDARY_ADDRESS") for span in group)
            or any(STREET_WORD.search(text[span.start : span.end]) for span in streets)
            or ADDRESS_WORD.search(text[max(0, start - 48) : start]) is not None
        )
        score = max(span.score for span in streets)
        if agrees and score >= _LEAST_SCORE["address"] and end - start >= 6:
            yield Match(Kind.STREET_ADDRESS, start, end, round(min(score, 0.95), 4))


# A number and words, a flat, a town, a code: "37 Melum 50, Apt. 241, Finnby 96857", in one line or in several.
_ADDRESS_BLOCK = re.compile(
    r"(?<![\w.])\d{1,5}[A-Za-z]?[ ,]{1,2}(?:[^\W\d_][\w.'’/-]{0,30}[ ]{1,2}){0,5}[^\W\d_][\w.'’/-]{0,30}"
    r"(?:[ ]\d{1,5}[A-Za-z]?)?[\s,>?]{1,8}(?:apt|apartment|suite|ste|unit|flat|p\.?o\.? box)\b\.?[ #]{0,2}\d{1,5}"
    r"[A-Za-z]?[\s,>?]{1,8}(?:[^\W\d_][\w.'’-]{0,30}[\s,>?]{1,6}){1,6}\d{4,6}(?:-\d{4})?(?!\w)",
    re.IGNORECASE,
)


def _whole_addresses(text: str, spans: Sequence[TaggedSpan]) -> list[Match]:
    """Addresses that their form gives away, whatever the model knows of the street, and those that the model found."""
    blocks = [Match(Kind.STREET_ADDRESS, *block.span(), 0.6) for block in _ADDRESS_BLOCK.finditer(text)]
    found = _addresses(text, spans)
    return [*blocks, *(f for f in found if not any(b.start < f.end and f.start < b.end for b in blocks))]


def _numbered(text: str, group: Sequence[TaggedSpan]) -> bool:
    """Whether a house number stands beside the street or in its span ("Calle Mayor 14"), or town and code agree."""
    for first, second in pairwise(group):
        if {first.label, second.label} == _STREET and _SAME_LINE.fullmatch(text, first.end, second.start):
            number = first if first.label == "BUILDING_NUMBER" else second
            if any(map(str.isdigit, text[number.start : number.end])):
                return True
    labels = {span.label for span in group}
    if "ZIP_CODE" in labels and labels & {"CITY", "STATE"}:
        return True
    inside = re.compile(r"[^\W\d_]{3}.*\s\d{1,5}[A-Za-z]?\Z|\A\d{1,5}[A-Za-z]?\s")
    return any(span.label == "STREET_NAME" and inside.search(text[span.start : span.end]) for span in group)


def _numbers(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    """Numbers that only the model calls an id. It often errs, so shape must agree, and a word near or a high score."""
    for span in spans:
        kind = _NUMBERS.get(span.label)
        if kind is None or span.score < _LEAST_SCORE["card" if kind is Kind.PAYMENT_CARD else "number"]:
            continue
        start, end = trimmed(text, span.start, span.end)
        value = text[start:end]
        digits = re.sub(r"\D", "", value)
        code = _LETTERED.fullmatch(value) is not None
        if not (code or len(digits) >= 4) or end - start > 34 or _NO_NUMBER.fullmatch(value):
            continue
        if _is_public(digits, value):
            continue
        short = len(digits) < (4 if code else 6)
        said = not short and _NUMBER_WORDS.search(text[max(0, start - 40) : start])
        if said or span.score >= _LEAST_SCORE["short_number" if short else "lone_number"]:
            yield Match(kind, start, end, 0.6)


_LETTERED = re.compile(r"(?=(?:\D*\d){3})(?=(?:[^A-Za-z]*[A-Za-z]){2})[A-Za-z\d]{8,14}")
"""A document's number of letters and digits."""


def _banks(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    """What names a bank, beside an account: it completes the account, and alone it is public."""
    if not any(span.label == "BANK_ACCOUNT" and span.score >= _LEAST_SCORE["number"] for span in spans):
        return
    for span in spans:
        if span.label == "ROUTING_NUMBER" and span.score >= _LEAST_SCORE["number"]:
            start, end = trimmed(text, span.start, span.end)
            if _BANK.fullmatch(text, start, end):
                yield Match(Kind.BANK_ACCOUNT, start, end, 0.6)


_BANK = re.compile(r"[A-Za-z]{6}[A-Za-z0-9]{2}(?:[A-Za-z0-9]{3})?|\d{2}-\d{2}-\d{2}")
"""A BIC, or a sort code, which looks like a date; other numbers `_numbers` judges."""


def _codes(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    """PINs, passphrases and words from which a wallet is restored: they have no form that tells, so a code's word must
    stand before, or the score be high.
    """
    for span in spans:
        if span.label == "SECRET" and span.score >= _LEAST_SCORE["lone_code"]:
            start, end = trimmed(text, span.start, span.end)
            if _SEED_WORDS.fullmatch(text, start, end):
                yield Match(Kind.API_KEY, start, end, 0.6)
        if span.label != "PASSWORD" or span.score < _LEAST_SCORE["code"]:
            continue
        start, end = trimmed(text, span.start, span.end)
        value = text[start:end]
        if _PIN.fullmatch(value):
            if span.score >= _LEAST_SCORE["lone_code"] or _CODE_WORD.search(text[max(0, start - 32) : start]):
                yield Match(Kind.PASSWORD, start, end, 0.6)
        elif span.score >= _LEAST_SCORE["lone_code"] and len(value) >= 6 and len(value.split()) <= 8:
            yield Match(Kind.PASSWORD, start, end, 0.6)


_PIN = re.compile(
    r"[*#]?\d{4,8}[*#]?|\d{3}[ -]\d{3}|\d{4} \d{4}|\d{2} \d{2}|\d(?:[ -]\d){2,7}"
    r"|\d{1,4}[A-Za-z]\d{0,3}|[A-Za-z]\d{2,5}[A-Za-z]?"
)
"""Digits, with what some doors' and phones' codes have beside them."""
_SEED_WORDS = re.compile(r"[a-z]{3,8}(?:[ ,\n]{1,2}(?:\d{1,2}[.)]? ?)?[a-z]{3,8}){11,23}")
_CODE_WORD = re.compile(
    r"(?i)(?<![^\W_])(?:pin|puk|otp|tan|code|codes|passcode|password|passwort|kennwort|mdp|clave|contraseña|senha|código|codice"
    r"|hasło|şifre|kod|код|пин|пароль)(?![^\W_])|密码|验证码|暗証|パスワード|비밀번호|인증번호|पिन|ओटीपी|पासवर्ड|رمز|كلمة|קוד|סיסמה"
)


def _is_public(digits: str, value: str) -> bool:
    if len(set(digits)) == 1 or (len(digits) > 9 and digits in COUNTING):
        return True
    return digits in TEST_CARDS or digits in SAMPLE_SSNS or value.upper() in SAMPLE_NATIONAL_IDS

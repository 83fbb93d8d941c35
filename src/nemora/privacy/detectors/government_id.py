"""Passport, licence, tax and identity numbers: by check digit, by machine-readable zone, or by the word before them."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import digit_windows, key_pattern, keyed_pattern, keyed_values, names, near
from nemora.privacy.detectors.keyed_numbers import find_numbers
from nemora.privacy.detectors.national_ids import NATIONAL_IDS
from nemora.privacy.detectors.public_values import COUNTING, SAMPLE_NATIONAL_IDS
from nemora.privacy.detectors.world_ids import WORLD_IDS
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_LICENCE = (
    r"driv(?:er|ing)(?:'?s?|s')[\s_-]{0,2}(?:licen[cs]es?|permit)(?:[\s_-]{0,2}(?:number|num|no|nr|id|#))?"
    r"|dln?(?:[\s_-]?(?:number|no|#))"
    r"|führerschein(?:nummer|nr)?|permis de conduire|licencia de conduc\w{1,4}|carteira de motorista|cnh"
    r"|patente di guida|rijbewijs"
    r"|водительск\w{2,4} удостоверени\w|驾驶证|運転免許"
)
_PASSPORT = (
    r"passports?(?:[\s_-]{0,2}(?:number|num|no|nr|id|#))?|reisepass(?:nummer|nr)?|pasaporte|passeport|passaporto"
    r"|passaporte|paspoort"
    r"|паспорт\w{0,2}|护照|パスポート|旅券|여권|جواز"
)
_OTHER = (
    r"(?:national|citizen|government|gov|state|military|voter|resident|identity|id)[\s_-]{1,2}(?:id(?:entity)?"
    r"|identification|insurance|card|registration)"
    r"[\s_-]{0,2}(?:card)?[\s_-]{0,2}(?:number|num|no|nr|#)?|personal(?:ausweis)?(?:nummer|nr)|ausweis(?:nummer|nr)?"
    r"|id[\s_-]?(?:number|no|card)"
    r"|national id(?:entifier)?|nino|tax(?:payer)?[\s_-]{0,2}(?:id(?:entification)?|file"
    r"|ref(?:erence)?)(?:[\s_-]{0,2}(?:number|num|no|nr|#))?|(?-i:TIN|EIN|ITIN|UTR|SSIN)"
    r"|steuer(?:nummer|-?id(?:entifikationsnummer)?|nr)|cédula|cedula|carte d'identité|documento de identidad|dni"
    r"|(?-i:NIE|NIF)|curp|cpf|cnpj|pesel|bsn|cnp|(?-i:RFC|RG)(?=\s?:)"
    r"|aadhaar|aadhar|pan card|nric|hkid|emirates id|iqama|nhs number|medicare(?:[\s_-]?(?:number|no|id))?"
    r"|medicaid(?:[\s_-]?(?:number|no|id))?|mbi"
    r"|green card|alien (?:registration )?number|visa number|sozialversicherungsnummer"
    r"|инн|снилс|身份证(?:号码?)?|マイナンバー"
)
_WORDS = f"{_LICENCE}|{_PASSPORT}|{_OTHER}"
_KEY = key_pattern(_WORDS)
# A token that begins with a digit, letters and a digit, or a capital prefix; further groups hold digits too.
_VALUE = (
    r"(?:(?-i:[A-Z]{1,4})[ -]|[A-Za-z]{0,5}-?)\d[A-Za-z0-9]{0,19}"
    r"(?:[./-][A-Za-z0-9]{1,8}|[ ](?=[A-Za-z]{0,2}\d)[A-Za-z0-9]{1,8}|[ ](?-i:[A-Z])(?![A-Za-z'])){0,6}"
    r"(?![A-Za-z0-9]|[/.-]\d)"
)
_KEYED = keyed_pattern(_WORDS, _VALUE)
_BARE = re.compile(_VALUE)
_MRZ = QuickPattern(r"[PVIAC][A-Z<][A-Z]{3}[A-Z0-9<]{25,39}\n[A-Z0-9<]{30,44}(?:\n[A-Z0-9<]{30})?")
_DATE = re.compile(r"(?:19|20)\d\d[ ./-]\d\d?[ ./-]\d\d?|\d\d?[ ./-]\d\d?[ ./-](?:19|20)\d\d")


class GovernmentIdDetector:
    """Numbers that a state gave to a person."""

    name = "government_id"

    def find(self, text: str, label: str) -> list[Match]:
        found = {match.span(): 0.95 for match in _MRZ.finditer(text) if match.group().count("<") >= 5}
        found |= _checked(text, label)
        for span, confidence in find_numbers(WORLD_IDS, text, label):
            found[span] = max(confidence, found.get(span, 0.0))
        for start, end in keyed_values(_KEYED, _BARE, _KEY, text, label):
            value = text[start:end]
            digits = sum(char.isdigit() for char in value)
            if digits < 5 or len(value) > 24 or _DATE.fullmatch(value) or len(set(filter(str.isalnum, value))) < 3:
                continue
            if value.upper() in SAMPLE_NATIONAL_IDS:
                continue
            if not any(a < end and start < b for a, b in found):
                found[start, end] = 0.9 if digits >= 6 else 0.7
        return [Match(Kind.GOVERNMENT_ID, *span, confidence) for span, confidence in sorted(found.items())]


def _checked(text: str, label: str) -> dict[tuple[int, int], float]:
    """Values of the table: sure where the check digit holds and a word stands near, unsure where only one of both."""
    found: dict[tuple[int, int], float] = {}
    windows = digit_windows(text)
    if not windows:
        return found
    there = _WORDS_THERE.there(f"{label} {text}".lower())
    for place in sorted(_SHAPES.may(text)):
        row, key = _ROWS[place]
        hints = _HINTS.get(row.words, ()) if not row.alone else ()
        if hints and there.isdisjoint(hints):  # without its word such a value is none
            continue
        for match in (m for window in windows for m in row.shape.finditer(text, *window)):
            value = re.sub(r"[ ./+-]", "", match.group()).upper()
            if value in SAMPLE_NATIONAL_IDS or value in COUNTING or len(set(value)) < 3:
                continue
            valid = row.valid(value)
            keyed = names(key, label) or near(key, text, *match.span())
            confidence = (0.97 if keyed else row.alone) if valid else 0.6 if keyed else 0.0
            if confidence > found.get(match.span(), 0.0):
                found[match.span()] = confidence
    return found


# A literal of every word that a row names which needs one; a row that is not here is always tried.
_HINTS = {
    row.words: hints
    for row in NATIONAL_IDS
    for country, hints in (
        ("DE", ("steuer", "idnr", "tax", "tin")),
        ("BR", ("cpf",)),
        ("NL", ("bsn", "burgerservice", "sofi")),
        ("PL", ("pesel",)),
        ("GB", ("nhs", "national insurance", "nino", "ni")),
        ("CA", ("sin", "nas", "social")),
        ("NO", ("dselsnummer", "personnummer")),
        ("DK", ("cpr",)),
        ("TR", ("tckn", "kimlik")),
        ("RO", ("cnp",)),
        ("AU", ("tfn", "tax file")),
        ("JP", ("マイナンバー", "個人番号", "my number")),
    )
    if row.country == country
}
_WORDS_THERE = Literals(hint for hints in _HINTS.values() for hint in hints)
_ROWS = tuple((row, key_pattern(row.words)) for row in NATIONAL_IDS)
_SHAPES = QuickSet(row.shape for row in NATIONAL_IDS)

"""Medical record and health insurance numbers, where a word announces them."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import re

from nemora.privacy.detectors.context import digit_windows, key_pattern, keyed_pattern, keyed_values
from nemora.privacy.detectors.health_ids import HEALTH_IDS
from nemora.privacy.detectors.keyed_numbers import find_numbers
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_WORDS = (
    r"mrn|medical[\s_-]?record(?:[\s_-]{0,2}(?:number|num|no|nr|id|#))?|patient[\s_-]?(?:id|number|no|identifier)"
    r"|chart (?:number|no)|hospital (?:number|no)"
    r"|health[\s_-]?(?:plan|insurance|card)[\s_-]{0,2}(?:id|number|no|policy)?|insurance[\s_-]?(?:policy"
    r"|member)[\s_-]{0,2}(?:id|number|no)?|member[\s_-]?id"
    r"|(?:kranken)?versicher(?:ten|ungs)[\s_-]?(?:nummer|nr)|krankenversicherungsnummer|numéro (?:de dossier|d'assuré|patient)"
    r"|(?:pati[eë]nt(?:en)?|fall)[\s_-]?(?:nummer|nr|id)|carte vitale|historia clínica|número de (?:paciente|afiliado|asegurado)"
    r"|numero (?:paziente|cartella clinica)|tessera sanitaria|cartão (?:do )?sus|número de utente|numer pacjenta"
    r"|potilasnumero|номер (?:полиса|пациента|карты пациента)|полис омс|病历号|患者id|患者番号|保険者番号|환자번호"
    r"|subscriber[\s_-]?(?:id|number|no)|beneficiary[\s_-]?(?:id|number)|medicaid[\s_-]?(?:id|number)"
)
_VALUE = r"(?=[A-Za-z-]{0,6}\d)(?:[A-Za-z]{1,4}[-:# ]?)?[A-Za-z0-9](?:-?[A-Za-z0-9]){3,16}(?![\w]|[-./]\d)"
_KEY, _KEYED, _BARE = key_pattern(_WORDS), keyed_pattern(_WORDS, _VALUE), re.compile(_VALUE)
# A literal of every word above.
_HINTS = Literals(
    (
        "mrn",
        "medical",
        "patient",
        "patiën",
        "chart",
        "hospital",
        "health",
        "insurance",
        "member",
        "versicher",
        "num",
        "carte",
        "fall",
        "historia",
        "núm",
        "tessera",
        "cartão",
        "potilas",
        "номер",
        "полис",
        "病历",
        "患者",
        "保険",
        "환자",
        "subscriber",
        "beneficiary",
        "medicaid",
    )
)
_MRN = QuickPattern(r"(?<![\w-])MRN[-:#]?\d{5,12}(?![\w-])")


class MedicalRecordDetector:
    """Identifiers that a health provider or insurer gave to a person."""

    name = "medical_record"

    def find(self, text: str, label: str) -> list[Match]:
        spans = {m.span(): 0.95 for m in _MRN.finditer(text)}
        spans |= dict(find_numbers(HEALTH_IDS, text, label))
        keyed = bool(digit_windows(text) or label) and _HINTS.there(f"{label} {text}".lower())
        for start, end in keyed_values(_KEYED, _BARE, _KEY, text, label) if keyed else ():
            digits = sum(char.isdigit() for char in text[start:end])
            if digits >= 5 and not any(a < end and start < b for a, b in spans):
                spans[start, end] = 0.85
        return [Match(Kind.MEDICAL_RECORD, *span, confidence) for span, confidence in sorted(spans.items())]

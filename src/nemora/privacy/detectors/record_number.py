"""Numbers of employees, customers, students, members, cases, claims and policies, where a word announces them."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import digit_windows, key_pattern, keyed_pattern, keyed_values
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
from nemora.privacy.protocols import Match

_NUMBER = r"[\s_-]{0,2}(?:id|number|num\.?|no\.?|nr\.?|identifier|#)"
_WORDS = (
    rf"(?:employee|emp|staff|personnel|worker|payroll|badge|customer|client|student|matriculation|membership|loyalty"
    rf"|frequent[ _-]flyer|policy(?:holder)?|claim|claimant|case|docket|applicant|candidate|tenant|donor|inmate"
    rf"|beneficiary|subscriber){_NUMBER}"
    r"|(?:personal|kunden|matrikel|mitglieds|versicherungsschein|mitarbeiter|akten|vertrags)-?(?:nummer|nr|zeichen)"
    r"|num[ée]ro (?:de client|client|d'employé|d'étudiant|d'adhérent)|matricule|n[úu]mero de (?:cliente|empleado"
    r"|socio|expediente|alumno|póliza)|numero (?:cliente|dipendente|matricola)|klantnummer|personeelsnummer"
    r"|numer klienta|табельный номер|номер клиента|员工编号|工号|客户编号|学号|社員番号|顧客番号|학번|사번"
)
_VALUE = r"(?=[A-Za-z-]{0,8}\d)[A-Za-z]{0,5}[-#/]?\d[A-Za-z0-9]{0,12}(?:[-/][A-Za-z0-9]{1,10}){0,3}(?![\w]|[-./]\d)"
_KEY, _KEYED, _BARE = key_pattern(_WORDS), keyed_pattern(_WORDS, _VALUE, glue=5), re.compile(_VALUE)
# A literal of every word above, so that most texts cost no more than a few searches.
_HINTS = Literals(
    (
        "employee",
        "emp",
        "staff",
        "personnel",
        "worker",
        "payroll",
        "badge",
        "customer",
        "client",
        "student",
        "matric",
        "membership",
        "loyalty",
        "frequent",
        "polic",
        "claim",
        "case",
        "docket",
        "applicant",
        "candidate",
        "tenant",
        "donor",
        "inmate",
        "beneficiary",
        "subscriber",
        "nummer",
        "nr",
        "zeichen",
        "numéro",
        "numero",
        "número",
        "numer ",
        "номер",
        "工号",
        "编号",
        "学号",
        "番号",
        "학번",
        "사번",
    )
)
_DATE = re.compile(r"(?:19|20)\d\d[-/]\d\d?[-/]\d\d?|(?:19|20)\d\d")
_SAMPLES = frozenset({"12345", "123456", "1234567", "12345678", "123456789", "00000", "000000"})


class RecordNumberDetector:
    """What an organisation calls a person or a matter by. Orders, invoices and parcels are none."""

    name = "record_number"

    def find(self, text: str, label: str) -> list[Match]:
        spans = set()
        if not (digit_windows(text) or label) or not _HINTS.there(f"{label} {text}".lower()):
            return []
        for start, end in keyed_values(_KEYED, _BARE, _KEY, text, label):
            value = text[start:end]
            digits = re.sub(r"\D", "", value)
            if len(digits) >= 4 and not _DATE.fullmatch(value) and digits not in _SAMPLES and len(set(digits)) > 1:
                spans.add((start, end))
        return [Match(Kind.RECORD_NUMBER, *span, 0.8) for span in sorted(spans)]

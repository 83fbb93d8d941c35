"""Telephone numbers: international with +, national by usual punctuation or by the words beside them."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.detectors.digits import same_digit
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_KEY = key_pattern(
    r"(?:tele)?phones?(?:[\s_-]?(?:number|num|no|nr))?|tel|call(?:ed|ing)?(?: (?:me|us|him|her|them|back|on|at|the"
    r"|my|number|phone|cell|office|mobile|home|now)){0,4}[ :]{0,2}(?=\+|\Z)|text[ ]?\Z"
    r"|dial(?:ed|ling)?|mobile|cell(?:phone|ular)?|fax|whatsapp"
    r"|signal|sms|texte?d? (?:me|us|him|her|them)|reach(?:ed)?|answering|contact(?:[\s_-]?(?:number|no))?|landline"
    r"|hotline|pager|voicemail|msisdn|ring (?:me|us)"
    r"|telefon(?:nummer)?|handy(?:nummer)?|rufnummer|anruf(?:en)?|mobil|téléphone|portable|appel(?:er|ez)|tél"
    r"|teléfono|telefono|móvil"
    r"|celular|telefone|cellulare|llam[ae](?:r|me)?|ligar|telefoon|telefonnummer|puhelin|numer telefonu"
    r"|nomor telepon|điện thoại"
    r"|телефон\w{0,3}|тел|звон\w{1,5}|电话|電話|手机|手機|联系方式|携帯|전화|휴대폰|هاتف|جوال|फ़ोन|फोन|τηλέφωνο|טלפון|โทร"
)
# Words after which such a number is something else.
_OTHER = key_pattern(
    r"isbn|issn|doi|order|invoice|ticket|version|serial|sku|part|model|account|acct|routing|iban|ssn|social security"
    r"|sin|passport|licen[cs]e"
    r"|zip|postcode|tracking|case|ref(?:erence)?|po|rfc|port|pid|uid|timestamp|date|build|policy|mrn|id"
)
_CANDIDATE = QuickPattern(
    r"(?<![\w.$€£¥+/=%&-])(?:\+|00(?=[1-9]))?(?:\(?\d|\(\+?\d)(?:[ ./()\u00a0‐-―-]{0,3}\d){5,16}"
    r"(?:[ ,;]{0,2}(?:x|ext\.?|extension|durchwahl|poste)[ .:]{0,2}\d{1,6})?(?![\w%]|[.,:/-]\d)",
    re.IGNORECASE,
)
# After =, & or / a number still counts when it is international or announced (a query string).
_IN_URL = QuickPattern(r"(?<=[=&/:,-])(?:\+|%2B|00(?=[1-9]))\(?\d(?:[ ()./\u00a0-]{0,3}\d){6,14}(?!\w)", re.IGNORECASE)
_NANP = re.compile(r"(?:\+?1[ .\-]?)?(?:\(\d{3}\)[ .\-]?|\d{3}[-.])\d{3}[-. ]\d{4}(?:\D.*)?")
_DATE = re.compile(r"(?:19|20)\d\d[-/. ]\d\d?[-/. ]\d\d?(?:\D.*)?|\d\d?[-/. ]\d\d?[-/. ](?:19|20)\d\d(?:\D.*)?")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:\D.*)?")
_DECIMAL = re.compile(r"(?<=\d{9})\.0\Z")
_PAIRS = re.compile(r"\d\d \d\d \d\d|\d{3} \d{3}")
_THOUSANDS = re.compile(r"\d,\Z")
# Countries whose national numbers begin with 0 and are written so, then the others tried on announced numbers.
_TRUNK_ZERO = ("GB", "FR", "DE", "IT", "NL", "AU", "JP", "CH", "AT", "BE", "SE", "IE", "NZ", "ZA", "CN")
_REGIONS = ("US", *_TRUNK_ZERO, "ES", "PT", "PL", "BR", "MX", "IN", "DK", "NO", "FI", "CZ", "GR", "SG", "HK", "KR")
_PUBLIC_TYPES = {
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
}
_SET = QuickSet((_IN_URL, _CANDIDATE))


class PhoneNumberDetector:
    """Numbers of private lines. Numbers kept for fiction (555-0100 to 555-0199) are no findings."""

    name = "phone_number"

    def find(self, text: str, label: str) -> list[Match]:
        found: list[Match] = []
        if not _SET.may(text):
            return found
        labelled = names(_KEY, label)
        for pattern in (_IN_URL, _CANDIDATE):
            for match in pattern.finditer(text):
                start, end = _trimmed(match)
                keyed = labelled or _announced(text, start, end)
                written = text[start:end].replace("%2B", "+").replace("%2b", "+")
                if not keyed and _OTHER.search(text[max(0, start - 24) : start]) and not _NANP.fullmatch(written):
                    continue
                if _THOUSANDS.search(text[max(0, start - 2) : start]) and not _NANP.fullmatch(written):
                    continue
                confidence = _confidence(written, keyed)
                if confidence:
                    found.append(Match(Kind.PHONE_NUMBER, start, end, confidence))
        return _without_inner(found)


def _without_inner(found: list[Match]) -> list[Match]:
    """Sorted, and without a match inside the one before it: "+1 (343) …" is also "(343) …"."""
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: (m.start, -m.end)):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    """Without spaces, and without a bracket that opens around the number: "Kim (+1 (690) …)"."""
    start, end = match.span()
    written = match.group()
    start += len(written) - len(written.lstrip())
    return start + (written.lstrip()[0] == "(" and written.count("(") > written.count(")")), end


def _announced(text: str, start: int, end: int) -> bool:
    """Whether phone words stand near, and no word between them and the number says that it is something else."""
    if not near(_KEY, text, start, end):
        return False
    before = text[max(0, start - 40) : start]
    words = [m.end() for m in _KEY.finditer(before)]
    others = [m.end() for m in _OTHER.finditer(before)]
    return not others or (bool(words) and words[-1] > others[-1])


def _confidence(written: str, keyed: bool) -> float:
    if keyed:  # a table's program keeps a column with gaps as decimals
        written = _DECIMAL.sub("", written)
    digits = re.sub(r"\D", "", re.split(r"[xXeEdDp]", written)[0])
    shortest = 6 if keyed and _PAIRS.fullmatch(written) else 7
    if not shortest <= len(digits) <= 15 or same_digit(digits) or _fictional(digits) or _IPV4.fullmatch(written):
        return 0.0
    if written.count("(") != written.count(")") or re.fullmatch(r"\d+\.\d+", written):
        return 0.0
    if written.startswith("+") or (written.startswith("00") and keyed):
        return _international("+" + digits.removeprefix("00"), keyed)
    if keyed and len(digits) > 10 and written.isdigit() and _international("+" + digits, False) > 0.9:
        return 0.9  # as messengers and programs keep it, without the plus
    if _DATE.fullmatch(written) or len(digits) > 13:
        return 0.0
    grouped = re.search(r"\d[ ./()\u00a0‐-―-]", written) is not None
    if _NANP.fullmatch(written):
        return _north_american(digits, keyed)
    if keyed:
        return (0.9 if _valid_somewhere(digits, _REGIONS) else 0.6) if grouped or 9 <= len(digits) <= 12 else 0.0
    usual = grouped and digits[0] == "0" and 10 <= len(digits) <= 12 and not re.search(r"\.|\d{7}", written)
    return 0.6 if usual and _valid_somewhere(digits, _TRUNK_ZERO) else 0.0


def _fictional(digits: str) -> bool:
    """North American 555-0100 to 555-0199, kept for fiction; and the counting samples."""
    return bool(re.fullmatch(r"1?\d{3}55501\d\d|55501\d\d", digits)) or digits in (
        "1234567890",
        "0123456789",
        "123456789",
    )


def _international(e164: str, keyed: bool) -> float:
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return 0.6 if keyed else 0.0
    if not keyed and phonenumbers.number_type(number) in _PUBLIC_TYPES:
        return 0.0
    if phonenumbers.is_valid_number(number):
        return 0.95
    return 0.7 if phonenumbers.is_possible_number(number) else 0.6 if keyed else 0.0


def _north_american(digits: str, keyed: bool) -> float:
    try:
        number = phonenumbers.parse(digits, "US")
    except NumberParseException:
        return 0.0
    if not keyed and phonenumbers.number_type(number) in _PUBLIC_TYPES:
        return 0.0
    if phonenumbers.is_valid_number(number):
        return 0.95 if keyed else 0.85
    return 0.7 if phonenumbers.is_possible_number(number) else 0.0


def _valid_somewhere(digits: str, regions: tuple[str, ...]) -> bool:
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(digits, region)):
                return True
        except NumberParseException:
            return False  # the same digits fail in every region
    return False

"""National identity and tax numbers with a check digit or a date: one row each, from the issuers' public rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from nemora.privacy.detectors.checksums import ean13, is_date, luhn, mod11_10, verhoeff, weighted
from nemora.privacy.quick_pattern import QuickPattern

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            2,
            4,
            18,
            20,
            11,
            3,
            6,
            8,
            12,
            14,
            16,
            10,
            22,
            25,
            24,
            23,
        ],
        strict=True,
    )
)


def _dni(value: str) -> bool:
    """Spanish DNI and NIE: the letter is the number modulo 23."""
    number = value[:-1].translate(str.maketrans("XYZ", "012"))
    return _DNI_LETTERS[int(number) % 23] == value[-1]


def _codice_fiscale(value: str) -> bool:
    """Italian codice fiscale: odd places weigh by table, even places by position."""
    even = sum(int(char) if char.isdigit() else ord(char) - 65 for char in value[1:15:2])
    return chr((sum(_ODD[char] for char in value[0:15:2]) + even) % 26 + 65) == value[15]


def _nir(value: str) -> bool:
    """French NIR: the key is 97 minus the number modulo 97; Corsica counts as 19 and 18."""
    number = value[:-2].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(value[-2:])


def _steuer_id(value: str) -> bool:
    """German tax number: one digit of the first ten comes twice or thrice; mod 11,10."""
    counts = sorted(value[:10].count(digit) for digit in set(value[:10]))
    return value[0] != "0" and counts[-1] in (2, 3) and mod11_10(value)


def _cpf(value: str) -> bool:
    """Brazilian CPF: two digits modulo 11."""
    first = weighted(value[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(value[:10], range(11, 1, -1)) * 10 % 11 % 10
    return value[9:] == f"{first}{second}" and len(set(value)) > 1


def _aadhaar(value: str) -> bool:
    return value[0] not in "01" and verhoeff(value)


def _china(value: str) -> bool:
    """Chinese resident id (GB 11643): a birth date, and ISO 7064 mod 11-2."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    if not is_date(int(value[6:10]), int(value[10:12]), int(value[12:14])):
        return False
    return "10X98765432"[weighted(value[:17], weights) % 11] == value[17]


def _nhs(value: str) -> bool:
    """NHS number of England and Wales: modulo 11."""
    check = 11 - weighted(value[:9], range(10, 1, -1)) % 11
    return check % 11 == int(value[9]) and check != 10


def _bsn(value: str) -> bool:
    """Dutch BSN: the eleven test, last digit negative."""
    return (weighted(value[:8], range(9, 1, -1)) - int(value[8])) % 11 == 0 and value != "000000000"


def _pesel(value: str) -> bool:
    """Polish PESEL: the century is added to the month."""
    return (
        is_date(1900, int(value[2:4]) % 20, int(value[4:6]))
        and weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0
    )


def _personnummer(value: str) -> bool:
    """Swedish personnummer: date and Luhn over the last ten digits. Coordination numbers add 60 to the day."""
    short = value[-10:]
    return is_date(1900, int(short[2:4]), int(short[4:6]) % 60) and luhn(short)


def _hetu(value: str) -> bool:
    """Finnish personal identity code: date and a letter modulo 31."""
    letters = "0123456789ABCDEFHJKLMNPRSTUVWXY"
    return is_date(1900, int(value[2:4]), int(value[:2])) and letters[int(value[:6] + value[-4:-1]) % 31] == value[-1]


def _belgium(value: str) -> bool:
    """Belgian national number: 97 minus the number modulo 97, with a 2 before it from the year 2000."""
    number, check = value[:9], int(value[9:])
    return check in (97 - int(number) % 97, 97 - int("2" + number) % 97) and int(value[2:4]) % 20 <= 12


def _rrn(value: str) -> bool:
    """South Korean resident number. Since October 2020 its last digit checks nothing, so the date must do."""
    return is_date(1900, int(value[2:4]), int(value[4:6]))


def _nric(value: str) -> bool:
    """Singapore NRIC and FIN."""
    total = weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(value[0], "XWUTRQPNMLK")
    return letters[total % 11] == value[8] if value[0] != "M" else letters[10 - total % 11] == value[8]


def _south_africa(value: str) -> bool:
    return is_date(1900, int(value[2:4]), int(value[4:6])) and value[10] in "012" and luhn(value)


def _tckn(value: str) -> bool:
    """Turkish identity number."""
    odd, even = sum(map(int, value[0:9:2])), sum(map(int, value[1:8:2]))
    return (
        value[0] != "0" and (odd * 7 - even) % 10 == int(value[9]) and sum(map(int, value[:10])) % 10 == int(value[10])
    )


def _cnp(value: str) -> bool:
    """Romanian CNP."""
    check = weighted(value[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return is_date(1900, int(value[3:5]), int(value[5:7])) and (1 if check == 10 else check) == int(value[12])


def _rut(value: str) -> bool:
    """Chilean RUT: modulo 11 with weights 2 to 7."""
    check = 11 - weighted(value[:-1][::-1], (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    return {10: "K", 11: "0"}.get(check, str(check)) == value[-1]


def _cuit(value: str) -> bool:
    """Argentinian CUIT/CUIL of a person."""
    return (11 - weighted(value[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(value[10])


def _tfn(value: str) -> bool:
    """Australian tax file number."""
    return weighted(value, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _my_number(value: str) -> bool:
    """Japanese individual number."""
    rest = weighted(value[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest <= 1 else 11 - rest) == int(value[11])


def _curp(value: str) -> bool:
    return is_date(1900, int(value[6:8]), int(value[8:10]))


def _norway(value: str) -> bool:
    """Norwegian fødselsnummer: two digits modulo 11. D-numbers add 40 to the day."""
    return (
        is_date(1900, int(value[2:4]), int(value[:2]) % 40)
        and weighted(value[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
        and weighted(value, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    )


def _denmark(value: str) -> bool:
    """Danish CPR. Since 2007 no check digit is kept."""
    return is_date(1900, int(value[2:4]), int(value[:2]))


def _ahv(value: str) -> bool:
    return ean13(value)


def _always(value: str) -> bool:
    return len(set(value)) > 2


@dataclass(frozen=True, slots=True)
class NationalId:
    """`shape` as written; `valid` on the upper-case characters without separators.

    `alone` is the confidence of a valid value with no word beside it, 0 where the check is too weak to stand alone.
    """

    country: str
    shape: QuickPattern
    valid: Callable[[str], bool]
    words: str
    alone: float = 0.0


def _row(country: str, shape: str, valid: Callable[[str], bool], words: str, alone: float = 0.0) -> NationalId:
    return NationalId(
        country, QuickPattern(rf"(?<![\w.-])(?:{shape})(?![\w]|[-.]\d)", re.IGNORECASE), valid, words, alone
    )


_TAX = r"tax(?:payer)?[\s_-]?(?:id|number|no)|(?-i:TIN)"
NATIONAL_IDS = (
    _row("ES", r"\d{8}-?[A-HJ-NP-TV-Z]", _dni, "dni|nif|documento", 0.7),
    _row("ES", r"[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]", _dni, "nie|extranjero", 0.85),
    _row(
        "IT",
        r"[A-Z]{6}[ ]?[0-9L-NP-V]{2}[ ]?[A-EHLMPR-T][ ]?[0-9L-NP-V]{2}[ ]?[A-Z][0-9L-NP-V]{3}[ ]?[A-Z]",
        _codice_fiscale,
        "codice fiscale|(?-i:CF)",
        0.95,
    ),
    _row(
        "FR",
        r"[12][ ]?\d{2}[ ]?(?:0[1-9]|1[0-2]|[2-9]\d)[ ]?(?:\d{2}|2[AB])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}",
        _nir,
        "(?-i:NIR)|sécurité sociale|insee",
        0.85,
    ),
    _row(
        "DE",
        r"\d{2}[ /]?\d{3}[ /]?\d{3}[ /]?\d{3}",
        _steuer_id,
        rf"steuer-?id\w*|steuerliche identifikationsnummer|idnr|{_TAX}",
    ),
    _row("BR", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _cpf, "cpf", 0.95),
    _row("BR", r"\d{11}", _cpf, "cpf"),
    _row("IN", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", _aadhaar, "a+dha+r|uidai|uid|आधार"),
    _row(
        "IN",
        r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]",
        _always,
        r"(?-i:PAN)|pan[\s_-]?(?:card|number|no)|permanent account",
    ),
    _row(
        "CN", r"[1-8]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])\d{2}\d{3}[\dX]", _china, "身份证|resident|公民身份", 0.95
    ),
    _row(
        "GB",
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]",
        _always,
        r"national insurance|nino|ni[\s_-]?(?:number|no)",
        0.8,
    ),
    _row("GB", r"\d{3}[ -]?\d{3}[ -]?\d{4}", _nhs, "nhs"),
    _row("CA", r"\d{3}[ -]?\d{3}[ -]?\d{3}", luhn, "(?-i:SIN|NAS)|social insurance|assurance sociale"),
    _row("NL", r"\d{4}[. ]?\d{2}[. ]?\d{3}", _bsn, "bsn|burgerservicenummer|sofinummer"),
    _row("PL", r"\d{11}", _pesel, "pesel"),
    _row("SE", r"(?:19|20)?\d{6}[-+]\d{4}", _personnummer, "personn(?:umme)?r|samordningsnummer", 0.7),
    _row("FI", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", _hetu, "hetu|henkilötunnus", 0.9),
    _row("NO", r"\d{6}[ ]?\d{5}", _norway, "fødselsnummer|fodselsnummer|personnummer"),
    _row("DK", r"\d{6}-?\d{4}", _denmark, "cpr(?:[\\s_-]?(?:nummer|nr))?"),
    _row("BE", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", _belgium, "rijksregister|registre national", 0.9),
    _row("CH", r"756\.?\d{4}\.?\d{4}\.?\d{2}", _ahv, "ahv|avs", 0.9),
    _row("KR", r"\d{6}-[1-8]\d{6}", _rrn, "주민등록번호|rrn|resident registration", 0.7),
    _row("SG", r"[STFGM]\d{7}[A-Z]", _nric, "nric|(?-i:FIN)", 0.85),
    _row("ZA", r"\d{6}[ ]?\d{4}[ ]?\d{3}", _south_africa, r"south african id|sa id|id[\s_-]?(?:number|no)"),
    _row("TR", r"[1-9]\d{10}", _tckn, r"tckn|t\.?c\.? kimlik|kimlik"),
    _row("RO", r"[1-8]\d{12}", _cnp, "cnp"),
    _row("CL", r"\d{1,2}\.\d{3}\.\d{3}-[\dK]", _rut, "rut|(?-i:RUN)", 0.85),
    _row("AR", r"(?:20|23|24|27)-\d{8}-\d", _cuit, "cuit|cuil", 0.85),
    _row("AU", r"\d{3}[ ]?\d{3}[ ]?\d{3}", _tfn, "tfn|tax file"),
    _row("JP", r"\d{4}[ -]?\d{4}[ -]?\d{4}", _my_number, "マイナンバー|個人番号|my number"),
    _row(
        "MX", r"[A-Z][AEIOUX][A-Z]{2}\d{2}[01]\d[0-3]\d[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d", _curp, "curp", 0.9
    ),
)

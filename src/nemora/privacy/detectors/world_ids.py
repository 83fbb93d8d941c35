"""Identity and tax numbers of further countries, from the issuers' public rules: one row each."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

from nemora.privacy.detectors.checksums import is_date, luhn, mod11_10, weighted
from nemora.privacy.detectors.keyed_numbers import NumberRows, keyed_number


def _mod11(value: str, weights: tuple[int, ...], *, ten: int = 0) -> bool:
    """Sum modulo 11 is the last digit; 10 counts as `ten`."""
    rest = weighted(value[:-1], weights) % 11
    return (ten if rest == 10 else rest) == int(value[-1])


def _minus11(value: str, weights: tuple[int, ...]) -> bool:
    """11 minus the sum modulo 11 is the last digit; 10 and 11 count as 0."""
    rest = 11 - weighted(value[:-1], weights) % 11
    return (0 if rest >= 10 else rest) == int(value[-1])


def _portugal(value: str) -> bool:
    return value[0] in "1235689" and _minus11(value, (9, 8, 7, 6, 5, 4, 3, 2))


def _austria(value: str) -> bool:
    """SVNR: the fourth digit checks the others; a birth date ends it."""
    rest = weighted(value[:3] + value[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    return value[0] != "0" and rest == int(value[3]) and is_date(1900, int(value[6:8]), int(value[4:6]))


def _czech(value: str) -> bool:
    """Rodné číslo of ten digits: divisible by 11; women add 50 to the month, and either may add 20."""
    return is_date(1900, int(value[2:4]) % 50 % 20 or 12, int(value[4:6])) and (
        int(value) % 11 == 0 or (int(value[:9]) % 11 == 10 and value[9] == "0")
    )


def _hungary_tax(value: str) -> bool:
    return value[0] == "8" and weighted(value[:9], range(1, 10)) % 11 == int(value[9])


def _bulgaria(value: str) -> bool:
    """EGN: the month has 20 or 40 added for other centuries."""
    return is_date(1900, int(value[2:4]) % 20, int(value[4:6])) and _mod11(value, (2, 4, 8, 5, 10, 9, 7, 3, 6))


def _yugoslavia(value: str) -> bool:
    """JMBG and EMŠO of thirteen digits: day, month, year, region, and a check."""
    return is_date(1900, int(value[2:4]), int(value[:2])) and _minus11(value, (7, 6, 5, 4, 3, 2) * 2)


def _baltic(value: str) -> bool:
    """Estonian and Lithuanian personal code: a second row of weights where the first leaves 10."""
    rest = weighted(value[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = weighted(value[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return is_date(1900, int(value[3:5]), int(value[5:7])) and rest == int(value[10])


def _latvia(value: str) -> bool:
    rest = (1101 - weighted(value[:10], (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11
    return is_date(1900, int(value[2:4]), int(value[:2])) and rest == int(value[10])


def _ireland(value: str) -> bool:
    """PPS number: seven digits, a check letter, perhaps a second letter that counts nine times."""
    second = ord(value[8]) - 64 if len(value) == 9 and value[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(value[:7], (8, 7, 6, 5, 4, 3, 2)) + 9 * second) % 23] == value[7]


def _amka(value: str) -> bool:
    return is_date(1900, int(value[2:4]), int(value[:2])) and luhn(value)


def _afm(value: str) -> bool:
    return weighted(value[:8], (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(value[8])


def _luxembourg(value: str) -> bool:
    """Thirteen digits: year, month, day, a number, Luhn over twelve, then Verhoeff (not weighed here)."""
    return value[:2] in ("18", "19", "20") and is_date(1900, int(value[4:6]), int(value[6:8])) and luhn(value[:12])


def _iceland(value: str) -> bool:
    rest = 11 - weighted(value[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_date(1900, int(value[2:4]), int(value[:2])) and rest % 11 == int(value[8]) and value[9] in "089"


def _ukraine(value: str) -> bool:
    return sum(int(d) * w for d, w in zip(value, (-1, 5, 7, 9, 4, 6, 10, 5, 7), strict=False)) % 11 % 10 == int(
        value[9]
    )


def _russia_tax(value: str) -> bool:
    """INN of a person, twelve digits with two checks."""
    first = weighted(value[:10], (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighted(value[:11], (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return value[10:] == f"{first}{second}"


def _snils(value: str) -> bool:
    return weighted(value[:9], range(9, 0, -1)) % 101 % 100 == int(value[9:])


def _kazakhstan(value: str) -> bool:
    rest = weighted(value[:11], range(1, 12)) % 11
    if rest == 10:
        rest = weighted(value[:11], (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)) % 11
    return is_date(1900, int(value[2:4]), int(value[4:6])) and rest == int(value[11])


def _israel(value: str) -> bool:
    return luhn(value)


_TAIWAN = "ABCDEFGHJKLMNPQRSTUVXYWZIO"  # the letter's place, plus ten, is its two digits


def _taiwan(value: str) -> bool:
    number = f"{_TAIWAN.index(value[0]) + 10}{value[1:]}"
    return weighted(number, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def _hong_kong(value: str) -> bool:
    """HKID: one or two letters, six digits, a check character in brackets."""
    bare = value.strip("()").replace("(", "")
    body = [36, *(int(char, 36) for char in bare[:-1])][-8:]
    check = 10 if bare[-1] == "A" else int(bare[-1]) if bare[-1].isdigit() else -1
    return (sum(code * weight for code, weight in zip(body, range(9, 1, -1), strict=True)) + check) % 11 == 0


def _thailand(value: str) -> bool:
    return (11 - weighted(value[:12], range(13, 1, -1)) % 11) % 10 == int(value[12])


def _malaysia(value: str) -> bool:
    return is_date(1900, int(value[2:4]), int(value[4:6]))


def _indonesia(value: str) -> bool:
    return is_date(1900, int(value[8:10]), int(value[6:8]) % 40)


def _colombia(value: str) -> bool:
    """NIT: primes as weights, from the right."""
    rest = weighted(value[:-1][::-1], (3, 7, 13, 17, 19, 23, 29, 37, 41, 43)) % 11
    return (rest if rest < 2 else 11 - rest) == int(value[-1])


def _ecuador(value: str) -> bool:
    return 1 <= int(value[:2]) <= 24 and value[2] in "012345" and luhn(value)


def _peru(value: str) -> bool:
    rest = 11 - weighted(value[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return value[:2] in ("10", "15", "17", "20") and rest % 10 == int(value[10])


def _uruguay(value: str) -> bool:
    return -weighted(value[:7], (2, 9, 8, 7, 6, 3, 4)) % 10 == int(value[7])


def _venezuela(value: str) -> bool:
    kind = {"V": 1, "E": 2, "J": 3, "P": 4, "G": 5}[value[0]]
    rest = 11 - (kind * 4 + weighted(value[1:9], (3, 2, 7, 6, 5, 4, 3, 2))) % 11
    return (0 if rest >= 10 else rest) == int(value[9])


def _egypt(value: str) -> bool:
    return value[0] in "23" and is_date(1900, int(value[3:5]), int(value[5:7]))


def _new_zealand(value: str) -> bool:
    """IRD number, with a second row of weights where the first leaves 10."""
    number = value.zfill(9)
    rest = -weighted(number[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if rest == 10:
        rest = -weighted(number[:8], (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return rest == int(number[8])


def _pension(value: str) -> bool:
    """German pension insurance number: the letter counts as two digits; cross sums of products."""
    number = f"{value[:8]}{ord(value[8]) - 64:02d}{value[9:11]}"
    products = (int(d) * w for d, w in zip(number, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sum(p // 10 + p % 10 for p in products) % 10 == int(value[11])


def _spain_insurance(value: str) -> bool:
    return int(value[:10]) % 97 == int(value[10:])


def _utr(value: str) -> bool:
    return "21987654321"[weighted(value[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] == value[0]


def _brazil_pis(value: str) -> bool:
    return _minus11(value, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2))


def _driver_gb(value: str) -> bool:
    """The month of the birth date; women add 50."""
    return 1 <= int(value[6:8]) % 50 <= 12 and 1 <= int(value[8:10]) <= 31


def _itin(value: str) -> bool:
    return value[0] == "9" and int(value[3:5]) in {*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)}


def _dea(value: str) -> bool:
    """Number of a prescriber in the United States."""
    odd, even = sum(map(int, value[2:8:2])), sum(map(int, value[3:8:2]))
    return (odd + 2 * even) % 10 == int(value[8])


def _oib(value: str) -> bool:
    return mod11_10(value)


WORLD_IDS = NumberRows((
    keyed_number("PT", r"\d{3}[ .]?\d{3}[ .]?\d{3}", _portugal, "nif|contribuinte|número de identificação fiscal"),
    keyed_number("AT", r"\d{4}[ /-]?\d{6}", _austria, "svnr|sv-nummer|sozialversicherungsnummer|versicherungsnummer"),
    keyed_number("CZ", r"\d{6}/\d{4}", _czech, "rodné číslo|rodne cislo|rodné|rodného čísla", 0.75),
    keyed_number("CZ", r"\d{10}", _czech, "rodné číslo|rodne cislo|rodné|rodného čísla"),
    keyed_number("HU", r"\d{10}", _hungary_tax, "adóazonosító|adoazonosito|adóazonosító jel|tax id"),
    keyed_number("BG", r"\d{10}", _bulgaria, "егн|egn|единен граждански номер"),
    keyed_number("HR", r"\d{11}", _oib, "oib|osobni identifikacijski broj"),
    keyed_number("RS", r"\d{13}", _yugoslavia, "jmbg|emšo|emso|јмбг|матични број"),
    keyed_number("EE", r"[1-6]\d{10}", _baltic, "isikukood|asmens kodas|personal code"),
    keyed_number("LV", r"\d{6}-?\d{5}", _latvia, "personas kods|personas koda"),
    keyed_number("IE", r"\d{7}[A-W][A-IW]?", _ireland, "pps|ppsn|pps number|pps no|personal public service"),
    keyed_number("GR", r"\d{11}", _amka, "αμκα|amka|α.μ.κ.α"),
    keyed_number("GR", r"\d{9}", _afm, "αφμ|afm|α.φ.μ"),
    keyed_number("LU", r"(?:18|19|20)\d{11}", _luxembourg, "matricule|numéro d'identification national|cns"),
    keyed_number("IS", r"\d{6}-?\d{4}", _iceland, "kennitala|kt"),
    keyed_number("UA", r"\d{10}", _ukraine, "рнокпп|іпн|rnokpp|ідентифікаційний код|податковий номер"),
    keyed_number("RU", r"\d{12}", _russia_tax, "инн|inn"),
    keyed_number("RU", r"\d{3}-\d{3}-\d{3}[ -]\d{2}", _snils, "снилс|snils", 0.9),
    keyed_number("KZ", r"\d{12}", _kazakhstan, "иин|жсн|iin"),
    keyed_number("IL", r"\d{8}-?\d", _israel, "תעודת זהות|ת.ז|ת״ז|teudat zehut|מספר זהות"),
    keyed_number("TW", r"[A-Z][1289]\d{8}", _taiwan, "身分證|身份證|統一編號|national id", 0.8),
    keyed_number("HK", r"[A-Z]{1,2}\d{6}\([0-9A]\)", _hong_kong, "hkid|身份證|身份证|香港身份證", 0.9),
    keyed_number("TH", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", _thailand, "บัตรประชาชน|เลขประจำตัวประชาชน|thai id|national id"),
    keyed_number("MY", r"\d{6}-\d{2}-\d{4}", _malaysia, "mykad|nric|kad pengenalan|no. kp|ic number|ic no"),
    keyed_number("ID", r"\d{16}", _indonesia, "nik|ktp|nomor induk kependudukan|e-ktp"),
    keyed_number("PK", r"\d{5}-\d{7}-\d", lambda value: value[0] in "1234567", "cnic|nadra|nicop|شناختی کارڈ", 0.7),
    keyed_number("CO", r"\d{3}\.?\d{3}\.?\d{3}-\d", _colombia, "nit|rut|identificación tributaria"),
    keyed_number("EC", r"\d{10}", _ecuador, "cédula|cedula|cédula de identidad"),
    keyed_number("PE", r"\d{11}", _peru, "ruc"),
    keyed_number("UY", r"\d\.?\d{3}\.?\d{3}-\d", _uruguay, "cédula|cedula|c.i|ci"),
    keyed_number("VE", r"[VEJPG]-?\d{8}-?\d", _venezuela, "rif|r.i.f"),
    keyed_number("DO", r"\d{3}-?\d{7}-?\d", luhn, "cédula|cedula"),
    keyed_number("EG", r"[23]\d{13}", _egypt, "الرقم القومي|national id"),
    keyed_number("NZ", r"\d{2,3}-?\d{3}-?\d{3}", _new_zealand, "ird|ird number|inland revenue"),
    keyed_number("DE", r"\d{2} ?\d{6} ?[A-Z] ?\d{3}", _pension, "rentenversicherungsnummer|sozialversicherungsnummer|rvnr|rv-nummer|sv-nummer", 0.75),
    keyed_number("ES", r"\d{2}[ /-]?\d{8}[ /-]?\d{2}", _spain_insurance, "seguridad social|nuss|naf|afiliación"),
    keyed_number("GB", r"\d{5} ?\d{5}", _utr, "utr|unique taxpayer"),
    keyed_number("GB", r"[A-Z9]{5} ?\d{6} ?[A-Z9]{2}\d[A-Z]{2}(?: ?\d{2})?", _driver_gb, "driving licence|driver number|dvla", 0.8),
    keyed_number("BR", r"\d{3}\.?\d{5}\.?\d{2}-?\d", _brazil_pis, "pis|pasep|nis|nit"),
    keyed_number("US", r"9\d{2}-\d{2}-\d{4}", _itin, "itin|taxpayer identification|tax id", 0.75),
    keyed_number("US", r"[A-HJ-MPRSTUX][A-Z9]\d{7}", _dea, "dea|dea number|dea registration"),
))  # fmt: skip

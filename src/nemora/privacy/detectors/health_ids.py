"""Health insurance numbers with a check digit, from the issuers' public rules: one row each."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

from nemora.privacy.detectors.checksums import luhn, weighted
from nemora.privacy.detectors.keyed_numbers import NumberRows, keyed_number


def _germany(value: str) -> bool:
    """KVNR: the letter as two digits, then weights 1 and 2 with cross sums."""
    number = f"{ord(value[0]) - 64:02d}{value[1:9]}"
    products = (int(d) * w for d, w in zip(number, (1, 2) * 5, strict=True))
    return sum(p // 10 + p % 10 for p in products) % 10 == int(value[9])


def _australia(value: str) -> bool:
    """Medicare card: the ninth digit checks the eight before it."""
    return value[0] in "23456" and weighted(value[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(value[8])


def _hungary(value: str) -> bool:
    return weighted(value[:8], (3, 7) * 4) % 10 == int(value[8])


def _brazil(value: str) -> bool:
    return weighted(value, range(15, 0, -1)) % 11 == 0


_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O


def _new_zealand(value: str) -> bool:
    """NHI of the old form: three letters, three digits, a check modulo 11."""
    codes = [_LETTERS.index(char) + 1 for char in value[:3]] + [int(char) for char in value[3:6]]
    rest = sum(code * weight for code, weight in zip(codes, range(7, 1, -1), strict=True)) % 11
    return rest != 0 and (11 - rest) % 10 == int(value[6])


def _scotland(value: str) -> bool:
    """CHI number: a birth date and modulo 11."""
    check = 11 - weighted(value[:9], range(10, 1, -1)) % 11
    return check != 10 and check % 11 == int(value[9])


def _npi(value: str) -> bool:
    """Number of a provider in the United States: Luhn with 80840 before it."""
    return value[0] in "12" and luhn("80840" + value)


def _europe(value: str) -> bool:
    """European health insurance card: issued as 80, three of the country, and Luhn."""
    return value.startswith("80") and luhn(value)


def _mbi(value: str) -> bool:
    return value[0] != "0"


_L = "[AC-HJKMNP-RT-Y]"
HEALTH_IDS = NumberRows((
    keyed_number("DE", r"[A-Z]\d{9}", _germany, "kvnr|versichertennummer|versicherten-nr|versichertennr|krankenversicherungsnummer|krankenversichertennummer|krankenkasse|gesundheitskarte", 0.7),
    keyed_number("AU", r"[2-6]\d{3} ?\d{5} ?\d(?:[ /-]?\d)?", _australia, "medicare"),
    keyed_number("CA", r"\d{4}[ -]?\d{3}[ -]?\d{3}", luhn, "ohip|health card|health number|carte santé|carte d'assurance maladie"),
    keyed_number("HU", r"\d{3}[ -]?\d{3}[ -]?\d{3}", _hungary, "taj|taj szám|taj-szám|társadalombiztosítási"),
    keyed_number("BR", r"[1-9]\d{2} ?\d{4} ?\d{4} ?\d{4}", _brazil, "cns|cartão nacional de saúde|cartão sus|sus"),
    keyed_number("NZ", r"[A-HJ-NP-Z]{3}\d{4}", _new_zealand, "nhi|nhi number|national health index"),
    keyed_number("GB", r"\d{3} ?\d{3} ?\d{4}", _scotland, "chi|chi number|community health index|h&c number"),
    keyed_number("US", r"[12]\d{9}", _npi, "npi|national provider"),
    keyed_number("EU", r"80\d{18}", _europe, "ehic|european health insurance|gesundheitskarte|carte européenne|tessera europea"),
    keyed_number("US", rf"[1-9]{_L}[0-9A-Z]\d-?{_L}[0-9A-Z]\d-?{_L}{{2}}\d{{2}}", _mbi, "medicare|mbi|beneficiary"),
))  # fmt: skip

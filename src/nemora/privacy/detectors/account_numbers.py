"""Account numbers with check digits that are not written as an IBAN, from the banks' public rules: one row each."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

from nemora.privacy.detectors.checksums import weighted
from nemora.privacy.detectors.keyed_numbers import NumberRows, keyed_number

_COUNTRY = {"PL": "2521", "PT": "2529"}
_RIB = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 9) * 2 + tuple(range(2, 10)), strict=True)),
}


def _poland(value: str) -> bool:
    """NRB: an IBAN without its country."""
    return int(value[2:] + _COUNTRY["PL"] + value[:2]) % 97 == 1


def _portugal(value: str) -> bool:
    """NIB of 21 digits: modulo 97."""
    return int(value) % 97 == 1


def _mexico(value: str) -> bool:
    """CLABE: weights 3, 7, 1, each product modulo 10."""
    return -sum(int(d) * w % 10 for d, w in zip(value[:17], (3, 7, 1) * 6, strict=False)) % 10 == int(value[17])


def _argentina(value: str) -> bool:
    """CBU: a check digit after the bank's block and one after the account's."""
    first = -weighted(value[:7], (7, 1, 3, 9, 7, 1, 3)) % 10
    second = -weighted(value[8:21], (3, 9, 7, 1, 3, 9, 7, 1, 3, 9, 7, 1, 3)) % 10
    return first == int(value[7]) and second == int(value[21])


def _france(value: str) -> bool:
    """RIB: bank, branch and account weigh 89, 15 and 3; letters of the account stand for digits."""
    account = int("".join(str(_RIB[char]) for char in value[10:21]))
    return 97 - (89 * int(value[:5]) + 15 * int(value[5:10]) + 3 * account) % 97 == int(value[21:])


def _spain(value: str) -> bool:
    """CCC: a check digit for bank and branch, one for the account."""
    weights = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)
    checks = ((11 - weighted(part, weights) % 11) for part in ("00" + value[:8], value[10:]))
    return "".join({10: "1", 11: "0"}.get(check, str(check)) for check in checks) == value[8:10]


def _czech(value: str) -> bool:
    """Prefix and number are each divisible by 11 with weights that double; the bank's code follows the stroke."""
    number = value[:-4].zfill(16)
    weights = (6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
    return weighted(number[:6], weights[4:]) % 11 == 0 and weighted(number[6:], weights) % 11 == 0 and int(number) > 0


def _russia(value: str) -> bool:
    """The first digits name the kind of account, the next three its currency: roubles, dollars, euros, yuan."""
    return value[:3] in ("407", "408", "423", "426", "405", "406", "401", "302") and value[5:8] in (
        "810",
        "643",
        "840",
        "978",
        "156",
    )


_PL = r"\d{2}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}"
_FR = r"\d{5}[ -]?\d{5}[ -]?[A-Z0-9]{11}[ -]?\d{2}"
ACCOUNT_NUMBERS = NumberRows((
    keyed_number("PL", _PL, _poland, "konto|rachunek|nrb|przelew|mikrorachunek", 0.8),
    keyed_number("PT", r"\d{4}[ .-]?\d{4}[ .-]?\d{11}[ .-]?\d{2}", _portugal, "nib|conta"),
    keyed_number("MX", r"\d{3}[ -]?\d{3}[ -]?\d{11}[ -]?\d", _mexico, "clabe|interbancaria|transferencia|depósito|depositar"),
    keyed_number("AR", r"\d{8}[ -]?\d{14}", _argentina, "cbu|cvu|alias|transferencia", 0.8),
    keyed_number("FR", _FR, _france, "rib|guichet|compte|banque|virement", 0.75),
    keyed_number("ES", r"\d{4}[ -]?\d{4}[ -]?\d{2}[ -]?\d{10}", _spain, "cuenta|ccc|banco", 0.75),
    keyed_number("CZ", r"(?:\d{1,6}-)?\d{2,10}/\d{4}", _czech, "účet|účtu|konto|ucet|kauce|platba|kauci"),
    keyed_number("RU", r"\d{20}", _russia, "счёт|счет|р/с|бик|банк|карт", 0.75),
))  # fmt: skip

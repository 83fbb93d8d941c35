"""Sentences and rows that a detector is easily wrong about: values that no quick test may drop, and what only looks so."""

from __future__ import annotations

import pytest

from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment

INSPECTOR = Inspector(None)


def kinds(text: str) -> list[str]:
    return [str(found.kind) for found in INSPECTOR.inspect([Segment("/messages/0/content", text)]).findings]


@pytest.mark.parametrize(
    "text",
    [
        "secret_key,9f8e7d6c5b4a39281706\n",
        "token;abcdEFGH1234567890\n",
        "pin;48391\n",
        "pin,48213\nname,Bob\n",
        "born;1984-02-03\n",
        "national id;AB1234567\n",
        "rut;123456785\n",
        "steuernummer;181/815/08155\n",
        "tax_id;48392017\n",
        "licence;JONES710238J99\n",
        "client_id;48392017\npassport;C48302917\n",
        "Name;Anna Berg\nPersonalausweis;L01X00T478\nGeburtsdatum;12.03.1984\nSteuernummer;181/815/08155\nPIN;48391\n",
        " passport_no | note                                                                                                                                                      \n-------------+-----\n C48302917 | text",
        "Kontonummer: 20051234",
        "rekeningnummer 19991231",
        "账号：20051234",
        "número de cuenta: 20101512",
        "Compte bancaire 20010101",
        "account number 20051234",
        '{"kontonummer": "20051234"}',
        "Kennzeichen HH-H 111",
        "Kennzeichen: M-MM 11",
        "Kennzeichen: B-BB 8888",
        "licence plate: BB BB 88",
        "license plate: BBB 888",
        "license plate AA 11 AAA",
        "паспорт 22 11 212121",
        "dni: 11 22 11 22 1",
        "door code 5190#",
        "Sort code: 60-83-71",
    ],
)
def test_an_announced_value_is_found_whatever_else_it_looks_like(text: str) -> None:
    assert kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "Promo code valid 12-05-24",
        "Code freeze on 12-05-24",
        "The code review on 10-11-24 went well",
        "alarm set for 12-10-24",
        "Clean up code, see #4821",
        "the safe mode fix #4821",
        "vault migration #4821",
        "Fixes the locker bug #48213",
        "int code = 100 * 3;",
        "if code == 404 * 2:",
        "C code 1000# comment",
        "country code: 00-49-30",
        "alarm code 1045 in the PLC means low pressure",
        "checking 1000000 rows for duplicates",
        "We are checking 100000 URLs per minute",
        "We have savings 250000 in total this year",
        "savings 120000 dollars a year",
        "cuenta 123456 seguidores",
        "conta 123456 visitas",
        "CTA 1234567",
        "Log 24-05-12 20240512 INFO payment ok",
        "rent paid 12-05-24 20240512",
        "The access to gpt-4.1 / Claude3.5Sonnet is open",
        "admin panel: v2.1 / React18Beta",
        "root cause: a_b / SomeClass2Name",
        "Our portal uses Vue3!Nuxt3",
        "vpn speed 10Mbps~20Mbps",
        "login: std.Vector&Ref2 x",
        "tan 1500 leather sofa",
        "tan: 1000 to 1500 lux",
        "FS-20481 story",
        "FS 10234 was closed",
        "number plate AA-000-AA",
    ],
)
def test_ordinary_sentences_hold_nothing(text: str) -> None:
    assert kinds(text) == []


def test_a_sort_code_is_no_code_of_a_door() -> None:
    assert set(kinds("My sort code is 20-05-12 and account 41733772")) == {"bank_account"}

from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors import national_ids
from nemora.privacy.detectors.government_id import GovernmentIdDetector

IDS = GovernmentIdDetector()


@pytest.mark.parametrize(
    "text",
    [
        "passport number ⟦X4736251⟧",
        "Passport No.: ⟦C01X00T47⟧",
        "My driver's license number is ⟦LH329609T⟧",
        "driver's license ⟦D123-4567-8901⟧",
        "DL# ⟦S9283746⟧",
        "Reisepass ⟦C01X0006H⟧",
        "National ID: ⟦29304182736455⟧",
        "national insurance number ⟦AB 12 34 56 C⟧",
        "tax id ⟦93-4827163⟧",
        "Medicare number: ⟦1EG4-TE5-MK73⟧",
        "ИНН ⟦7707083893⟧",
    ],
)
def test_a_number_announced_by_its_word_is_found(text: str) -> None:
    assert check(IDS, text)[0].confidence >= 0.6


@pytest.mark.parametrize(
    "value",
    [
        "54362315K",  # ES
        "X2482300W",
        "RCCMNL83S18D969H",  # IT
        "2 55 08 14 168 025 38",  # FR
        "529.982.247-25",  # BR
        "11010519491231002X",  # CN
        "JG103759A",  # GB
        "811228-9874",  # SE
        "131052-308T",  # FI
        "93.05.18-223.61",  # BE
        "756.9217.0769.85",  # CH
        "S1234567D",  # SG
        "12.531.909-2",  # CL
        "20-17254359-7",  # AR
    ],
)
def test_a_value_with_a_valid_check_digit_needs_no_word(value: str) -> None:
    assert check(IDS, f"here: ⟦{value}⟧ thanks")[0].confidence >= 0.7


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("Steuer-ID", "86 095 742 719"),
        ("Aadhaar", "2341 2341 2346"),
        ("PAN", "BNZPM2501F"),
        ("NHS", "943 476 5919"),
        ("SIN", "130 692 544"),
        ("PESEL", "44051401359"),
    ],
)
def test_a_weak_check_digit_needs_a_word(word: str, value: str) -> None:
    assert check(IDS, f"{word}: ⟦{value}⟧")[0].confidence >= 0.6
    check(IDS, f"total: {value}")


def test_a_mistyped_value_is_kept_where_its_word_stands() -> None:
    assert check(IDS, "codice fiscale ⟦RCCMNL83S18D969K⟧")[0].confidence < 0.9
    check(IDS, "codice RCCMNL83S18D969K")


def test_a_machine_readable_zone_is_found() -> None:
    first = "P<UTOERIKSSON<<ANNA<MARIA".ljust(44, "<")
    check(IDS, f"⟦{first}\nL898902C36UTO7408122F1204159ZE184226B<<<<<10⟧")


def test_a_bare_field_is_read_with_its_label() -> None:
    check(IDS, "⟦X4736251⟧", label="passportNumber")
    check(IDS, "X4736251", label="sku")


@pytest.mark.parametrize(
    "text",
    [
        "How do I renew my passport in 2024?",
        "passport expired 2024-05-17",
        "driver's license costs $45",
        "12345678Z is the sample DNI",
        "build 811228-9875",
        "the id number is missing",
        "tax id (EIN) has nine digits",
        "PAN: ABCDE",
        "ID 7",
    ],
)
def test_talk_about_documents_is_none(text: str) -> None:
    check(IDS, text)


def test_every_row_of_the_table_refuses_a_changed_check_character() -> None:
    assert national_ids._dni("54362315K") and not national_ids._dni("54362315L")
    assert national_ids._cpf("52998224725") and not national_ids._cpf("52998224726")
    assert national_ids._china("11010519491231002X") and not national_ids._china("110105194912310021")
    assert national_ids._nhs("9434765919") and not national_ids._nhs("9434765918")
    assert national_ids._bsn("111222333") and not national_ids._bsn("111222334")
    assert national_ids._tckn("10000000146") and not national_ids._tckn("10000000147")
    assert national_ids._tfn("123456782") and not national_ids._tfn("123456783")
    assert national_ids._norway("15108695088") and not national_ids._norway("15108695077")
    assert national_ids._cnp("1630615123457") and not national_ids._cnp("1630615123458")
    assert national_ids._steuer_id("86095742719") and not national_ids._steuer_id("86095742718")

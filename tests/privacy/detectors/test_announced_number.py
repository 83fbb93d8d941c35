from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import check

from nemora.privacy.detectors.announced_number import AnnouncedNumberDetector
from nemora.privacy.finding import Kind

NUMBERS = AnnouncedNumberDetector()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("DL number: ⟦F255-921-50-094-0⟧", Kind.GOVERNMENT_ID),
        ("her licence ⟦AF11577672X⟧ was taken", Kind.GOVERNMENT_ID),
        ("Führerschein-Nr. ⟦B072RRE2I55⟧", Kind.GOVERNMENT_ID),
        ("permis de conduire n° ⟦107 024 077⟧, délivré à Pau", Kind.GOVERNMENT_ID),
        ("prawo jazdy nr ⟦17565/60/4507⟧", Kind.GOVERNMENT_ID),
        ("водительское удостоверение № ⟦4698 148832⟧", Kind.GOVERNMENT_ID),
        ("驾驶证号⟦512451795027660149⟧，C1", Kind.GOVERNMENT_ID),
        ("免許証番号は⟦642317097327⟧です", Kind.GOVERNMENT_ID),
        ("운전면허번호 ⟦99-97-407648-09⟧", Kind.GOVERNMENT_ID),
        ("رخصة القيادة رقم ⟦87473669⟧", Kind.GOVERNMENT_ID),
        ("PPT ⟦FL2761811⟧", Kind.GOVERNMENT_ID),
        ("putovnica ⟦YC 047750⟧", Kind.GOVERNMENT_ID),
        ("hộ chiếu ⟦L1130405⟧, ngày", Kind.GOVERNMENT_ID),
        ("UTR: ⟦0939512301⟧", Kind.GOVERNMENT_ID),
        ("vergi no ⟦9196833894⟧", Kind.GOVERNMENT_ID),
        ("mã số thuế: ⟦4524105272⟧", Kind.GOVERNMENT_ID),
        ("주민등록번호는 ⟦050810-4315688⟧입니다", Kind.GOVERNMENT_ID),
        ("branch code ⟦915-802⟧", Kind.BANK_ACCOUNT),
        ("IFSC ⟦HDFC0767073⟧", Kind.BANK_ACCOUNT),
        ("BIC ⟦RGFT BE HH⟧ for the transfer", Kind.BANK_ACCOUNT),
        ("swift ⟦LNRNGB3M⟧, name as above", Kind.BANK_ACCOUNT),
        ("VIN: ⟦L0SFNUKN4MGVL7YE5⟧", Kind.VEHICLE),
        ("plate ⟦UR51WYS⟧ again", Kind.VEHICLE),
        ("biển số ⟦71F-69619⟧", Kind.VEHICLE),
        ("ナンバー⟦練馬480き9176⟧の車", Kind.VEHICLE),
        ("診察券番号は⟦51658985⟧です", Kind.MEDICAL_RECORD),
        ("member no ⟦XT-270619⟧", Kind.RECORD_NUMBER),
        ("policy ⟦K-30335⟧, claim late", Kind.RECORD_NUMBER),
        ("expediente ⟦ID187364⟧", Kind.RECORD_NUMBER),
        ("| Nr paszportu | ⟦J4514601⟧ |", Kind.GOVERNMENT_ID),
        ("<th>UTR</th><td>⟦0939512301⟧</td>", Kind.GOVERNMENT_ID),
        ("vergi_no=⟦1697274767⟧", Kind.GOVERNMENT_ID),
    ],
)
def test_a_number_after_its_word_is_found(text: str, kind: Kind) -> None:
    assert [match.kind for match in check(NUMBERS, text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "the licence is MIT, version 12.4.100",
        "MIT license 2024, see RFC 2045",
        "software license ISO-27001-2022",
        "patente US 10123456",
        "How many digits has a passport number? Between 6 and 9.",
        "passport photos 35 x 45 mm, 2 pieces, 2024-05-06",
        "the driving licence test has 40 questions, pass mark 43 of 50",
        "driver number 4 of 5 leads the race",
        "tax year 2023/2024, tax code 1257L applies",
        "VAT rose from 19 to 21 percent",
        "Taylor Swift COMPILER notes",
        "Swift 5.9 LANGUAGE guide",
        "sort code by length, then by name 100000 times",
        "case COVID-19, policy ISO-27001, claim 3-4",
        "plate 12 of the atlas, home plate",
        "number plates are yellow at the back since 1973",
        "a badge for 10000 steps",
        "customer 12 of 300 waits",
        "the claim of 100,000 dollars was refused in 2019-2020",
        "student no 5 sits in row 7",
        "passport number 123456789",
        "case 2019-2020 was closed",
        ":rfc:`RFC 2045`",
        "vin de pays 2015, 12,5 % vol",
        "fin de semana 2024 en Madrid",
        "Case C-311/18 and case T-201/04 of the court",
        "pan: 1280x720, zoom: 2",
    ],
)
def test_look_alikes_are_not_found(text: str) -> None:
    assert NUMBERS.find(text, "") == []


@pytest.mark.parametrize(
    ("label", "value", "kind"),
    [
        ("passport_no", "CLM45W590", Kind.GOVERNMENT_ID),
        ("bic", "GJXZESFF", Kind.BANK_ACCOUNT),
        ("licenceNumber", "R-483930-519", Kind.GOVERNMENT_ID),
    ],
)
def test_the_label_of_a_field_announces_too(label: str, value: str, kind: Kind) -> None:
    assert [(m.start, m.end, m.kind) for m in NUMBERS.find(value, label)] == [(0, len(value), kind)]
    assert NUMBERS.find(value, "title") == []


@given(st.text(st.sampled_from("passport licence DL BIC vin 0123456789AB-./ \n是№:"), max_size=300))
def test_any_text_gives_values_inside_it(text: str) -> None:
    for match in NUMBERS.find(text, ""):
        value = text[match.start : match.end]
        assert (value == value.strip() and any(char.isdigit() for char in value)) or value.isupper()


def test_numbers_drawn_anew_are_found_after_a_plain_key() -> None:
    from nemora.train import values_number as number

    draw = random.Random(8)
    found = sum(bool(NUMBERS.find(f"Driving licence number: {number.licence(draw)}", "")) for _ in range(300))
    assert found >= 270

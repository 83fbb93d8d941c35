from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import check

from nemora.privacy.detectors.secondary_address import SecondaryAddressDetector

ADDRESSES = SecondaryAddressDetector()


@pytest.mark.parametrize(
    "text",
    [
        "send it to ⟦PO Box 448⟧, Reno",
        "⟦P.O. Box 2290⟧\nTulsa OK",
        "⟦Private Bag X12⟧, Pretoria",
        "⟦Postfach 12 34 56⟧, 84316 Kassel",
        "écris à ⟦BP 123⟧, 69001 Lyon",
        "⟦Apartado de correos 605⟧",
        "⟦Postbus 4410⟧, Breda",
        "⟦а/я 825⟧, Тула",
        "⟦ص.ب 8213⟧ الرياض",
        "⟦私書箱85号⟧",
        "99 Maple Street, ⟦Apt 4B⟧, Reno",
        "4 Mill Rd\n⟦Suite 210⟧\nDayton",
        "⟦Flat 14A⟧, 7 Church Lane, Leeds",
        "12 Elm St ⟦2nd floor⟧",
        "12 oak court ⟦apt 3⟧",
        "⟦Unit 5⟧, 40 Harbour Way, Hull",
        "⟦TSA 71503⟧, Leeds",
        "⟦Apartado 605⟧, Vigo",
        "Ringstraße 21, ⟦3. OG⟧, 27820 Kassel",
        "ул. Ленина, 5, ⟦кв. 48⟧",
        "Calle Goya 16, ⟦5º C⟧, 05897 Vigo",
        "解放大街142号⟦2号楼7单元2901⟧",
    ],
)
def test_post_boxes_and_flats_beside_a_street_are_found(text: str) -> None:
    check(ADDRESSES, text)


@pytest.mark.parametrize(
    "text",
    [
        "What is a PO box?",
        "area 24 square units, height 8",
        "1/10th of the cake, 3/8th of the pie",
        "BP 140/90, pulse 72",
        "a suite of 12 tests on floor(4.5)",
        "Unit 4 of the textbook covers fractions",
        "we moved 2, 3 piano lessons a week",
        "floor 3 is closed for cleaning",
        "room temperature is 21",
        "3 et 4, as 5",
        "x[3], int 5",
        "apt 2.4.1 installs packages",
        "48 кв. м",
        "block 7 was mined at 12",
        "won 5 games in a row, level 3 was hardest",
        "run 10 iterations of the loop, block 4 is skipped",
        "Unit 2, 5 problems on the square",
        "5 minutes walk, block 2 is near",
        "El artículo 12, apartado 5, del Reglamento",
        "art. 5 apdo. 2 del Código",
        "TSA 2023 statistics, the TSA 311 rule",
        "den 12, 13. og 14. juni",
        "Act 3, sc. 1 of the play",
        "(C) 2019, 2021, D. Knuth",
    ],
)
def test_look_alikes_are_not_found(text: str) -> None:
    assert ADDRESSES.find(text, "") == []


@given(st.text(st.sampled_from("apt unit PO Box street st 0123456789AB-./,# \nкв号室"), max_size=300))
def test_any_text_gives_values_inside_it(text: str) -> None:
    for match in ADDRESSES.find(text, ""):
        value = text[match.start : match.end]
        assert value == value.strip() != ""

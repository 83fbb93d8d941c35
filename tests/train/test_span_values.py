from __future__ import annotations

import random
import re

import pytest

from nemora.train import values_firm as firm
from nemora.train import values_health as health
from nemora.train import values_matter as matter
from nemora.train import values_number as number
from nemora.train import values_place as place
from nemora.train import values_project as work
from nemora.train.person_name import address_pieces, name_pieces
from nemora.train.span_labels import (
    ABSENT_FROM_HARMLESS,
    IGNORED,
    LABELS,
    PUBLIC,
    PUBLIC_KNOWN,
    STRONG,
    TYPES,
    UNKNOWN,
    columns_hidden_by_o,
    targets,
)
from nemora.train.values_east_asia import composed_name

DRAW = random.Random(0)


def digits_of(value: str) -> str:
    return re.sub(r"\D", "", value)


def test_cards_and_canadian_numbers_pass_luhn() -> None:
    for make in (number.card, number.sin):
        for _ in range(100):
            digits = [int(c) for c in digits_of(make(DRAW))]
            assert sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))) % 10 == 0


def test_american_routing_numbers_pass_their_check() -> None:
    for _ in range(100):
        assert number.weighted(number.aba(DRAW), (3, 7, 1) * 3) % 10 == 0


def test_what_is_said_has_no_digits_and_codes_have_nothing_else_but_signs() -> None:
    for _ in range(100):
        assert not digits_of(number.spoken_phone("en", DRAW)) and not digits_of(matter.passphrase(DRAW))
        assert 4 <= len(digits_of(matter.pin(DRAW))) <= 8 and len(matter.recovery_phrase(DRAW).split()) in (12, 24)


def test_ibans_have_the_rest_one() -> None:
    for _ in range(200):
        value = number.iban(DRAW).replace(" ", "").upper()
        assert int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97 == 1


def test_verhoeff_agrees_with_a_published_example() -> None:
    assert number.verhoeff("236") == "3"


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (number.nir, lambda v: int(digits_of(v)[:13]) % 97 + int(digits_of(v)[13:]) == 97),
        (number.dni, lambda v: v[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits_of(v.translate(str.maketrans("XYZ", "012"))[:8])) % 23]),
        (number.pesel, lambda v: sum(int(d) * w for d, w in zip(v, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True)) % 10 == 0),
        (number.bsn, lambda v: (sum(int(d) * w for d, w in zip(v, range(9, 1, -1))) - int(v[8])) % 11 == 0),  # noqa: B905
        (number.tckn, lambda v: sum(map(int, v[:10])) % 10 == int(v[10])),
        (number.nhs, lambda v: sum(int(d) * w for d, w in zip(digits_of(v), range(10, 0, -1), strict=True)) % 11 == 0),
    ],
)  # fmt: skip
def test_national_numbers_have_their_check_digits(make, check) -> None:  # type: ignore[no-untyped-def]
    assert all(check(make(DRAW)) for _ in range(100))


def test_values_differ_from_draw_to_draw() -> None:
    for make in (number.card, number.iban, number.passport, number.vin, number.mac, matter.secret, matter.password):
        assert len({make(DRAW) for _ in range(20)}) >= 18


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ada van den Berg", [("Ada", "GIVEN_NAME"), ("van den Berg", "SURNAME")]),
        ("Berg, Ada", [("Berg", "SURNAME"), ("Ada", "GIVEN_NAME")]),
        ("Dr. Ada Berg Jr.", [("Ada", "GIVEN_NAME"), ("Berg", "SURNAME")]),
        ("Mrs Berg", [("Berg", "SURNAME")]),
        ("王小明", [("王", "SURNAME"), ("小明", "GIVEN_NAME")]),
        ("欧阳修文", [("欧阳", "SURNAME"), ("修文", "GIVEN_NAME")]),
        ("김철수", [("김", "SURNAME"), ("철수", "GIVEN_NAME")]),
        ("Ada", [("Ada", "GIVEN_NAME")]),
    ],
)
def test_a_name_is_taken_apart_as_its_owner_would(name: str, parts: list[tuple[str, str]]) -> None:
    pieces = name_pieces(name)
    assert [piece for piece in pieces if piece[1]] == parts and "".join(part for part, _ in pieces) == name


@pytest.mark.parametrize(
    "address", ["14 bis rue des Lilas", "Am Markt 7", "8 Elm Road, Fairview, NY 38682", "somewhere", "9 Hill St #4"]
)
def test_an_address_keeps_its_text_and_finds_its_number(address: str) -> None:
    pieces = address_pieces(address)
    assert "".join(part for part, _ in pieces) == address
    kinds = {kind for _, kind in pieces}
    assert ("BUILDING_NUMBER" in kinds) == any(c.isdigit() for c in address)


def test_targets_begin_and_continue_spans_and_leave_out_what_is_unknown() -> None:
    spans = [(0, 3, "GIVEN_NAME"), (4, 8, "SURNAME"), (9, 12, UNKNOWN)]
    offsets = [(0, 0), (0, 3), (4, 6), (6, 8), (9, 12), (13, 14)]
    names = [LABELS[t] if t != IGNORED else "-" for t in targets(spans, offsets)]
    assert names == ["-", "B-GIVEN_NAME", "B-SURNAME", "I-SURNAME", "-", "O"]


def test_o_hides_only_types_that_a_source_does_not_annotate() -> None:
    hidden = columns_hidden_by_o({"EMAIL"})
    assert hidden[0] and not hidden[LABELS.index("B-EMAIL")] and not hidden[LABELS.index("I-EMAIL")]
    assert sum(hidden) == len(LABELS) - 2
    assert columns_hidden_by_o(TYPES) == (True, *[False] * (len(LABELS) - 1))


def test_public_inventories_map_to_types_that_exist() -> None:
    for name, table in PUBLIC.items():
        assert set(table.values()) <= {*TYPES, "PERSON", "ADDRESS", UNKNOWN, None}
        assert PUBLIC_KNOWN[name] <= set(TYPES)
    assert STRONG <= ABSENT_FROM_HARMLESS


def test_what_the_model_must_not_learn_by_heart_is_wide() -> None:
    draw = random.Random(1)
    for make, least in (
        (work.project, 850),
        (work.host, 850),
        (lambda d: firm.organisation("en", d), 900),
        (lambda d: health.condition("en", d), 450),
        (lambda d: health.medication("en", d), 450),
        (lambda d: place.box("en", d), 500),
    ):
        assert len({make(draw) for _ in range(1000)}) >= least


def test_each_language_has_words_for_health_and_shapes_of_firms_without_gaps() -> None:
    draw = random.Random(2)
    assert set(health.CONDITIONS) == set(health.MEDICATIONS) and len(health.CONDITIONS) >= 30
    for table in (health.CONDITIONS, health.MEDICATIONS):
        for words in table.values():
            found = words.split("|")
            assert len(set(found)) == len(found) and all(word == word.strip() != "" for word in found)
    for lang in health.CONDITIONS:
        for make in (health.condition, health.medication, firm.organisation):
            value = make(lang, draw)
            assert value == value.strip() != "" and "|" not in value and "_" not in value


def test_a_firm_named_after_somebody_has_no_letter_left_to_fill() -> None:
    draw = random.Random(3)
    for lang in ("en", "de", "es", "ru", "zh", "ja", "ar"):
        names = [firm.organisation(lang, draw) for _ in range(150)]
        assert not [name for name in names if re.search(r"(?<![A-Za-zÀ-ž.&])[SGFC](?= [a-zа-я])", name)]
        assert len(set(names)) > 40


def test_substances_keep_their_names_but_for_the_end() -> None:
    draw = random.Random(4)
    names = {health.medication("de", draw) for _ in range(3000)}
    assert {"fluoxetin", "omeprazol"} <= names
    assert not [name for name in names if name.endswith(("xetine", "razole"))]


@pytest.mark.parametrize("locale", ["zh_CN", "zh_TW", "ko_KR", "ja_JP"])
def test_composed_names_have_a_surname_and_one_or_two_signs(locale: str) -> None:
    for _ in range(200):
        given, surname = composed_name(locale, DRAW) or ("", "")
        if locale == "ja_JP":
            assert given and surname
        else:
            assert 2 <= len(surname + given) <= 4
    assert composed_name("de_DE", DRAW) is None

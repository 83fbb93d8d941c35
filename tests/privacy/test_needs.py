"""Readers that are left out of a text would have found nothing in it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.needs import NEEDS, Needed

READERS = tuple(NEEDS)
SAMPLES = (
    "4 7 1 6 2 0 9 3", "4-7-1-6-2-0-9-3", "4716|2093|1184", "4!7!1!6!2!0!9!3", "my SSN is 5E6-21-S07B",
    "....- --... .---- -.... ..--- ----- ----. ...--", "\u283c\u2801\u2803\u2809", "foursevenonesixtwo",
    "the third of May nineteen seventy-one", "00000000: 3437 3136 2032 3039 3320  4716 2093 ", "p4ssw0rd: x",
    "[52, 55, 49, 54, 50, 48, 57]", "chr(52)+chr(55)+chr(49)+chr(54)", "00110100 00110111 00110001 00110110 00110010",
    "'4716'.replace('x', '')", "'3902 6174'[::-1]", '"47" + "16" + "20"', "''.join(['47', '16', '20'])",
    "PART_1=47\nPART_2=16\nPART_3=20", "\n> 47\n> 16\n> 20", "47<br>16<br>20<br>93", "**47**16**20**",
    'decode("4716 2093")', "ada*example*com", "ada@example,com", "DE89 37O4 OO44 O532 O13O", "%!^!(@)#!!", "0x1BF08EB000",
    "4+0 3+4 1+0 3+3 1+1 2+0 5+4", "4th 7th 1st 6th 2nd 9th 3rd", "44771166220099", "4.7162093E+7", "scan_4716-2093.pdf",
    "||4716||2093||", "starts with 4716, then 2093", "4 um 7 um 1 um 6 um 2 um 0 um 9", "DOB scan_1971-05-03.pdf",
    "card 3902 6174 3902 6174", "&\xe9\"'(-\xe8_\xe7\xe0", "cdecghcdcdcdcd", "aabba ababb abbaa baaba", "M y   S S N   i s   5",
    "||| || |||| | || ||| |||| |", "44 33 555 555 666 0 9 99", "13-25 19-19-14 9-19 5", "5x1 3x1 6x1 2x1 2x1 8x1",
    "MySSNis536228741", "[My] [SSN] [is] [536]", "M\ny\nS\nS\nN\n5\n3\n6\n2", "dit dah dit dah dah dit", "4716 (x) 2093 (y) 11",
    "012 021 001 101 220 111 002", "four thousand seven hundred, one", "FULL STOP, DIGIT ONE, DIGIT TWO, COMMA, COLON, SPACE",
)  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_reader_that_finds_something_is_asked(reader: object) -> None:
    rng = random.Random(5)
    for sample in SAMPLES:
        for _ in range(12):
            text = _changed(rng, f"My card number is {sample}, thanks" if rng.random() < 0.6 else sample)
            assert _is_asked_where_it_finds(reader, text), text


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(READERS),
    st.text(st.sampled_from("0149aefmMSeE \n-_.:=\"'()[]{}<>@#!*+/\\%,\xe9\u2801"), max_size=120),
)
def test_a_reader_that_finds_something_in_anything_is_asked(reader: object, text: str) -> None:
    assert _is_asked_where_it_finds(reader, text)


def test_plain_prose_asks_few() -> None:
    assert len(Needed(READERS).readers("The train leaves at noon and nobody waits for it.")) < 4


def _is_asked_where_it_finds(reader: object, text: str) -> bool:
    assert callable(reader)
    return reader in Needed([reader]).readers(text) or not list(reader(text))


def _changed(rng: random.Random, text: str) -> str:
    signs = list(text)
    for _ in range(rng.randint(0, 4)):
        place = rng.randrange(len(signs))
        signs[place : place + rng.randint(0, 1)] = rng.choice(["", " ", "0", "x", "-", "\n", "\xe9", signs[place]])
        signs = signs or [" "]
    return "".join(signs)

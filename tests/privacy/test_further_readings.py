"""Readers of disguises give edits inside the text, in order, in bounded number; what has too many is not complete."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy import further_readings
from nemora.privacy.covered import Covered
from nemora.privacy.edits import Edit, rewritten
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.protocols import Match, Segment

READERS = (*further_readings._STRONG, *further_readings._WEAK, *further_readings._NUMBERS)


def read(text: str) -> Inspection:
    return Inspector(None).inspect([Segment("/messages/0/content", text)])


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *("card ", "ssn: ", "password", "4716", "2093", " ", "  ", "\n", "\r\n", '"', "'", "`", " + ", ", ", "("),
            *(
                ")",
                "[",
                "]",
                "chr(52)",
                "52, 55, 49",
                "0x34",
                "U+0034 ",
                "00110100 ",
                "four ",
                "seven-",
                "double ",
                "a ",
            ),
            *(
                "....- ",
                "--... ",
                "/ ",
                "a = ",
                "b",
                "{a}",
                "${b}",
                ".join(",
                '.replace("#", "")',
                "[::-1]",
                "reversed(",
            ),
            *(
                "@",
                "gmail.com",
                "moc.liamg",
                "p4ssw0rd",
                "O",
                "l",
                "|",
                "~",
                "-",
                ".",
                "\u200b",
                "é",
                "İ",
                "\U0001f600",
                "ß",
            ),
            *("CONCAT(", "drowssap", "cnffjbeq", "AIzaSy", "=", "<~", "~>", "DE44", "\x00", "\ud800"),
        ]
    ),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@settings(max_examples=40, deadline=None)
@given(text=FRAGMENTS)
def test_edits_lie_inside_in_order_without_overlaps(reader: further_readings.Reader, text: str) -> None:
    end = 0
    for edit in reader(text):
        assert end <= edit.start < edit.end <= len(text)
        end = edit.end


@settings(max_examples=80, deadline=None)
@given(FRAGMENTS)
def test_every_reading_maps_each_character_into_the_text(text: str) -> None:
    for reading in further_readings.further_readings(MappedText(text), Covered()):
        spans = [reading.original_span(n, n + 1) for n in range(len(reading.text))]
        assert all(0 <= start < end <= len(text) for start, end in spans)


@settings(max_examples=80, deadline=None)
@given(FRAGMENTS)
def test_inspection_never_raises_and_findings_lie_inside(text: str) -> None:
    inspection = read(text)
    assert inspection.complete
    assert all(0 <= finding.start <= finding.end <= len(text) for finding in inspection.findings)


REPEATED = [
    *('card "47" + "16" ', "card 4-7-1-6-2-0-9 ", "ssn chr(52) + chr(55) + chr(49) + chr(54), ", "card O0l5 1234567 "),
    *("card 4716|2093|8854 ", "four seven one six two nine, card ", "card ['4', '7'].join('') ", "p4ssw0rd 1234 "),
    *(
        "card\n4716\n2093\n",
        "drowssap 1234 ",
        "card 52, 55, 49, 54, 50, 48 ",
        "....- --... .---- -.... ..--- ----- card ",
    ),
    *(
        "card c a r d 4 7 1 6 2 0 ",
        "a = '4'\nb = '7'\ncard a + b\n",
        'card "a#b".replace("#", "") ',
        "card NDcxNjIwOTM= ",
    ),
]


@pytest.mark.parametrize("unit", REPEATED)
def test_twice_the_text_gives_at_most_three_times_the_characters_to_read(unit: str) -> None:
    def characters(count: int) -> int:
        text = MappedText(unit * count)
        return sum(len(reading.text) for reading in further_readings.further_readings(text, Covered()))

    assert characters(400) <= 3 * characters(200) + 1000
    assert characters(400) <= 24 * len(unit) * 400


HOSTILE = [
    *(
        '"',
        "'a' + ",
        "(",
        "['a', ",
        "{a}",
        "a + ",
        "a = 'b'\n",
        "chr(65) + ",
        "chr(",
        "65, ",
        "01000001 ",
        "01",
        ".- ",
        "-",
    ),
    *("1-", "1~2|", "O0l", "O0l ", "DE12 ", "4\n", "ab\n", "a ", "one ", "p4@$", "a@", "moc.a@b", "U+0041 ", "A1+/"),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_whole_piece_of_one_sign_is_read_to_its_end(unit: str) -> None:
    text = (unit * 16_000)[:16_000] + "\x01!"
    for reader in READERS:
        assert sum(1 for _ in reader(text)) <= len(text)


def test_more_further_readings_than_the_bound_are_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "my card is four seven one six two zero nine three thanks"
    assert read(text).complete
    monkeypatch.setattr("nemora.privacy.inspect.MAX_FURTHER", 10)
    assert read(text).failures == ("ReadingBudget",)


def test_detectors_read_a_text_without_disguises_once() -> None:
    seen: list[str] = []

    class Counting:
        name = "counting"

        def find(self, text: str, label: str) -> list[Match]:
            seen.append(text)
            return []

    text = "The ship left the harbour in the morning and came back with the tide. " * 40
    Inspector(None, detectors=[Counting()]).inspect([Segment("/messages/0/content", text)])
    assert seen == [text]


DISGUISED = {
    "number words": (
        "My card number is {} thanks",
        "four seven one six two zero nine three eight eight five four one seven two eight",
    ),
    "German number words": (
        "Meine Kartennummer: {}",
        "vier sieben eins sechs zwei null neun drei acht acht fünf vier eins sieben zwei acht",
    ),
    "double": ("My card is {}", "four seven one six two zero nine three double eight five four one seven two eight"),
    "dashes": ("My card is {}", "4-7-1-6-2-0-9-3-8-8-5-4-1-7-2-8"),
    "bars": ("My card is {} ok", "4716|2093|8854|1728"),
    "single characters": ("My card is {} ok", "4 7 1 6 2 0 9 3 8 8 5 4 1 7 2 8"),
    "one a line": ("My card is\n{}\nok", "\n".join("4716209388541728")),
    "broken lines": ("My card number:\n{}\nThank you very much", "47162\n09388\n54172\n8"),
    "codes": ("My card is {}", ", ".join(str(ord(c)) for c in "4716209388541728")),
    "chr calls": ("card = {}", " + ".join(f"chr({ord(c)})" for c in "4716209388541728")),
    "code points": ("card: {}", " ".join(f"U+{ord(c):04X}" for c in "4716209388541728")),
    "bits": ("card: {}", " ".join(f"{ord(c):08b}" for c in "4716209388541728")),
    "literals in a row": ("card = {}", '"4716" + "2093" + "8854" + "1728"'),
    "items": ("card = {}", '["4716", "2093", "8854", "1728"]'),
    "keys": ("card = {}", '{"p1": "4716", "p2": "2093", "p3": "8854", "p4": "1728"}'),
    "builder": ("card = {}", 'B().append("4716").append("2093").append("8854").append("1728")'),
    "settings": ("The card is\n{}\n", "P_1=4716\nP_2=2093\nP_3=8854\nP_4=1728"),
    "quoted lines": ("The card number is\n{}\n\nThanks", "> 4716\n> 2093\n> 8854\n> 1728"),
    "tags": ("My card is {} ok", "471<b>6</b>209<b>3</b>8854<i>1728</i>"),
    "words between": ("My card is {}", "4716 then 2093 then 8854 then 1728"),
    "brackets": ("My card is {}", "(4716)(2093)(8854)(1728)"),
    "base58": ("card {}", "AZS1yP59GkJcUuYESAn76jGNd5"),
    "basE91": ("card {}", 'Z%ex7WJBG3atqC%S2"_@7R4A'),
    "CSS": ("card {}", "".join(f"\\{ord(c):x} " for c in "4716209388541728").strip() + " "),
    "octal": ("card {} ", " ".join(f"{ord(c):03o}" for c in "4716209388541728")),
    "words run together": ("card {}", "foursevenonesixtwozeroninethreeeighteightfivefouroneseventwoeight"),
    "Chinese words": ("card {}", "四 七 一 六 二 〇 九 三 八 八 五 四 一 七 二 八"),
    "file": ("My card is in scan_{}.pdf", "4716-2093-8854-1728"),
    "joined list": ("card = {}", "''.join(['4716', '2093', '8854', '1728'])"),
    "replaced": ("card = {}", '"4716#2093#8854#1728".replace("#", "")'),
    "turned slice": ("card = {}", '"8271458839026174"[::-1]'),
    "turned": ("My card backwards: {}", "8271 4588 3902 6174"),
    "misread": ("My card number is {}", "47l6 2O93 8854 l728"),
    "Morse": (
        "My card is {}",
        "....- --... .---- -.... ..--- ----- ----. ...-- ---.. ---.. ..... ....- .---- --... ..--- ---..",
    ),
}


@pytest.mark.parametrize("way", DISGUISED)
def test_a_disguised_card_number_is_found_where_it_stands(way: str) -> None:
    sentence, hidden = DISGUISED[way]
    text = sentence.format(hidden)
    start = text.index(hidden)
    found = [f for f in read(text).findings if f.kind is Kind.PAYMENT_CARD]
    assert found
    assert all(f.start < start + len(hidden) and start < f.end for f in found)
    assert max(f.end for f in found) - min(f.start for f in found) >= 0.8 * len(hidden)


HARMLESS = {
    "prose": "There were one or two, then three, four or five boats, and six of the seven came home at nine.",
    "phonetic names": "The band plays alpha, then Romeo and Juliet, and the hotel served whiskey in November.",
    "versions": "Upgrade from 4.7.1 to 6.2.0; the order number is 9-3-8-8-5-4-1.",
    "list of numbers": "The primes are 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53.",
    "code of strings": "path = 'reports' + '/' + '2024' + '/' + '11'\nvalue = a + b",
    "list of words": 'colours of the card = ["red", "green", "blue", "white", "black"]',
    "html": "<p>The account <b>page</b> has <i>3</i> tabs and <b>12</b> cards.</p>",
    "bits": "The mask is 11111111 11111111 11111111 00000000 00000000.",
    "rule": "Title\n-----\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "time stamps": "2025-03-27 10:12:40,656 INFO worker-2 account page=7 took=802ms",
    "palindromes": "A man, a plan, a canal: the word level is a level in itself.",
    "sandbox card": "Use the test card 4-2-4-2-4-2-4-2-4-2-4-2-4-2-4-2 in the sandbox.",
    "sandbox card in words": "Test card: " + "four two " * 8,
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_harmless_text_of_the_same_shape_is_not_found(text: str) -> None:
    assert read(text).findings == ()


@pytest.mark.parametrize("key", range(1, 26))
def test_a_sentence_under_any_shift_is_read(key: int) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    shifted = str.maketrans(letters, letters[key:] + letters[:key])
    text = "please charge the credit card number 4716 2093 8854 1728, my password is tulip7!".translate(shifted)
    assert {f.kind for f in read(text).findings} >= {Kind.PAYMENT_CARD}


def test_weak_edits_count_only_near_a_word_that_announces_and_where_nothing_is_known() -> None:
    def readings(text: str, covered: Covered) -> list[str]:
        at = text.index("4-7")
        edits: Iterable[Edit] = [Edit(at, at + 3, "47")]
        return [made.text for made in rewritten(MappedText(text), edits, weak=True, covered=covered)]

    assert readings("card 4-7", Covered()) == ["card 47"]
    assert readings("page 4-7", Covered()) == []
    assert readings("card 4-7", Covered([Match(Kind.PAYMENT_CARD, 4, 8, 0.9)])) == []

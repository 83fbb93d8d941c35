"""The shape of a token is what its id does not say: capitals, digits, and what stands before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.tagger.reader import shipped_folder
from nemora.tagger.tokens import SHAPES, SPECIAL_SHAPE, load_tokenizer, shapes, tokenise


@pytest.mark.parametrize(
    ("text", "start", "case", "gap"),
    [
        ("x word", 2, 1, 1),
        ("x Word", 2, 2, 1),
        ("x WORD", 2, 3, 1),
        ("x wOrd", 2, 4, 1),
        ("x McDonald", 2, 4, 1),
        ("x W", 2, 3, 1),
        ("x w0rd", 2, 5, 1),
        ("x -,-", 2, 0, 1),
        ("x 王小明", 2, 0, 1),
        ("x Élan", 2, 2, 1),
        ("x Ольга", 2, 2, 1),
        ("x😀", 1, 0, 0),
        ("x\nword", 2, 1, 2),
        ("x\u2028word", 2, 1, 2),
        ("x\u00a0word", 2, 1, 1),
        ("word", 0, 1, 2),
    ],
)
def test_shapes(text: str, start: int, case: int, gap: int) -> None:
    (found,) = shapes(text, np.array([[start, len(text)]]))
    assert divmod(int(found), 3) == (case, gap)


@given(st.text(st.characters(), min_size=1, max_size=30), st.data())
def test_any_text_has_shapes_like_those_of_the_readable_rule(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    (found,) = shapes(text, np.array([[start, end]]))
    assert found == 3 * _case(text[start:end]) + _gap(text[:start])
    assert 0 <= found < SPECIAL_SHAPE < SHAPES


def _case(token: str) -> int:
    known = "".join(char if ord(char) < 0x10000 else "-" for char in token)
    upper, lower = sum(map(str.isupper, known)), sum(map(str.islower, known))
    if any(map(str.isdigit, known)):
        return 5
    if upper == 1 and lower and known[0].isupper():
        return 2
    return 4 if upper and lower else 3 if upper else 1 if lower else 0


def _gap(before: str) -> int:
    if not before or before[-1] in "\n\r\v\f\x85\u2028\u2029":
        return 2
    return 1 if before[-1].isspace() else 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("電話は03-12です", ["電", "話", "は", "03", "-", "12", "で", "す"]),
        ("毎朝ワルファリンを", ["毎", "朝", *"ワルファリン", "を"]),
        ("전화010입니다 kim님", ["전", "화", "010", *"입니다", "kim", "님"]),
        ("plain words 42nd", ["plain", "words", "42nd"]),
    ],
)
def test_a_word_is_a_sign_where_no_spaces_are_written_and_ends_with_its_script(text: str, words: list[str]) -> None:
    with shipped_folder() as folder:
        _, numbers, offsets = tokenise(load_tokenizer(folder / "tokenizer.json"), text)
    ranges = [offsets[numbers == number] for number in dict.fromkeys(numbers.tolist())]
    assert [text[rows[0, 0] : rows[-1, 1]] for rows in ranges] == words


def test_thai_is_cut_into_pieces_and_each_is_a_word() -> None:
    with shipped_folder() as folder:
        _, numbers, offsets = tokenise(load_tokenizer(folder / "tokenizer.json"), "โทรหาทอง42")
    assert len(set(numbers.tolist())) == len(numbers) > 2
    assert offsets[-1].tolist() == [8, 10] and offsets[0, 0] == 0 and (offsets[1:, 0] == offsets[:-1, 1]).all()

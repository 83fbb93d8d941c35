"""Strings that code puts together are read in one pass, as a slow search reads them, and do not grow without bound."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy import code_strings
from nemora.privacy.code_strings import named_parts, worked_out

PIECES = [
    "a", "b", "abc", "a+b", "$a$b", "$(a)$(b)", "&a;&b;", "=", " = ", ": ", ":=", "+=", " ", "4716", '"2093"', "'x y'", "x: y=4", ";", ",", "\n", "é", "1",
    "[a, b] = [\"47\", '16']\n", "(a, abc) = (1, 2, 3)", "[b, b] = [47, 16]", "a=4716;", 'b = "2093"\n', "abc: 88\n", "{% a = 1 %}", "]", ")",
]  # fmt: skip


def value_slowly(name: str, text: str) -> tuple[int, str] | None:
    """A search of the whole text for one name."""
    for stated in code_strings._LIST.finditer(text):
        names, given = re.split(r",[ ]?", stated[1]), re.split(r",[ ]?", stated[2])
        if name in names and len(names) == len(given):
            return stated.start(), given[names.index(name)].strip("\"'`")
    single = code_strings._DEFINED.pattern.replace(r"[A-Za-z_]\w{0,39}+", re.escape(name))
    found = re.search(single, text)
    return None if found is None else (found.start(), found["value"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_values_of_all_names_are_those_of_a_search_for_each(text: str) -> None:
    values = code_strings._stated_values(text)
    for name in {"a", "b", "abc", "x", "y", *re.findall(r"[A-Za-z_]\w{0,39}", text)}:
        assert values.get(name) == value_slowly(name, text)


def test_values_are_looked_for_once_for_all_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    slow = code_strings._stated_values

    def counted(text: str) -> dict[str, tuple[int, str]]:
        read.append(len(text))
        return slow(text)

    monkeypatch.setattr(code_strings, "_stated_values", counted)
    for text in ("a+b\n" * 16_000, "".join(f"a{n}+b{n}\n" for n in range(1000)), "a=4716\nb=2093\n" + "a+b\n" * 1000):
        read.clear()
        list(named_parts(text))
        assert read == [len(text)]


def test_uses_of_named_parts_are_found_behind_many_that_name_nothing() -> None:
    text = "x+y\n" * 500 + 'a = "4716"\nb = "2093"\nprint(a+b)\n'
    assert [edit.plain for edit in named_parts(text)] == ['"47162093"']


def test_uses_of_named_parts_put_in_no_more_than_the_text_and_a_constant() -> None:
    text = "".join(f'{name} = "{"4" * 80}"\n' for name in "ab") + "\n" * 500 + "a+b\n" * 2000
    put = sum(len(edit.plain) - 2 for edit in named_parts(text))
    assert 0 < put <= len(text) + code_strings.MOST_PUT


@settings(max_examples=100, deadline=None)
@given(st.text("ab", max_size=400), st.text("ab", min_size=1, max_size=3), st.text("b", max_size=400))
def test_a_replacement_grows_no_literal_without_bound(subject: str, sign: str, by: str) -> None:
    longest = max(len(subject), len(sign), len(by))
    for edit in worked_out(f'replace("{subject}", "{sign}", "{by}")'):
        assert len(edit.plain) - 2 <= max(code_strings.GROWN * longest, code_strings.LEAST_GROWN)


def test_a_replacement_by_a_long_literal_is_cut() -> None:
    (edit,) = worked_out(f'replace("{"a" * 399}", "a", "{"b" * 398}")')
    assert edit.plain == f'"{"b" * 4 * 399}"'


def test_a_replacement_that_grows_a_literal_a_little_is_whole() -> None:
    assert [edit.plain for edit in worked_out('replace("4#716", "#", "44")')] == ['"444716"']

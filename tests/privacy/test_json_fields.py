"""The values of JSON text, each with its place; an edit of one leaves JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.json_fields import DEEPEST, fields_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in (key, *leaves(inner))]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    if not isinstance(value, str):
        return []
    inner = inner_json(value)
    return [value] if inner is None else leaves(inner)


def inner_json(text: str) -> Any:
    """What a string that holds JSON says; None if it holds none."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


NESTED = st.recursive(VALUES, lambda inner: st.fixed_dictionaries({"body": inner.map(json.dumps)}), max_leaves=3)


@given(VALUES | NESTED, st.booleans(), st.sampled_from([None, 2]))
def test_the_fields_of_json_are_its_strings_readable_and_in_order(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    fields = fields_of(text, json_expected=True)
    assert [f.readable.text for f in fields if f.role in ("key", "value")] == leaves(value)
    for field in fields:
        assert (
            json.loads(
                text[field.start : field.end] if field.role == "number" else f'"{text[field.start : field.end]}"'
            )
            is not None
        )


@given(VALUES | NESTED, st.sampled_from([None, 2]), st.integers(0, 50), st.integers(0, 50))
def test_replacing_any_part_of_any_field_leaves_json(value: Any, indent: int | None, first: int, second: int) -> None:
    text = json.dumps(value, indent=indent)
    for field in fields_of(text, json_expected=True):
        size = len(field.readable.text)
        start, end = sorted((first % (size + 1), second % (size + 1)))
        if field.role == "number" or start == end:
            continue
        low, high = field.readable.original_span(start, end)
        edited = json.loads(f"{text[:low]}PERSON_K3F7Q2{text[high:]}")
        assert field.readable.text[:start] + "PERSON_K3F7Q2" + field.readable.text[end:] in leaves(edited)


@given(VALUES | NESTED, st.integers(0, 80), st.integers(0, 80))
def test_a_span_touches_exactly_the_characters_it_covers(value: Any, start: int, end: int) -> None:
    text = json.dumps(value)
    for field in fields_of(text, json_expected=True):
        inside = field.inside(start, end)
        covered = [
            n
            for n in range(len(field.readable.text))
            if _overlaps(field.readable.original_span(n, n + 1), (start, end))
        ]
        assert (list(range(*inside)) if inside else []) == covered


def _overlaps(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@given(st.text(max_size=40))
def test_what_is_no_json_is_one_field(text: str) -> None:
    for broken in (f'{{"a": {text}', f"[{text}"):
        fields = fields_of(broken, json_expected=True)
        assert len(fields) == 1 or json.loads(broken) is not None
    plain = fields_of(f"say {text}", json_expected=False)
    assert [(f.role, f.readable.text) for f in plain] == [("text", f"say {text}")]


def test_a_number_in_json_in_a_string_is_a_field_and_knows_how_a_string_is_written_there() -> None:
    inner = json.dumps({"ssn": 219099999, "who": 'Ann "A" Lee'})
    text = json.dumps({"n": 1, "body": json.dumps({"body": inner})})
    fields = {f.readable.text: f for f in fields_of(text, json_expected=True)}
    assert [(f.role, f.quote) for f in (fields["1"], fields["219099999"])] == [("number", '"'), ("number", '\\\\\\"')]
    number = fields["219099999"]
    edited = text[: number.start] + f"{number.quote}X{number.quote}" + text[number.end :]
    assert json.loads(json.loads(json.loads(edited)["body"])["body"]) == {"ssn": "X", "who": 'Ann "A" Lee'}
    assert fields['Ann "A" Lee'].role == "value"


def test_deeper_than_is_read_a_string_is_one_field() -> None:
    text = json.dumps(["deep"])
    for depth in range(1, DEEPEST + 2):
        assert [f.readable.text for f in fields_of(text, json_expected=True)] == (
            ["deep"] if depth <= DEEPEST else [json.dumps(["deep"])]
        )
        text = json.dumps([text])

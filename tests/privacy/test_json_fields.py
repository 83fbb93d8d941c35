"""The values of JSON text, each with its place; an edit of one leaves JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.json_fields import fields_of

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
    return [value] if isinstance(value, str) else []


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
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


@given(VALUES, st.sampled_from([None, 2]), st.integers(0, 50), st.integers(0, 50))
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


@given(VALUES, st.integers(0, 80), st.integers(0, 80))
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

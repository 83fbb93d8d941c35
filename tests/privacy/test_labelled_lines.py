"""Values under headers and behind keys: found where they stand, in bounded work, and never silently left out."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy import fields, tables
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.policy import parse_policy
from nemora.privacy.protocols import Reading, Segment, TaggedSpan
from nemora.privacy.segment_cache import SegmentCache

SSN = "536-22-1847"
READERS = (
    *(tables.separated, tables.fixed_width, tables.inserted, tables.html_rows, tables.json_rows),
    fields._keyed,
)


def read(text: str) -> Inspection:
    return Inspector(None).inspect([Segment("/messages/0/content", text)])


def nothing_known(start: int, end: int) -> bool:
    return False


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *(
                "ssn",
                "card",
                "password",
                "user_ssn",
                "dateOfBirth",
                "name",
                "42",
                SSN,
                ",",
                ";",
                "\t",
                "|",
                "\n",
                "\r\n",
            ),
            *(
                " ",
                "  ",
                '"',
                "'",
                '""',
                "\\'",
                ":",
                ": ",
                "=",
                "=>",
                "<tr>",
                "</tr>",
                "<td>",
                "</td>",
                "<th>",
                "</th>",
            ),
            *("<ssn>", "</ssn>", '<f name="ssn">', "<![CDATA[", "]]>", "insert into t (", ") values (", "), (", "NULL"),
            *(
                '"columns": [',
                '"name": "ssn", "value": "',
                '"ssn": {"value": "',
                "[",
                "]",
                "{",
                "}",
                "|---|",
                "- ",
                "> ",
            ),
            *("ssn: >-\n  ", "\u200b", "é", "\U0001f600", "\x00", "\\n"),
        ]
    ),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@settings(max_examples=40, deadline=None)
@given(text=FRAGMENTS)
def test_labelled_values_lie_inside(reader: fields.Reader, text: str) -> None:
    for value in reader(text):
        assert value.label
        assert 0 <= value.start < value.end <= len(text)


@settings(max_examples=100, deadline=None)
@given(FRAGMENTS)
def test_lines_map_each_character_into_the_text(text: str) -> None:
    for lines in fields.labelled_lines(text, nothing_known):
        spans = [lines.original_span(n, n + 1) for n in range(len(lines.text))]
        assert all(0 <= start < end <= len(text) for start, end in spans)


@settings(max_examples=80, deadline=None)
@given(FRAGMENTS)
def test_inspection_of_broken_tables_never_raises(text: str) -> None:
    inspection = read(text)
    assert inspection.complete or set(inspection.failures) <= {"TooManyCells"}
    assert all(0 <= finding.start <= finding.end <= len(text) for finding in inspection.findings)


HEAD = "region,ssn,status\n"
CARRIED = {
    "comma": (HEAD + "east,,ready\n" * 300, "north,{},green\n"),
    "semicolons": ("region;ssn;status\n", "north;{};green\n"),
    "tabs": ("region\tssn\tstatus\n", "north\t{}\tgreen\n"),
    "Markdown": ("| region | ssn |\n|---|---|\n", "| north | {} |\n"),
    "fixed width": ("REGION    SSN            STATUS\n", "north     {}    green\n"),
    "SQL": ("INSERT INTO t (region, ssn) VALUES ('east', NULL),", " ('north', '{}');"),
    "HTML": ("<table><tr><th>region</th><th>ssn</th></tr>", "<tr><td>north</td><td>{}</td></tr></table>"),
    "JSON of columns": ('{"columns": ["region", "ssn"], "rows": [["east", null], ', '["north", "{}"]]}'),
    "name and value": ('{"name": "ssn", ', '"value": "{}"}'),
    "nested": ('{"ssn": ', '{"value": "{}"}}'),
    "element": ("<record>", "<ssn>{}</ssn></record>"),
    "YAML block": ("record:\n  ssn: >-\n", "    {}\n"),
    "key of words": ("", "user_ssn={}"),
}
BARE = SSN.replace("-", "")
"""Nine digits, which only the header calls a social security number."""


@pytest.mark.parametrize("way", CARRIED)
def test_a_value_is_read_under_its_header(way: str) -> None:
    before, row = CARRIED[way]
    text = before + row.replace("{}", BARE)
    start = text.index(BARE)
    assert (Kind.US_SSN, start, start + 9) in {(f.kind, f.start, f.end) for f in read(text).findings}


@pytest.mark.parametrize("way", CARRIED)
def test_the_same_value_under_a_harmless_header_is_none(way: str) -> None:
    before, row = CARRIED[way]
    text = (before + row).replace("user_ssn", "row_size").replace("ssn", "qty").replace("SSN", "QTY")
    assert read(text.replace("{}", BARE)).findings == ()


def test_values_in_json_within_json_are_read_in_their_place() -> None:
    text = json.dumps({"body": f"{HEAD}north,{BARE},green\n"})
    start = text.index(BARE)
    assert {(f.start, f.end) for f in read(text).findings if f.kind is Kind.US_SSN} == {(start, start + 9)}


def test_more_cells_than_the_bound_are_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "".join(f"east,{n:03d},ready\n" for n in range(60))
    assert read(text).complete
    monkeypatch.setattr(fields, "MAX_CELLS", 50)
    assert read(text).failures == ("TooManyCells",)


def test_more_characters_behind_labels_than_the_bound_are_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "".join(f"east,{n:03d},ready\n" for n in range(60))
    monkeypatch.setattr(fields, "PER_CHARACTER", 0)
    monkeypatch.setattr(fields, "CHARACTERS", 100)
    assert read(text).failures == ("TooManyCells",)


def test_what_stands_before_the_bound_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + f"east,{BARE},ready\n" + "".join(f"east,{n:03d},ready\n" for n in range(60))
    monkeypatch.setattr(fields, "MAX_CELLS", 50)
    inspection = read(text)
    assert not inspection.complete
    assert Kind.US_SSN in {f.kind for f in inspection.findings}


ROWS = [
    *(
        "ssn,b\n1,2\n",
        "ssn|b\n1|2\n",
        "ssn  bb\n1    2\n",
        "into t (ssn) values (1),\n",
        "<tr><td>ssn</td><td>1</td></tr>",
    ),
    *(
        '"name": "ssn", "value": "1", ',
        '"ssn": {"value": "1"} ',
        "user_ssn=1 ",
        "ssn: >\n  12\n",
        "<ssn>1</ssn>",
        "ssn\n12\n",
    ),
    *('"columns": ["ssn", "b"] [1, 2] ',),
]


@pytest.mark.parametrize("row", ROWS)
def test_twice_the_rows_give_at_most_three_times_the_lines(row: str) -> None:
    def characters(count: int) -> int:
        return sum(len(lines.text) for lines in fields.labelled_lines(row * count, nothing_known))

    assert characters(400) <= 3 * characters(200) + fields.CHARACTERS


HOSTILE = [
    *(
        '"',
        "'",
        "(",
        "<",
        "<a>",
        "<tr>",
        "<td>",
        '<a name="b" ',
        '"name": "ssn", ',
        '"ssn": {',
        '"columns": ["ssn"] [',
        "[",
    ),
    *(
        "into t (ssn) values (",
        "('a\\'",
        "|",
        ",",
        ";\n",
        "ssn,",
        "a  ",
        "ssn:\n",
        "user_ssn",
        "a_",
        "aB",
        "- ",
        "\t",
        " \n",
    ),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_text_of_one_sign_is_read_to_its_end(unit: str) -> None:
    text = (unit * 16_000)[:16_000] + '!"'
    for reader in READERS:
        assert sum(1 for _ in reader(text)) <= 3 * len(text)


class AlwaysEmployment:
    """Judges every text to be about employment, as a whole."""

    name = "always"

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return [Reading((), (TaggedSpan("employment", 0, len(text), 0.95),)) for text in texts]


COLUMN = "id,user,ssn\n1,ann,536221847\n2,bob,501227133\n"


def test_a_matter_over_the_whole_table_hides_no_value_in_it() -> None:
    found = Inspector(AlwaysEmployment()).inspect([Segment("/messages/0/content", COLUMN)])
    assert [f.kind for f in found.findings].count(Kind.US_SSN) == 2


def test_what_one_policy_allows_is_remembered_for_no_other() -> None:
    allows = parse_policy("[allow]\nus_ssn = ['536221847']\n").reading
    inspector = Inspector(None, cache=SegmentCache(100, b"k" * 32))
    segments = [Segment("/messages/0/content", COLUMN)]
    counts = [len(inspector.inspect(segments, rules).findings) for rules in (allows, None, allows, None)]
    assert counts == [1, 2, 1, 2]


@pytest.mark.parametrize("indent", [None, 2, 4, 8])
@pytest.mark.parametrize(("label", "value"), [("user_ssn", SSN), ("verification_code", "482913")])
def test_names_and_values_of_an_api_are_read_in_any_case_and_indentation(
    indent: int | None, label: str, value: str
) -> None:
    text = json.dumps({"Users": [{"Attributes": [{"Name": label, "Value": value}]}]}, indent=indent)
    start = text.index(value)
    assert any(f.start <= start and start + len(value) <= f.end for f in read(text).findings)


def test_codes_under_a_header_are_found() -> None:
    assert read("channel,verification_code\nsms,929742\nsms,887510\n").findings

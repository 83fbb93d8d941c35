"""nemora eval: what a leak is, what is kept, and that no item's text is printed or stored."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.cli import eval as eval_verb
from nemora.cli import eval_presidio
from nemora.cli.eval_place import PLACES, everywhere, filler
from nemora.cli.eval_rows import Row, parse_row, read_rows
from nemora.cli.eval_score import Item, Outcome, Share, by_set, iou, macro, outcome, percentile, wilson
from nemora.cli.main import main
from nemora.cli.route import Reading
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import Policy
from nemora.privacy.segment import segments

CARD = "4716 2093 8854 1728"
MAIL = "canary.quillfeather@harrowgate-mills.co.uk"
ROWS: list[dict[str, Any]] = [
    {"text": f"My card {CARD} was charged twice.", "class": "secret", "spans": [CARD]},
    {"text": f"Write to {MAIL} about lunch.", "class": "personal", "spans": [[9, 9 + len(MAIL), "EMAIL_ADDRESS"]]},
    {"text": "The zyxquark merger is planned for May.", "class": "confidential", "kind": "topic"},
    {"text": "Write a haiku about tides.", "class": "public"},
    {"messages": [{"role": "user", "content": f"Card {CARD}"}], "may_leave": False, "spans": [CARD]},
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(eval_verb, "make_reading", lambda _settings: Reading(Inspector(None), Policy()))
    file = tmp_path / "data" / "mine.jsonl"
    file.parent.mkdir()
    file.write_text("\n".join([*map(json.dumps, ROWS), "no json", '{"other": 1}']) + "\n", encoding="utf-8")
    return file.parent


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["eval", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_both_error_rates_are_counted_from_what_would_really_leave(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report(capsys, str(data), "--misses")
    assert (found["items"], found["skipped"]) == (5, 2)
    assert (found["all"]["leaked"]["hits"], found["all"]["leaked"]["total"]) == (1, 3)
    assert found["all"]["may_leave"] | {"interval": None} == {"hits": 1, "total": 1, "share": 1.0, "interval": None}
    assert found["class"]["personal"]["hits"] == 0, "an address that is replaced has not leaked"
    assert [(m["row"], m["what"], m["disguise"]) for m in found["misses"]] == [(3, "leaked", "topic")]


def test_no_text_of_an_item_is_printed_or_stored(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    for options in ([], ["--json"], ["--misses", "--positions", "--out", str(out)]):
        assert main(["eval", str(data), *options]) == 0
    said = capsys.readouterr()
    stored = b"".join(file.read_bytes() for file in out.iterdir()).decode("latin-1")
    assert {file.name for file in out.iterdir()} == {"report.json", "table.md", "curve.png"}
    for canary in ("zyxquark", CARD, MAIL, "quillfeather", "haiku"):
        assert canary not in said.out + said.err + stored


def test_a_higher_threshold_never_leaks_less(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curve = report(capsys, str(data))["curve"]
    for kind in ("min_confidence", "topic_threshold"):
        hits = [p["leaked"]["hits"] for name, p in curve.items() if name.startswith(kind)]
        kept = [p["may_leave"]["hits"] for name, p in curve.items() if name.startswith(kind)]
        assert len(hits) >= 8 and hits == sorted(hits) and kept == sorted(kept)


def test_gold_spans_stand_where_the_text_was_placed() -> None:
    row = parse_row(json.dumps({"text": f'say "Zo\u00eb"\n\t{CARD}', "spans": [CARD]}).encode(), "s", 1)
    assert row is not None
    placed = everywhere(row)
    assert [p.position for p in placed] == list(PLACES)
    for each in placed:
        texts = {s.where: s.text for s in segments(each.request) if s.offset == 0 and not s.label}
        (span,) = each.gold
        assert texts[span.where][span.start : span.end] == CARD


@given(st.integers(0, 5000), st.integers())
def test_harmless_filler_differs_by_seed_and_repeats_for_the_same(chars: int, seed: int) -> None:
    assert filler(chars, seed) == filler(chars, seed) and len(filler(chars, seed)) >= chars
    assert chars < 200 or filler(chars, seed) != filler(chars, seed + 1)


@given(st.integers(0, 400), st.integers(1, 400))
def test_an_interval_holds_its_share(hits: int, more: int) -> None:
    total = hits + more
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total + 1e-12 and hits / total <= high <= 1
    assert str(Share(0, 0)) == "-"


def test_the_interval_is_wilsons() -> None:
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)  # Newcombe, 1998


def test_an_item_leaks_when_a_span_that_identifies_is_uncovered() -> None:
    (row,) = [
        parse_row(json.dumps({"text": "a" * 40, "spans": [[0, 10, "PERSON"], [20, 30, "DATE_TIME"]]}).encode(), "", 1)
    ]
    assert row is not None
    gold = everywhere(row)[0].gold

    def found(start: int, end: int, kind: Kind = Kind.PERSON_NAME) -> list[Finding]:
        return [Finding(kind, "d", "/messages/0/content", start, end, 1.0)]

    assert not outcome("redact", True, gold, found(0, 10)).leaks, "a date alone identifies nobody"
    assert outcome("redact", True, gold, found(0, 4)).leaks
    assert not outcome("redact", True, gold, found(0, 5)).leaks, "IoU 0.5"
    assert not outcome("redact", True, gold, found(0, 40)).leaks, "all of it is replaced"
    assert outcome("redact", True, gold, found(0, 10, Kind.HEALTH_MATTER)).leaks, "a matter replaces nothing"
    assert outcome("redact", False, gold, []) == outcome("local", False, gold, []) == Outcome(False, False)
    assert outcome("cloud", False, gold, found(0, 10)).leaks


def item(set_name: str, private: bool, leaks: bool) -> Item:
    return Item(set_name, 1, private, {}, Outcome(leaks, leaks), "cloud", {}, 0, 0, 1.0, {})


def test_the_macro_average_counts_sets_alike_and_names_the_worst() -> None:
    items = [*[item("big", True, False)] * 98, item("small", True, True), item("small", True, False)]
    items.append(item("big", False, False))
    assert macro(by_set(items)) == {
        "leaked": {"mean": 0.25, "worst": 0.5, "worst_set": "small"},
        "harmless_kept": {"mean": 1.0, "worst": 1.0, "worst_set": "big"},
    }


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_not_exceeded_by_that_share(values: list[float], share: float) -> None:
    limit = percentile(values, share)
    assert sum(v <= limit for v in values) >= share * len(values) - 1e-9
    assert sum(v < limit for v in values) < share * len(values) + 1e-9


def test_overlap_is_symmetric_and_one_only_for_equal_spans() -> None:
    assert iou((0, 4), (0, 4)) == 1 and iou((0, 4), (4, 8)) == 0 and iou((0, 4), (2, 6)) == iou((2, 6), (0, 4)) == 2 / 6


@given(st.one_of(st.binary(max_size=60), st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["text", "spans", "class", "label", "kind", "messages", "request", "start", "x"]), s), max_leaves=12).map(lambda v: json.dumps(v).encode())))  # fmt: skip
def test_no_line_makes_the_reader_fail(line: bytes) -> None:
    row = parse_row(line, "s", 1)
    assert row is None or isinstance(row, Row)


@pytest.mark.parametrize(
    ("entry", "private"),
    [
        ({"class": "confidential"}, True),
        ({"class": "personal"}, None),
        ({"class": "public", "spans": ["x"]}, False),
        ({"label": "health"}, True),
        ({"label": "benign"}, False),
        ({"class": "secret", "may_leave": True}, False),
        ({"spans": [[0, 1, "PERSON", "direct_identifier"]]}, True),
        ({"spans": [{"start": 0, "end": 1, "type": "LOCATION"}]}, None),
        ({"spans": []}, None),
        ({}, False),
    ],
)
def test_what_a_row_says_of_itself_decides_whether_it_must_stay(entry: dict[str, Any], private: bool | None) -> None:
    row = parse_row(json.dumps({"text": "x", **entry}).encode(), "s", 1)
    assert row is not None and row.private is private


def test_compressed_rows_are_read_like_plain_ones(tmp_path: Path) -> None:
    lines = b'{"text": "one\\u2028two"}\n\n{"text": "three"}'
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    assert list(read_rows(tmp_path / "a.jsonl")) == list(read_rows(tmp_path / "a.jsonl.gz"))


def test_without_presidio_one_line_says_so_and_the_run_goes_on(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eval_presidio, "SPACY_MODELS", ())
    assert main(["eval", str(data), "--presidio", "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == eval_presidio.MISSING + "\n" and "presidio" not in json.loads(said.out)


def test_the_presidio_rule_keeps_what_any_of_its_types_is_found_in() -> None:
    class Analyzer:
        def analyze(self, text: str, *, entities: list[str], language: str, score_threshold: float) -> list[str]:
            assert language == "en" and score_threshold == 0.7 and len(entities) == 7
            return ["x"] if CARD in text else []

    rule = eval_presidio.Presidio(Analyzer(), "model")
    rows = [parse_row(json.dumps(row).encode(), "s", 1) for row in ROWS]
    placed = [everywhere(row)[0].request for row in rows if row is not None]
    assert [rule.outcome(request).leaves for request in placed] == [False, True, True, True, False]


def test_bad_arguments_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.jsonl.gz").write_bytes(b"\x1f\x8bnothing")
    for name in (tmp_path / "none", tmp_path / "broken.jsonl.gz"):
        assert main(["eval", str(name)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and str(tmp_path) not in said


def test_the_verb_draws_without_a_display_or_a_global_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from nemora.cli.eval_report import draw

    curve = {"min_confidence 0": {"macro": {"leaked": {"mean": 0.1}, "harmless_kept": {"mean": 0.2}}}}
    draw({"curve": curve}, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    assert "matplotlib.pyplot" not in sys.modules


def test_broken_lines_and_unknown_classes_are_counted_without_content(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = [
        {"text": "a CANARY", "class": "CANARYCLASS"},
        {"text": "b", "class": "arguable"},
        {"text": "c", "class": ["x"]},
    ]
    (data / "odd.jsonl").write_text("\n".join([*map(json.dumps, odd), "CANARY"]) + "\n", encoding="utf-8")
    found = report(capsys, str(data))
    assert (found["skipped"], found["unknown_class"]) == (3, 2)
    assert main(["eval", str(data)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Left out"))
    assert "no text): 3;" in line and line.endswith(": 2.") and "CANARY" not in line


def test_a_file_without_a_single_row_is_named_and_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "wrong.jsonl").write_text('CANARY\n{"words": "CANARY"}\n', encoding="utf-8")
    assert main(["eval", str(data)]) == 2
    said = capsys.readouterr().err
    assert (
        "No line of wrong.jsonl can be read as a row (2 tried)" in said
        and "CANARY" not in said
        and said.count("\n") == 1
    )


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(eval_verb, "judge_all", lambda *_args, **_options: pytest.fail("something was judged"))
    assert main(["eval", str(data), "--out", str(tmp_path / "file")]) == 2
    assert "--out" in capsys.readouterr().err

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from nemora.errors import UsageError
from nemora.train.authored import is_held_out, read_authored
from nemora.train.span_data import SpanData, gather_spans
from nemora.train.span_evaluate import span_figures
from nemora.train.span_labels import ABSENT_FROM_HARMLESS, TYPES, UNKNOWN
from nemora.train.span_sources import authored_row, detokenised, read_authored_spans, read_public_spans
from nemora.train.span_text import SpanText, joined

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "sensitivity" / "authored"


def row(text: str, **changes: object) -> str:
    return json.dumps({"text": text, "class": "secret", "topics": ["identity"], "group": "g", "lang": "en", **changes})


def values(text: SpanText) -> list[tuple[str, str]]:
    return [(text.text[start:end], kind) for start, end, kind in text.spans]


def test_marks_become_spans_and_names_are_taken_apart() -> None:
    text = authored_row(row("Tell [[PERSON|Ada van Berg]] at [[EMPLOYEE_ID|E-7]], aged [[AGE|41]]"), "")
    assert text.text == "Tell Ada van Berg at E-7, aged 41"
    assert values(text) == [("Ada", "GIVEN_NAME"), ("van Berg", "SURNAME"), ("E-7", "RECORD_ID")]


def test_a_slot_without_a_mark_has_its_type_where_it_is_no_example() -> None:
    secret, public = (authored_row(row("pay {{card}}", **{"class": c}), "") for c in ("secret", "public"))
    assert [kind for *_, kind in secret.spans] == ["CREDIT_CARD"] and not public.spans


def test_amounts_are_a_persons_only_where_the_topic_says_so() -> None:
    kinds = [
        authored_row(row("[[AMOUNT|$5]]", topics=topics), "").spans[0][2] for topics in (["employment"], ["strategy"])
    ]
    assert kinds == ["SALARY", UNKNOWN]


def test_public_texts_say_nothing_about_names_and_places() -> None:
    text = authored_row(row("Who is Ada?", **{"class": "public"}), "")
    assert text.known == ABSENT_FROM_HARMLESS


def test_an_unknown_mark_is_refused_with_its_place_and_no_text() -> None:
    with pytest.raises(UsageError, match="line 9") as caught:
        authored_row(row("[[ODD|Ada]]"), "line 9")
    assert "Ada" not in caught.value.message


def test_the_recipe_reads_and_agrees_with_the_topics_reader() -> None:
    spans, topics = read_authored_spans(RECIPE), read_authored(RECIPE)
    assert [text.group for text in spans] == [example.group for example in topics]
    found = {kind for text in spans for *_, kind in text.spans}
    assert set(TYPES) <= found | {"SECONDARY_ADDRESS"}
    for text in spans:
        ends = [0, *(end for _, end, _ in text.spans)]
        assert all(end <= start for end, (start, _, _) in zip(ends, text.spans, strict=False))


def test_detokenised_text_has_its_values_and_no_lonely_punctuation() -> None:
    pieces = [("See ", None), ("Ada Berg", "SURNAME"), (" , of Paris . It is ( really ) n't it ?", None)]
    text, spans = joined(detokenised(pieces))
    assert text == "See Ada Berg, of Paris. It is (really)n't it?"
    assert [text[start:end] for start, end, _ in spans] == ["Ada Berg"]


def test_public_sets_are_read_with_what_they_know_only(tmp_path: Path) -> None:
    rows = {
        "btc": [{"text": "@ ada saw Ada Berg in Rome .", "spans": [[2, 5, "PERSON"], [10, 18, "PERSON"], [22, 26, "LOCATION"]]}],
        "other": [{"text": "play jazz", "label": "benign"}, {"text": "I am ill", "label": "health"}],
    }  # fmt: skip
    for name, lines in rows.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    tweet, harmless = read_public_spans(tmp_path, random.Random(0))
    assert values(tweet) == [("ada", "HANDLE"), ("Ada", "GIVEN_NAME"), ("Berg", "SURNAME"), ("Rome", UNKNOWN)]
    assert "CITY" not in tweet.known and "SURNAME" in tweet.known
    assert not harmless.spans and harmless.known == ABSENT_FROM_HARMLESS
    with pytest.raises(UsageError):
        read_public_spans(tmp_path / "nowhere", random.Random(0))


def test_everything_is_learned_from_or_held_out_by_group() -> None:
    data, again = (gather_spans(None, 0, generated=400) for _ in range(2))
    learned = data.of_epoch(0, 400)
    assert len(learned) == 400 and all(not is_held_out(text.group) for text in learned)
    assert all(is_held_out(text.group) for text in data.held_out) and data.held_out
    assert (data, learned) == (again, again.of_epoch(0, 400)) and learned != data.of_epoch(1, 400)


def test_two_epochs_see_every_public_row_once() -> None:
    rows = tuple(SpanText(str(n), (), "en", "s", str(n)) for n in range(9))
    data = SpanData(rows, (), 0)
    seen = [data.of_epoch(epoch, 0) for epoch in (0, 1)]
    assert sorted(text.text for text in (*seen[0], *seen[1])) == [str(n) for n in range(9)]


def test_figures_count_each_span_once_and_leave_out_what_nobody_annotated() -> None:
    text = SpanText("0123456789" * 3, ((0, 4, "CITY"), (10, 14, UNKNOWN)), "en", "s", "g", frozenset({"CITY", "EMAIL"}))
    found = [(1, 4, "CITY"), (0, 3, "CITY"), (11, 12, "CITY"), (20, 22, "PHONE"), (25, 27, "EMAIL")]
    report = span_figures([text], [found])
    assert (report["recall"], report["precision"], report["given"]) == (1.0, round(1 / 3, 4), 3)
    assert report["by_type"]["EMAIL"] == {"spans": 0, "given": 1, "precision": 0.0}
    assert span_figures([text], [[(0, 1, "CITY")]])["recall"] == 0

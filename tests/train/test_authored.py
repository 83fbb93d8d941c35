from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from nemora.errors import UsageError
from nemora.privacy.topics import KINDS
from nemora.train.authored import SLOTS, TOPICS, filled, is_held_out, read_authored, windows
from nemora.train.examples import Varied, mistyped, parts_of, read_public

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "sensitivity" / "authored"
ROW = {
    "id": "a",
    "text": "Tell [[PERSON|Ada Berg]] that {{card}} was charged",
    "class": "secret",
    "topics": ["identity"],
    "group": "g",
}


def write(folder: Path, *rows: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def test_marks_are_taken_off_and_slots_are_filled_anew(tmp_path: Path) -> None:
    (example,) = read_authored(write(tmp_path, ROW))
    assert example.text == "Tell Ada Berg that {{card}} was charged" and example.stays
    draw = random.Random(0)
    texts = {filled(example.text, draw) for _ in range(20)}
    assert len(texts) == 20 and not any("{{" in text for text in texts)


@pytest.mark.parametrize("change", [{"class": "odd"}, {"topics": ["odd"]}, {"text": None}, {"group": None, "class": 3}])
def test_a_wrong_label_is_refused_with_its_line_and_no_text(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="line 2") as caught:
        read_authored(write(tmp_path, ROW, ROW | change))
    assert "Ada" not in caught.value.message


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{CANARY", "not valid JSON"),
        ('["CANARY"]', "not an object"),
        ('{"class": "public", "topics": [], "group": "CANARY"}', "has no text"),
        (json.dumps({**ROW, "class": "CANARY"}), "unknown class; expected one of public"),
        (json.dumps({**ROW, "topics": ["CANARY"]}), "topics that are not"),
        (json.dumps({key: value for key, value in ROW.items() if key != "group"}), "has no group"),
    ],
)
def test_each_mistake_of_a_row_has_a_sentence_of_its_own(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(ROW)}\n{line}\n")
    with pytest.raises(UsageError, match=problem) as caught:
        read_authored(tmp_path)
    assert caught.value.message.startswith("rows.jsonl, line 2 ") and "CANARY" not in caught.value.message


def test_a_file_is_read_as_a_folder_is_and_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "full", ROW)
    assert read_authored(folder / "rows.jsonl") == read_authored(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"The folder empty holds no \.jsonl"):
        read_authored(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"none\.jsonl does not exist"):
        read_authored(tmp_path / "none.jsonl")


def test_every_slot_gives_something_else_each_time() -> None:
    draw = random.Random(0)
    for make in SLOTS.values():
        assert len({make(draw) for _ in range(10)}) == 10


def test_cards_have_a_valid_check_digit() -> None:
    draw = random.Random(0)
    for _ in range(50):
        digits = [int(c) for c in SLOTS["card"](draw) if c.isdigit()]
        total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
        assert len(digits) == 16 and total % 10 == 0


def test_groups_are_held_out_whole_and_always_the_same() -> None:
    held_out = [group for group in map(str, range(2000)) if is_held_out(group)]
    assert 200 < len(held_out) < 400 and all(is_held_out(group) for group in held_out)


def test_windows_lose_nothing_of_a_text() -> None:
    text = " ".join(f"word{n}" for n in range(2000))
    assert "".join(windows(text)) == text
    assert all(len(window) <= 1200 for window in windows("x" * 5000))


def test_public_rows_say_only_what_their_label_implies(tmp_path: Path) -> None:
    folder = write(tmp_path, {"text": "a", "label": "benign"}, {"text": "b", "label": "health"}, {"text": "c"})
    found = {example.text: (example.stays, example.topics) for example in read_public(folder, random.Random(0))}
    assert found == {"a": (False, ()), "b": (True, None)}


def test_variations_keep_the_labels_and_the_matter(tmp_path: Path) -> None:
    examples = read_authored(write(tmp_path, ROW, {**ROW, "class": "public", "topics": [], "text": "What is a cake?"}))
    varied = Varied(examples, random.Random(0))
    for _ in range(200):
        found = varied.vary(examples[0])
        assert (found.stays, found.topics) == (True, ("identity",))
        assert sum(word in found.text.lower() for word in ("berg", "charged", "tell", "that")) >= 1
    assert mistyped("a", random.Random(0)) in ("", "a", "aa")


def test_long_harmless_texts_teach_with_every_window_and_others_with_their_first(tmp_path: Path) -> None:
    long = "word " * 2000
    stays, leaves = read_authored(
        write(tmp_path, {**ROW, "text": long}, {**ROW, "text": long, "class": "public", "topics": []})
    )
    assert len(parts_of([stays])) == 2 and len(parts_of([leaves])) == 9


def test_the_recipes_requests_are_many_labelled_and_of_all_topics() -> None:
    examples = read_authored(RECIPE)
    assert len(examples) >= 3000
    topics = {topic for example in examples for topic in example.topics or ()}
    assert topics == set(TOPICS) == set(KINDS)
    assert len({example.lang for example in examples}) >= 12
    assert 0.25 < sum(example.stays for example in examples) / len(examples) < 0.6


def test_the_recipes_requests_are_not_one_another() -> None:
    """Near-duplicates, by the share of five-word runs in common, are at most one in twenty."""
    grams = []
    for example in read_authored(RECIPE):
        words = example.text.lower().split()
        grams.append({tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))})
    by_gram: dict[tuple[str, ...], list[int]] = {}
    near: set[int] = set()
    for index, mine in enumerate(grams):
        others = {other for gram in mine for other in by_gram.get(gram, ())}
        if any(len(mine & grams[other]) > 0.6 * len(mine | grams[other]) for other in others):
            near.add(index)
        for gram in mine:
            by_gram.setdefault(gram, []).append(index)
    assert len(near) <= 0.05 * len(grams)

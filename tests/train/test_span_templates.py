from __future__ import annotations

import random
from collections import Counter
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.errors import UsageError
from nemora.train.authored import is_held_out
from nemora.train.span_labels import TYPES
from nemora.train.span_noise import CHANGES
from nemora.train.span_slots import SLOTS, Scene
from nemora.train.span_templates import Template, draw_text, generate, parse_templates, pieces_of, shipped_templates
from nemora.train.span_text import joined, taken_apart
from nemora.train.values_person import HELD_OUT

TEXTS = list(generate(6000, 3, held_out=False))


def test_offsets_always_hold_a_value_without_space_around_it() -> None:
    for text in TEXTS:
        last = 0
        for start, end, kind in text.spans:
            value = text.text[start:end]
            assert kind in TYPES and last <= start < end <= len(text.text) and value == value.strip() != ""
            last = end


def test_without_noise_spans_are_exactly_the_typed_slots() -> None:
    for template in shipped_templates():
        pieces = pieces_of(template, Scene(template.lang, random.Random(1), held_out=False))
        text, spans = joined(pieces)
        assert [text[start:end] for start, end, _ in spans] == [part.strip() for part, kind in pieces if kind]


def test_every_type_is_produced_often() -> None:
    found = Counter(kind for text in TEXTS for *_, kind in text.spans)
    assert set(found) == set(TYPES) and min(found.values()) >= 8


def test_many_texts_hold_no_span_at_all() -> None:
    assert 0.1 < sum(not text.spans for text in TEXTS) / len(TEXTS) < 0.4


def test_the_same_seed_gives_the_same_texts_and_another_gives_others() -> None:
    first, again, other = (list(generate(60, seed, held_out=False)) for seed in (5, 5, 6))
    assert first == again != other


def test_no_template_and_no_held_out_name_is_on_both_sides() -> None:
    held_out = {text.group for text in generate(800, 1, held_out=True)}
    assert held_out and not held_out & {text.group for text in TEXTS}
    assert all(is_held_out(group) for group in held_out)
    draw = random.Random(0)
    for lang in ("en", "de", "es", "fr", "pt", "nl"):
        scenes = (Scene(lang, draw, held_out=False) for _ in range(200))
        assert not {scene.person("").locale for scene in scenes} & HELD_OUT


def test_templates_are_many_and_different() -> None:
    templates = shipped_templates()
    assert len(templates) >= 2500 and len({template.lang for template in templates}) >= 30
    assert len({template.text for template in templates}) == len(templates)


def test_in_look_alikes_is_nothing_to_find() -> None:
    folder = resources.files("nemora.train") / "templates"
    found = parse_templates((folder / "en_lookalikes.txt").read_text(encoding="utf-8"))
    assert len(found) > 100
    assert all(draw_text(template, random.Random(0), held_out=False, noise=0).spans == () for template in found)


def test_a_person_is_the_same_throughout_a_text_and_another_number_is_another() -> None:
    template = Template("{{given}} {{surname}} {{given}} {{given2}}", "en", "chat", "g")
    texts = [draw_text(template, random.Random(seed), held_out=False, noise=0) for seed in range(30)]
    for text in texts:
        values = [text.text[start:end] for start, end, _ in text.spans]
        assert values[0] == values[2]
    assert any(text.spans[0] != text.spans[3] for text in texts)


@given(st.text(max_size=300))
def test_the_parser_takes_any_text_or_says_what_is_wrong(data: str) -> None:
    try:
        found = parse_templates(data)
    except UsageError:
        return
    assert all(template.text.strip() for template in found)


@given(st.lists(st.text(st.characters(blacklist_characters="\n\\{}"), min_size=1).filter(str.strip), min_size=1))
def test_lines_without_slots_come_back_as_they_are(lines: list[str]) -> None:
    lines = [line for line in lines if not line.startswith("@@")]
    found = parse_templates("@@ en chat lines\n" + "\n".join(lines))
    assert [template.text for template in found] == lines
    assert all(joined(pieces_of(t, Scene("en", random.Random(0), held_out=False)))[0] == t.text for t in found)


@given(st.lists(st.sampled_from(sorted(SLOTS)), max_size=6), st.randoms(use_true_random=False))
def test_noise_keeps_every_typed_value_findable(slots: list[str], draw: random.Random) -> None:
    template = Template(" and ".join(f"{{{{{slot}}}}}" for slot in slots), "en", "chat", "g")
    pieces = pieces_of(template, Scene("en", draw, held_out=False))
    kinds = [kind for part, kind in pieces if kind]
    for change in CHANGES:
        text, spans = joined(change(pieces, draw))
        assert [kind for *_, kind in spans] == kinds
        assert "".join(part for part, _ in taken_apart(text, spans)) == text


@pytest.mark.parametrize("data", ["text first\n@@ en chat\nx", "@@ english chat\nx", "@@ en chat\n{{nothing}}"])
def test_a_wrong_file_is_refused_in_a_sentence(data: str) -> None:
    with pytest.raises(UsageError):
        parse_templates(data)

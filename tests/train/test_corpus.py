"""A recipe's sets become documents: whole ones held out, long ones in pieces, dialogues in turns."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tiny_recipe import write_texts

from nemora.errors import UsageError
from nemora.train.corpus import PIECE, Document, TextSet, read_corpus, read_sets


def rows(path: Path, texts: list[str]) -> None:
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts) + "\n", encoding="utf-8")


def read(folder: Path, name: str, form: str) -> list[Document]:
    return read_corpus([folder], [TextSet(path=name, form=form, licence="CC0-1.0")], seed=0)[0]


def test_nothing_of_a_text_is_lost_or_repeated(tmp_path: Path) -> None:
    texts = [f"text {n}: " + "one two three\n" * (n * 20) for n in range(40)]
    rows(tmp_path / "some.jsonl", texts)
    found = [document.text for document in read(tmp_path, "some.jsonl", "rows")]
    assert "".join(found).replace("\n", "") == "".join(texts).replace("\n", "")
    assert max(map(len, found)) <= PIECE


def test_short_rows_are_joined(tmp_path: Path) -> None:
    rows(tmp_path / "some.jsonl", ["turn the light on"] * 1000)
    assert len(read(tmp_path, "some.jsonl", "rows")) < 15


def test_pieces_of_one_text_are_learned_or_held_out_together(tmp_path: Path) -> None:
    texts = "".join(f"##### FILE {n}\n" + f"text-{n}\n" * 800 for n in range(200))
    (tmp_path / "docs.txt.gz").write_bytes(gzip.compress(texts.encode()))
    sides: dict[str, set[bool]] = {}
    for document in read(tmp_path, "docs.txt.gz", "files"):
        sides.setdefault(document.text.split()[0], set()).add(document.held_out)
    assert len(sides) == 200
    assert all(len(side) == 1 for side in sides.values())
    assert {True, False} == set.union(*sides.values())


def test_turns_of_tools_are_told_apart_and_neighbours_joined(tmp_path: Path) -> None:
    said = 'user: tea\ntool_call: {"n": 1}\ntool_result: ok\nassistant: here\nassistant: you are\nnonsense'
    rows(tmp_path / "talks.jsonl", [said])
    (document,) = read(tmp_path, "talks.jsonl", "turns")
    assert document.turns == (
        ("user", "tea"),
        ("assistant", '<tool_call>\n{"n": 1}\n</tool_call>'),
        ("user", "<tool_response>\nok\n</tool_response>"),
        ("assistant", "here\nyou are"),
    )


def test_the_same_folder_gives_the_same_documents(tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "data")
    sets = read_sets([{"path": "authored", "form": "requests", "licence": "Apache-2.0"}])
    assert read_corpus([folder], sets, 1) == read_corpus([folder], sets, 1)


def test_a_set_that_is_not_there_is_named_and_not_fatal(tmp_path: Path) -> None:
    rows(tmp_path / "some.jsonl", ["a text"])
    sets = [TextSet(path=name, form="rows", licence="CC0-1.0") for name in ("some.jsonl", "other.jsonl.gz")]
    documents, missing = read_corpus([tmp_path], sets, 0)
    assert len(documents) == 1 and missing == ["other"]
    with pytest.raises(UsageError, match=r"other\.jsonl\.gz"):
        read_corpus([tmp_path], sets[1:], 0)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[1]\n", b'{"text": 3}\n', b"no json\n"])
def test_a_damaged_file_is_named_without_its_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "some.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=r"some\.jsonl") as error:
        read(tmp_path, "some.jsonl", "rows")
    assert "no json" not in error.value.message


@pytest.mark.parametrize("entry", [{}, {"path": "a", "form": "rows"}, {"path": "a", "form": "x", "licence": "MIT"}])
def test_a_set_without_licence_or_with_an_unknown_form_is_refused(entry: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="licence"):
        read_sets([entry])

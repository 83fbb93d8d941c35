"""Rows hold every document, in an order that a seed decides, and go on where they stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import UsageError
from nemora.ops.texts import Texts
from nemora.train.batch import IGNORED, Batch
from nemora.train.data import Rows, Tokens
from nemora.train.documents import TextFiles


def rows(documents: list[list[int]], length: int, **options: object) -> Rows[list[int]]:
    return Rows(documents, Tokens, length, **options)  # type: ignore[arg-type]


def documents(lengths: list[int]) -> list[list[int]]:
    """Document d's tokens are 1000 · (d + 1) and up, so each token tells where it is from."""
    return [[1000 * (d + 1) + place for place in range(length)] for d, length in enumerate(lengths)]


lengths_drawn = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(lengths_drawn, st.integers(2, 16), st.integers(0, 3))
def test_an_epoch_holds_each_token_once_and_texts_are_whole_runs(lengths: list[int], length: int, seed: int) -> None:
    made = documents(lengths)
    stream = rows(made, length, seed=seed)
    seen: list[int] = []
    while len(seen) < sum(lengths):
        batch = stream.batch(1)
        assert batch.texts is not None and batch.counted is None
        ids, texts = batch.ids[0].tolist(), batch.texts.ids[0].tolist()
        for before, after, one, other in zip(ids, ids[1:], texts, texts[1:], strict=False):
            assert (one == other) == (after == before + 1)
        seen += ids
    assert sorted(seen[: sum(lengths)]) == sorted(token for document in made for token in document)


@settings(deadline=None, max_examples=40)
@given(lengths_drawn, st.integers(2, 16), st.integers(0, 5), st.booleans())
def test_a_resumed_stream_goes_on_as_if_it_had_not_stopped(
    lengths: list[int], length: int, before: int, split: bool
) -> None:
    whole = rows(documents(lengths), length, seed=3, split=split)
    for _ in range(before):
        whole.batch(2)
    again = rows(documents(lengths), length, seed=3, split=split)
    again.resume(json.loads(json.dumps(whole.state())))
    for _ in range(3):
        one, other = whole.batch(2), again.batch(2)
        assert torch.equal(one.ids, other.ids) and torch.equal(one.labels(), other.labels())


def test_processes_share_what_one_would_read() -> None:
    made = documents([5, 9, 2, 14])
    alone = rows(made, 8)
    shared = [rows(made, 8, rank=rank, world=2) for rank in range(2)]
    for _ in range(4):
        together = torch.cat([stream.batch(3).ids for stream in shared])
        assert torch.equal(alone.batch(6).ids, together)


def test_unsplit_documents_begin_rows_of_their_own_and_padding_is_not_learnt() -> None:
    stream = rows(documents([5, 5, 12, 2]), 8, shuffle=False, split=False, pad=7)
    batch = stream.batch(4)
    assert batch.ids.tolist() == [
        [1000, 1001, 1002, 1003, 1004, 7, 7, 7],
        [2000, 2001, 2002, 2003, 2004, 7, 7, 7],
        [3000, 3001, 3002, 3003, 3004, 3005, 3006, 3007],
        [4000, 4001, 1000, 1001, 1002, 1003, 1004, 7],
    ]
    assert batch.labels()[0].tolist() == [1001, 1002, 1003, 1004, *[IGNORED] * 4]
    assert batch.labels()[3].tolist() == [4001, IGNORED, 1001, 1002, 1003, 1004, IGNORED, IGNORED]


def test_orders_differ_between_epochs_and_seeds_only() -> None:
    made = documents([1] * 50)

    def order(seed: int, epoch: int) -> list[int]:
        stream = rows(made, 50, seed=seed)
        for _ in range(epoch):
            stream.batch(1)
        return stream.batch(1).ids[0].tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(*which)) for which in ((0, 0), (0, 1), (1, 0))}) == 3


def test_labels_stay_within_their_text_and_what_is_counted() -> None:
    ids = torch.tensor([[1, 2, 3, 4, 5, 6]])
    texts, counted = Texts(torch.tensor([[0, 0, 0, 1, 1, 1]])), torch.tensor([[True, True, False, True, True, True]])
    assert Batch(ids).labels().tolist() == [[2, 3, 4, 5, 6, IGNORED]]
    assert Batch(ids, texts).labels().tolist() == [[2, 3, IGNORED, 5, 6, IGNORED]]
    assert Batch(ids, texts, counted).labels().tolist() == [[2, IGNORED, IGNORED, 5, 6, IGNORED]]
    assert Batch(ids, texts).labels(2).tolist() == [[3, IGNORED, IGNORED, 6, IGNORED, IGNORED]]


def test_text_files_give_each_line_and_each_file(tmp_path: Path) -> None:
    texts = ["one", "zwei\u2028Zeilen", "三"]
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    (tmp_path / "a.jsonl").write_bytes(("\n\n".join(lines)).encode())
    (tmp_path / "b.txt").write_text("a whole\nfile", encoding="utf-8")
    files = TextFiles([tmp_path / "a.jsonl", tmp_path / "b.txt"])
    assert list(files) == [*texts, "a whole\nfile"]
    assert files[-1] == "a whole\nfile" and files[1:3] == texts[1:]


@pytest.mark.parametrize("line", [b"{", b"[1]", b'{"text": 3}', b"{}", b"\xff\xfe", b"[" * 100_000])
def test_a_line_that_is_no_text_is_refused_in_one_sentence_without_its_content(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "fine"}\n' + line)
    files = TextFiles([tmp_path / "a.jsonl"])
    assert files[0] == "fine"
    with pytest.raises(UsageError, match=r"^The line at byte 17 of a\.jsonl"):
        files[1]


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no documents"):
        rows([], 8)
    with pytest.raises(UsageError, match="2 or more"):
        rows([[1]], 1)
    with pytest.raises(UsageError, match="No document has a token"):
        rows([[], []], 8).batch(1)
    with pytest.raises(UsageError, match=r"neither \.jsonl nor \.txt"):
        TextFiles([tmp_path / "a.csv"])
    with pytest.raises(UsageError, match="cannot be read"):
        TextFiles([tmp_path / "missing.jsonl"])

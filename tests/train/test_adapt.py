"""A company's labels: the shipped weights come back exactly, own rows are learned, and lost recall is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from tiny_encoder import write_encoder

from nemora.errors import CorruptCheckpoint, UsageError
from nemora.tagger.reader import MODEL, TextReader
from nemora.train import adapt, sensitivity
from nemora.train.authored import TOPICS
from nemora.train.dequantise import from_onnx
from nemora.train.encoder import Encoder, ReaderModel, read_config
from nemora.train.export import to_onnx
from nemora.train.own_requests import own_row, read_own, shipped_requests, split_own
from nemora.train.reader import Recipe
from nemora.train.span_labels import LABELS

QUIET = Recipe(epochs=4, rate=4e-3, layers=1, tokens_per_batch=512, generated=2)


def request(number: int, *, stays: bool, text: str) -> dict[str, object]:
    return {
        "text": f"{text} {'abcdefghijkl'[number % 12]}",
        "class": "confidential" if stays else "public",
        "topics": ["employment"] if stays else [],
        "group": f"{text}{number}",
    }


def recipe_rows() -> list[dict[str, object]]:
    texts = (("my salary is", True), ("the weather is", False))
    return [request(n, stays=stays, text=text) for n in range(60) for text, stays in texts]


def own_rows(*, stays: bool) -> list[dict[str, object]]:
    return [request(n, stays=stays, text="cake is the") for n in range(60)]


def write(file: Path, rows: list[dict[str, object]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small model, and the requests that it was trained on."""
    folder = tmp_path_factory.mktemp("adapt")
    write(folder / "requests" / "rows.jsonl", recipe_rows())
    base = write_encoder(folder / "base")
    split = sensitivity.gather(sensitivity.Sources(authored=(folder / "requests",)), QUIET)
    trainer = sensitivity.train(base, split, QUIET, lambda *_: None)
    sensitivity.write(folder / "model", trainer, split)
    return folder / "model", folder / "requests"


def test_what_was_exported_comes_back_and_is_exported_to_the_same_bytes(shipped: tuple[Path, Path]) -> None:
    data = (shipped[0] / MODEL).read_bytes()
    assert to_onnx(from_onnx(data)) == data


def test_weights_come_back_within_half_a_step(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = Encoder(read_config(write_encoder(tmp_path)))
    encoder.load_published(tmp_path)
    model = ReaderModel(encoder, len(TOPICS), len(LABELS))
    again = from_onnx(to_onnx(model))
    for (name, old), new in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        assert (old - new).abs().max() <= old.abs().max() / 63 / 2 + 1e-6, name


def test_a_file_whose_norms_an_earlier_version_wrote_otherwise_is_the_same_model(shipped: tuple[Path, Path]) -> None:
    data = (shipped[0] / MODEL).read_bytes()
    old = onnx.load_model_from_string(data)
    sums = {node.output[0]: node for node in old.graph.node if node.op_type == "Sum"}
    nodes = []
    for node in old.graph.node:
        if node.op_type == "LayerNormalization" and node.input[0] in sums:
            inputs = [*sums[node.input[0]].input, *node.input[1:]]
            node = onnx.helper.make_node("SkipLayerNormalization", inputs, node.output, domain="com.microsoft")
        if node.op_type != "Sum":
            nodes.append(node)
    del old.graph.node[:]
    old.graph.node.extend(nodes)
    assert len(nodes) < len(onnx.load_model_from_string(data).graph.node)
    assert to_onnx(from_onnx(old.SerializeToString())) == data


def test_a_file_of_another_kind_is_refused() -> None:
    for data in (b"", b"no model", b"\x08\x09"):
        with pytest.raises(CorruptCheckpoint):
            from_onnx(data)


def test_own_requests_are_learned_and_the_report_shows_before_and_after(
    shipped: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "HELD_OUT_TEXTS", 10)
    monkeypatch.setattr(adapt, "losses", lambda before, after: [])  # ten letters hold no types to lose
    own = read_own([write(tmp_path / "own.jsonl", own_rows(stays=True))])
    data = adapt.gather(own, shipped[1])
    trainer = adapt.adapt(shipped[0], data, QUIET, lambda *_: None)
    report = adapt.write(tmp_path / "new", shipped[0], trainer, data)
    assert report["after"]["own"]["kept_of_those_that_must_stay"]["share"] > 0.9
    assert report["after"]["own"]["kept_of_those_that_must_stay"]["of"] == len(data.own_held_out)
    assert json.loads((tmp_path / "new" / "report.json").read_text())["before"] == report["before"]
    assert TextReader(tmp_path / "new").read(["cake is the z"])[0].topics
    assert (tmp_path / "new" / MODEL).read_bytes() != (shipped[0] / MODEL).read_bytes()


def test_a_model_that_lost_recall_is_not_written(
    shipped: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels that call everything harmless unteach it, and nothing is left of it."""
    monkeypatch.setattr(adapt, "HELD_OUT_TEXTS", 10)
    monkeypatch.setattr(adapt, "REHEARSED", 0)
    rows = [request(n, stays=False, text="my salary is") for n in range(150)]
    rows += [request(n, stays=True, text="the weather is") for n in range(150)]
    data = adapt.gather(read_own([write(tmp_path / "own.jsonl", rows)]), shipped[1])
    trainer = adapt.adapt(shipped[0], data, QUIET, lambda *_: None)
    with pytest.raises(UsageError, match="lost recall"):
        adapt.write(tmp_path / "new", shipped[0], trainer, data)
    assert not (tmp_path / "new").exists()


def figures_of(share: float, recall: float) -> dict[str, Any]:
    texts = {"kept_of_those_that_must_stay": {"share": share, "of": 500}}
    spans = {"by_type": {"CREDIT_CARD": {"spans": 100, "recall": recall}, "CITY": {"spans": 100, "recall": recall}}}
    return {
        "own": texts,
        "validation": {**texts, "by_topic": {"credentials": {"share": share, "of": 90}}, "spans": spans},
    }


def test_losses_name_each_strong_kind_and_no_weak_one() -> None:
    good = figures_of(0.95, 0.96)
    assert adapt.losses(good, good) == [] == adapt.losses(good, figures_of(0.97, 0.99))
    assert adapt.losses(good, figures_of(0.945, 0.955)) == []
    texts = adapt.losses(good, figures_of(0.80, 0.96))
    assert [phrase.split(",")[0] for phrase in texts] == [
        "own texts that must stay", "validation texts that must stay", "texts about credentials",
    ]  # fmt: skip
    spans = adapt.losses(good, figures_of(0.95, 0.80))
    assert len(spans) == 2 and "CREDIT_CARD" in spans[0] and "strong" in spans[1]
    weak = copy.deepcopy(good)
    weak["validation"]["spans"]["by_type"]["CITY"]["recall"] = 0.1
    assert adapt.losses(good, weak) == []


def test_a_row_needs_a_class_or_topics_and_marks_become_spans() -> None:
    row = own_row(json.dumps({"text": "Card of [[PERSON|Ada Berg]]", "topics": ["customers"]}), "here")
    assert (
        row.stays and row.text == "Card of Ada Berg" and [k for *_, k in row.spans or ()] == ["GIVEN_NAME", "SURNAME"]
    )
    assert own_row('{"text": "a", "topics": []}', "").stays is False
    assert own_row('{"text": "a", "class": "secret"}', "").topics is None
    for wrong in ('{"text": "a"}', "[]", '{"text": "a", "class": "odd"}', '{"text": "", "class": "secret"}', "{"):
        with pytest.raises(UsageError, match="here"):
            own_row(wrong, "here")


def test_rows_with_marks_know_the_types_that_the_file_marks(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"plain {n}", "class": "public"} for n in range(30)]
    rows += [{"text": "call [[PHONE|555]] in [[CITY|Ulm]]", "class": "personal"}]
    found = read_own([write(tmp_path / "own.jsonl", rows)])
    assert found[0].spans is None and found[-1].known == {"PHONE"}
    learned, held_out = split_own(found)
    assert learned and held_out and not {r.group for r in learned} & {r.group for r in held_out}


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 20"):
        read_own([write(tmp_path / "own.jsonl", own_rows(stays=True)[:5])])
    with pytest.raises(UsageError, match=r"nowhere\.jsonl"):
        read_own([tmp_path / "nowhere.jsonl"])


def test_the_recipes_requests_are_found() -> None:
    assert list(shipped_requests().glob("*.jsonl"))

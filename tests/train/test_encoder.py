from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tiny_encoder import LAYERS, POSITIONS, write_encoder

from nemora.tagger.tokens import SHAPES
from nemora.train.authored import TOPICS
from nemora.train.encoder import Encoder, ReaderModel, read_config
from nemora.train.export import LARGEST, to_columns, to_onnx


def ids(length: int, batch: int = 1) -> torch.Tensor:
    return torch.randint(5, 40, (batch, length), generator=torch.Generator().manual_seed(length))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    encoder = Encoder(read_config(folder))
    encoder.load_published(folder)
    return encoder.eval()


@torch.inference_mode()
def test_the_encoder_is_transformers_bert(folder: Path, encoder: Encoder) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    text = ids(20, batch=3)
    mask = torch.ones_like(text)
    mask[1, 13:] = 0
    found, expected = encoder(text, mask, torch.zeros_like(text)), theirs(text, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(found[mask == 1], expected[mask == 1], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_padding_changes_no_answer(encoder: Encoder) -> None:
    model = ReaderModel(encoder, len(TOPICS), 5).eval()
    alone = model(ids(9), torch.ones(1, 9, dtype=torch.int64), torch.ones(1, 9, dtype=torch.int64))
    padded = torch.cat((ids(9), torch.zeros(1, 5, dtype=torch.int64)), dim=1)
    mask = (torch.arange(14) < 9).long()[None]
    logits, labels = model(padded, mask, torch.ones_like(padded))
    torch.testing.assert_close(logits, alone[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(labels[:, :9], alone[1], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("layers", [1, LAYERS])
def test_the_exported_graph_answers_as_the_model_up_to_its_rounding(folder: Path, layers: int) -> None:
    torch.manual_seed(1)
    encoder = Encoder(read_config(folder, layers=layers))
    encoder.load_published(folder)
    torch.nn.init.normal_(encoder.shapes.weight)
    model = ReaderModel(encoder, len(TOPICS), 5).eval()
    session = onnxruntime.InferenceSession(to_onnx(model), providers=["CPUExecutionProvider"])
    for length in (1, 2, 17, POSITIONS):
        text = ids(length)
        forms = torch.randint(0, SHAPES, text.shape, generator=torch.Generator().manual_seed(length))
        logits, labels = model(text, torch.ones_like(text), forms)
        feed = {"ids": text.numpy(), "shapes": forms.numpy()}
        found_logits, found_labels = session.run(["logits", "labels"], feed)
        assert found_logits.shape == (1, 1 + len(TOPICS)) and found_labels.shape == (1, length, 5)
        for found, expected in ((found_logits, logits.numpy()), (found_labels, labels.numpy())):
            assert np.abs(found - expected).max() < 0.15 * np.abs(expected).max()
            assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_columns_are_integers_with_their_own_scales() -> None:
    weights = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32) * np.arange(7)
    codes, scales = to_columns(weights)
    assert codes.dtype == np.int8 and np.abs(codes).max() == LARGEST
    assert np.abs(codes * scales - weights).max() <= 0.5 * scales.max() + 1e-6

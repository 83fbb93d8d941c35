"""Encoders from the published layouts: as transformers computes them, and padding changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch import Tensor

import tiny_llama
from nemora.backends.embedding_model import EmbeddingModel
from nemora.errors import ContextLengthExceeded, CorruptCheckpoint, ModelError, UnsupportedCheckpoint, UnsupportedField
from nemora.models.encoder import mean_pooled
from nemora.ops import kernels, reference
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.encoders import load_encoder
from tiny_bert import write_bert

LLAMA: dict[str, Any] = tiny_llama.CONFIG | {
    "architectures": ["LlamaBidirectionalModel"],
    "model_type": "llama_bidirec",
    "auto_map": {"AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"},
    "pooling": "avg",
    "temperature": 0.02,
    "rope_scaling": tiny_llama.LLAMA3,
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
}


def write_llama(folder: Path, **changes: Any) -> Path:
    """A bidirectional Llama as it is published: without a first word in its tensors' names, and no output matrix."""
    config = LLAMA | changes
    tensors = {name.removeprefix("model."): each for name, each in tiny_llama.random_tensors(LLAMA).items()}
    tiny_llama.write_folder(folder, config, tensors)
    words = {chr(97 + n): n + 3 for n in range(26)} | {":": 29, "query": 30, "<s>": 1, "?": 0}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    made.save(str(folder / "tokenizer.json"))
    return folder


WRITERS = {"bert": write_bert, "llama": write_llama}


@pytest.fixture(params=WRITERS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddingModel:
    return EmbeddingModel.load(str(WRITERS[request.param](tmp_path / "tiny")), cache=tmp_path)


def ids(rows: int = 2, length: int = 40) -> Tensor:
    return torch.randint(0, 40, (rows, length), generator=torch.Generator().manual_seed(0))


def test_attention_both_ways_is_its_slow_twin_and_sees_no_padding() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 6, 9, 8), torch.randn(2, 2, 9, 8), torch.randn(2, 2, 9, 8)
    there = torch.ones(2, 9, dtype=torch.bool)
    there[1, 5:] = False
    slow, fast = (each.attention_both_ways(q, k, v, there) for each in (reference, kernels))
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    short = reference.attention_both_ways(q[1:, :, :5], k[1:, :, :5], v[1:, :, :5], there[1:, :5])
    torch.testing.assert_close(slow[1:, :, :5], short, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(slow[0], reference.attention(q, k, v)[0])


def test_layer_norm_is_its_slow_twin() -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(3, 16), torch.randn(16), torch.randn(16)
    both = (each.layer_norm(x, weight, bias, 1e-12) for each in (reference, kernels))
    torch.testing.assert_close(*both, rtol=1e-5, atol=1e-5)


def test_the_published_layouts_give_what_transformers_gives(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="parity needs the extra `reference`")
    there = torch.ones(2, 40, dtype=torch.bool)
    there[1, 25:] = False
    bert = write_bert(tmp_path / "bert")
    theirs = transformers.BertModel.from_pretrained(bert, add_pooling_layer=False).eval()
    with torch.inference_mode():
        expected = theirs(ids(), attention_mask=there.long()).last_hidden_state
        found = load_encoder(open_checkpoint(bert)).encode(ids(), there)
    torch.testing.assert_close(found[there], expected[there], rtol=1e-4, atol=1e-4)

    llama = write_llama(tmp_path / "llama")
    plain = tiny_llama.CONFIG | {key: LLAMA[key] for key in ("rope_scaling", "rope_theta", "tie_word_embeddings")}
    causal = tiny_llama.write_folder(tmp_path / "causal", plain, tiny_llama.random_tensors(LLAMA))
    theirs = transformers.LlamaModel.from_pretrained(causal, dtype=torch.float32).eval()
    mask = there[:, None, None, :].expand(2, 1, 40, 40)
    with torch.inference_mode():
        expected = theirs(ids(), attention_mask=mask).last_hidden_state
        found = load_encoder(open_checkpoint(llama)).encode(ids(), there)
    torch.testing.assert_close(found[there], expected[there], rtol=1e-4, atol=1e-4)


def test_a_vector_is_the_normalised_mean_and_company_changes_it_by_rounding_only(model: EmbeddingModel) -> None:
    texts = ["a b c", "a", "z y x w v u t s r q p", "b b b b b"]
    together = model.embed(texts)
    assert together.vectors.shape == (4, model.size) and together.tokens > 20
    torch.testing.assert_close(together.vectors.norm(dim=1), torch.ones(4))
    for text, vector in zip(texts, together.vectors, strict=True):
        torch.testing.assert_close(model.embed([text]).vectors[0], vector, rtol=1e-4, atol=1e-5)
    hidden = torch.randn(1, 3, 4)
    expected = hidden[0, :2].mean(0)
    found = mean_pooled(hidden, torch.tensor([[True, True, False]]))[0]
    torch.testing.assert_close(found, expected / expected.norm())


def test_later_words_change_what_earlier_ones_are(model: EmbeddingModel) -> None:
    encoder = model._encoder
    one, other = ids(1), ids(1)
    other[0, -1] = 39 if one[0, -1] != 39 else 38
    there = torch.ones(1, 40, dtype=torch.bool)
    with torch.inference_mode():
        assert not torch.allclose(encoder.encode(one, there)[0, 0], encoder.encode(other, there)[0, 0], atol=1e-5)


def test_a_text_that_is_too_long_is_refused_with_both_numbers(tmp_path: Path) -> None:
    model = EmbeddingModel.load(str(write_llama(tmp_path / "tiny")), cache=tmp_path, context=8)
    assert model.embed(["a b c d e f g"]).tokens == 8
    with pytest.raises(ContextLengthExceeded, match="9 tokens, and the context is 8") as caught:
        model.embed(["a", "a b c d e f g h"])
    assert caught.value.param == "/input/1"


def test_a_kind_puts_its_prefix_before_the_text_where_the_model_knows_it(tmp_path: Path) -> None:
    llama = EmbeddingModel.load(str(write_llama(tmp_path / "llama")), cache=tmp_path)
    assert torch.equal(llama.embed(["a"], kind="query").vectors, llama.embed(["query: a"]).vectors)
    with pytest.raises(UnsupportedField):
        EmbeddingModel.load(str(write_bert(tmp_path / "bert")), cache=tmp_path).embed(["a"], kind="query")


def test_work_ends_where_nobody_waits(model: EmbeddingModel) -> None:
    def gone() -> None:
        raise ModelError("gone")

    with pytest.raises(ModelError, match="gone"):
        model.embed(["a"], check=gone)


def test_what_is_not_implemented_is_refused(tmp_path: Path) -> None:
    for number, changes in enumerate(({"pooling": "last"}, {"mlp_bias": True}, {"new_key": 1})):
        with pytest.raises(UnsupportedCheckpoint):
            EmbeddingModel.load(str(write_llama(tmp_path / str(number), **changes)), cache=tmp_path)
    chat = tiny_llama.write_folder(tmp_path / "chat", tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG))
    with pytest.raises(UnsupportedCheckpoint, match="makes no embeddings"):
        EmbeddingModel.load(str(chat), cache=tmp_path)
    bare = write_bert(tmp_path / "bare")
    (bare / "tokenizer.json").write_text(json.dumps({}))
    with pytest.raises(CorruptCheckpoint):
        EmbeddingModel.load(str(bare), cache=tmp_path)

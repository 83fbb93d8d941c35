"""Texts that share a row are read, and give gradients, as if each stood alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_trainable import hybrid, llama, packed
from torch import Tensor

from nemora.ops import kernels, reference, reference_mamba2
from nemora.ops.texts import Texts
from nemora.train.trainable import Trainable

LENGTHS = [1, 7, 3, 150, 2, 40]  # longer than a chunk of the state space, and shorter than the convolution


def close(ours: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=tolerance * max(1.0, float(expected.abs().max())))


@pytest.fixture(scope="module", params=[hybrid, llama], ids=["hybrid", "llama"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trainable:
    build: Callable[[Path], Trainable] = request.param
    return build(tmp_path_factory.mktemp("model"))


def test_packed_texts_have_the_logits_of_each_text_alone(model: Trainable) -> None:
    row, texts, alone = packed(LENGTHS)
    opened = model.open()
    with torch.no_grad():
        together = opened.logits(opened.hidden(row, texts))
        single = [opened.logits(opened.hidden(text)) for text in alone]
    close(together, torch.cat(single, dim=1))


def test_the_logits_without_packing_are_those_of_inference(model: Trainable) -> None:
    row, _, _ = packed(LENGTHS)
    opened = model.open()
    with torch.inference_mode():
        close(opened.logits(opened.hidden(row)), opened.model.forward(row, opened.model.new_state(row.shape[1])))


def test_without_boundaries_a_packed_row_would_differ(model: Trainable) -> None:
    row, texts, _ = packed(LENGTHS)
    opened = model.open()
    with torch.no_grad():
        apart, together = opened.hidden(row, texts), opened.hidden(row)
    assert torch.allclose(apart[:, :1], together[:, :1], atol=1e-5)
    assert not torch.allclose(apart[:, -1], together[:, -1], atol=1e-2)


def test_gradients_of_packed_texts_are_those_of_a_loop_over_texts(model: Trainable) -> None:
    row, texts, alone = packed(LENGTHS)

    def gradients(*batches: tuple[Tensor, Texts | None]) -> dict[str, Tensor]:
        model.zero_grad()
        for ids, which in batches:
            opened = model.open()
            opened.logits(opened.hidden(ids, which)).logsumexp(-1).sum().backward()
        return {name: p.grad.clone() for name, p in model.weights.named() if p.grad is not None}

    together, single = gradients((row, texts)), gradients(*((text, None) for text in alone))
    assert together.keys() == single.keys()
    for name, gradient in together.items():
        close(gradient, single[name], 1e-4)


def test_the_draft_head_reads_packed_texts_as_alone(tmp_path: Path) -> None:
    model = hybrid(tmp_path)
    row, texts, alone = packed(LENGTHS)
    opened = model.open()
    with torch.no_grad():
        together = opened.draft(row, opened.hidden(row, texts), texts)
        start = 0
        for text in alone:
            length = text.shape[1]
            if length > 1:
                close(together[:, start : start + length - 1], opened.draft(text, opened.hidden(text)))
            start += length


def test_a_number_that_comes_again_is_another_text() -> None:
    texts = Texts(torch.tensor([[4, 4, 0, 4, 4], [1, 1, 1, 1, 2]]))
    assert texts.ids.tolist() == [[0, 0, 1, 2, 2], [0, 0, 0, 0, 1]]
    assert texts.positions.tolist() == [[0, 1, 0, 0, 1], [0, 1, 2, 3, 0]]


@pytest.mark.parametrize("seq", [1, 5, 300])
def test_kernels_agree_with_their_twins_on_texts(seq: int) -> None:
    generator = torch.Generator().manual_seed(seq)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    texts = Texts((torch.rand(2, seq, generator=generator) < 0.1).cumsum(1))
    conv = draw(2, seq, 6), draw(6, 4), draw(6), draw(2, 6, 3)
    state = draw(2, seq, 4, 3), draw(2, seq, 4).exp(), -draw(4).exp(), draw(2, seq, 2, 5), draw(2, seq, 2, 5), draw(4)
    heads = draw(2, 4, seq, 8), draw(2, 2, seq, 8), draw(2, 2, seq, 8)
    close(kernels.attention(*heads, texts), reference.attention(*heads, texts))
    for ours, twin in (
        (kernels.causal_conv(*conv, texts), reference_mamba2.causal_conv(*conv, texts)),
        (
            kernels.ssd(*state, draw(2, 4, 3, 5) * 0, texts),
            reference_mamba2.ssd(*state, torch.zeros(2, 4, 3, 5), texts),
        ),
    ):
        close(ours[0], twin[0], 2e-5)
        close(ours[1], twin[1], 2e-5)

"""The bigram baseline is a distribution, and knows what it has counted."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from nemora.train.bigram import Bigram


def chances_by_hand(texts: list[list[int]], vocabulary: int, first: int, second: int) -> float:
    tokens = [token for text in texts for token in text]
    pairs = [pair for text in texts for pair in pairwise(text)]
    after = [b for a, b in pairs if a == first]
    single = (tokens.count(second) + 1) / (len(tokens) + vocabulary)
    kinds = len(set(after)) or 1
    return (after.count(second) + kinds * single) / (len(after) + kinds)


def test_it_is_what_counting_by_hand_gives() -> None:
    texts = [[0, 1, 2, 1, 2, 3], [3, 3, 1], [2]]
    model = Bigram(texts, 5)
    by_hand = [-math.log(chances_by_hand(texts, 5, a, b)) for a, b in [(1, 2), (2, 4), (4, 0)]]
    assert model.perplexity([[1, 2, 4, 0]]) == pytest.approx(math.exp(sum(by_hand) / 3))


def test_chances_after_each_token_add_up_to_one() -> None:
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(0, 7, (50,), generator=generator).tolist()
    model = Bigram([text], 9)
    for first in range(9):
        chances = [1 / model.perplexity([[first, second]]) for second in range(9)]
        assert sum(chances) == pytest.approx(1.0)


def test_a_text_that_was_counted_is_foreseen_better_than_one_that_was_not() -> None:
    model = Bigram([[1, 2, 3] * 20], 10)
    assert model.perplexity([[1, 2, 3, 1, 2, 3]]) < 2 < 10 < model.perplexity([[3, 2, 1, 3, 2, 1]])

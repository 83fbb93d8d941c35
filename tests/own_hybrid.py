"""The project's own trained hybrid: recipes/hybrid made it. Small, but its weights mean something."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.models.nemotron_h import NemotronH
from nemora.train.authored import filled, is_held_out, read_authored
from nemora.train.corpus import Document
from nemora.train.vocabulary import encoded
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

FOLDER = Path(__file__).parent / "data" / "nemora_tiny_hybrid"
AUTHORED = Path(__file__).parent.parent / "recipes" / "sensitivity" / "authored"
SEPARATOR = "\n\n"


@cache
def own_model() -> NemotronH:
    """In fp32, with its draft head."""
    model = load_model(open_checkpoint(FOLDER), mtp=True)
    assert isinstance(model, NemotronH)
    return model


@cache
def own_tokenizer() -> Tokenizer:
    return load_tokenizer(open_checkpoint(FOLDER))


@cache
def requests(*, held_out: bool) -> list[str]:
    """What people ask, in the groups that the model learned from or in those that it did not; always the same."""
    draw = random.Random(0)
    examples = [example for example in read_authored(AUTHORED) if is_held_out(example.group) == held_out]
    return [filled(example.text, draw) for example in examples]


@cache
def conversations(*, held_out: bool) -> list[list[int]]:
    """The same as ids, each said by a user: the form in which the model read requests."""
    documents = [Document("authored", held_out, turns=(("user", text),)) for text in requests(held_out=held_out)]
    return [encoded(document, own_tokenizer()) for document in documents]


@cache
def unseen_text(characters: int) -> str:
    """Held-out requests, one after the other."""
    return SEPARATOR.join(requests(held_out=True))[:characters]

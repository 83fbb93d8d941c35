"""The settings of the BERT architecture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.models.config import INERT_KEYS, MAX_CONTEXT, MAX_LAYERS, NEUTRAL_VALUES, STORAGE_KEYS, refuse_all_but
from nemora.models.config_reader import ConfigReader


@dataclass(frozen=True, slots=True, kw_only=True)
class BertConfig:
    """A BERT's dimensions. There is a learned vector for each of `context_length` positions."""

    vocab_size: int
    context_length: int
    segments: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    norm_eps: float


# fmt: off
KEYS = INERT_KEYS | STORAGE_KEYS | {
    "vocab_size", "max_position_embeddings", "type_vocab_size", "hidden_size", "intermediate_size",
    "num_hidden_layers", "num_attention_heads", "layer_norm_eps",
    # Of training:
    "attention_probs_dropout_prob", "hidden_dropout_prob", "classifier_dropout", "gradient_checkpointing",
}
# fmt: on
NEUTRAL: Mapping[str, Collection[Any]] = {
    **NEUTRAL_VALUES,
    "architectures": [["BertModel"]],
    "model_type": ["bert"],
    "hidden_act": ["gelu"],
    "position_embedding_type": ["absolute"],
    "is_decoder": [False],
    "tie_word_embeddings": [True, False],
}


def bert_config_from_hugging_face(config: Mapping[str, Any]) -> BertConfig:
    """Read a config.json of `BertModel`.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    reader = ConfigReader(config, "config.json")
    refuse_all_but(reader, KEYS, NEUTRAL)
    reader.require("hidden_act")
    hidden_size, heads = reader.integer("hidden_size"), reader.integer("num_attention_heads")
    reader.divide("hidden_size", hidden_size, heads)
    return BertConfig(
        vocab_size=reader.integer("vocab_size"),
        context_length=reader.integer("max_position_embeddings", most=MAX_CONTEXT),
        segments=reader.integer("type_vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=reader.integer("intermediate_size"),
        layers=reader.integer("num_hidden_layers", most=MAX_LAYERS),
        heads=heads,
        norm_eps=reader.number("layer_norm_eps"),
    )

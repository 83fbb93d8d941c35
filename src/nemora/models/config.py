"""What the configs of all architectures share: bounds, keys that change nothing, and keys that must be neutral.

Two spellings are read: `config.json` as transformers writes it, and the metadata of a GGUF file. Reading is strict: a
missing, unknown or unimplemented key is an error that names it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint
from nemora.models.config_reader import ConfigReader

# Bounds that no real model comes near; they keep a damaged file from asking for the impossible.
MAX_LAYERS = 4096
MAX_CONTEXT = 1 << 30
MAX_EXPERTS = 1 << 17  # in all layers together

# Keys of config.json that change nothing in a forward pass: ids for the tokenizer and generation, settings of training,
# and what transformers' base class writes beside every model.
# fmt: off
INERT_KEYS = frozenset({
    "_attn_implementation", "_attn_implementation_autoset", "_name_or_path", "attention_dropout", "bos_token_id",
    "dtype", "eos_token_id", "initializer_range", "pad_token_id", "pretraining_tp", "torch_dtype",
    "transformers_version", "transformers.js_config", "unsloth_fixed", "unsloth_version", "use_cache",
    "bad_words_ids", "begin_suppress_tokens", "chunk_size_feed_forward", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "id2label",
    "label2id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups",
    "num_beams", "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "prefix",
    "is_decoder", "problem_type", "remove_invalid_values", "repetition_penalty", "return_dict",
    "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params", "temperature",
    "tf_legacy_loss", "tokenizer_class", "top_k", "top_p", "torchscript", "typical_p", "use_bfloat16",
})
# fmt: on

# Keys that would change the maths of any architecture, each with the values that do not.
NEUTRAL_VALUES: Mapping[str, Collection[Any]] = {
    "sliding_window": [None],
    "use_sliding_window": [False],
    "is_encoder_decoder": [False],
    "add_cross_attention": [False],
    "cross_attention_hidden_size": [None],
    "tie_encoder_decoder": [False],
    "pruned_heads": [{}, None],
}

# Read by the loader, not by an architecture: how the weights are stored.
STORAGE_KEYS = frozenset({"quantization_config"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GGUFHeader:
    """What a GGUF file says of its model: its metadata, its tensors' shapes, and RoPE factors if it has them as one."""

    metadata: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    rope_factors: tuple[float, ...] | None = None

    def reader(self, architecture: str) -> ConfigReader:
        """The metadata keys that begin with the architecture's name."""
        prefix = f"{architecture}."
        keys = {key.removeprefix(prefix): value for key, value in self.metadata.items() if key.startswith(prefix)}
        return ConfigReader(keys, "GGUF metadata", prefix=prefix)

    def vocab_size(self, reader: ConfigReader) -> int:
        """Rows of the embedding; the key of that name must agree, where there is one."""
        if "token_embd.weight" not in self.shapes:
            raise CorruptCheckpoint("The GGUF file lacks the tensor token_embd.weight.")
        rows = self.shapes["token_embd.weight"][0]
        reader.refuse_unless("vocab_size", [rows])
        return rows

    @property
    def tied_head(self) -> bool:
        """Whether there is no output matrix: then the embedding is it."""
        return "output.weight" not in self.shapes


def with_one_spelling(config: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Rename `aliases` to the keys that they stand for; two spellings of one key must agree."""
    renamed = {key: value for key, value in config.items() if key not in aliases}
    for alias, key in aliases.items():
        if config.get(alias) is None:
            continue
        if renamed.get(key) is not None and not _agree(renamed[key], config[alias]):
            raise CorruptCheckpoint(f"{alias} and {key} in config.json contradict each other.")
        renamed[key] = config[alias]
    return renamed


def refuse_all_but(reader: ConfigReader, known: Collection[str], neutral: Mapping[str, Collection[Any]]) -> None:
    """Refuse unknown keys, and keys that ask for what is not implemented."""
    reader.refuse_unknown({*known, *neutral})
    for key, values in neutral.items():
        reader.refuse_unless(key, values)


def _agree(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except RecursionError:  # nested so deeply that it means nothing
        return False

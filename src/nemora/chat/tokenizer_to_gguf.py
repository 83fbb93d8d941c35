"""The keys by which a GGUF file carries a tokenizer, made of a folder's tokenizer.json."""

from __future__ import annotations

from typing import Any

from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_gguf import CONTROL, NORMAL, UNUSED, USER_DEFINED, gguf_tokenizer, splittings
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.safetensors import read_json_object

# Text of all sorts, on which any two ways of cutting that differ give different tokens: contractions, numerals in and
# out of words, runs of punctuation, letters of both cases and of none, white space of all kinds, composed and not.
PROBE = (
    "I'm sure they'LL say DON'T, we've 3 of 12, 1234567 or 3.14159 and x86_64v2.\n\n\n  def  helloWorld(HTTPServer):\n"
    "\t\treturn {'a': [1, 2]}  !!!\n\n...???\r\n   \u00a0end  \n 12\n34 \u4f60\u597d\u4e16\u754c123 "
    "\u0645\u0631\u062d\u0628\u0627 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 na\u00efve cafe\u0301 \u01c5 \u2167 "
    "\u0661\u0662\u0663\u0664 \U0001f600\u200d\U0001f525 a/b-c_d\u2026 "
)


def gguf_tokenizer_keys(checkpoint: Checkpoint, vocab_size: int) -> dict[str, Any]:
    """The `tokenizer.` keys for a GGUF file of that checkpoint; none if it has no tokenizer.

    The way of cutting text (`tokenizer.ggml.pre`) is the one among those known here under which the file's tokens are
    the published tokenizer's, tried on a text of all sorts. Ids that the vocabulary does not name get names of their
    own.

    Raises:
        UnsupportedCheckpoint: the tokenizer is no byte-level BPE, or cuts text in a way that has no known name.
        CorruptCheckpoint: it is damaged, or has ids that the model does not have.
    """
    if checkpoint.kind == "gguf":
        return dict(checkpoint.tokenizer_metadata)
    if "tokenizer.json" not in checkpoint.tokenizer_files:
        return {}
    name = checkpoint.path.name
    published = json_tokenizer(checkpoint.tokenizer_files, name)
    table = read_json_object(checkpoint.tokenizer_files["tokenizer.json"])
    keys: dict[str, Any] = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": ""}
    keys |= _vocabulary(table, vocab_size, name)
    keys |= _special_ids(checkpoint, published, table)
    if checkpoint.chat_template is not None:
        keys["tokenizer.chat_template"] = checkpoint.chat_template
    for pre in splittings():
        keys["tokenizer.ggml.pre"] = pre
        if gguf_tokenizer(keys, name).encode(PROBE) == published.encode(PROBE):
            return keys
    raise UnsupportedCheckpoint(
        f"The tokenizer of {name} cuts text in a way that has no name here; known are {', '.join(splittings())}."
    )


def _vocabulary(table: Any, vocab_size: int, name: str) -> dict[str, Any]:
    """Tokens by id, their types, and merges."""
    tokens = [f"[PAD{token_id}]" for token_id in range(vocab_size)]
    types = [UNUSED] * vocab_size
    entries = [(token, token_id, NORMAL) for token, token_id in table["model"]["vocab"].items()]
    for entry in table.get("added_tokens") or []:
        entries.append((entry["content"], entry["id"], CONTROL if entry["special"] else USER_DEFINED))
    for token, token_id, kind in entries:
        if token_id >= vocab_size:
            raise CorruptCheckpoint(f"The tokenizer of {name} has the id {token_id}; the model has only {vocab_size}.")
        tokens[token_id], types[token_id] = token, kind
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in table["model"]["merges"]]
    return {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        **({"tokenizer.ggml.merges": merges} if merges else {}),
    }


def _special_ids(checkpoint: Checkpoint, published: Tokenizer, table: Any) -> dict[str, Any]:
    """Ids of tokens with a part to play. Of several ends, the tokenizer's own is `eos` and one other `eot`."""
    special = published.special
    files = checkpoint.tokenizer_files
    settings = read_json_object(files["tokenizer_config.json"]) if "tokenizer_config.json" in files else {}

    def named(key: str) -> int | None:
        token = settings.get(key)
        content = token.get("content") if isinstance(token, dict) else token
        return special.ids.get(content) if isinstance(content, str) else None

    ends = sorted(special.eos_ids)
    eos = named("eos_token")
    if eos is None and ends:
        eos = ends[0]
    others = [end for end in ends if end != eos]
    ids = {
        "bos_token_id": special.bos_id,
        "eos_token_id": eos,
        "eot_token_id": others[0] if others else None,
        "unknown_token_id": special.ids.get(table["model"].get("unk_token") or ""),
        "padding_token_id": named("pad_token"),
    }
    keys: dict[str, Any] = {f"tokenizer.ggml.{key}": value for key, value in ids.items() if value is not None}
    return {**keys, "tokenizer.ggml.add_bos_token": special.add_bos}

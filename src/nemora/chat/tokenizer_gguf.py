"""The tokenizer that a GGUF file carries: vocabulary, merges, and the name of how text is cut before merging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import tokenizers
from tokenizers import Regex, models, pre_tokenizers

from nemora.chat.tokenizer import END_OF_TURN, SpecialTokens, Tokenizer, is_markup, symbol_bytes
from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import shown

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5

# The published pattern of Llama 3's tokenizer.
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class Splitting:
    """How text is cut into words. `whole_words`: a word that is a token is taken as it is, merges or not."""

    pre_tokenizer: pre_tokenizers.PreTokenizer
    whole_words: bool = False
    add_bos: bool = False


def splittings() -> dict[str, Splitting]:
    """What `tokenizer.ggml.pre` may name."""
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    llama3 = Splitting(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        ),
        whole_words=True,
        add_bos=True,
    )
    return {
        "gpt-2": Splitting(gpt2),
        # Every numeral is a word of its own, and so is the white space before it.
        "smollm": Splitting(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])),
        "llama-bpe": llama3,
        "llama3": llama3,
        "llama-v3": llama3,
    }


def gguf_tokenizer(metadata: Mapping[str, Any], name: str) -> Tokenizer:
    """Rebuild the tokenizer of the GGUF file `name` from its `tokenizer.` keys.

    Raises:
        UnsupportedCheckpoint: no tokenizer, or one of another kind than byte-level BPE with a known splitting.
        CorruptCheckpoint: the keys contradict each other.
    """
    reader = _Reader(metadata, name)
    splitting = reader.splitting()
    tokens, types = reader.tokens()
    pieces: list[bytes] = []
    ordinary: dict[str, int] = {}
    added: dict[str, int] = {}
    special: dict[str, int] = {}
    for token_id, (token, kind) in enumerate(zip(tokens, types, strict=True)):
        if kind == NORMAL:
            ordinary[token] = token_id
        elif kind == USER_DEFINED and not is_markup(token):
            added[token] = ordinary[token] = token_id
        elif kind != UNUSED and token:
            special[token] = token_id
        pieces.append(reader.bytes_of(token, token_id) if kind == NORMAL else token.encode())
    backend = _backend(ordinary, reader.merges(), splitting, reader)
    backend.add_tokens([tokenizers.AddedToken(token, normalized=False) for token in added])
    if any(backend.token_to_id(token) != token_id for token, token_id in added.items()):
        reader.corrupt("a user-defined token has no id of its own")
    hidden = frozenset(i for i, kind in enumerate(types) if kind in (UNKNOWN, CONTROL, UNUSED))
    bos_id = reader.token_id("bos_token_id", len(tokens))
    return Tokenizer(
        backend,
        pieces,
        SpecialTokens(
            ids=special,
            hidden=hidden,
            bos_id=bos_id,
            eos_ids=reader.eos_ids(len(tokens)) | {special[t] for t in END_OF_TURN if special.get(t) in hidden},
            add_bos=bos_id is not None and bool(metadata.get("tokenizer.ggml.add_bos_token", splitting.add_bos)),
        ),
    )


def _backend(
    vocabulary: dict[str, int], merges: list[tuple[str, str]], splitting: Splitting, reader: _Reader
) -> tokenizers.Tokenizer:
    try:
        model = models.BPE(vocab=vocabulary, merges=merges, ignore_merges=splitting.whole_words)
    except Exception as error:  # noqa: BLE001 - the library raises bare Exception for a merge of unknown tokens
        reader.corrupt(f"tokenizer.ggml.merges do not fit tokenizer.ggml.tokens ({type(error).__name__})")
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = splitting.pre_tokenizer
    return backend


class _Reader:
    """Typed access to the keys."""

    def __init__(self, metadata: Mapping[str, Any], name: str) -> None:
        self.metadata = metadata
        self.name = name

    def corrupt(self, what: str) -> NoReturn:
        raise CorruptCheckpoint(f"The tokenizer in {self.name} is damaged: {what}.")

    def splitting(self) -> Splitting:
        kind = self.metadata.get("tokenizer.ggml.model")
        if kind is None:
            raise UnsupportedCheckpoint(f"{self.name} carries no tokenizer; only token ids can be used with it.")
        if kind != "gpt2":
            raise UnsupportedCheckpoint(
                f"{self.name} has the tokenizer model {shown(str(kind))}; only gpt2 (byte-level BPE) is implemented."
            )
        pre = self.metadata.get("tokenizer.ggml.pre")
        known = splittings()
        if not isinstance(pre, str) or pre not in known:
            raise UnsupportedCheckpoint(
                f"{self.name} has the pre-tokenizer {shown(str(pre))}; implemented are {', '.join(known)}."
            )
        return known[pre]

    def tokens(self) -> tuple[list[str], list[int]]:
        tokens = self._list("tokens", str)
        types = (
            self._list("token_type", int) if "tokenizer.ggml.token_type" in self.metadata else [NORMAL] * len(tokens)
        )
        if len(types) != len(tokens) or len(set(tokens)) != len(tokens):
            self.corrupt("tokens repeat, or there are not as many types as tokens")
        return tokens, types

    def merges(self) -> list[tuple[str, str]]:
        pairs = [tuple(merge.split(" ")) for merge in self._list("merges", str)]
        if any(len(pair) != 2 for pair in pairs):
            self.corrupt("a merge does not name two tokens")
        return [(pair[0], pair[1]) for pair in pairs]

    def bytes_of(self, token: str, token_id: int) -> bytes:
        try:
            return symbol_bytes(token)
        except KeyError:
            self.corrupt(f"token {token_id} has a character that stands for no byte")

    def token_id(self, key: str, count: int) -> int | None:
        value = self.metadata.get(f"tokenizer.ggml.{key}")
        if value is None:
            return None
        if type(value) is not int or not 0 <= value < count:
            self.corrupt(f"tokenizer.ggml.{key} is not an id of its vocabulary")
        return value

    def eos_ids(self, count: int) -> frozenset[int]:
        found = (self.token_id(key, count) for key in ("eos_token_id", "eot_token_id", "eom_token_id"))
        return frozenset(i for i in found if i is not None)

    def _list(self, key: str, kind: type) -> list[Any]:
        value = self.metadata.get(f"tokenizer.ggml.{key}")
        if not isinstance(value, list) or not all(type(item) is kind for item in value):
            self.corrupt(f"tokenizer.ggml.{key} is missing or not a list of {kind.__name__}")
        return value

"""More words for an encoder whose vocabulary was learned from English: the signs of other scripts.

The published WordPiece vocabulary holds 244 Chinese characters, no Thai, and Hangul only as single letters: "张伟" was
read as two unknown words. Each character that the texts have often enough becomes a word; a syllable of Hangul too.
Scripts without spaces are cut at every sign, as the vocabulary's own rule does with Chinese, so that a name can end
where its particle begins.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tokenizers import Regex, Tokenizer, pre_tokenizers

from nemora.tagger.tokens import special_token

LEAST = 4
"""How often a sign must stand in the texts: a rarer one cannot be learned."""
SIGNS = (
    "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"  # a syllable of Hangul, taken apart by the normaliser
    "|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff]"  # Thai, Lao, Burmese, Khmer, kana
)
"""What is a word for itself, after normalisation."""
UNKNOWN = "[UNK]"


@dataclass(frozen=True)
class Grown:
    """A tokenizer.json with more words. `parts[i]` are the old words that the i-th new one was read as until now."""

    tokenizer: str
    parts: tuple[tuple[int, ...], ...]


def grown(tokenizer: str, texts: Iterable[str], least: int = LEAST) -> Grown:
    """The vocabulary and what texts in other scripts need; the same for the same texts, in any order.

    Args:
        tokenizer: the contents of a tokenizer.json with WordPiece.
        texts: what will be learned from.
        least: a sign that they have less often stays unknown.
    """
    before = Tokenizer.from_str(tokenizer)
    before.no_padding()
    before.no_truncation()
    cut = _cut_at_signs()
    counted: Counter[str] = Counter()
    for text in texts:
        if not text.isascii():
            normal = before.normalizer.normalize_str(text) if before.normalizer else text
            counted.update(word for word, _ in cut.pre_tokenize_str(normal) if not word.isascii())
    new = _missing(counted, before.get_vocab(), least)
    found = json.loads(tokenizer)
    vocabulary = found["model"]["vocab"]
    parts = []
    for word in new:
        parts.append(tuple(_read_as(before, word)))
        vocabulary[word] = len(vocabulary)
    before.pre_tokenizer = cut
    found["pre_tokenizer"] = json.loads(before.to_str())["pre_tokenizer"]
    return Grown(json.dumps(found, ensure_ascii=False), tuple(parts))


def _cut_at_signs() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SIGNS), "isolated"), pre_tokenizers.BertPreTokenizer()])


def _missing(counted: Counter[str], vocabulary: dict[str, int], least: int) -> list[str]:
    """Single signs and syllables first; of longer words that cannot be read, the letters."""
    signs: Counter[str] = Counter()
    for word, count in counted.items():
        if len(word) == 1 or _is_syllable(word):
            signs[word] += count
        else:
            signs.update({letter if not at else f"##{letter}": count for at, letter in enumerate(word)})
    return sorted(sign for sign, count in signs.items() if count >= least and sign not in vocabulary)


def _is_syllable(word: str) -> bool:
    return "\u1100" <= word[0] <= "\u1112" and len(word) <= 3


def _read_as(tokenizer: Tokenizer, word: str) -> list[int]:
    ids: list[int] = tokenizer.encode(word, add_special_tokens=False).ids
    return ids or [special_token(tokenizer, UNKNOWN)]

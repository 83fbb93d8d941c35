"""More words for an encoder whose vocabulary was learned from English: the signs and words of other scripts.

The published WordPiece vocabulary holds 244 Chinese characters, no Thai, Hangul only as single letters, and of Arabic,
Cyrillic or Devanagari little more than the letters: "张伟" was read as two unknown words, "محمد" as four letters. Each
character that the texts have often enough becomes a word; a syllable of Hangul too; and where words are written with
letters, the pieces that are frequent. Chinese, Hangul and kana are cut at every sign, as the vocabulary's own rule does
with Chinese, so that a name can end where its particle begins; Thai, which has no spaces either, into its pieces.

The published rule for upper case and accents also takes away the vowels of Thai and of India's scripts, which are marks
to Unicode: here they stay.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from nemora.tagger.tokens import special_token

LEAST = 4
"""How often a sign must stand in the texts: a rarer one cannot be learned."""
LEAST_PIECES = 12
"""How often a piece of two letters and more must."""
LONGEST_PIECE = 8
"""A template that is drawn often would otherwise be one word."""
MOST_PIECES = 6000
VOWELS = "\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts of India, Thai, Lao, Burmese, Khmer: their marks are vowels and tones, no accents."""
SIGNS = (
    "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"  # a syllable of Hangul, taken apart by the normaliser
    "|[\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff]"  # Lao, Burmese, Khmer, kana
    "|[\u0e01-\u0e7f]{1,32}"  # Thai; no longer, because pieces are looked for at every place of all that is left
)
"""What is cut apart, after normalisation."""
_SPELLED = re.compile("[\u0370-\u0e7f\u10a0-\u10ff\u1200-\u139f]+")
"""A word in letters of another script than Latin, from Greek to Thai, Georgian, Ethiopic."""
_THAI = tuple(chr(code) for code in (*range(0x0E01, 0x0E3B), *range(0x0E3F, 0x0E5C)))
"""All of them are words: a run with a single unknown sign would be unknown as a whole."""
UNKNOWN = "[UNK]"
_GOES_ON = "##"


@dataclass(frozen=True)
class Grown:
    """A tokenizer.json with more words. `parts[i]` are the old words that the i-th new one was read as until now."""

    tokenizer: str
    parts: tuple[tuple[int, ...], ...]


def grown(tokenizer: str, texts: Iterable[str], least: int = LEAST, least_pieces: int = LEAST_PIECES) -> Grown:
    """The vocabulary and what texts in other scripts need; the same for the same texts, in any order.

    Args:
        tokenizer: the contents of a tokenizer.json with WordPiece.
        texts: what will be learned from.
        least: a sign that they have less often stays unknown.
        least_pieces: a piece of several letters that they have less often is read in smaller ones.
    """
    before = Tokenizer.from_str(tokenizer)
    before.no_padding()
    before.no_truncation()
    normaliser, cut = _with_vowels(), _cut_apart()
    counted: Counter[str] = Counter()
    for text in texts:
        if not text.isascii():
            counted.update(
                word for word, _ in cut.pre_tokenize_str(normaliser.normalize_str(text)) if not word.isascii()
            )
    vocabulary = before.get_vocab()
    new = [*_missing(counted, vocabulary, least), *_missing_pieces(counted, vocabulary, least_pieces)]
    parts = tuple(tuple(_read_as(before, vocabulary, word)) for word in new)
    found = json.loads(tokenizer)
    for word in new:
        found["model"]["vocab"][word] = len(found["model"]["vocab"])
    before.normalizer, before.pre_tokenizer = normaliser, cut
    found |= {key: json.loads(before.to_str())[key] for key in ("normalizer", "pre_tokenizer")}
    return Grown(json.dumps(found, ensure_ascii=False), parts)


def _with_vowels() -> normalizers.Normalizer:
    """BertNormalizer for uncased text, but the marks of `VOWELS` stay."""
    return normalizers.Sequence(
        [
            normalizers.BertNormalizer(strip_accents=False, lowercase=False),
            normalizers.NFD(),
            normalizers.Replace(Regex(rf"(?![{VOWELS}])\p{{Mn}}"), ""),
            normalizers.Lowercase(),
        ]
    )


def _cut_apart() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SIGNS), "isolated"), pre_tokenizers.BertPreTokenizer()])


def _missing(counted: Counter[str], vocabulary: dict[str, int], least: int) -> list[str]:
    """Single signs and syllables; of longer words that cannot be read, the letters."""
    signs: Counter[str] = Counter()
    for word, count in counted.items():
        if len(word) == 1 or _is_syllable(word):
            signs[word] += count
        else:
            for at, letter in enumerate(word):
                signs[_GOES_ON + letter if at else letter] += count
    if sum(count for word, count in counted.items() if word[0] in _THAI) >= least:
        signs.update({prefix + sign: least for sign in _THAI for prefix in ("", _GOES_ON)})
    return sorted(sign for sign, count in signs.items() if count >= least and sign not in vocabulary)


def _missing_pieces(counted: Counter[str], vocabulary: dict[str, int], least: int) -> list[str]:
    """Pieces of words as WordPiece learns them: those that stand together most often are joined."""
    spelled = {word: count for word, count in sorted(counted.items()) if _SPELLED.fullmatch(word)}
    learner = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=MOST_PIECES, min_frequency=least, show_progress=False, continuing_subword_prefix=_GOES_ON
    )
    learner.train_from_iterator(_repeated(spelled), trainer)
    pieces = (piece for piece in learner.get_vocab() if 1 < len(piece.removeprefix(_GOES_ON)) <= LONGEST_PIECE)
    return sorted(piece for piece in pieces if piece not in vocabulary)


def _repeated(counted: dict[str, int]) -> Iterator[str]:
    return (word for word, count in counted.items() for _ in range(count))


def _is_syllable(word: str) -> bool:
    return "\u1100" <= word[0] <= "\u1112" and len(word) <= 3


def _read_as(tokenizer: Tokenizer, vocabulary: dict[str, int], word: str) -> list[int]:
    """Of a piece that goes on a word, its letters as they were read inside a word, or else at the start of one."""
    if word.startswith(_GOES_ON):
        letters = word.removeprefix(_GOES_ON)
        ids = [vocabulary.get(_GOES_ON + letter, vocabulary.get(letter)) for letter in letters]
        known = [found for found in ids if found is not None]
    else:
        known = tokenizer.encode(word, add_special_tokens=False).ids
    return known or [special_token(tokenizer, UNKNOWN)]

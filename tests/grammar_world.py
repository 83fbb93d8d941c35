"""A small vocabulary for grammars, and models that say anything a mask permits."""

from __future__ import annotations

import random
from collections.abc import Sequence

import tokenizers

from nemora.chat.grammar import Grammar, response_part
from nemora.chat.grammar_mask import GrammarMask
from nemora.chat.grammar_vocabulary import GrammarVocabulary
from nemora.chat.reasoning_mask import ReasoningMask
from nemora.chat.tokenizer import SpecialTokens, Tokenizer, byte_symbols
from nemora.core import ResponseFormat

LONGER = (
    *(b'{"', b'"}', b'":', b'": "', b'", "', b"[]", b"{}", b"true", b"false", b"null", b"\n\n", b" \n", b"  "),
    *(b"</", b"think", b">\n", b">{", b'>{"', b"name", b"\n</parameter>\n", b"<parameter=", b"<tool", b"_call>"),
    *("é".encode(), "日".encode(), "日".encode()[:2]),
)
SPECIAL = ("<|end|>", "<|stop|>", "<|start|>")
EOS = frozenset({256 + len(LONGER), 257 + len(LONGER)})
CLOSERS = b'"]}>'
PADDED = 7
"""Ids that the model has and the vocabulary does not."""


def vocabulary(*markup: str) -> Tokenizer:
    """All bytes, some longer tokens, special tokens, and markup that is one token each."""
    special = {text: 256 + len(LONGER) + n for n, text in enumerate([*SPECIAL, *markup])}
    pieces = [*(bytes([b]) for b in range(256)), *LONGER, *(text.encode() for text in special)]
    hidden = frozenset(special[text] for text in SPECIAL)
    known = SpecialTokens(ids=special, hidden=hidden, eos_ids=EOS)
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=byte_symbols(), merges=[]))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return Tokenizer(backend, pieces, known)


def matchers_of(tokenizer: Tokenizer) -> GrammarVocabulary:
    special = tokenizer.special
    return GrammarVocabulary(
        [tokenizer.bytes_of(i) for i in range(tokenizer.size)], special.ids.values(), special.eos_ids
    )


BARE = vocabulary()
MATCHERS = matchers_of(BARE)


def mask_of(grammar: Grammar, matchers: GrammarVocabulary = MATCHERS) -> GrammarMask:
    return GrammarMask(matchers.matcher(grammar.source), matchers.size + PADDED, param=grammar.param)


def form_mask(form: ResponseFormat) -> GrammarMask:
    return mask_of(Grammar.of([response_part(form)], "/response_format"))


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """One id for each byte of a text, but for its special tokens."""
    ids: list[int] = []
    for piece in tokenizer.split_special(text):
        ids += [piece] if isinstance(piece, int) else list(piece.encode())
    return ids


def said(
    mask: GrammarMask | ReasoningMask,
    seed: int,
    *,
    free: int = 30,
    eos: frozenset[int] = EOS,
    prefer: Sequence[int] = (),
) -> list[int]:
    """What a model says that draws anything permitted; after `free` tokens it looks for an end, by `prefer`."""
    dice, ids = random.Random(seed), list[int]()
    while len(ids) < 3000:
        allowed = mask.allowed().nonzero()[:, 0].tolist()
        ends = [i for i in allowed if i in eos]
        if ends and (len(ids) >= free or len(ends) == len(allowed) or dice.random() < 0.1):
            return ids
        texts = [i for i in allowed if i not in eos]
        late = [i for i in (*prefer, *CLOSERS) if i in texts] if len(ids) >= free else []
        ids.append(late[0] if late else dice.choice(texts))
        mask.accept(ids[-1])
    raise AssertionError("no end was found")

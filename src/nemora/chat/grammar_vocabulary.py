"""A vocabulary as llguidance wants it: the bytes of each token, which of them are special, and which end an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import llguidance

from nemora.errors import RequestError

Encode = Callable[[str], list[int]]

LIMITS = {
    "initial_lexer_fuel": 2_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 50_000,
    "max_lexer_states": 100_000,
    "max_grammar_size": 500_000,
}
"""Of one grammar, so that neither compiling nor a step of it takes long. 200,000 of fuel are about 15 ms."""


class GrammarVocabulary:
    """Makes matchers for one vocabulary. Building takes about half a second for 130,000 tokens.

    Special tokens stand for no text: a grammar permits one only where it names its id.

    Args:
        pieces: the bytes of each id; empty for ids that stand for nothing.
        eos_ids: permitted exactly where the grammar may end. At least one.
        encode: the ids of plain text. Where a grammar leaves no choice, a mask permits only these, so that the model
            reads what it would have written. None: an id for each byte.
    """

    def __init__(
        self,
        pieces: Sequence[bytes],
        special_ids: Collection[int],
        eos_ids: Collection[int],
        encode: Encode | None = None,
    ) -> None:
        self.size = len(pieces)
        table = _Table(pieces, special_ids, eos_ids, encode or _by_byte(pieces))
        self._tokenizer = llguidance.LLTokenizer(table, eos_token=sorted(eos_ids))  # type: ignore[arg-type]

    def matcher(self, source: str) -> llguidance.LLMatcher:
        """A matcher at the beginning of a grammar.

        Raises:
            RequestError: the grammar is wrong, or needs too much; the message says why without repeating any of it.
        """
        limits = llguidance.LLParserLimits(verbose_errors=False, **LIMITS)  # type: ignore[arg-type]
        matcher = llguidance.LLMatcher(self._tokenizer, source, log_level=0, limits=limits)
        if matcher.is_error():
            raise RequestError(_reason(matcher.get_error()))
        return matcher


class _Table:
    """What llguidance reads of a tokenizer; see its `TokenizerWrapper`."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(
        self, pieces: Sequence[bytes], special_ids: Collection[int], eos_ids: Collection[int], encode: Encode
    ) -> None:
        self._encode = encode
        self.eos_token_id = min(eos_ids)
        # 0xFF is no byte of UTF-8: no text ever needs these tokens.
        nothing = [b"\xff[%d]" % number for number in range(len(pieces))]
        self.tokens = [piece or nothing[number] for number, piece in enumerate(pieces)]
        self.special_token_ids = sorted({*special_ids, *eos_ids})
        for number in self.special_token_ids:
            self.tokens[number] = nothing[number]

    def __call__(self, text: str | bytes) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode("utf-8", "replace"))


def _by_byte(pieces: Sequence[bytes]) -> Encode:
    ids = {piece: number for number, piece in reversed(list(enumerate(pieces))) if len(piece) == 1}
    return lambda text: [ids[bytes([b])] for b in text.encode() if bytes([b]) in ids]


_KEYWORDS = (
    *("not", "if", "then", "else", "oneOf", "uniqueItems", "contains", "minContains", "maxContains", "propertyNames"),
    *("dependentRequired", "dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties"),
    *("minProperties", "maxProperties", "patternProperties", "$dynamicRef", "$anchor", "$id", "additionalItems"),
    *("contentEncoding", "contentMediaType", "contentSchema", "$recursiveRef", "$vocabulary", "format", "allOf"),
)
_REASONS = (
    ("oneOf constraints", "it has a oneOf whose options overlap; use anyOf"),
    ("Unsatisfiable", "no value can satisfy the schema"),
    ("Invalid type", "it has a type that JSON does not have"),
    ("Pointer '", "it has a $ref that leads nowhere"),
    ("Resource '", "it has a $ref that leads out of it; put what it means under $defs"),
    ("look-around", "its regular expression looks ahead or behind, which is not supported"),
    ("regex parse error", "it has a regular expression that cannot be read"),
    ("invalid regex", "it has a regular expression that cannot be read"),
    ("too deeply nested", "it is nested too deeply"),
    ("fuel", "it is too complex"),
    ("too many", "it is too complex"),
    ("too large", "it is too large"),
    ("too complex", "it is too complex"),
    ("format", "it has a format that is not known"),
)


def _reason(error: str) -> str:
    """llguidance's message in words of ours: it may repeat what the client wrote."""
    if error.startswith("Unimplemented keys"):
        named = [word for word in _KEYWORDS if f'"{word}"' in error]
        return f"it uses {' and '.join(named) if named else 'a keyword'}, which cannot be enforced"
    return next((reason for part, reason in _REASONS if part in error), "it has a mistake in its syntax")

"""What only the owner knows to be sensitive: project names, customer numbers, code words. From `[[entities]]`.

Patterns run on RE2, whose time is linear in the text for every pattern, so that no policy and no request can stop
the reading. Words are looked up word by word, which is linear as well, however long the list is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import re2

from nemora.privacy.detectors.context import label_words
from nemora.privacy.finding import Kind, Sensitivity
from nemora.privacy.policy_fields import a_class, name, number, only, text, texts, wrong
from nemora.privacy.protocols import Match

MAX_ENTITIES = 200
MAX_WORDS = 10_000
MAX_EXAMPLES = 100
MAX_SENTENCE = 500
LEAST_WORDS = 3
LIKENESS = 0.5
"""Cosine from which a sentence counts as saying what an example says; measured by bench/example_sentences.py."""
MAX_REGEX = 1_000
MAX_VALUE = 200
"""Characters of a word. What a pattern finds may be longer, and may then be cut where a long text is cut."""
LEAST_GLUED = 8
"""Characters from which on a phrase is found written as one word too: shorter ones are words by chance."""
NEAR = 80
"""Characters on each side of a value in which a context word must stand."""
_MAX_PROGRAM = 5_000
_WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[\W_]{0,4}| {0,60}")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,11}(?:\s[^<>\n]{0,120})?/?>")
_CAMEL = re.compile(r"(?<=[^\W\d_])(?=[A-Z][a-z])|(?<=[a-z\d])(?=[A-Z])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")
"""Scripts that write no spaces between words: a word of theirs may stand anywhere in a run of letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomEntity:
    """One entry of `[[entities]]`.

    Raises:
        SettingsError: a pattern that RE2 cannot run, or that matches the empty text.
    """

    name: str
    sensitivity: Sensitivity
    regex: str = ""
    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    """Sentences: what says the same is found, see `protocols.Examples`."""
    likeness: float = LIKENESS
    context: tuple[str, ...] = ()
    """If there are any, a value counts only with one of these words near it or in the key of its field."""
    allow: tuple[str, ...] = ()
    """Values that are harmless: only a whole value is compared, never a part of one."""
    case: bool = False
    """Whether capitals matter."""

    def to_json(self) -> dict[str, Any]:
        """What the process that reads needs, and nothing else."""
        return {
            "name": self.name,
            "class": self.sensitivity.word,
            "regex": self.regex,
            "words": list(self.words),
            "examples": list(self.examples),
            "likeness": self.likeness,
            "context": list(self.context),
            "allow": list(self.allow),
            "case": self.case,
        }


def entity_of(values: Mapping[str, Any], where: str) -> CustomEntity:
    """The entity that a table describes. Raises `SettingsError`, with the key in `param`."""
    only(values, ("name", "class", "regex", "words", "examples", "likeness", "context", "allow", "case"), where)
    for required in ("name", "class"):
        if required not in values:
            raise wrong(f"{where}.{required}", "is missing.")
    regex = text(values["regex"], f"{where}.regex", MAX_REGEX) if values.get("regex") else ""
    case = values.get("case", False)
    if not isinstance(case, bool):
        raise wrong(f"{where}.case", "must be true or false.")
    made = CustomEntity(
        name=name(values["name"], f"{where}.name"),
        sensitivity=a_class(values["class"], f"{where}.class"),
        regex=regex,
        words=texts(values.get("words", []), f"{where}.words", MAX_WORDS, MAX_VALUE),
        examples=texts(values.get("examples", []), f"{where}.examples", MAX_EXAMPLES, MAX_SENTENCE),
        likeness=number(values.get("likeness", LIKENESS), f"{where}.likeness", 0.3, 1.0),
        context=texts(values.get("context", []), f"{where}.context", 100, MAX_VALUE),
        allow=texts(values.get("allow", []), f"{where}.allow", MAX_WORDS, MAX_VALUE),
        case=case,
    )
    _check(made, where)
    return made


def _check(entity: CustomEntity, where: str) -> None:
    if entity.sensitivity is Sensitivity.PUBLIC:
        raise wrong(f"{where}.class", "must be personal, confidential or secret: what is public needs no entity.")
    if not entity.regex and not entity.words and not entity.examples:
        raise wrong(where, "needs a regex, words or examples.")
    if any(len(_WORD.findall(sentence)) < LEAST_WORDS for sentence in entity.examples):
        raise wrong(
            f"{where}.examples", f"must be whole sentences, of {LEAST_WORDS} words or more; use words for less."
        )
    for word in (*entity.words, *entity.context):
        if not _WORD.search(word):
            raise wrong(f"{where}.words", "must hold letters or digits in each text.")
    if entity.regex:
        try:
            pattern = _compiled(entity)
        except re2.error as error:
            raise wrong(f"{where}.regex", f"is not a pattern that RE2 can run ({_said(error)}).") from None
        if pattern.programsize > _MAX_PROGRAM:
            raise wrong(f"{where}.regex", "is too large a pattern; use fewer or smaller repeats.")
        if pattern.search("") is not None:
            raise wrong(f"{where}.regex", "matches the empty text, and so everything; ask for at least one character.")


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(words.split()).rstrip(".") or "it does not say why"


def _compiled(entity: CustomEntity) -> Any:
    options = re2.Options()
    options.case_sensitive = entity.case
    options.log_errors = False
    return re2.compile(entity.regex, options)


class EntityDetector:
    """Finds the values of one entity. See `protocols.Detector`."""

    def __init__(self, entity: CustomEntity) -> None:
        self.name = f"entity:{entity.name}"
        self._entity = entity
        self._pattern = _compiled(entity) if entity.regex else None
        self._allowed = frozenset(whole_value(value) for value in entity.allow)
        self._words = _WordList(entity.words, case=entity.case)
        self._context = _WordList(entity.context, case=False)

    def find(self, text: str, label: str) -> list[Match]:
        """All values in `text` that are not allowed, and have a context word if the entity asks for one."""
        readable = _SURROGATE.sub("?", text)  # half a letter is none, and RE2 takes whole ones only
        spans = set(self._words.spans(readable))
        if self._pattern is not None:
            spans.update((found.start(), found.end()) for found in self._pattern.finditer(readable))
        labelled = bool(label) and any(self._context.spans(label_words(label)))
        return [
            Match(Kind.CUSTOM, start, end, 1.0, self._entity.name)
            for start, end in sorted(spans)
            if end > start
            and not is_allowed(readable, start, end, self._allowed)
            and (not self._entity.context or labelled or self._is_near(readable, start, end))
        ]

    def _is_near(self, text: str, start: int, end: int) -> bool:
        around = (text[max(0, start - NEAR) : start], text[end : end + NEAR])
        return any(next(self._context.spans(side), None) is not None for side in around)


class _WordList:
    """Words and phrases, whole ones: "Falcon Nine" is found in "falcon-nine", and not in "falconry"."""

    def __init__(self, words: tuple[str, ...], *, case: bool) -> None:
        self._case = case
        self._phrases: dict[str, set[tuple[str, ...]]] = {}
        self._unspaced = [self._fold(word) for word in words if _UNSPACED.search(word)]
        for word in words:
            if not _UNSPACED.search(word):
                parts = tuple(self._fold(part.group()) for part in _WORD.finditer(word))
                self._phrases.setdefault(parts[0], set()).add(parts)
                glued = "".join(parts)
                if len(parts) > 1 and len(glued) >= LEAST_GLUED:
                    self._phrases.setdefault(glued, set()).add((glued,))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """[start, end) of every word of the list in `text`."""
        for word in self._unspaced:
            yield from _everywhere(text if self._case else _small(text), word)
        if not self._phrases:
            return
        shown = _TAG.sub(lambda tag: " " * len(tag.group()), text) if "<" in text else text
        yield from self._in_tokens(shown, *_tokens(shown, self._case))
        if _CAMEL.search(shown):  # FalconNine, as code has it
            yield from self._in_tokens(shown, *_tokens(shown, self._case, camel=True))

    def _in_tokens(
        self, text: str, tokens: Sequence[tuple[int, int]], folded: tuple[str, ...]
    ) -> Iterator[tuple[int, int]]:
        for at, first in enumerate(folded):
            for phrase in self._phrases.get(first, ()):
                last = at + len(phrase) - 1
                if folded[at : last + 1] == phrase and all(
                    _GAP.fullmatch(text, tokens[n][1], tokens[n + 1][0]) for n in range(at, last)
                ):
                    yield tokens[at][0], tokens[last][1]

    def _fold(self, word: str) -> str:
        return word if self._case else word.casefold()


@lru_cache(maxsize=4)
def _tokens(text: str, case: bool, *, camel: bool = False) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """The words of a text: their spans, and their spelling. Kept for the next entity, which reads the same text.

    Args:
        camel: words also begin at capitals inside of words.
    """
    spans = [token.span() for token in _WORD.finditer(text)]
    if camel:
        cuts = [[start, *(c.start() for c in _CAMEL.finditer(text, start, end)), end] for start, end in spans]
        spans = [pair for cut in cuts for pair in pairwise(dict.fromkeys(cut))]
    spelled = (text[start:end] if case else text[start:end].casefold() for start, end in spans)
    return tuple(spans), tuple(spelled)


def _small(text: str) -> str:
    """In small letters, as long as before: one whose small form is two characters stays."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def _everywhere(text: str, word: str) -> Iterator[tuple[int, int]]:
    start = text.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = text.find(word, start + 1)


def whole_value(value: str) -> str:
    """A value as allow lists compare it: without white space around, and whatever its capitals are."""
    return value.strip().casefold()


def is_allowed(text: str, start: int, end: int, allowed: frozenset[str]) -> bool:
    """Whether [start, end) is one of the allowed values, and not the beginning or end of a longer one."""
    if not allowed or whole_value(text[start:end]) not in allowed:
        return False
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return not (before.isalnum() or after.isalnum() or before in tuple("_@") or after in tuple("_@"))

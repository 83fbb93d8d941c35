"""The stand-ins that leave in place of real values: `PERSON_K3F7Q2`, `email_k3f7q2@redacted.example`.

A stand-in says what it stands for, so that a model can write around it, and is one plain word, so that a model copies
it: capitals, one underscore, three pairs of a consonant and a digit (no word looks like that, and no letter is easily
taken for a digit). Only an e-mail address keeps its shape, at a domain that nobody can have (RFC 2606).

It is a keyed hash of the conversation, the kind and the value without its spelling. So it is the same in every later
turn and after a restart although no value is stored, and differs between conversations and tenants. Each spelling of a
value has a stand-in of its own with the same stem (`PERSON_K3F7Q2`, `PERSON_K3F7Q2_LAST`, `PERSON_K3F7Q2_M4`), so that
restoring gives back exactly what was replaced.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from nemora.core import Message
from nemora.privacy.escapes import undo_escapes
from nemora.privacy.finding import Kind
from nemora.privacy.normalise import normalise

LETTERS, DIGITS = "CDFHJKLMNPQRTVWX", "23456789"
PAIRS = 3
"""Pairs of a stem: 21 bits. Two values that fall on one stem are told apart by a second try."""
EMAIL_HEAD, EMAIL_TAIL = "email_", "@redacted.example"
LITERAL = "LITERAL"
"""Stands for text of the request that looks like a stand-in, and is none of ours."""
_WORDS = {
    Kind.PERSON_NAME: "PERSON",
    Kind.STREET_ADDRESS: "ADDRESS",
    Kind.PHONE_NUMBER: "PHONE",
    Kind.IP_ADDRESS: "IPADDR",
    Kind.MAC_ADDRESS: "MACADDR",
    Kind.PAYMENT_CARD: "CARD",
    Kind.BANK_ACCOUNT: "ACCOUNT",
    Kind.US_SSN: "SSN",
    Kind.GOVERNMENT_ID: "IDENTITY",
    Kind.MEDICAL_RECORD: "RECORD",
    Kind.API_KEY: "APIKEY",
    Kind.PRIVATE_KEY: "PRIVATEKEY",
    Kind.CONNECTION_STRING: "CONNECTION",
}
AS_TEXT = frozenset({Kind.PERSON_NAME, Kind.STREET_ADDRESS})
"""Kinds whose values are words; those of the others are one value, whatever stands between its characters."""
_EXACT = frozenset({Kind.EMAIL_ADDRESS, Kind.IP_ADDRESS, Kind.PASSWORD, Kind.API_KEY, Kind.CONNECTION_STRING})
NAME_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")


def word_of(kind: Kind) -> str:
    """The word in capitals with which a stand-in of this kind begins."""
    return _WORDS.get(kind) or re.sub(r"[^A-Z]", "", kind.value.upper())[:16]


_PAIR = f"[{LETTERS}][{DIGITS}]"
_UNUSED = frozenset({Kind.EMAIL_ADDRESS, Kind.UNREADABLE, *(kind for kind in Kind if kind.endswith("_matter"))})
_ALL_WORDS = "|".join(sorted({LITERAL, *(word_of(k) for k in Kind if k not in _UNUSED)}, key=len, reverse=True))
LOOKALIKE = re.compile(
    rf"{EMAIL_HEAD}(?:{_PAIR}){{{PAIRS}}}(?:_{_PAIR})?(?:@|%40){re.escape(EMAIL_TAIL[1:])}"
    rf"|(?:{_ALL_WORDS})\\?_(?:{_PAIR}){{{PAIRS}}}(?:\\?_(?:FIRST|LAST|{_PAIR}))?",
    re.IGNORECASE,
)
"""Whatever could be taken for a stand-in, also in other case or with the underscore escaped as Markdown does."""


def conversation_of(messages: Sequence[Message], holders: Collection[int]) -> str:
    """What a conversation is known by: its first user message, and the first one in which something was found.

    A first message alone may be "Hi" in many conversations, and system text is the same in all of an application's.

    Args:
        holders: indices of the messages in which something was found.
    """
    known = [next((i for i, m in enumerate(messages) if m.role == "user"), -1)]
    known.append(min((i for i in holders if messages[i].role not in ("system", "developer")), default=-1))
    texts = [messages[i].text() + "".join(c.arguments for c in messages[i].tool_calls) for i in known if i >= 0]
    return "\0".join("".join(unicodedata.normalize("NFC", text).split()) for text in texts)


@dataclass(frozen=True, slots=True)
class _Entity:
    """One person or value: the stem of its stand-ins, the spelling that came first, its words if it is a name."""

    word: str
    stem: str
    spelling: str
    words: tuple[str, ...]


class Placeholders:
    """Gives out the stand-ins of one request, in the order in which its values stand there.

    Args:
        key: the key for stand-ins, derived from the installation's (`keys.derive`).
        conversation: see `conversation_of`.
        tenant: whose request it is.
    """

    def __init__(self, key: bytes, conversation: str, tenant: str = "default") -> None:
        self._key = hmac.digest(key, _joined(tenant, conversation), "sha256")
        self._of_spelling: dict[str, str] = {}
        self._met: dict[str, _Entity] = {}
        self._entities: dict[tuple[str, str], _Entity] = {}
        self._stems: set[tuple[str, str]] = set()
        self.values: dict[str, str] = {}
        """What each stand-in stands for."""

    def meet(self, kind: Kind, spelling: str) -> None:
        """Learn of a value before stand-ins are given out.

        A later turn may find values that this one only mentions. Which value is whose then depends on what is found;
        which spelling gets which stand-in must depend on nothing but the order of the text.
        """
        if spelling not in self._met:
            self._met[spelling] = self._entity(kind, spelling)

    def stand_in(self, kind: Kind | None, spelling: str) -> str:
        """The stand-in of a value as it is spelled. Without a kind it is text that only looks like a stand-in."""
        known = self._of_spelling.get(spelling)
        if known is None:
            known = self._new(kind, spelling)
            self._of_spelling[spelling] = known
            self.values[known] = spelling
        return known

    def names(self) -> Iterator[tuple[str, str]]:
        """First and last names alone, for names whose parts the request never mentions: a model may write them."""
        for entity in self._entities.values():
            for part, ending in _ends(entity):
                token = _token(entity, ending)
                if token not in self.values:
                    yield token, part

    def _new(self, kind: Kind | None, spelling: str) -> str:
        entity = self._met.get(spelling) or self._entity(kind, spelling)
        if spelling == entity.spelling:
            return _token(entity, "")
        for part, ending in _ends(entity):
            if spelling == part:
                return _token(entity, ending)
        for attempt in range(len(LETTERS) * len(DIGITS)):
            token = _token(entity, self._pairs(1, "spelling", entity.stem, spelling, str(attempt)))
            if token not in self.values:
                return token
        return self._new_entity(entity.word, spelling, f"{len(self.values)}\0{spelling}", ())[1]

    def _entity(self, kind: Kind | None, spelling: str) -> _Entity:
        word = LITERAL if kind is None else word_of(kind)
        identity = spelling if kind is None else identity_of(kind, spelling)
        known = self._entities.get((word, identity))
        if known is not None:
            return known
        words = tuple(NAME_WORD.findall(identity)) if kind is Kind.PERSON_NAME else ()
        for entity in self._entities.values() if words else ():
            if _same_person(set(words), set(entity.words)):
                return entity
        return self._new_entity(word, spelling, identity, words)[0]

    def _new_entity(self, word: str, spelling: str, identity: str, words: tuple[str, ...]) -> tuple[_Entity, str]:
        attempt = 0
        while (word, stem := self._pairs(PAIRS, word, identity, str(attempt))) in self._stems:
            attempt += 1
        self._stems.add((word, stem))
        entity = self._entities[word, identity] = _Entity(word, stem, spelling, words)
        return entity, _token(entity, "")

    def _pairs(self, count: int, *parts: str) -> str:
        digest = hmac.digest(self._key, _joined(*parts), "sha256")
        return "".join(LETTERS[byte & 15] + DIGITS[byte >> 4 & 7] for byte in digest[:count])


def identity_of(kind: Kind, spelling: str) -> str:
    """A value without its spelling: disguises, escapes, case, and for numbers what stands between their digits."""
    plain = normalise(spelling)
    undone = undo_escapes(plain.text)
    folded = (plain.text if undone is None else undone.text.text).casefold()
    if kind in AS_TEXT:
        return " ".join(folded.split())
    return folded if kind in _EXACT else "".join(filter(str.isalnum, folded)) or folded


def _same_person(words: set[str], known: set[str]) -> bool:
    """A part of a known name, or a longer form of one that has two words already."""
    return words <= known or (len(known) > 1 and words >= known)


def _ends(entity: _Entity) -> Iterator[tuple[str, str]]:
    """The first and the last word of a name as it came first; "Surname, Given" the other way round."""
    words = NAME_WORD.findall(entity.spelling) if len(entity.words) > 1 else []
    if len(words) > 1 and words[0] != words[-1]:
        first, last = ("LAST", "FIRST") if "," in entity.spelling else ("FIRST", "LAST")
        yield words[0], first
        yield words[-1], last


def _token(entity: _Entity, ending: str) -> str:
    if entity.word == word_of(Kind.EMAIL_ADDRESS):
        return f"{EMAIL_HEAD}{entity.stem}{'_' if ending else ''}{ending}".lower() + EMAIL_TAIL
    return f"{entity.word}_{entity.stem}{'_' if ending else ''}{ending}"


def _joined(*parts: str) -> bytes:
    """Parts with their lengths, so that no two lists of parts are the same bytes."""
    data = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in data)

"""Small disclosures add up: a first name, then an employer, then a town single a person out, though each is harmless.

A unit is one such fact that a person tells of themselves or of somebody else, or that a record of one person holds.
What is about to leave is counted together with what has left before: in the same conversation, known by its messages
as taint knows it, and in all of a tenant's requests within an hour. When the distinct kinds together identify, the
class is raised.

Kept are keyed hashes, kinds and times; never a value. Units are read in plain text only: disguises are for detectors.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nemora.core import Message
from nemora.privacy.database import Database
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Sensitivity
from nemora.privacy.keys import DISCLOSURES_FILE, derive
from nemora.privacy.policy import Policy, strictest
from nemora.privacy.quick_pattern import QuickPattern

TOGETHER = 3
"""Distinct kinds that identify within one conversation, if one of them is an anchor."""
TOGETHER_APART = 4
"""Distinct kinds that identify over a tenant's requests that have no message in common."""
ANCHORS = frozenset({"given_name", "family_name", "birth_date", "their_birth_date"})
OF_ANOTHER = "their_"
"""Begins the kinds of facts that are told of somebody else; they never add up with what one tells of oneself."""
WINDOW_SECONDS = 3_600
"""How long a tenant's unconnected requests count together."""
CONVERSATION_SECONDS = 30 * 86_400
MIN_CHARS, MIN_CHARS_HARMLESS = 24, 64
"""A shorter message, and one that tells nothing and is shorter than the second, ties no requests together."""
MAX_REMEMBERED = 20_000
"""Messages whose units are kept in memory: the history of a conversation is read once."""
MAX_ROWS = 200_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS disclosed (scope BLOB NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL,
    last_seen INTEGER NOT NULL, PRIMARY KEY (scope, kind, value)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS disclosed_by_age ON disclosed (last_seen)
"""

_WORD = r"[^\W\d_][\w'’&-]{1,30}"
_NO_VALUE = (
    r"(?!(?:a|an|the|my|our|your|his|her|their|this|that|not|home|night|nights|work|school|least|weekends|all|any|on|in"
    r"|at|it|some|one|two|as|and|or|for|to|ein|eine|einer|einem|der|die|das|dem|un|une|una|le|la|el|mi|mon|ma)\b)"
)
_TOLD: dict[str, str] = {
    "given_name": r"\b(?:my (?:first )?name(?: is|'s|’s)|(?:please )?call me|the user's name is|mein name ist"
    r"|ich hei(?:ß|ss)e|je m['’]appelle|me llamo|mi nombre es)\s{1,3}VALUE",
    "employer": r"\b(?:i(?:'m| am)? (?:currently )?(?:work|working|employed) (?:at|for|by)|my employer is|my company is"
    r"|the user works (?:at|for)|ich arbeite (?:bei|für)|je travaille (?:chez|pour)|trabajo (?:en|para))\s{1,3}VALUE",
    "town": r"\b(?:i (?:currently |now )?live in|i(?:'m| am) (?:from|based in|living in)|i (?:just )?moved to"
    r"|the user lives in|ich (?:wohne|lebe) in|j['’]habite (?:à|a)|vivo en)\s{1,3}VALUE",
    "birth_date": r"\b(?:i was born (?:on|in)|my (?:birthday|birth date|date of birth) is|ich bin am"
    r"|mein geburtstag ist|je suis née? le|nací el)\s{1,3}(?P<value>[^\n.!?;]{0,20}\d[^\n.!?;]{0,20})",
    "role": r"\b(?:i(?:'m| am) (?:the|an?) (?:only |head |chief |lead |senior )?)"
    r"(?P<value>[a-z]{3,20}(?: [a-z]{3,20})? (?:of|at|here))\b",
}
_ANOTHER = (
    r"\b(?:she|he|they|(?:my|our|the) (?:neighbou?r|boss|colleague|sister|brother|wife|husband|partner|friend|client"
    r"|patient|tenant|employee|customer|teacher|ex))"
)
_DAY = (
    r"(?P<value>(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? [a-z]{3,9}|[a-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,?) (?:18|19|20)\d\d"
    r"|\d{1,2}[./-]\d{1,2}[./-](?:18|19|20)\d\d|(?:18|19|20)\d\d-\d\d-\d\d)"
)
# A name is none of these: stories are full of people with a name, a town and an employer. A whole birth date is rarer.
# Lives of public figures have three of them, so all four are wanted, however they arrive.
_TOLD_OF_ANOTHER: dict[str, str] = {
    "birth_date": rf"{_ANOTHER} (?:was|is|were) born on (?:the )?{_DAY}",
    "town": rf"{_ANOTHER} (?:(?:now )?lives? in|(?:was|were) born (?:on [^\n.!?;]{{6,30}} )?in|moved to)\s{{1,3}}VALUE",
    "employer": rf"{_ANOTHER} (?:works?|worked|is employed) (?:at|for|by)\s{{1,3}}(?:the |a )?VALUE",
    "vehicle": rf"{_ANOTHER} drives?\s{{1,3}}(?:an? )?(?P<value>[^\n.!?;]{{3,40}})",
}
_KEYED: dict[str, str] = {
    "given_name": r"(?:first|given)[_ ]?name|vorname|prenom|prénom|nombre",
    "family_name": r"(?:last|family)[_ ]?name|surname|nachname|apellidos?",
    "employer": r"employer|company|arbeitgeber|employeur|empresa",
    "town": r"city|town|ort|stadt|ville|ciudad",
    "birth_date": r"birth[_ ]?date|date[_ ]?of[_ ]?birth|dob|birthday|geburtsdatum",
}
_VALUE = rf"(?P<value>{_NO_VALUE}{_WORD}(?:[ ](?-i:[A-ZÀ-Þ])[\w'’&-]{{0,30}}){{0,2}})"
_TELLS = {
    kind: QuickPattern(told.replace("VALUE", _VALUE), re.IGNORECASE)
    for kind, told in (*_TOLD.items(), *((OF_ANOTHER + kind, told) for kind, told in _TOLD_OF_ANOTHER.items()))
}
_FIELDS = {
    kind: QuickPattern(rf"[\"'](?:{keys})[\"']\s{{0,3}}:\s{{0,3}}[\"'](?P<value>[^\"'\n]{{2,60}})[\"']", re.IGNORECASE)
    for kind, keys in _KEYED.items()
}
_QUOTED = re.compile(r"[\"“”][^\"“”\n]{1,400}[\"“”]")
"""What somebody else is made to say, in a story or an example."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One disclosed fact: its kind and the value's keyed hash."""

    kind: str
    value: bytes


class Disclosures:
    """What has left, in small pieces. Thread-safe. Every call raises `LedgerError` when the store cannot be used.

    Args:
        data_dir: folder of the store; None keeps it in memory.
        key: the installation's key.
        clock: seconds since 1970, for tests.
    """

    def __init__(
        self, data_dir: Path | None, key: bytes, *, busy_seconds: float = 5.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = derive(key, "disclosures")
        self._clock = clock
        self._read: dict[bytes, tuple[frozenset[Unit], int]] = {}
        path = None if data_dir is None else data_dir / DISCLOSURES_FILE
        self._database = Database(path, noun="store of disclosures", schema=SCHEMA, busy_seconds=busy_seconds)

    def together(self, messages: Sequence[Message], tenant: str) -> tuple[str, ...]:
        """The kinds that would single somebody out if `messages` left, sorted; empty when they do not."""
        own = self._units(messages)
        if not own:
            return ()  # nothing is added, so nothing becomes more telling than what has left
        with self._database.read() as connection:
            before = self._known(connection, self._links(messages), CONVERSATION_SECONDS)
            lately = self._known(connection, [self._tenant(tenant)], WINDOW_SECONDS)
        kinds = {unit.kind for unit in _of(False, own | before)}
        if len(kinds) >= TOGETHER and kinds & ANCHORS:
            return tuple(sorted(kinds))
        for of_another in (False, True):
            kinds = _of_one_person(_of(of_another, own | before | lately))
            if len(kinds) >= TOGETHER_APART and kinds & ANCHORS:
                return tuple(sorted(kinds))
        return ()

    def left(self, messages: Sequence[Message], tenant: str) -> None:
        """Remember what is about to leave, before it does."""
        own = self._units(messages)
        links = self._links(messages)
        now = int(self._clock())
        with self._database.write() as connection:
            units = own | self._known(connection, links, CONVERSATION_SECONDS)
            scopes = [*((link, unit) for link in links for unit in units), *((self._tenant(tenant), u) for u in own)]
            connection.executemany(
                "INSERT INTO disclosed VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET last_seen = ?4",
                [(scope, unit.kind, unit.value, now) for scope, unit in scopes],
            )
            if scopes:
                self._tidy(connection, now)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _tidy(self, connection: sqlite3.Connection, now: int) -> None:
        connection.execute("DELETE FROM disclosed WHERE last_seen < ?", (now - CONVERSATION_SECONDS,))
        connection.execute(
            "DELETE FROM disclosed WHERE (scope, kind, value) IN (SELECT scope, kind, value FROM disclosed"
            " ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
            (MAX_ROWS,),
        )

    def _known(self, connection: sqlite3.Connection, scopes: Sequence[bytes], seconds: int) -> set[Unit]:
        oldest = int(self._clock()) - seconds
        found: set[Unit] = set()
        for start in range(0, len(scopes), 500):
            part = scopes[start : start + 500]
            rows = connection.execute(
                "SELECT DISTINCT kind, value FROM disclosed WHERE last_seen >= ? AND scope IN"  # noqa: S608 - marks only
                f" ({','.join('?' * len(part))})",
                (oldest, *part),
            )
            found.update(Unit(kind, value) for kind, value in rows)
        return found

    def _units(self, messages: Sequence[Message]) -> set[Unit]:
        return {unit for message in messages for unit in self._told(message)[1]}

    def _links(self, messages: Sequence[Message]) -> list[bytes]:
        """What ties requests to one conversation: its own messages, not those of the application."""
        links: dict[bytes, None] = {}
        for message in messages:
            digest, units, chars = self._told(message)
            if message.role not in ("system", "developer") and chars >= (MIN_CHARS if units else MIN_CHARS_HARMLESS):
                links[digest] = None
        return list(links)

    def _told(self, message: Message) -> tuple[bytes, frozenset[Unit], int]:
        """A message's hash, what it tells, and how long it is without spaces."""
        text = _read_text(message)
        by = "model" if message.role == "assistant" else "other"
        digest = self._hash("message", by, text, *(call.arguments for call in message.tool_calls))
        known = self._read.get(digest)
        if known is None:
            units = frozenset(
                Unit(kind, self._hash("value", kind, " ".join(value.casefold().split()).strip(" .,'’")))
                for kind, value in told(message)
            )
            known = (units, len("".join(text.split())))
            if len(self._read) >= MAX_REMEMBERED:
                self._read.clear()
            self._read[digest] = known
        return digest, *known

    def _tenant(self, tenant: str) -> bytes:
        return self._hash("tenant", tenant)

    def _hash(self, *parts: str) -> bytes:
        data = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()


def _read_text(message: Message) -> str:
    """A message's text, and that of the documents in it."""
    passages = (passage.text for document in message.documents() for passage in document.passages)
    return "\n".join((message.text(), *passages))


def told(message: Message) -> Iterator[tuple[str, str]]:
    """Kinds and values of the facts that a message tells of one person. A model's own words tell none."""
    if message.role != "assistant":
        text = _read_text(message)
        plain = _QUOTED.sub(" ", text)
        yield from _matches(_TELLS, plain)
        yield from _matches(_FIELDS, text)
    for call in message.tool_calls:
        yield from _matches(_FIELDS, call.arguments)
        yield from _matches(_TELLS, call.arguments)


def _matches(patterns: dict[str, QuickPattern], text: str) -> Iterator[tuple[str, str]]:
    for kind, pattern in patterns.items():
        for match in pattern.finditer(text):
            yield kind, match["value"]


def _of(of_another: bool, units: Iterable[Unit]) -> set[Unit]:
    return {unit for unit in units if unit.kind.startswith(OF_ANOTHER) is of_another}


def _of_one_person(units: Iterable[Unit]) -> set[str]:
    """Kinds with one value only. Several first names or towns are several people, who do not identify one another."""
    values: dict[str, set[bytes]] = {}
    for unit in units:
        values.setdefault(unit.kind, set()).add(unit.value)
    return {kind for kind, found in values.items() if len(found) == 1}


def raised(decision: Decision, kinds: Sequence[str], policy: Policy) -> Decision:
    """`decision` if nothing adds up, else one that is at least confidential, with `disclosures:KINDS` as a reason."""
    if not kinds:
        return decision
    floor = Sensitivity.CONFIDENTIAL
    code = f"disclosures:{'+'.join(kinds)}"
    higher = decision.sensitivity >= floor
    return dataclasses.replace(
        decision,
        sensitivity=max(decision.sensitivity, floor),
        action=strictest(decision.action, policy.action_for(floor)),
        reasons=(*decision.reasons, code) if higher else (code, *_without_class(decision), f"class:{floor.word}"),
        without_local=decision.without_local if higher else policy.no_local_model.get(floor, "block"),
    )


def _without_class(decision: Decision) -> tuple[str, ...]:
    return tuple(code for code in decision.reasons if not code.startswith("class:"))

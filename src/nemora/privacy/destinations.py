"""Where a request may go: servers with attributes and prices, and which class or kind may go to which of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.policy_fields import NAME, name, number, only, table, word, wrong

ATTRIBUTES = ("region", "retention", "owner")
MOST = 100
CHARACTERS_PER_TOKEN = 4
"""For an estimate where a server reports no usage."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, which are micro-dollars per token."""

    input: float
    output: float

    def micro_usd(self, tokens_in: int, tokens_out: int) -> int:
        """What so many tokens cost, in millionths of a dollar, rounded up."""
        return math.ceil(tokens_in * self.input + tokens_out * self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDestination:
    """A server of nemora.toml, with what the owner knows of it."""

    name: str
    server: str
    """Its name in nemora.toml."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """Destinations that something may go to: one by its name, all of them, or those with certain attributes."""

    name: str = ""
    """Empty: by attributes. `*`: all."""
    attributes: tuple[tuple[str, str], ...] = ()

    def matches(self, destination: PolicyDestination) -> bool:
        """Whether it means this one."""
        if self.name:
            return self.name in ("*", destination.name)
        return all(destination.attributes.get(key) == value for key, value in self.attributes)

    def words(self) -> str:
        """As a table shows it."""
        return self.name or " and ".join(f"{key} {value}" for key, value in self.attributes)


GoesTo = Mapping[str, tuple[Selector, ...]]
"""By class or kind. What has no entry may go to every destination, if its action lets it leave."""


def destinations_of(policy: Mapping[str, Any]) -> tuple[PolicyDestination, ...]:
    """`[destinations.NAME]` tables in the order in which they stand. Raises `SettingsError`, the key in `param`."""
    found = table(policy, "destinations")
    if len(found) > MOST:
        raise wrong("destinations", f"may be at most {MOST}.")
    return tuple(_destination(key, found) for key in found)


def _destination(key: str, parent: Mapping[str, Any]) -> PolicyDestination:
    where = f"destinations.{key}"
    name(key, where)
    values = table(parent, key, ("server", *ATTRIBUTES, "price"), "destinations")
    attributes = {a: word(values[a], f"{where}.{a}") for a in ATTRIBUTES if a in values}
    server = word(values.get("server", key), f"{where}.server")
    return PolicyDestination(name=key, server=server, attributes=attributes, price=_price(values, where))


def _price(values: Mapping[str, Any], where: str) -> Price | None:
    if "price" not in values:
        return None
    price = table(values, "price", ("input", "output"), where)
    for side in ("input", "output"):
        if side not in price:
            raise wrong(f"{where}.price.{side}", "is missing; write US dollars per million tokens.")
    return Price(*(number(price[side], f"{where}.price.{side}", 0, math.inf) for side in ("input", "output")))


def goes_to_of(policy: Mapping[str, Any], destinations: Sequence[PolicyDestination]) -> dict[str, tuple[Selector, ...]]:
    """The `[goes_to]` table. Raises `SettingsError`, also for a destination that the policy does not have."""
    known = (*(c.word for c in Sensitivity), *(k.value for k in Kind))
    return {key: _selectors(value, key, destinations) for key, value in table(policy, "goes_to", known).items()}


def _selectors(value: Any, key: str, destinations: Sequence[PolicyDestination]) -> tuple[Selector, ...]:
    where = f"goes_to.{key}"
    if not isinstance(value, list):
        raise wrong(where, 'must be a list of destinations, such as ["*"], ["NAME"] or [{ region = "eu" }].')
    selectors = []
    for entry in value:
        if isinstance(entry, dict) and entry:
            only(entry, ATTRIBUTES, where)
            selectors.append(Selector("", tuple((a, word(v, where)) for a, v in sorted(entry.items()))))
        elif entry == "*" or (isinstance(entry, str) and entry in {d.name for d in destinations}):
            selectors.append(Selector(entry))
        else:
            named = f"names {entry}, which is" if isinstance(entry, str) and NAME.fullmatch(entry) else "holds what is"
            raise wrong(where, f"{named} no destination; write a [destinations.NAME] for it, or take it out.")
    return tuple(selectors)


def allowed_destinations(
    destinations: Sequence[PolicyDestination],
    goes_to: GoesTo,
    sensitivity: Sensitivity,
    findings: Iterable[Finding],
    servers: Sequence[str],
) -> tuple[PolicyDestination, ...]:
    """Where a request of this class with these findings may go, the preferred one first.

    A class may go nowhere that a lower class may not go. Without any destination in the policy, each of `servers`
    (configured cloud servers, in order) is one; with some, only those whose server is configured.
    """
    known = destinations or tuple(PolicyDestination(name=server, server=server) for server in servers)
    keys = [c.word for c in Sensitivity if c <= sensitivity]
    keys += dict.fromkeys(finding.kind.value for finding in findings)
    rules = [goes_to[key] for key in keys if key in goes_to]
    return tuple(
        d for d in known if d.server in servers and all(any(s.matches(d) for s in allowed) for allowed in rules)
    )


def estimated_tokens(characters: int) -> int:
    """Tokens of so many characters or bytes, at least 1 where there is anything."""
    return -(-characters // CHARACTERS_PER_TOKEN)

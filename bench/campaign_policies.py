"""Random policies for the boundary campaign, and what each lets go where: worked out here from its own rules.

`Rules` holds what was written into the policy's text. `Rules.may` is written from docs/policy.md and shares no code
with the decision that it is compared with.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from campaign_needles import CLASSES, Needle, letters, spoken
from nemora.privacy.policy import parse_policy

STRICTNESS = ("cloud", "redact", "ask", "local", "block")
SERVERS = ("far", "eu", "claude")
ATTRIBUTES = {
    "far": {"region": "us"},
    "eu": {"region": "eu", "retention": "none"},
    "claude": {"region": "us", "retention": "none"},
}
CLASS_OF = {"payment_card": 3, "api_key": 3, "password": 3, "iban": 3, "email_address": 1, "unreadable": 2}
NOWHERE: list[object] = []
SELECTORS: tuple[list[object], ...] = (
    ["*"], ["eu"], ["far"], ["claude"], [{"region": "eu"}], [{"retention": "none"}], NOWHERE,
)  # fmt: skip
LIMITED = ("public", "personal", "confidential", "email_address", "iban", "custom")
MAIL_RULES = (("confidential", None), ("public", None), (None, "local"), (None, "block"))
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entity:
    """An entry of `[[entities]]`: two words, or numbers behind a prefix."""

    name: str
    sensitivity: int
    words: str = ""
    prefix: str = ""


@dataclass
class Rules:
    """A policy as it was drawn. `text` is its file, `id` the name that the ledger has for it."""

    actions: tuple[str, ...]
    kinds: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    destinations: tuple[str, ...] = ()
    goes_to: dict[str, list[object]] = field(default_factory=dict)
    entities: tuple[Entity, ...] = ()
    min_confidence: float = 0.0
    when_down: str = "error"
    images: str = "stay"
    usd_per_day: float | None = None
    shadow: bool = False
    text: str = ""
    id: str = ""

    def class_of(self, needle: Needle) -> int:
        if needle.kind == "taint":
            return needle.sensitivity
        if needle.kind == "picture":
            return 0 if self.images == "read" else 2
        if needle.kind == "custom":
            return next((e.sensitivity for e in self.entities if e.name == needle.entity and _is(e, needle)), 0)
        given = self.kinds.get(needle.kind, (None, None))[0]
        return CLASSES.index(given) if given is not None else CLASS_OF[needle.kind]

    def action(self, sensitivity: int, kinds: set[str]) -> str:
        """The strictest of the class's action and those of the kinds."""
        own = [action for kind in kinds if (action := self.kinds.get(kind, (None, None))[1])]
        floor = ["local"] if "unreadable" in kinds else []
        return max((self.actions[sensitivity], *own, *floor), key=STRICTNESS.index)

    def servers(self, sensitivity: int, kinds: set[str]) -> frozenset[str]:
        """Where something of a class and of some kinds may go, if it may leave."""
        lists = [self.goes_to[c] for c in CLASSES[: sensitivity + 1] if c in self.goes_to]
        lists += [self.goes_to[kind] for kind in kinds if kind in self.goes_to]
        known = self.destinations or SERVERS
        return frozenset(s for s in known if all(any(self._means(one, s) for one in allowed) for allowed in lists))

    def _means(self, selector: object, server: str) -> bool:
        if isinstance(selector, dict):
            return all(ATTRIBUTES[server].get(key) == value for key, value in selector.items())
        return selector in ("*", server)

    def may(self, needle: Needle) -> tuple[frozenset[str], frozenset[str]]:
        """The servers that may be sent a needle as it is, and those that may with the user's word for that request."""
        if needle.kind == "picture" and self.images != "read":
            return NOBODY, NOBODY
        sensitivity = self.class_of(needle)
        unnamed = needle.kind in ("taint", "picture") or (needle.kind == "custom" and sensitivity == 0)
        kinds = set() if unnamed else {needle.kind}
        servers = self.servers(sensitivity, kinds)
        actions = [self.action(c, kinds) for c in range(sensitivity, len(CLASSES))]
        freely = actions[0] == "cloud" or (actions[0] == "redact" and self.is_no_value(needle))
        # What else is in a request may raise it to a class that is asked for, and then it goes out as it is.
        return servers if freely else NOBODY, servers if "ask" in actions else NOBODY

    def is_no_value(self, needle: Needle) -> bool:
        """Whether redaction has nothing to replace in it: words of an answer, and what is public here."""
        return needle.kind == "taint" or self.class_of(needle) == 0


def _is(entity: Entity, needle: Needle) -> bool:
    return needle.value == entity.words or (bool(entity.prefix) and needle.value.startswith(entity.prefix))


def some_entities(rng: random.Random) -> tuple[Entity, ...]:
    words = Entity("project", rng.randint(1, 3), words=f"{spoken(rng, 5)} {spoken(rng, 4)}")
    numbers = Entity("order", rng.randint(1, 3), prefix=letters(rng, 4, "BDFGHKLMNPRTVWXZ") + "-")
    return rng.choice([(words, numbers), (words, numbers), (words,), (numbers,)])


def entity_needle(rng: random.Random, entity: Entity) -> Needle:
    if entity.words:
        return Needle(entity.words, "custom", f"The plan for {entity.words} is ready for you.", entity.name)
    value = entity.prefix + letters(rng, 9, "0123456789")
    return Needle(value, "custom", f"Look at {value} once more.", entity.name)


def some_rules(rng: random.Random, entities: tuple[Entity, ...]) -> Rules:
    """Any policy that the laws allow."""
    public = rng.choices(["cloud", "redact", "ask", "local"], [91, 3, 3, 3])[0]
    actions = [public]
    for choices in (
        ["cloud", "cloud", "cloud", "redact", "redact", "redact", "ask", "ask", "local", "block"],
        ["cloud", "cloud", "redact", "redact", "ask", "ask", "local", "local", "local", "block"],
        ["redact", "redact", "local", "local", "local", "block"],
    ):
        least = STRICTNESS.index(actions[-1])
        actions.append(rng.choice([action for action in choices if STRICTNESS.index(action) >= least]))
    rules = Rules(tuple(actions), entities=entities if rng.random() < 0.95 else entities[:1])
    if rng.random() < 0.4:
        rules.kinds["email_address"] = rng.choice(MAIL_RULES)
    if rng.random() < 0.15:
        rules.kinds["custom"] = (None, rng.choice(["local", "block", "redact"]))
    if rng.random() < 0.1:
        rules.kinds["iban"] = rng.choice([("personal", None), ("confidential", None)])
    if rng.random() < 0.7:
        servers = list(SERVERS)
        rng.shuffle(servers)
        rules.destinations = tuple(servers[: rng.choice([1, 2, 3, 3])])
        names = [key for key in LIMITED if rng.random() < 0.35]
        for key in names:
            allowed = rng.choice(SELECTORS)
            if all(isinstance(one, dict) or one == "*" or one in rules.destinations for one in allowed):
                rules.goes_to[key] = allowed
    rules.min_confidence = rng.choice([0.0, 0.0, 0.5, 0.7])
    rules.when_down = rng.choice(["error", "local", "local"])
    rules.images = rng.choice(["stay", "stay", "read"])
    if rules.destinations and rng.random() < 0.1:
        rules.usd_per_day = rng.choice([0.001, 100.0])
    rules.shadow = rng.random() < 0.15
    rules.text = written(rules)
    rules.id = parse_policy(rules.text).id
    return rules


LAX = 'version = 1\n[actions]\npersonal = "cloud"\nconfidential = "cloud"\nsecret = "redact"\n'
"""The candidate of policies with a shadow: it must change nothing."""


def written(rules: Rules) -> str:
    """The policy's file."""
    lines = ["version = 1"] + (['shadow = "lax.toml"'] if rules.shadow else []) + ["[actions]"]
    lines += [f'{name} = "{action}"' for name, action in zip(CLASSES, rules.actions, strict=True)]
    lines += ["[cloud]", f'when_down = "{rules.when_down}"', "[documents]", f'images = "{rules.images}"']
    lines += ["[findings]", f"min_confidence = {rules.min_confidence}", "[kinds]"]
    for kind, (sensitivity, action) in rules.kinds.items():
        parts = [f'class = "{sensitivity}"'] if sensitivity else []
        parts += [f'action = "{action}"'] if action else []
        lines.append(f"{kind} = {{ {', '.join(parts)} }}")
    for server in rules.destinations:
        lines += [f"[destinations.{server}]", *(f'{key} = "{value}"' for key, value in ATTRIBUTES[server].items())]
        lines += ["price = { input = 1.0, output = 1.0 }"]
    lines.append("[goes_to]")
    lines += [f"{key} = [{', '.join(_selector(one) for one in allowed)}]" for key, allowed in rules.goes_to.items()]
    if rules.usd_per_day is not None:
        lines += ["[cap]", f"usd_per_day = {rules.usd_per_day}"]
    for entity in rules.entities:
        lines += ["[[entities]]", f'name = "{entity.name}"', f'class = "{CLASSES[entity.sensitivity]}"']
        lines.append(
            f'words = ["{entity.words}"]' if entity.words else f"regex = {json.dumps(entity.prefix + '[0-9]{9}')}"
        )
    return "\n".join(lines) + "\n"


def _selector(one: object) -> str:
    if isinstance(one, dict):
        return "{ " + ", ".join(f'{key} = "{value}"' for key, value in one.items()) + " }"
    return json.dumps(one)

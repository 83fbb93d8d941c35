"""What a policy says of the reading of a request: the owner's entities, harmless values, what counts as read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from nemora.privacy.custom_entities import (
    MAX_ENTITIES,
    MAX_VALUE,
    MAX_WORDS,
    CustomEntity,
    EntityDetector,
    entity_of,
    is_allowed,
    whole_value,
)
from nemora.privacy.finding import Kind, Sensitivity
from nemora.privacy.policy_fields import table, tables, texts, wrong
from nemora.privacy.protocols import Examples, Match
from nemora.privacy.topics import MATTERS

Images = Literal["stay", "read"]


@dataclass(frozen=True)
class ReadingRules:
    """Entities to look for, and per kind the whole values that do not count. The mapping must not be changed."""

    entities: tuple[CustomEntity, ...] = ()
    allow: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    images: Images = "stay"
    """Whether a picture of which only the text was read counts as read."""

    @cached_property
    def id(self) -> str:
        """Names the rules: what was read under others must be read again. Empty where there are none."""
        if not self.entities and not self.allow and self.images == "stay":
            return ""
        canonical = json.dumps(self.to_json(), sort_keys=True).encode("ascii")
        return hashlib.sha256(canonical).hexdigest()[:16]

    @cached_property
    def detectors(self) -> tuple[EntityDetector, ...]:
        """One for each entity."""
        return tuple(EntityDetector(entity) for entity in self.entities)

    @cached_property
    def examples(self) -> tuple[Examples, ...]:
        """Example sentences of the entities that have any."""
        return tuple(Examples(e.name, e.examples, e.likeness) for e in self.entities if e.examples)

    @cached_property
    def _allowed(self) -> dict[Kind, frozenset[str]]:
        return {kind: frozenset(map(whole_value, values)) for kind, values in self.allow.items()}

    @cached_property
    def _classes(self) -> dict[str, Sensitivity]:
        return {entity.name: entity.sensitivity for entity in self.entities}

    def class_of(self, entity: str) -> Sensitivity:
        """The class of a custom entity; secret for one that these rules do not know."""
        return self._classes.get(entity, Sensitivity.SECRET)

    def allows(self, text: str, match: Match) -> bool:
        """Whether what `match` covers is, as a whole, a value that the owner calls harmless."""
        values = self._allowed.get(match.kind)
        return values is not None and is_allowed(text, match.start, match.end, values)

    def to_json(self) -> dict[str, Any]:
        """For the process that reads."""
        said: dict[str, Any] = {
            "entities": [entity.to_json() for entity in self.entities],
            "allow": {kind.value: list(values) for kind, values in self.allow.items()},
        }
        return said if self.images == "stay" else {**said, "documents": {"images": self.images}}


def rules_of(policy: Mapping[str, Any]) -> ReadingRules:
    """The rules in a policy's TOML: `[[entities]]`, `[allow]` and `[documents]`.

    Raises:
        SettingsError: one is wrong; `param` is its key.
    """
    found = tables(policy, "entities")
    if len(found) > MAX_ENTITIES:
        raise wrong("entities", f"may be at most {MAX_ENTITIES}; put more words into one entity.")
    entities = tuple(entity_of(values, f"entities.{position}") for position, values in enumerate(found, 1))
    names = [entity.name for entity in entities]
    for position, each in enumerate(names, 1):
        if each in names[: position - 1]:
            raise wrong(f"entities.{position}.name", "is the name of an entity above; give each its own.")
    may_be_allowed = tuple(k.value for k in Kind if k not in MATTERS and k not in (Kind.UNREADABLE, Kind.CUSTOM))
    allow = table(policy, "allow", may_be_allowed)
    return ReadingRules(
        entities,
        {Kind(kind): texts(values, f"allow.{kind}", MAX_WORDS, MAX_VALUE) for kind, values in allow.items()},
        _images(table(policy, "documents", ("images",)).get("images", "stay")),
    )


def _images(value: Any) -> Images:
    if value == "stay":
        return "stay"
    if value == "read":
        return "read"
    raise wrong("documents.images", 'must be "stay" or "read".')

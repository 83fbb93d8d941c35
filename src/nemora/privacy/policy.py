"""The owner's policy: what each class of request, and each kind of finding, may do. Read from `policy.toml`.

Frozen, and pinned per request: a decision is made by one policy from start to end and carries its id.
docs/policy.md describes the file. Everything has a default; a key that is not known is an error.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from nemora.errors import SettingsError
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity

E = TypeVar("E", bound=enum.Enum)
WithoutLocal = Literal["error", "block"]

MAX_MIN_CONFIDENCE = 0.9
"""A policy may not ask for more: a finding that a checksum or a key proves must always count."""


class Action(enum.StrEnum):
    """What may happen to a request, from the laxest to the strictest.

    `redact` leaves with its values replaced, if that is possible, and is answered locally if not. `ask` is decided
    and recorded, and answered locally: this version asks nobody.
    """

    CLOUD = "cloud"
    REDACT = "redact"
    ASK = "ask"
    LOCAL = "local"
    BLOCK = "block"

    @property
    def strictness(self) -> int:
        """0 for `cloud` up to 4 for `block`. `ask` is laxer than `local`: the user may let it out."""
        return list(Action).index(self)


DEFAULT_POLICY = """\
# Nemora's policy. What is left out has the value written here.
version = 1

# What each class may do: "cloud", "redact", "ask", "local" or "block", never laxer for a higher class.
# In this version "ask" is recorded as such and answered locally.
[actions]
public = "cloud"
personal = "redact"
confidential = "local"
secret = "local"

# When it must stay here and there is no local model: "error" (try again later) or "block" (refused).
[no_local_model]
public = "error"
personal = "error"
confidential = "error"
secret = "block"

# Findings less certain than this do not count: 0 counts all, 0.9 is the most that may be asked.
[findings]
min_confidence = 0.0

# How long a conversation that was sensitive stays so after it was last seen. It cannot be turned off.
[taint]
days = 30

# Tools whose arguments get the real values back when a cloud model calls them on a redacted request: exact names, or
# the beginning of a name and a *. For other tools the stand-ins stay. Name no tool that sends what it is given.
[redact]
restore_tools = [
  "Read", "Write", "Edit", "MultiEdit", "NotebookEdit", "Glob", "Grep", "LS", "read_file", "write_file", "edit_file",
  "create_file", "list_directory", "list_files", "search_files", "grep_search", "apply_patch", "write_to_file",
  "replace_in_file", "str_replace_editor", "str_replace_based_edit_tool",
]

# Another class for a kind of finding, or a stricter action, or both:
#   ip_address = "public"
#   private_key = { action = "block" }
#   iban = { class = "confidential", action = "local" }
[kinds]
"""

DEFAULT_ACTIONS: Mapping[Sensitivity, Action] = {
    Sensitivity.PUBLIC: Action.CLOUD,
    Sensitivity.PERSONAL: Action.REDACT,
    Sensitivity.CONFIDENTIAL: Action.LOCAL,
    Sensitivity.SECRET: Action.LOCAL,
}
DEFAULT_WITHOUT_LOCAL: Mapping[Sensitivity, WithoutLocal] = {
    Sensitivity.PUBLIC: "error",
    Sensitivity.PERSONAL: "error",
    Sensitivity.CONFIDENTIAL: "error",
    Sensitivity.SECRET: "block",
}


DEFAULT_RESTORE_TOOLS: tuple[str, ...] = (
    *(
        "Read",
        "Write",
        "Edit",
        "MultiEdit",
        "NotebookEdit",
        "Glob",
        "Grep",
        "LS",
        "read_file",
        "write_file",
        "edit_file",
    ),
    *("create_file", "list_directory", "list_files", "search_files", "grep_search", "apply_patch", "write_to_file"),
    *("replace_in_file", "str_replace_editor", "str_replace_based_edit_tool"),
)
"""How common agents name the tools that read and write files of this machine. A shell is not among them: it sends."""
TOOL_PATTERN = re.compile(r"[A-Za-z0-9_.:/-]{0,128}\*?")


@dataclass(frozen=True, slots=True)
class KindRule:
    """What a policy says about one kind: another class, an action that is at least this strict, or both."""

    sensitivity: Sensitivity | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, complete and checked. The mappings must not be changed.

    Raises:
        SettingsError: a rule that would break a law of the boundary (see `_check`).
    """

    actions: Mapping[Sensitivity, Action] = field(default_factory=lambda: dict(DEFAULT_ACTIONS))
    no_local_model: Mapping[Sensitivity, WithoutLocal] = field(default_factory=lambda: dict(DEFAULT_WITHOUT_LOCAL))
    min_confidence: float = 0.0
    taint_days: int = 30
    kinds: Mapping[Kind, KindRule] = field(default_factory=dict)
    restore_tools: tuple[str, ...] = DEFAULT_RESTORE_TOOLS

    def __post_init__(self) -> None:
        _check(self)

    def class_of(self, finding: Finding) -> Sensitivity:
        """The class that one finding earns by itself; public when it is too uncertain to count."""
        if finding.confidence < self.min_confidence and finding.kind is not Kind.UNREADABLE:
            return Sensitivity.PUBLIC
        rule = self.kinds.get(finding.kind)
        if rule is not None and rule.sensitivity is not None:
            return rule.sensitivity
        return CATALOGUE[finding.kind].sensitivity

    def action_of(self, finding: Finding) -> Action:
        """The laxest action that one finding allows, apart from its class."""
        own = self.kinds.get(finding.kind, KindRule()).action or Action.CLOUD
        if finding.kind is Kind.UNREADABLE:
            return strictest(Action.LOCAL, own)
        return own if finding.confidence >= self.min_confidence else Action.CLOUD

    def action_for(self, sensitivity: Sensitivity) -> Action:
        """The action of a class; a class that the policy does not know stays here."""
        return self.actions.get(sensitivity, Action.LOCAL)

    def may_restore(self, tool: str) -> bool:
        """Whether the arguments of a tool may have real values in place of the stand-ins of a redacted request."""
        return any(
            tool.startswith(name[:-1]) if name.endswith("*") else tool == name for name in self.restore_tools if name
        )

    @property
    def id(self) -> str:
        """12 hexadecimal digits that name the policy's content, whatever its file looks like."""
        content = {
            "version": 1,
            "actions": {c.word: a.value for c, a in self.actions.items()},
            "no_local_model": {c.word: a for c, a in self.no_local_model.items()},
            "min_confidence": self.min_confidence,
            "taint_days": self.taint_days,
            "restore_tools": sorted(self.restore_tools),
            "kinds": {
                k.value: [r.sensitivity.word if r.sensitivity is not None else None, r.action]
                for k, r in self.kinds.items()
            },
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
        return hashlib.sha256(canonical).hexdigest()[:12]


def strictest(*actions: Action) -> Action:
    """The strictest of some actions."""
    return max(actions, key=lambda action: action.strictness)


def load_policy(path: Path | None) -> Policy:
    """The policy in the file at `path`, or the default when `path` is None.

    Raises:
        SettingsError: the file is missing, unreadable or not TOML, has an unknown key or a wrong value, or
            breaks a law of the boundary. The sentence names the file and the key.
    """
    if path is None:
        return Policy()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"The policy file {path} does not exist; write it or take its name out.") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path} cannot be read as UTF-8 text; check its permissions and encoding.") from None
    return parse_policy(text, str(path))


def parse_policy(text: str, source: str = "policy.toml") -> Policy:
    """The policy that a TOML text describes. `source` is named in errors. Raises `SettingsError`."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        detail = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SettingsError(f"{source} is not valid TOML: {detail}.") from None
    _only(table, ("version", "actions", "no_local_model", "findings", "taint", "redact", "kinds"), source, "")
    version = table.get("version", 1)
    if version != 1 or isinstance(version, bool):
        raise SettingsError(f"{source}: version must be 1; this release of Nemora knows no other.")
    findings = _table(table, "findings", ("min_confidence",), source)
    taint = _table(table, "taint", ("days",), source)
    redact = _table(table, "redact", ("restore_tools",), source)
    classes = tuple(c.word for c in Sensitivity)
    actions = _table(table, "actions", classes, source)
    without = _table(table, "no_local_model", classes, source)
    kinds = _table(table, "kinds", tuple(k.value for k in Kind), source)
    try:
        return Policy(
            actions={c: _action(actions.get(c.word, DEFAULT_ACTIONS[c]), f"actions.{c.word}") for c in Sensitivity},
            no_local_model={
                c: _without_local(without.get(c.word, DEFAULT_WITHOUT_LOCAL[c]), f"no_local_model.{c.word}")
                for c in Sensitivity
            },
            min_confidence=_number(findings.get("min_confidence", 0.0), "findings.min_confidence"),
            taint_days=_whole(taint.get("days", 30), "taint.days"),
            restore_tools=_tools(redact.get("restore_tools", list(DEFAULT_RESTORE_TOOLS)), "redact.restore_tools"),
            kinds={Kind(name): _kind_rule(value, f"kinds.{name}") for name, value in kinds.items()},
        )
    except SettingsError as error:
        raise SettingsError(f"{source}: {error.message}") from None


def _check(policy: Policy) -> None:
    """Refuse what would break a law: an owner may move classes, not open the boundary by mistake."""
    ordered = [policy.action_for(c) for c in Sensitivity]
    for lower, higher, above in zip(ordered, ordered[1:], list(Sensitivity)[1:], strict=False):
        if higher.strictness < lower.strictness:
            raise SettingsError(
                f"actions.{above.word} is laxer than the class below it; make it at least {lower.value!r}."
            )
    if policy.action_for(Sensitivity.SECRET) is Action.CLOUD:
        raise SettingsError("actions.secret may not be 'cloud'; give single kinds another class under [kinds].")
    if not 0.0 <= policy.min_confidence <= MAX_MIN_CONFIDENCE:
        raise SettingsError(f"findings.min_confidence must be a number from 0 to {MAX_MIN_CONFIDENCE}.")
    if not 1 <= policy.taint_days <= 3650:
        raise SettingsError("taint.days must be a whole number from 1 to 3650; taint cannot be turned off.")
    unreadable = policy.kinds.get(Kind.UNREADABLE, KindRule()).sensitivity
    if unreadable is not None and unreadable < Sensitivity.CONFIDENTIAL:
        raise SettingsError("kinds.unreadable must stay 'confidential' or 'secret': what is not read does not leave.")


def _only(table: Mapping[str, Any], known: tuple[str, ...], source: str, prefix: str) -> None:
    for key in table:
        if key not in known:
            raise SettingsError(f"{source}: unknown key {prefix}{key}; known here: {', '.join(sorted(known))}.")


def _table(table: Mapping[str, Any], key: str, known: tuple[str, ...], source: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise SettingsError(f"{source}: {key} must be a table, written [{key}].")
    _only(value, known, source, f"{key}.")
    return value


def _action(value: Any, where: str) -> Action:
    if isinstance(value, str) and value in list(Action):
        return Action(value)
    raise SettingsError(f"{where} must be one of {', '.join(Action)}.")


def _class(value: Any, where: str) -> Sensitivity:
    for sensitivity in Sensitivity:
        if value == sensitivity.word:
            return sensitivity
    raise SettingsError(f"{where} must be one of {', '.join(c.word for c in Sensitivity)}.")


def _without_local(value: Any, where: str) -> WithoutLocal:
    if value == "error":
        return "error"
    if value == "block":
        return "block"
    raise SettingsError(f"{where} must be error or block.")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f"{where} must be a number from 0 to {MAX_MIN_CONFIDENCE}.")
    return float(value)


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"{where} must be a whole number of days.")
    return value


def _tools(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) and TOOL_PATTERN.fullmatch(name) for name in value):
        return tuple(value)
    raise SettingsError(f"{where} must be a list of names of tools, each exact or ending in *.")


def _kind_rule(value: Any, where: str) -> KindRule:
    if isinstance(value, str):
        return KindRule(_class(value, where))
    if not isinstance(value, dict) or not value:
        raise SettingsError(f"{where} must be a class, or a table with class, action or both.")
    for key in value:
        if key not in ("class", "action"):
            raise SettingsError(f"unknown key {where}.{key}; known here: action, class.")
    return KindRule(
        _class(value["class"], f"{where}.class") if "class" in value else None,
        _action(value["action"], f"{where}.action") if "action" in value else None,
    )

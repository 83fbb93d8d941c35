"""The owner's policy: what each class of request, and each kind of finding, may do. Read from `policy.toml`.

Frozen, and pinned per request: a decision is made by one policy from start to end and carries its id.
docs/policy.md describes the file. Everything has a default; a key that is not known is an error.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from nemora.errors import SettingsError
from nemora.privacy.destinations import (
    GoesTo,
    PolicyDestination,
    allowed_destinations,
    destinations_of,
    goes_to_of,
)
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.policy_fields import a_class, line_of, name, number, only, table, whole, wrong
from nemora.privacy.reading import ReadingRules, rules_of

E = TypeVar("E", bound=enum.Enum)
WithoutLocal = Literal["error", "block"]
WhenDown = Literal["error", "local"]

DEFAULT_TENANT = "default"
OVERRIDE_REASONS = ("false_alarm", "have_consent", "already_public", "needed_now")
"""What a user may give as the reason of an override, where the policy has no list of its own."""
MAX_MIN_CONFIDENCE = 0.9
"""A policy may not ask for more: a finding that a checksum or a key proves must always count."""


class Action(enum.StrEnum):
    """What may happen to a request, from the laxest to the strictest.

    `redact` leaves with its values replaced, if that is possible, and is answered locally if not. `ask` is answered by
    409 with a token, with which the user may let this very request out, once.
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
# "ask" lets the user send the request once more with a token and a reason; never for "secret".
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

# When no connection to the cloud server can be made: "error", or "local": the local model answers instead.
[cloud]
when_down = "error"

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

# Values that do not count, whole ones only:
#   email_address = ["info@example.com"]
[allow]

# Pictures: "stay", or "read": one whose text was read counts as read, though nobody looked at what else it shows.
[documents]
images = "stay"

# Which class or kind may go to which of the [destinations.NAME]: names, ["*"], or attributes. What is left out: all.
#   personal = [{ region = "eu", retention = "none" }]
[goes_to]

# After "ask": how long the token holds, and the reasons that may be given.
[ask]
seconds = 300
reasons = ["false_alarm", "have_consent", "already_public", "needed_now"]

# The most that a tenant's requests may cost in a day (UTC), by the prices of the destinations:
#   usd_per_day = 5.0
[cap]
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


@dataclass(frozen=True, kw_only=True)  # without slots, which would leave no place for the id
class Policy:
    """A policy, complete and checked. The mappings must not be changed.

    Raises:
        SettingsError: a rule that would break a law of the boundary (see `_check`).
    """

    actions: Mapping[Sensitivity, Action] = field(default_factory=lambda: dict(DEFAULT_ACTIONS))
    no_local_model: Mapping[Sensitivity, WithoutLocal] = field(default_factory=lambda: dict(DEFAULT_WITHOUT_LOCAL))
    when_down: WhenDown = "error"
    """What becomes of a request for the model `auto` whose cloud server cannot be connected to."""
    min_confidence: float = 0.0
    taint_days: int = 30
    kinds: Mapping[Kind, KindRule] = field(default_factory=dict)
    reading: ReadingRules = field(default_factory=ReadingRules)
    """The owner's entities, values that do not count, and what counts as read."""
    destinations: tuple[PolicyDestination, ...] = ()
    goes_to: GoesTo = field(default_factory=dict)
    ask_seconds: int = 300
    ask_reasons: tuple[str, ...] = OVERRIDE_REASONS
    usd_per_day: float | None = None
    shadow: str | None = None
    """A policy file, relative to this one, that is evaluated beside it and changes nothing."""
    tenants: Mapping[str, Policy] = field(default_factory=dict)
    """Whole policies by tenant; who is not in it has this one."""
    restore_tools: tuple[str, ...] = DEFAULT_RESTORE_TOOLS

    def __post_init__(self) -> None:
        _check(self)

    def class_of(self, finding: Finding) -> Sensitivity:
        """The class that one finding earns by itself; public when it is too uncertain to count."""
        if finding.confidence < self.min_confidence and finding.kind is not Kind.UNREADABLE:
            return Sensitivity.PUBLIC
        if finding.kind is Kind.CUSTOM:
            return self.reading.class_of(finding.entity)
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

    def for_tenant(self, tenant: str) -> Policy:
        """The policy by which a tenant's requests are decided."""
        return self.tenants.get(tenant, self)

    def destinations_for(
        self, sensitivity: Sensitivity, findings: Iterable[Finding], servers: Sequence[str]
    ) -> tuple[PolicyDestination, ...]:
        """Where a request may go, if its action lets it leave; `servers` are the configured ones, in order."""
        certain = [f for f in findings if f.confidence >= self.min_confidence or f.kind is Kind.UNREADABLE]
        return allowed_destinations(self.destinations, self.goes_to, sensitivity, certain, servers)

    @cached_property
    def id(self) -> str:
        """12 hexadecimal digits that name the policy's content, whatever its file looks like."""
        content: dict[str, Any] = {
            "version": 1,
            "actions": {c.word: a.value for c, a in self.actions.items()},
            "no_local_model": {c.word: a for c, a in self.no_local_model.items()},
            "min_confidence": self.min_confidence,
            "taint_days": self.taint_days,
            "kinds": {
                k.value: [r.sensitivity.word if r.sensitivity is not None else None, r.action]
                for k, r in self.kinds.items()
            },
        }
        further = {
            "restore_tools": None if self.restore_tools == DEFAULT_RESTORE_TOOLS else sorted(self.restore_tools),
            "when_down": None if self.when_down == "error" else self.when_down,
            "reading": self.reading.id,
            "destinations": [dataclasses.asdict(destination) for destination in self.destinations],
            "goes_to": {key: [[s.name, s.attributes] for s in found] for key, found in self.goes_to.items()},
            "ask": None if self.ask_seconds == 300 else self.ask_seconds,
            "reasons": None if self.ask_reasons == OVERRIDE_REASONS else self.ask_reasons,
            "usd_per_day": self.usd_per_day,
            "shadow": self.shadow,
            "tenants": {tenant: policy.id for tenant, policy in self.tenants.items()},
        }
        # What is not used is left out, so that a policy keeps its id when Nemora learns something new.
        content |= {key: value for key, value in further.items() if value not in (None, "", [], {})}
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
    if not text.strip():  # cut off by an editor or a full disk: never the default in place of a policy
        raise SettingsError(f"{path} is empty; write `version = 1` if the default policy is meant.")
    return parse_policy(text, str(path))


def parse_policy(text: str, source: str = "policy.toml") -> Policy:
    """The policy that a TOML text describes. `source` is named in errors. Raises `SettingsError`."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        detail = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SettingsError(f"{source} is not valid TOML: {detail}.") from None
    try:
        return _whole_policy(content)
    except SettingsError as error:
        line = line_of(text, error.param) if error.param else None
        at = f"line {line}: " if line is not None else ""
        raise SettingsError(f"{source}: {at}{error.message}", param=error.param) from None


_OF_TENANTS = (
    *("actions", "no_local_model", "cloud", "findings", "kinds", "entities", "allow", "documents", "redact"),
    *("goes_to", "ask", "cap"),
)
"""What `[tenants.NAME]` may say otherwise."""
_TOP_LEVEL = ("version", *_OF_TENANTS, "taint", "destinations", "shadow", "tenants")


def _whole_policy(content: Mapping[str, Any]) -> Policy:
    only(content, _TOP_LEVEL)
    version = content.get("version", 1)
    if version != 1 or isinstance(version, bool):
        raise wrong("version", "must be 1; this release of Nemora knows no other.")
    shadow = content.get("shadow")
    if shadow is not None and not (isinstance(shadow, str) and shadow.strip()):
        raise wrong("shadow", "must be the path of a policy file, as text.")
    general = _policy(content)  # first: what is wrong there is no tenant's mistake
    tenants = {key: _tenant(key, content) for key in table(content, "tenants")}
    return dataclasses.replace(general, tenants=tenants, shadow=shadow)


def _tenant(key: str, content: Mapping[str, Any]) -> Policy:
    """The general policy with a tenant's own values: single keys replaced, entities added."""
    name(key, f"tenants.{key}")
    if key == DEFAULT_TENANT:
        raise wrong(f"tenants.{key}", "is what the file says outside of [tenants]; write it there.")
    own = table(content["tenants"], key, _OF_TENANTS, "tenants")
    merged = dict(content)
    for part, value in own.items():
        before = content.get(part)
        if isinstance(value, dict) and isinstance(before, dict):
            merged[part] = before | value
        elif isinstance(value, list) and isinstance(before, list):
            merged[part] = before + value
        else:
            merged[part] = value
    try:
        return _policy(merged)
    except SettingsError as error:
        raise SettingsError(f"tenants.{key}: {error.message}", param=f"tenants.{key}.{error.param}") from None


def _policy(content: Mapping[str, Any]) -> Policy:
    findings = table(content, "findings", ("min_confidence",))
    taint = table(content, "taint", ("days",))
    redact = table(content, "redact", ("restore_tools",))
    ask = table(content, "ask", ("seconds", "reasons"))
    cap = table(content, "cap", ("usd_per_day",))
    cloud = table(content, "cloud", ("when_down",))
    classes = tuple(c.word for c in Sensitivity)
    actions = table(content, "actions", classes)
    without = table(content, "no_local_model", classes)
    kinds = table(content, "kinds", tuple(k.value for k in Kind))
    destinations = destinations_of(content)
    return Policy(
        actions={c: _action(actions.get(c.word, DEFAULT_ACTIONS[c]), f"actions.{c.word}") for c in Sensitivity},
        no_local_model={
            c: _without_local(without.get(c.word, DEFAULT_WITHOUT_LOCAL[c]), f"no_local_model.{c.word}")
            for c in Sensitivity
        },
        when_down=_when_down(cloud.get("when_down", "error"), "cloud.when_down"),
        min_confidence=number(findings.get("min_confidence", 0.0), "findings.min_confidence", 0, MAX_MIN_CONFIDENCE),
        taint_days=whole(taint.get("days", 30), "taint.days", "a whole number of days"),
        kinds={Kind(key): _kind_rule(value, f"kinds.{key}") for key, value in kinds.items()},
        restore_tools=_tools(redact.get("restore_tools", list(DEFAULT_RESTORE_TOOLS)), "redact.restore_tools"),
        reading=rules_of(content),
        destinations=destinations,
        goes_to=goes_to_of(content, destinations),
        ask_seconds=whole(ask.get("seconds", 300), "ask.seconds", "a whole number of seconds"),
        ask_reasons=_reasons(ask.get("reasons", list(OVERRIDE_REASONS))),
        usd_per_day=number(cap["usd_per_day"], "cap.usd_per_day", 0, 1e9) if "usd_per_day" in cap else None,
    )


def _reasons(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise wrong("ask.reasons", "must be a list of names, at least one.")
    return tuple(name(entry, "ask.reasons") for entry in value)


def _check(policy: Policy) -> None:
    """Refuse what would break a law: an owner may move classes, not open the boundary by mistake."""
    ordered = [policy.action_for(c) for c in Sensitivity]
    for lower, higher, above in zip(ordered, ordered[1:], list(Sensitivity)[1:], strict=False):
        if higher.strictness < lower.strictness:
            raise wrong(f"actions.{above.word}", f"is laxer than the class below it; make it at least {lower.value!r}.")
    if policy.action_for(Sensitivity.SECRET) in (Action.CLOUD, Action.ASK):
        raise wrong(
            "actions.secret",
            f"may not be {policy.action_for(Sensitivity.SECRET).value!r}: no secret leaves because the policy or a "
            "user says so; give single kinds another class under [kinds].",
        )
    if not 0.0 <= policy.min_confidence <= MAX_MIN_CONFIDENCE:
        raise wrong("findings.min_confidence", f"must be a number from 0 to {MAX_MIN_CONFIDENCE}.")
    if not 1 <= policy.taint_days <= 3650:
        raise wrong("taint.days", "must be a whole number from 1 to 3650; taint cannot be turned off.")
    if not 10 <= policy.ask_seconds <= 3600:
        raise wrong("ask.seconds", "must be from 10 to 3600.")
    unreadable = policy.kinds.get(Kind.UNREADABLE, KindRule()).sensitivity
    if unreadable is not None and unreadable < Sensitivity.CONFIDENTIAL:
        raise wrong("kinds.unreadable", "must stay 'confidential' or 'secret': what is not read does not leave.")
    if policy.kinds.get(Kind.CUSTOM, KindRule()).sensitivity is not None:
        raise wrong("kinds.custom", "may have an action only; each of the [[entities]] says its class itself.")
    if policy.usd_per_day is not None and not policy.destinations:
        raise wrong("cap.usd_per_day", "needs [destinations.NAME] with prices; without them no cost is known.")
    for destination in policy.destinations if policy.usd_per_day is not None else ():
        if destination.price is None:
            raise wrong(f"destinations.{destination.name}", "needs a price, because there is a cap on costs.")


def _action(value: Any, where: str) -> Action:
    if isinstance(value, str) and value in list(Action):
        return Action(value)
    raise wrong(where, f"must be one of {', '.join(Action)}.")


def _without_local(value: Any, where: str) -> WithoutLocal:
    if value == "error":
        return "error"
    if value == "block":
        return "block"
    raise wrong(where, "must be error or block.")


def _when_down(value: Any, where: str) -> WhenDown:
    if value == "error":
        return "error"
    if value == "local":
        return "local"
    raise wrong(where, "must be error or local.")


def _tools(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) and TOOL_PATTERN.fullmatch(name) for name in value):
        return tuple(value)
    raise wrong(where, "must be a list of names of tools, each exact or ending in *.")


def _kind_rule(value: Any, where: str) -> KindRule:
    if isinstance(value, str):
        return KindRule(a_class(value, where))
    if not isinstance(value, dict) or not value:
        raise wrong(where, "must be a class, or a table with class, action or both.")
    only(value, ("class", "action"), where)
    return KindRule(
        a_class(value["class"], f"{where}.class") if "class" in value else None,
        _action(value["action"], f"{where}.action") if "action" in value else None,
    )

"""`nemora policy`: whether a policy file is right and what it means, and what it would have changed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from nemora.cli.ledger import open_ledger
from nemora.cli.span import moment
from nemora.cli.tables import print_table
from nemora.errors import UsageError
from nemora.privacy.finding import CATALOGUE, Kind, Sensitivity
from nemora.privacy.policy import DEFAULT_TENANT, Policy, load_policy
from nemora.privacy.replay import Summary, replay, summary
from nemora.settings import Settings, load_settings

NOT_REPLAYED = (
    "Entities that are new in this policy, and allow lists, are not replayed: that needs the text, which is not kept."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say what is wrong with a policy file, or what it means")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help="left out: the policy that is configured")
    check.add_argument("--tenant", default=DEFAULT_TENANT, metavar="NAME", help="show the policy of this tenant")
    again = actions.add_parser("replay", help="decide the ledger's rows again under a policy file")
    again.add_argument("file", type=Path, metavar="FILE")
    again.add_argument("--since", default="1d", metavar="WHEN", help="7d, 24h, 30m ago, or a date (default: 1d)")
    again.add_argument("--until", metavar="WHEN", help="likewise (default: now)")
    again.add_argument("--tenant", metavar="NAME", help="only this tenant's rows")
    again.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check or replay.

    Raises:
        SettingsError: the policy file is wrong, or missing.
        UsageError: a folder, a wrong moment, or a tenant that the policy does not have.
        LedgerError: the ledger cannot be read.
    """
    settings = load_settings(args.config)
    if args.action == "check":
        return _check(settings, _no_folder(args.file or settings.policy), args.tenant)
    return _replay(settings, args)


def _no_folder(file: Path | None) -> Path | None:
    if file is not None and file.is_dir():
        raise UsageError(f"{file} is a folder; name the policy file in it.")
    return file


def _check(settings: Settings, file: Path | None, tenant: str) -> int:
    whole = load_policy(file)
    if tenant != DEFAULT_TENANT and tenant not in whole.tenants:
        raise UsageError(f"The policy has no tenant of that name; it has: {', '.join(whole.tenants) or 'none'}.")
    if whole.shadow is not None and file is not None:
        load_policy(file.parent / whole.shadow)
    policy = whole.for_tenant(tenant)
    servers = [server.name for server in settings.clouds]
    print(f"{file or 'the built-in default'} is a policy. Its id is {policy.id}.\n")
    print_table(("class", "action", "without a local model", "may go to"), _classes(policy, servers))
    print()
    print_table(("kind", "class", "action", "may go to"), _kinds(policy))
    _print_entities(policy)
    _print_destinations(policy, servers)
    _print_rest(whole, policy)
    return 0


def _classes(policy: Policy, servers: list[str]) -> Iterator[tuple[str, ...]]:
    for sensitivity in Sensitivity:
        known = tuple(d.server for d in policy.destinations) or servers
        allowed = policy.destinations_for(sensitivity, (), known)
        leaves = policy.action_for(sensitivity).value in ("cloud", "redact", "ask")
        where = ", ".join(d.name for d in allowed) or ("nowhere" if known else "no cloud server is configured")
        yield (
            sensitivity.word,
            policy.action_for(sensitivity).value,
            policy.no_local_model[sensitivity],
            where if leaves else "–",
        )


def _kinds(policy: Policy) -> Iterator[tuple[str, ...]]:
    for kind in Kind:
        if kind is Kind.CUSTOM:
            continue
        rule = policy.kinds.get(kind)
        own = rule.sensitivity if rule is not None and rule.sensitivity is not None else CATALOGUE[kind].sensitivity
        action = rule.action.value if rule is not None and rule.action is not None else ""
        where = policy.goes_to.get(kind.value)
        changed = " (changed)" if own is not CATALOGUE[kind].sensitivity else ""
        yield (
            kind.value,
            own.word + changed,
            action,
            ", ".join(s.words() for s in where or ()) or ("nowhere" if where == () else ""),
        )


def _print_entities(policy: Policy) -> None:
    if policy.reading.entities:
        print()
        rows = (
            (
                e.name,
                e.sensitivity.word,
                "yes" if e.regex else "",
                str(len(e.words)),
                str(len(e.context)),
                str(len(e.allow)),
            )
            for e in policy.reading.entities
        )
        print_table(("entity", "class", "pattern", "words", "context words", "allowed values"), rows)
    for kind, values in policy.reading.allow.items():
        print(f"\n{len(values)} values of {kind.value} do not count.")


def _print_destinations(policy: Policy, servers: list[str]) -> None:
    if not policy.destinations:
        return
    print()
    rows = (
        (
            d.name,
            d.server if d.server in servers else f"{d.server} (not in nemora.toml)",
            *(d.attributes.get(a, "") for a in ("region", "retention", "owner")),
            f"{d.price.input:g} / {d.price.output:g}" if d.price is not None else "",
        )
        for d in policy.destinations
    )
    print_table(("destination", "server", "region", "retention", "owner", "USD per million tokens in / out"), rows)


def _print_rest(whole: Policy, policy: Policy) -> None:
    print(f"\nTaint lasts {policy.taint_days} days. Findings count from a confidence of {policy.min_confidence:g}.")
    print(
        f"A token of an override holds {policy.ask_seconds} seconds; its reasons are {', '.join(policy.ask_reasons)}."
    )
    if policy.when_down == "local":
        print("When the cloud cannot be connected to, the local model answers what asked for the model auto.")
    if policy.reading.images == "read":
        print("A picture counts as read when the text in it was read.")
    if policy.usd_per_day is not None:
        print(f"A tenant may spend {policy.usd_per_day:g} USD a day (UTC).")
    if whole.shadow is not None:
        print(f"{whole.shadow} is evaluated beside it and changes nothing.")
    if whole.tenants:
        print(f"Tenants of their own: {', '.join(whole.tenants)}.")


def _replay(settings: Settings, args: argparse.Namespace) -> int:
    policy = load_policy(_no_folder(args.file))
    since = moment(args.since, "--since")
    until = None if args.until is None else moment(args.until, "--until")
    ledger = open_ledger(settings)
    rows = [
        row
        for row in (ledger.rows_after(0, since) if ledger is not None else [])
        if (until is None or row.time_ms < until) and args.tenant in (None, row.tenant)
    ]
    found = summary(replay(rows, policy, [server.name for server in settings.clouds]))
    if args.json:
        print(json.dumps(_plain(found), indent=2))
    else:
        _print_summary(found)
    return 0


def _plain(found: Summary) -> dict[str, object]:
    changes = [{"recorded": before, "replayed": after, "count": count} for before, after, count in found.changes]
    return {
        "decisions": found.decisions,
        "changed": found.changed,
        "stricter": found.stricter,
        "laxer": found.laxer,
        "changes": changes,
    }


def _print_summary(found: Summary) -> None:
    print(
        f"{found.changed} of {found.decisions} decisions would be others: {found.stricter} stricter, {found.laxer} "
        f"laxer, {found.changed - found.stricter - found.laxer} as strict with another class or destination."
    )
    if found.changes:
        print_table(
            ("requests", "recorded", "under this policy"),
            ((str(count), before, after) for before, after, count in found.changes),
        )
    print(NOT_REPLAYED)

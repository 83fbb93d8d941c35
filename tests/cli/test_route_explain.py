"""nemora route --explain: positions, the rule, the policy's line, and what would change the decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.cli import route
from nemora.cli.main import main
from nemora.cli.route import Reading
from nemora.cli.route_explain import marked
from nemora.privacy.classify import Classification, classify
from nemora.privacy.decide import Decision, decide
from nemora.privacy.explain import LEAVING, what_would_change
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.policy import Policy, load_policy

CARD = "4716 2093 8854 1728"
TEXT = f"\x1b[31mMy zyxquark card {CARD} was charged, tell canary.quill@harrowgate-mills.co.uk."


@pytest.fixture(autouse=True)
def readings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "make_reading", lambda settings: Reading(Inspector(None), load_policy(settings.policy)))


def explained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *options: str
) -> tuple[dict[str, Any], str]:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"id": 1, "text": text}), encoding="utf-8")
    assert main([*options, "route", "--explain", "--jsonl", str(file)]) == 0
    out = capsys.readouterr().out
    return json.loads(out)["explanation"], out


def test_the_owner_sees_the_text_marked_and_what_would_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["route", "--explain", TEXT]) == 0
    out = capsys.readouterr().out
    assert f"{CARD}[payment_card]" in out and "\x1b" not in out
    assert f"characters {TEXT.index(CARD)}-{TEXT.index(CARD) + len(CARD)}" in out
    assert "rule: finding:payment_card" in out and 'actions.secret = "local" (the built-in default)' in out
    assert "without payment_card x 1 it could leave redacted" in out


def test_the_form_for_scripts_holds_no_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found, out = explained(capsys, tmp_path, TEXT)
    for canary in ("zyxquark", "4716", "canary", "harrowgate", "charged"):
        assert canary not in out
    assert found["would_change"] == {"without": {"payment_card": 1}, "then": "redact", "obstacle": None}
    assert found["thresholds"]["payment_card"]["above_min_confidence"] > 0


def test_the_line_of_the_policys_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('version = 1\n\n[kinds]\nemail_address = { action = "block" }\n')
    (tmp_path / "nemora.toml").write_text(f'policy = "{tmp_path / "policy.toml"}"\n')
    found, _ = explained(
        capsys, tmp_path, "Write to ada@harrowgate-mills.co.uk", "--config", str(tmp_path / "nemora.toml")
    )
    assert found["policy_line"] == {"key": "kinds.email_address", "value": "block", "line": 4}


def test_a_redacted_request_is_explained_by_what_is_replaced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found, _ = explained(capsys, tmp_path, "Write to ada@harrowgate-mills.co.uk about lunch.")
    assert found["would_change"] is None
    assert found["redaction"] == {"outcome": "redacted", "replaced": {"email_address": 1}}


def by_policy(findings: tuple[Finding, ...], complete: bool = True) -> Decision:
    inspection = Inspection(findings, complete)
    return decide(inspection, classify(inspection), Sensitivity.PUBLIC, Policy())


KINDS = st.sampled_from([k for k in Kind if k is not Kind.CUSTOM])


@given(st.lists(st.tuples(KINDS, st.integers(0, 90)), max_size=7))
def test_without_the_named_findings_it_leaves_and_with_any_of_their_kinds_it_does_not(
    what: list[tuple[Kind, int]],
) -> None:
    findings = tuple(Finding(kind, "d", "/messages/0/content", at, at + 5, 0.9) for kind, at in what)
    decision = by_policy(findings)
    change = what_would_change(decision, by_policy)
    if decision.action in LEAVING:
        assert change is None
        return
    assert change is not None and change.without and change.action in LEAVING
    rest = tuple(f for f in findings if f.name not in change.without)
    assert by_policy(rest).action in LEAVING
    for name in change.without:
        back = tuple(f for f in findings if f.name == name or f.name not in change.without)
        assert by_policy(back).action not in LEAVING, "each named kind is needed"


def test_what_could_not_be_read_is_changed_by_no_finding() -> None:
    change = what_would_change(by_policy((), complete=False), lambda f: by_policy(f, complete=False))
    assert change is not None and change.obstacle == "incomplete" and not change.without


def test_a_class_of_the_matter_is_named_as_the_obstacle() -> None:
    def again(findings: tuple[Finding, ...]) -> Decision:
        matter = Classification(Sensitivity.CONFIDENTIAL, {})
        return decide(Inspection(findings), matter, Sensitivity.PUBLIC, Policy())

    change = what_would_change(again(()), again)
    assert change is not None and change.obstacle == "class:confidential"


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=6))
def test_marking_loses_nothing_that_can_be_shown(text: str, spans: list[tuple[int, int]]) -> None:
    findings = tuple(Finding(Kind.IBAN, "d", "/messages/0/content", a, b, 1.0) for a, b in spans if a < b <= len(text))
    shown = marked(text, findings).plain
    assert shown.replace("[iban]", "") == marked(text, ()).plain.replace("[iban]", "")

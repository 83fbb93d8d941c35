"""The policy file: strict, documented, and unable to break a law of the boundary."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.errors import SettingsError
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.policy import DEFAULT_POLICY, Action, KindRule, Policy, load_policy, parse_policy

DOCS = Path(__file__).parents[2] / "docs" / "policy.md"


def finding(kind: Kind, confidence: float = 1.0) -> Finding:
    return Finding(kind, "test", "/messages/0/content", 0, 4, confidence)


def test_documented_default_is_exactly_the_default():
    assert parse_policy(DEFAULT_POLICY) == Policy() == load_policy(None)
    assert parse_policy(DEFAULT_POLICY).id == Policy().id


def test_the_docs_show_the_default_text_verbatim():
    assert f"```toml\n{DEFAULT_POLICY}```" in DOCS.read_text(encoding="utf-8")


def test_the_docs_explain_every_reason_code_and_action():
    text = DOCS.read_text(encoding="utf-8")
    codes = "finding: combination: classifier: incomplete unknown_class taint: class: no_cloud asked_local ledger_unavailable taint_unavailable"
    for code in codes.split():
        assert f"`{code}" in text, code
    for action in Action:
        assert f"`{action}`" in text, action


def test_default_actions_are_those_of_the_labelling_guideline():
    policy = Policy()
    assert [policy.action_for(c).value for c in Sensitivity] == ["cloud", "redact", "local", "local"]
    assert policy.no_local_model[Sensitivity.SECRET] == "block"


def test_an_empty_file_is_the_default():
    assert parse_policy("") == Policy()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tenant = 1", "tenant"),
        ("[actions]\nsecrets = 'local'", "actions.secrets"),
        ("[actions]\nsecret = 'locall'", "actions.secret"),
        ("[actions]\nsecret = 3", "actions.secret"),
        ("actions = 'local'", "actions"),
        ("[no_local_model]\nsecret = 'cloud'", "no_local_model.secret"),
        ("[no_local_model]\nother = 'block'", "no_local_model.other"),
        ("[findings]\nmin_confidence = '0.5'", "findings.min_confidence"),
        ("[findings]\nmin_confidence = true", "findings.min_confidence"),
        ("[findings]\nmin_confidence = nan", "findings.min_confidence"),
        ("[findings]\nmin_confidence = 0.95", "findings.min_confidence"),
        ("[findings]\nminimum = 0.5", "findings.minimum"),
        ("[taint]\ndays = 0", "taint.days"),
        ("[taint]\ndays = 1.5", "taint.days"),
        ("[taint]\nenabled = false", "taint.enabled"),
        ("[kinds]\npayment_cart = 'public'", "kinds.payment_cart"),
        ("[kinds]\nemail_address = 'harmless'", "kinds.email_address"),
        ("[kinds]\nemail_address = {}", "kinds.email_address"),
        ("[kinds]\nemail_address = ['public']", "kinds.email_address"),
        ("[kinds]\nemail_address = { klass = 'public' }", "kinds.email_address.klass"),
        ("[kinds]\nemail_address = { action = 'send' }", "kinds.email_address.action"),
        ("[redact]\nrestore = ['Read']", "redact.restore"),
        ("[redact]\nrestore_tools = 'Read'", "redact.restore_tools"),
        ("[redact]\nrestore_tools = ['a b']", "redact.restore_tools"),
        ("[redact]\nrestore_tools = ['*x']", "redact.restore_tools"),
        ("[redact]\nrestore_tools = [1]", "redact.restore_tools"),
        ("version = 2", "version"),
        ("version = true", "version"),
        ("version = '1'", "version"),
    ],
)
def test_a_wrong_key_or_value_is_one_sentence_that_names_it(text, named):
    with pytest.raises(SettingsError) as raised:
        parse_policy(text, "my-policy.toml")
    assert raised.value.message.startswith("my-policy.toml: ")
    assert named in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[actions]\nsecret = 'cloud'", "actions.secret"),
        ("[actions]\npublic = 'cloud'\npersonal = 'cloud'\nconfidential = 'cloud'\nsecret = 'cloud'", "actions.secret"),
        ("[actions]\npersonal = 'local'\nconfidential = 'redact'", "actions.confidential"),
        ("[actions]\npublic = 'block'", "actions.personal"),
        ("[kinds]\nunreadable = 'public'", "kinds.unreadable"),
        ("[kinds]\nunreadable = { class = 'personal' }", "kinds.unreadable"),
    ],
)
def test_a_policy_cannot_break_a_law(text, named):
    with pytest.raises(SettingsError, match=named):
        parse_policy(text)


def test_broken_toml_and_missing_or_binary_files_are_one_sentence(tmp_path):
    (tmp_path / "broken.toml").write_text("[actions\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 20_000)
    for name in ("broken.toml", "binary.toml", "deep.toml", "missing.toml"):
        with pytest.raises(SettingsError, match=name):
            load_policy(tmp_path / name)


@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_a_settings_error(text):
    with contextlib.suppress(SettingsError):
        assert isinstance(parse_policy(text), Policy)


def test_a_kind_can_be_moved_and_made_stricter():
    policy = parse_policy("[kinds]\nip_address = 'public'\niban = { class = 'confidential', action = 'block' }")
    assert policy.class_of(finding(Kind.IP_ADDRESS)) is Sensitivity.PUBLIC
    assert policy.class_of(finding(Kind.IBAN)) is Sensitivity.CONFIDENTIAL
    assert policy.action_of(finding(Kind.IBAN)) is Action.BLOCK
    assert policy.action_of(finding(Kind.IP_ADDRESS)) is Action.CLOUD
    assert policy.class_of(finding(Kind.PAYMENT_CARD)) is Sensitivity.SECRET


def test_uncertain_findings_do_not_count_but_unreadable_always_does():
    policy = Policy(min_confidence=0.6)
    for kind in Kind:
        weak = policy.class_of(finding(kind, 0.59))
        assert weak is (Sensitivity.CONFIDENTIAL if kind is Kind.UNREADABLE else Sensitivity.PUBLIC)
        assert policy.class_of(finding(kind, 0.6)) is CATALOGUE[kind].sensitivity
    assert policy.action_of(finding(Kind.UNREADABLE, 0.01)) is Action.LOCAL


def test_every_part_of_a_policy_changes_its_id():
    changed = {
        "actions": dict.fromkeys(Sensitivity, Action.LOCAL),
        "no_local_model": dict.fromkeys(Sensitivity, "block"),
        "min_confidence": 0.5,
        "taint_days": 31,
        "restore_tools": ("save",),
        "kinds": {Kind.IBAN: KindRule(action=Action.BLOCK)},
    }
    assert set(changed) == {f.name for f in dataclasses.fields(Policy)}
    ids = {dataclasses.replace(Policy(), **{name: value}).id for name, value in changed.items()} | {Policy().id}
    assert len(ids) == len(changed) + 1


def test_the_id_is_of_the_content_and_not_of_the_file():
    one = parse_policy("[kinds]\niban = 'secret'\nip_address = 'public'")
    other = parse_policy("# the same\n[kinds]\nip_address = { class = 'public' }\niban = 'secret'")
    assert one.id == other.id

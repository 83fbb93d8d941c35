"""The policy file: strict, documented, and unable to break a law of the boundary."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import SettingsError
from nemora.privacy.destinations import PolicyDestination, Price, Selector
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.policy import DEFAULT_POLICY, Action, KindRule, Policy, _whole_policy, load_policy, parse_policy
from nemora.privacy.reading import ReadingRules

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
    codes = "finding: combination: classifier: incomplete unknown_class taint: class: no_cloud asked_local ledger_unavailable taint_unavailable entity: override: override_needed override_refused no_destination cap"
    for code in codes.split():
        assert f"`{code}" in text, code
    for action in Action:
        assert f"`{action}`" in text, action


def test_default_actions_are_those_of_the_labelling_guideline():
    policy = Policy()
    assert [policy.action_for(c).value for c in Sensitivity] == ["cloud", "redact", "local", "local"]
    assert policy.no_local_model[Sensitivity.SECRET] == "block"


def test_what_says_nothing_is_the_default_but_an_empty_file_is_wrong(tmp_path):
    """A file that an editor or a full disk cut off must not put the default in place of a policy."""
    assert parse_policy("") == Policy()
    for text in ("", "\n \n"):
        (tmp_path / "policy.toml").write_text(text)
        with pytest.raises(SettingsError, match="is empty"):
            load_policy(tmp_path / "policy.toml")


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
        ("[cloud]\nwhen_down = 'cloud'", "cloud.when_down"),
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
        ("[allow]\nunreadable = ['x']", "allow.unreadable"),
        ("[allow]\niban = 'x'", "allow.iban"),
        ("[goes_to]\npersonal = ['nowhere']", "goes_to.personal"),
        ("[goes_to]\npersonal = [{ colour = 'red' }]", "goes_to.personal.colour"),
        ("[goes_to]\nnobody = ['*']", "goes_to.nobody"),
        ("[destinations.Far]", "destinations.Far"),
        ("[destinations.far]\nserver = 'a b'", "destinations.far.server"),
        ("[destinations.far]\nprice = { input = 1 }", "destinations.far.price.output"),
        ("[destinations.far]\nprice = { input = -1, output = 1 }", "destinations.far.price.input"),
        ("[destinations.far]\nprice = { input = nan, output = 1 }", "destinations.far.price.input"),
        ("[cap]\nusd_per_day = 1", "cap.usd_per_day"),
        ("[destinations.far]\n[cap]\nusd_per_day = 1", "destinations.far"),
        ("[ask]\nseconds = 5", "ask.seconds"),
        ("[ask]\nreasons = []", "ask.reasons"),
        ("[ask]\nreasons = ['Because I want to']", "ask.reasons"),
        ("shadow = 1", "shadow"),
        ("tenants = ['acme']", "tenants"),
        ("[tenants.default]", "tenants.default"),
        ("[tenants.acme.taint]\ndays = 1", "tenants.acme.taint"),
        ("[tenants.acme.actions]\nsecret = 'cloud'", "tenants.acme: actions.secret"),
        ("[tenants.acme.cap]\nusd_per_day = 1", "tenants.acme: cap.usd_per_day"),
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
    assert raised.value.message.startswith("my-policy.toml: line ")
    assert named in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[actions]\nsecret = 'cloud'", "actions.secret"),
        ("[actions]\nsecret = 'ask'", "actions.secret"),
        ("[kinds]\ncustom = 'public'", "kinds.custom"),
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
        "when_down": "local",
        "min_confidence": 0.5,
        "taint_days": 31,
        "restore_tools": ("save",),
        "kinds": {Kind.IBAN: KindRule(action=Action.BLOCK)},
        "reading": ReadingRules(allow={Kind.IBAN: ("x",)}),
        "destinations": (PolicyDestination(name="a", server="a"),),
        "goes_to": {"personal": (Selector("*"),)},
        "ask_seconds": 60,
        "ask_reasons": ("because",),
        "usd_per_day": 1.0,
        "shadow": "other.toml",
        "tenants": {"acme": Policy(min_confidence=0.1)},
    }
    assert set(changed) == {f.name for f in dataclasses.fields(Policy)}
    priced = Policy(destinations=(PolicyDestination(name="b", server="b", price=Price(1, 1)),))
    ids = {
        dataclasses.replace(priced if name == "usd_per_day" else Policy(), **{name: value}).id
        for name, value in changed.items()
    }
    assert len(ids | {Policy().id, priced.id}) == len(changed) + 2


def test_a_policy_that_uses_nothing_new_keeps_its_id():
    assert Policy().id == "8dfcbbdbd71b" and parse_policy("[kinds]\nip_address = 'public'").id == "265321667935"


def test_the_id_is_of_the_content_and_not_of_the_file():
    one = parse_policy("[kinds]\niban = 'secret'\nip_address = 'public'")
    other = parse_policy("# the same\n[kinds]\nip_address = { class = 'public' }\niban = 'secret'")
    assert one.id == other.id


def test_an_error_names_the_line_of_its_key():
    text = "# a comment\nversion = 1\n[actions]\nsecret = 'local'\n\n[[entities]]\nname = 'a'\nclass = 'secret'\nwords = ['x']\n"
    text += "[[entities]]\nname = 'b'\nclass = 'secret'\nregex = '('\n[tenants.acme]\nactions = { secret = 'cloud' }\n"
    with pytest.raises(SettingsError, match=r"^p: line 13: entities\.2\.regex "):
        parse_policy(text, "p")
    with pytest.raises(SettingsError, match=r"^p: line 15: tenants\.acme: actions\.secret "):
        parse_policy(text.replace("'('", "'z'"), "p")


def test_a_tenant_has_the_general_policy_with_its_own_values():
    policy = parse_policy(
        "[actions]\npersonal = 'local'\n[kinds]\niban = 'confidential'\n[tenants.acme.actions]\npublic = 'local'\n"
        "[tenants.acme.kinds]\nemail_address = 'secret'\n"
        "[[tenants.acme.entities]]\nname = 'code'\nclass = 'secret'\nwords = ['x']"
    )
    acme = policy.for_tenant("acme")
    assert acme.action_for(Sensitivity.PUBLIC) is Action.LOCAL and acme.action_for(Sensitivity.PERSONAL) is Action.LOCAL
    assert set(acme.kinds) == {Kind.IBAN, Kind.EMAIL_ADDRESS} and [e.name for e in acme.reading.entities] == ["code"]
    assert policy.for_tenant("nobody") is policy.for_tenant("default") is policy
    assert policy.action_for(Sensitivity.PUBLIC) is Action.CLOUD and not policy.reading.entities
    assert acme.id != policy.id


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["cloud", "local", "secret", "x", "", "*", "("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "class",
                    "regex",
                    "words",
                    "context",
                    "allow",
                    "case",
                    "server",
                    "region",
                    "price",
                    "input",
                    "output",
                    "action",
                    "secret",
                    "iban",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
tables = st.dictionaries(
    st.sampled_from(
        [
            "actions",
            "no_local_model",
            "cloud",
            "findings",
            "kinds",
            "entities",
            "allow",
            "goes_to",
            "ask",
            "cap",
            "taint",
            "destinations",
            "shadow",
        ]
    ),
    values,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(tables, st.dictionaries(st.sampled_from(["acme", "default", "Bad"]), tables | values, max_size=2))
def test_any_values_under_known_keys_are_a_policy_or_a_settings_error(content, tenants):
    try:
        policy = _whole_policy(content | ({"tenants": tenants} if tenants else {}))
    except SettingsError as raised:
        named, said = raised.param, raised.message
    else:
        named, said = "", policy.id + "".join(each.id for each in policy.tenants.values())
    assert named is not None and said and "\n" not in said

"""One decision per request: everything can only raise it, nothing sensitive gets out by a wish or a failure."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import LedgerError, LocalModelDown, PrivacyRefused, UnknownModel
from nemora.privacy.decide import Decision, decide, resolve_destination
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.policy import Action, KindRule, Policy, strictest
from nemora.privacy.reasons import explain

PUBLIC, PERSONAL, CONFIDENTIAL, SECRET = Sensitivity


@dataclass(frozen=True)
class Inspection:
    findings: tuple[Finding, ...] = ()
    complete: bool = True
    weak: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Classification:
    sensitivity: Sensitivity = PUBLIC
    scores: dict[str, float] = field(default_factory=dict)


def finding(kind: Kind, confidence: float = 1.0, where: str = "/messages/0/content") -> Finding:
    return Finding(kind, "test", where, 0, 4, confidence)


def decided(
    *kinds: Kind,
    complete: bool = True,
    classified: Sensitivity | None = None,
    taint: Sensitivity = PUBLIC,
    policy: Policy | None = None,
) -> Decision:
    findings = tuple(finding(kind) for kind in kinds)
    own = max((CATALOGUE[kind].sensitivity for kind in kinds), default=PUBLIC) if classified is None else classified
    return decide(Inspection(findings, complete), Classification(own), taint, policy or Policy())


policies = st.builds(
    Policy,
    actions=st.lists(st.sampled_from(list(Action)), min_size=4, max_size=4)
    .map(lambda chosen: sorted(chosen, key=lambda a: a.strictness))
    .filter(lambda chosen: chosen[3] not in (Action.CLOUD, Action.ASK))
    .map(lambda chosen: dict(zip(Sensitivity, chosen, strict=True))),
    min_confidence=st.floats(0, 0.9),
    kinds=st.dictionaries(
        st.sampled_from([k for k in Kind if k not in (Kind.UNREADABLE, Kind.CUSTOM)]),
        st.builds(KindRule, st.none() | st.sampled_from(list(Sensitivity)), st.none() | st.sampled_from(list(Action))),
        max_size=4,
    ),
)
findings = st.builds(finding, st.sampled_from(list(Kind)), st.floats(0.01, 1.0))
classes = st.sampled_from(list(Sensitivity))


@given(st.lists(findings, max_size=5).map(tuple), st.booleans(), classes, classes, policies, st.data())
@settings(max_examples=300)
def test_nothing_added_ever_lowers_a_decision(found, complete, classified, taint, policy, data):
    before = decide(Inspection(found, complete), Classification(classified), taint, policy)
    more = data.draw(st.lists(findings, max_size=3).map(tuple))
    higher = data.draw(classes.filter(lambda c: c >= classified))
    tainted = data.draw(classes.filter(lambda c: c >= taint))
    less_read = data.draw(st.booleans()) and complete
    after = decide(Inspection(found + more, less_read), Classification(higher), tainted, policy)
    assert after.action.strictness >= before.action.strictness
    assert after.sensitivity >= before.sensitivity


@given(st.lists(findings, max_size=4).map(tuple), st.booleans(), classes, classes, policies)
@settings(max_examples=300)
def test_one_thing_that_forbids_the_cloud_is_enough(found, complete, classified, taint, policy):
    decision = decide(Inspection(found, complete), Classification(classified), taint, policy)
    judged = (classified, taint, *(policy.class_of(f) for f in found))
    forbidden = (
        not complete
        or any(f.kind is Kind.UNREADABLE for f in found)
        or SECRET in judged
        or any(policy.action_for(c) is not Action.CLOUD for c in judged)
        or any(policy.action_of(f) is not Action.CLOUD for f in found)
    )
    assert (decision.route == "cloud") is not (forbidden or policy.action_for(PUBLIC) is not Action.CLOUD)


@given(st.lists(findings, max_size=4).map(tuple), st.booleans(), classes, classes, policies)
def test_reasons_end_with_the_class_and_the_first_one_is_as_strict_as_the_decision(
    found, complete, classified, taint, policy
):
    decision = decide(Inspection(found, complete), Classification(classified), taint, policy)
    assert decision.reasons[-1] == f"class:{decision.sensitivity.word}"
    assert len(set(decision.reasons)) == len(decision.reasons)
    for reason in decision.reasons:
        assert explain(reason) != reason
    if decision.reasons[0].startswith("finding:"):
        kind = Kind(decision.reasons[0].partition(":")[2])
        own = [strictest(policy.action_of(f), policy.action_for(policy.class_of(f))) for f in found if f.kind is kind]
        assert decision.action in own


def test_defaults_by_class():
    assert decided().action is Action.CLOUD and decided().reasons == ("class:public",)
    assert decided(Kind.PERSON_NAME).action is Action.REDACT and decided(Kind.PERSON_NAME).route == "local"
    assert decided(classified=CONFIDENTIAL).action is Action.LOCAL
    assert decided(Kind.PAYMENT_CARD).action is Action.LOCAL


def test_the_most_decisive_reason_comes_first():
    decision = decided(Kind.PERSON_NAME, Kind.PAYMENT_CARD, complete=False, taint=PERSONAL)
    assert decision.reasons == (
        "finding:payment_card",
        "incomplete",
        "finding:person_name",
        "taint:personal",
        "class:secret",
    )
    assert decided(Kind.EMAIL_ADDRESS, taint=SECRET).reasons[0] == "taint:secret"
    blocking = Policy(kinds={Kind.EMAIL_ADDRESS: KindRule(action=Action.BLOCK)})
    assert decided(Kind.API_KEY, Kind.EMAIL_ADDRESS, policy=blocking).reasons[0] == "finding:email_address"


def test_a_combination_and_a_matter_are_named_as_such():
    both = decided(Kind.EMAIL_ADDRESS, Kind.PERSON_NAME, classified=CONFIDENTIAL)
    assert both.reasons[0] == "combination:person_name+email_address"
    assert decided(classified=CONFIDENTIAL).reasons == ("classifier:confidential", "class:confidential")


def test_what_was_not_read_stays_here_under_every_policy():
    lax = Policy(
        actions={PUBLIC: Action.CLOUD, PERSONAL: Action.CLOUD, CONFIDENTIAL: Action.CLOUD, SECRET: Action.REDACT}
    )
    assert decided(classified=CONFIDENTIAL, policy=lax).route == "cloud"
    for decision in (decided(complete=False, policy=lax), decided(Kind.UNREADABLE, policy=lax)):
        assert decision.action is Action.LOCAL and decision.sensitivity is CONFIDENTIAL
        assert decision.reasons[0] in ("incomplete", "finding:unreadable")


@pytest.mark.parametrize("unknown", [4, -1, 99])
def test_a_class_that_is_not_known_stays_here(unknown):
    for decision in (
        decide(Inspection(), Classification(unknown), PUBLIC, Policy()),
        decide(Inspection(), Classification(PUBLIC), unknown, Policy()),
    ):
        assert decision.route == "local" and decision.sensitivity is SECRET
        assert decision.reasons[0] == "unknown_class"


def test_only_findings_that_count_are_counted():
    policy = Policy(min_confidence=0.5, kinds={Kind.IP_ADDRESS: KindRule(PUBLIC)})
    found = (finding(Kind.IP_ADDRESS), finding(Kind.EMAIL_ADDRESS, 0.4), finding(Kind.PHONE_NUMBER, 0.6))
    decision = decide(Inspection(found), Classification(), PUBLIC, policy)
    assert decision.findings == found and decision.counted == found[2:]
    assert decision.kinds() == {"email_address": 1, "phone_number": 1, "ip_address": 1}
    assert decide(Inspection(found[:2]), Classification(), PUBLIC, policy).route == "cloud"


def test_the_decision_is_pinned_to_its_policy():
    assert decided().policy_id == Policy().id
    assert decided(policy=Policy(taint_days=3)).policy_id != Policy().id


REASONS_OF_LOCAL = [decided(Kind.PERSON_NAME), decided(Kind.API_KEY), decided(complete=False), decided(taint=SECRET)]


@pytest.mark.parametrize("decision", REASONS_OF_LOCAL)
@pytest.mark.parametrize("has_cloud", [True, False])
@pytest.mark.parametrize("ledger_ok", [True, False])
@pytest.mark.parametrize("taint_ok", [True, False])
@pytest.mark.parametrize("has_local", [True, False])
@pytest.mark.parametrize("wanted", ["auto", "local", "cloud"])
def test_sensitive_content_never_gets_a_cloud_destination(decision, has_cloud, ledger_ok, taint_ok, has_local, wanted):
    try:
        destination = resolve_destination(
            decision, wanted=wanted, has_cloud=has_cloud, has_local=has_local, ledger_ok=ledger_ok, taint_ok=taint_ok
        )
    except (PrivacyRefused, LocalModelDown):
        return
    assert destination.side == "local" and has_local and wanted != "cloud"


def test_naming_the_cloud_with_sensitive_content_is_refused_and_says_why_without_content():
    with pytest.raises(PrivacyRefused, match="payment card") as raised:
        resolve_destination(decided(Kind.PAYMENT_CARD), wanted="cloud", has_cloud=True)
    assert raised.value.status == 403 and raised.value.code == "privacy_refused"


def test_harmless_content_goes_where_it_was_wanted():
    assert resolve_destination(decided(), wanted="auto", has_cloud=True).side == "cloud"
    assert resolve_destination(decided(), wanted="cloud", has_cloud=True, has_local=False).side == "cloud"
    here = resolve_destination(decided(), wanted="local", has_cloud=True)
    assert (here.side, here.reasons) == ("local", ("asked_local", "class:public"))


def test_without_a_cloud_the_answer_is_local_and_says_what_was_allowed():
    destination = resolve_destination(decided(), wanted="auto", has_cloud=False)
    assert (destination.side, destination.reasons) == ("local", ("no_cloud", "class:public"))
    kept = resolve_destination(decided(Kind.API_KEY), wanted="auto", has_cloud=False)
    assert kept.reasons[0] == "finding:api_key" and "no_cloud" not in kept.reasons


def test_without_ledger_or_taint_nothing_goes_to_the_cloud_and_the_reasons_say_so():
    for broken, code in (("ledger_ok", "ledger_unavailable"), ("taint_ok", "taint_unavailable")):
        destination = resolve_destination(decided(), wanted="auto", has_cloud=True, **{broken: False})
        assert (destination.side, destination.reasons[0]) == ("local", code)
        with pytest.raises(LedgerError):
            resolve_destination(decided(), wanted="cloud", has_cloud=True, **{broken: False})
        kept = resolve_destination(decided(Kind.API_KEY), wanted="auto", has_cloud=True, **{broken: False})
        assert kept.reasons[0] == "finding:api_key" and code in kept.reasons


def test_what_the_policy_blocks_goes_nowhere():
    policy = Policy(kinds={Kind.PRIVATE_KEY: KindRule(action=Action.BLOCK)})
    for wanted in ("auto", "local", "cloud"):
        with pytest.raises(PrivacyRefused, match="private key"):
            resolve_destination(decided(Kind.PRIVATE_KEY, policy=policy), wanted=wanted, has_cloud=True)


def test_without_a_local_model_secrets_are_refused_and_the_rest_is_an_error_to_try_again():
    with pytest.raises(PrivacyRefused):
        resolve_destination(decided(Kind.API_KEY), wanted="auto", has_cloud=True, has_local=False)
    for decision in (decided(Kind.PERSON_NAME), decided(complete=False)):
        with pytest.raises(LocalModelDown):
            resolve_destination(decision, wanted="auto", has_cloud=True, has_local=False)
    with pytest.raises(LocalModelDown):
        resolve_destination(decided(), wanted="local", has_cloud=True, has_local=False)


def test_only_a_decision_to_redact_leaves_redacted_and_only_when_it_was():
    redactable = decided(Kind.PERSON_NAME)
    assert redactable.action is Action.REDACT and redactable.route == "local"
    for wanted in ("auto", "cloud"):
        there = resolve_destination(redactable, wanted=wanted, has_cloud=True, redaction="redacted")
        assert (there.side, there.reasons[0]) == ("cloud", "redacted")
    for kept in (decided(Kind.API_KEY), decided(complete=False), decided(taint=Sensitivity.CONFIDENTIAL)):
        assert resolve_destination(kept, wanted="auto", has_cloud=True, redaction="redacted").side == "local"
    for outcome in ("", "found_again", "unredactable:encoded", "anything"):
        here = resolve_destination(redactable, wanted="auto", has_cloud=True, redaction=outcome)
        assert here.side == "local" and here.reasons[0] == (outcome or "finding:person_name")
        with pytest.raises(PrivacyRefused):
            resolve_destination(redactable, wanted="cloud", has_cloud=True, redaction=outcome)
    for broken in ("ledger_ok", "taint_ok"):
        kept_here = resolve_destination(
            redactable, wanted="auto", has_cloud=True, redaction="redacted", **{broken: False}
        )
        assert kept_here.side == "local" and "redacted" not in kept_here.reasons
    named_local = resolve_destination(redactable, wanted="local", has_cloud=True, redaction="redacted")
    assert named_local.side == "local"


def test_a_cloud_that_is_not_configured_cannot_be_named():
    with pytest.raises(UnknownModel):
        resolve_destination(decided(), wanted="cloud", has_cloud=False)


def test_every_reason_has_words():
    codes = [f"finding:{kind}" for kind in Kind] + [f"class:{c.word}" for c in Sensitivity]
    codes += ["taint:secret", "classifier:confidential", "combination:person_name+iban", "incomplete", "unknown_class"]
    codes += ["no_cloud", "asked_local", "ledger_unavailable", "taint_unavailable"]
    codes += ["redacted", "redaction_failed", "found_again", "replaced:person_name+3", "unredactable:work_matter"]
    codes += [f"unredactable:{why}" for why in ("place", "split", "encoded", "elsewhere", "too_many")]
    for code in codes:
        assert explain(code) != code and not explain(code).endswith(".")

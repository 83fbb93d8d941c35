"""Why a request went where it went: the reasons' codes, and what they mean in words."""

from __future__ import annotations

from nemora.privacy.finding import CATALOGUE, Kind

REDACTED = "redacted"
"""Reason of a request that leaves with its values replaced."""
JUDGE, JUDGE_UNAVAILABLE = "judge", "judge:unavailable"
"""The detector of findings that a judge made; and the reason where it was to be asked and gave no answer."""
CLOUD_DOWN = "cloud_down"
"""Reason of a request that was answered here because no connection to its cloud server could be made."""

_FIXED = {
    "incomplete": "not all of it could be read",
    "unknown_class": "its class is not known to this version",
    "no_cloud": "no cloud server is configured, otherwise it could have left",
    "asked_local": "the local model was asked for",
    CLOUD_DOWN: "the cloud server could not be reached, and nothing had left",
    "ledger_unavailable": "the ledger cannot be written",
    "taint_unavailable": "what was sensitive before cannot be looked up",
    "no_destination": "the policy lets it go to none of the configured cloud servers",
    "no_such_part": "no cloud server that it may go to can be sent such a document",
    "cap": "the day's costs have reached the policy's cap",
    "override_needed": "the policy asks the user first",
    "override_refused": "the override token was not good for it",
    JUDGE_UNAVAILABLE: "its class is uncertain, and the judge could not say more",
    "class:public": "nothing sensitive was found",
    REDACTED: "what was found was replaced before it left",
    "redaction_failed": "it could not be redacted",
    "found_again": "after redaction something was still found",
    "unredactable:place": "what was found stands where nothing can be replaced",
    "unredactable:split": "a value is split over several strings, which cannot be redacted",
    "unredactable:encoded": "what was found is encoded, which cannot be redacted",
    "unredactable:elsewhere": "a value stands also where nothing can be replaced",
    "unredactable:too_many": "there are too many values to redact",
}


def explain(reason: str) -> str:
    """A reason code as words for people, without a full stop. Holds no content, only kinds and classes."""
    if reason in _FIXED:
        return _FIXED[reason]
    head, _, tail = reason.partition(":")
    if head == "finding" and tail in list(Kind):
        return f"it holds {CATALOGUE[Kind(tail)].meaning}"
    if head == "entity":
        return f"it holds what the policy calls {tail}"
    if head == "replaced":
        kind, _, count = tail.partition("+")
        return f"{count} times {kind.replace('_', ' ')} was replaced"
    if head == "unredactable" and tail in list(Kind):
        return f"it holds {CATALOGUE[Kind(tail)].meaning}, which cannot be redacted"
    if head == "combination":
        return f"together these identify someone: {', '.join(tail.replace('_', ' ').split('+'))}"
    if head == "disclosures":
        return f"with what left before, these identify someone: {', '.join(tail.replace('_', ' ').split('+'))}"
    if head == "classifier":
        return f"its matter is {tail}"
    if head == JUDGE:
        return f"its class was uncertain, and the judge found a matter of {tail.replace('_', ' ')}"
    if head == "override":
        return f"the user let it out, with the reason {tail}"
    if head == "taint":
        return f"the conversation was {tail} before"
    if head == "class":
        return f"its class is {tail}"
    return reason

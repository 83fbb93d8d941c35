"""The types of personal and company data that the span head knows, and what the labels of each source say of them.

Types keep the names of the tagger that came before where it had them; `privacy/entities.py` joins pieces of names and
addresses. A type is what a span *is*, not whether it must stay: "Paris" is a CITY in a holiday plan too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NAMES = ("GIVEN_NAME", "SURNAME")
ADDRESS = ("BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE")
NUMBERS = ("TAX_ID", "BANK_ACCOUNT", "ROUTING_NUMBER", "GOVERNMENT_ID", "PASSPORT", "DRIVERS_LICENSE", "CREDIT_CARD")
CONTACT = ("EMAIL", "PHONE", "URL", "HANDLE")
PERSONAL = ("DATE_OF_BIRTH", "HEALTH_CONDITION", "MEDICATION", "SALARY", "VEHICLE", "BIOMETRIC", "COORDINATES")
RECORDS = ("RECORD_ID", "MEDICAL_RECORD")
COMPANY = ("ORGANIZATION", "PROJECT", "HOST", "DEVICE")
ACCESS = ("PASSWORD", "SECRET")
TYPES = (*NAMES, *ADDRESS, *NUMBERS, *CONTACT, *PERSONAL, *RECORDS, *COMPANY, *ACCESS)
"""RECORD_ID: a number that stands for a person or a matter (employee, customer, member, student, case, claim, policy);
numbers of orders, invoices and parcels are none. SALARY: any amount tied to a person (pay, debt, balance). DEVICE: IP
and MAC address, serial number of a device. HANDLE: user names too. VEHICLE: plate or VIN. BANK_ACCOUNT: IBANs too.
HEALTH_CONDITION: diagnoses, procedures, findings. PROJECT: an internal code name."""

LABELS = ("O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BI"))
"""Columns of the span head."""

UNKNOWN = "UNKNOWN"
"""A span of this type says only that its text may be anything: no token of it is learned from."""
IGNORED = -100
"""The target of a token that is not learned from."""

STRONG = frozenset({*NUMBERS, "PASSWORD", "SECRET", "MEDICAL_RECORD", "EMAIL", "PHONE", "DATE_OF_BIRTH", "BIOMETRIC"})
"""Types that identify, or give access, by themselves: losing recall on them is never a fair exchange."""

EVERYWHERE = frozenset(
    {*NAMES, *ADDRESS, "ORGANIZATION", "URL", "HEALTH_CONDITION", "MEDICATION", "HANDLE", "COORDINATES"}
)
"""Types that harmless texts hold too. A set that labels no spans says nothing about them; but if its texts may leave,
all others are absent."""
ABSENT_FROM_HARMLESS = frozenset(TYPES) - EVERYWHERE

SAME: dict[str, str | None] = {kind: kind for kind in TYPES}

AUTHORED: dict[str, str | None] = {
    **SAME,
    "AGE": None, "COUNTRY": None, "DATE": None, "AMOUNT": UNKNOWN, "ORDER_ID": UNKNOWN, "PERSON": "PERSON",
    "STREET_ADDRESS": "ADDRESS", "CASE_ID": "RECORD_ID", "CUSTOMER_ID": "RECORD_ID", "EMPLOYEE_ID": "RECORD_ID",
    "INSURANCE_ID": "RECORD_ID", "HOSTNAME": "HOST", "IP_ADDRESS": "DEVICE", "MAC_ADDRESS": "DEVICE",
    "DEVICE_ID": "DEVICE", "PROJECT_NAME": "PROJECT", "USERNAME": "HANDLE", "SSN": "GOVERNMENT_ID",
    "SECRET_KEY": "SECRET", "IBAN": "BANK_ACCOUNT", "DRIVER_LICENSE": "DRIVERS_LICENSE", "VEHICLE_PLATE": "VEHICLE",
    "VIN": "VEHICLE", "REGION": "STATE",
}  # fmt: skip
"""From the marks in authored requests. None: no type of ours. PERSON and ADDRESS are split by `person_name`."""

PUBLIC: dict[str, dict[str, str | None]] = {
    "pii_anon": {
        "PERSON_NAME": "PERSON", "EMAIL_ADDRESS": "EMAIL", "TIMESTAMP": None, "PHONE_NUMBER": "PHONE",
        "IP_ADDRESS": "DEVICE", "MAC_ADDRESS": "DEVICE", "SOCIAL_SECURITY_NUMBER": "GOVERNMENT_ID",
        "STREET_ADDRESS": "ADDRESS", "DATE_OF_BIRTH": "DATE_OF_BIRTH", "ORGANIZATION_NAME": "ORGANIZATION",
        "SALARY": "SALARY", "EMPLOYEE_ID": "RECORD_ID", "MEDICAL_RECORD_NUMBER": "MEDICAL_RECORD",
        "IBAN": "BANK_ACCOUNT", "INVOICE_NUMBER": UNKNOWN, "SWIFT_BIC_CODE": "ROUTING_NUMBER",
        "NATIONAL_ID_NUMBER": UNKNOWN, "INSURANCE_POLICY_NUMBER": "RECORD_ID", "HEALTH_CONDITION": "HEALTH_CONDITION",
        "TAX_ID": "TAX_ID", "BANK_ACCOUNT_NUMBER": "BANK_ACCOUNT", "CREDIT_CARD_NUMBER": "CREDIT_CARD",
    },
    "btc": {"PERSON": "PERSON", "ORGANIZATION": "ORGANIZATION", "LOCATION": UNKNOWN},
    "wnut17_train": {
        "PERSON": "PERSON", "CORPORATION": "ORGANIZATION", "GROUP": UNKNOWN, "LOCATION": UNKNOWN,
        "CREATIVE_WORK": UNKNOWN, "PRODUCT": None,
    },
    "wikigold": {"PERSON": "PERSON", "ORGANIZATION": "ORGANIZATION", "LOCATION": UNKNOWN, "MISC": None},
    "nlu_evaluation": {
        "PERSON": "PERSON", "EMAIL_ADDRESS": "EMAIL", "BUSINESS_NAME": UNKNOWN, "PLACE_NAME": UNKNOWN,
        "ARTIST_NAME": UNKNOWN, "AUDIOBOOK_AUTHOR": UNKNOWN, "RADIO_NAME": UNKNOWN, "TRANSPORT_AGENCY": UNKNOWN,
    },
}  # fmt: skip
"""From the inventories of public sets that label spans, by file name. A type that is not named is None."""

PUBLIC_KNOWN: dict[str, frozenset[str]] = {
    # Some first names that come again are not annotated in it, so it says nothing about unmarked names.
    "pii_anon": (ABSENT_FROM_HARMLESS | {"HEALTH_CONDITION"}) - {*NAMES, "PROJECT", "HOST"},
    "btc": ABSENT_FROM_HARMLESS | {*NAMES, "ORGANIZATION", "HEALTH_CONDITION"},
    "wnut17_train": ABSENT_FROM_HARMLESS | {*NAMES, "ORGANIZATION", "HEALTH_CONDITION"},
    "wikigold": ABSENT_FROM_HARMLESS | {*NAMES, "ORGANIZATION"},
    "nlu_evaluation": (ABSENT_FROM_HARMLESS | {*NAMES}) - {"DATE_OF_BIRTH"},
}
"""The types of which each set says where they are *and* where they are not."""


def columns_hidden_by_o(known: Iterable[str]) -> tuple[bool, ...]:
    """For a text whose source annotates only `known`: the columns that its "O" may stand for.

    The masking contract. A token with target 0 ("O") is learned from with −log of the *sum* of the probabilities of
    these columns: O itself and every B and I of a type that is not known. So a source that marks no cities never
    teaches that Paris is none. A token with another target is learned from as usual (cross-entropy over all columns),
    also if its type is not known everywhere; one with the target IGNORED is not learned from.
    """
    hidden = set(TYPES) - set(known)
    return (True, *(kind in hidden for kind in TYPES for _ in "BI"))


def targets(spans: Sequence[tuple[int, int, str]], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """A column of LABELS, or IGNORED, for each token.

    Args:
        spans: (start, end, type), sorted, not overlapping.
        offsets: each token's code points in the text; empty ranges (special tokens) are ignored.
    """
    column = {label: index for index, label in enumerate(LABELS)}
    found, at, last = [], 0, -1
    for start, end in offsets:
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        if start >= end:
            found.append(IGNORED)
        elif at == len(spans) or spans[at][0] >= end:
            found.append(0)
        elif spans[at][2] == UNKNOWN:
            found.append(IGNORED)
        else:
            found.append(column[("I-" if last == at else "B-") + spans[at][2]])
            last = at
    return found

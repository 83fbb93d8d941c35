from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.medical_record import MedicalRecordDetector

RECORD = MedicalRecordDetector()


@pytest.mark.parametrize(
    "text",
    [
        "(ID: ⟦MRN-8135440⟧)",
        "MRN: ⟦84719203⟧",
        "medical record number ⟦A-471923⟧",
        '"patient_id": "⟦P471923⟧"',
        "Member ID: ⟦XQH471923⟧",
    ],
)
def test_an_announced_number_is_found(text: str) -> None:
    check(RECORD, text)


@pytest.mark.parametrize(
    "text", ["8135440", "the medical record of 2024", "patient 12 of 40", "MRN is short for medical record number"]
)
def test_other_numbers_are_none(text: str) -> None:
    check(RECORD, text)

from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.mac_address import MacAddressDetector

MAC = MacAddressDetector()


@pytest.mark.parametrize(
    "text", ["⟦a5:e6:fb:50:6d:62⟧", "MAC: ⟦A5-E6-FB-50-6D-62⟧.", "⟦a5e6.fb50.6d62⟧", "mac ⟦23-45-67-12-98-76⟧"]
)
def test_a_hardware_address_is_found(text: str) -> None:
    check(MAC, text)


@pytest.mark.parametrize(
    "text",
    [
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
        "00:11:22:33:44:55",
        "00-00-5E-00-53-1A",
        "a5:e6:fb:50:6d",
        "a5:e6:fb:50:6d:62:aa:bb",
        "a5:e6-fb:50:6d:62",
        "23-45-67-12-98-76",
    ],
)
def test_broadcast_samples_and_longer_runs_are_none(text: str) -> None:
    check(MAC, text)

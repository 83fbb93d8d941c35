"""Overseas post is an address like any other."""

from __future__ import annotations

import pytest

from nemora.privacy.detectors.military_address import MilitaryAddressDetector


@pytest.mark.parametrize(
    "address",
    [
        "Unit 2050 Box 4190, APO AP 96278",
        "PSC 802 Box 74\nAPO AE 09499",
        "USS Kestrel FPO AP 96667-1234",
        "unit 8400 box 0000\ndpo ae 09498",
    ],
)
def test_the_whole_address_is_found(address: str) -> None:
    text = f"Please send it to {address} soon."
    (match,) = MilitaryAddressDetector().find(text, "")
    assert text[match.start : match.end] == address


@pytest.mark.parametrize(
    "text", ["Unit 5 covers APO rules.", "What does FPO AP mean?", "The unit test in box 12 fails."]
)
def test_talk_about_it_is_not_an_address(text: str) -> None:
    assert MilitaryAddressDetector().find(text, "") == []

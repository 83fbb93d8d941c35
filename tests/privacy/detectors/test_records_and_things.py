"""Record numbers, vehicles, handsets, places, bank codes and wallets: found with their word, and not without."""

from __future__ import annotations

import hashlib

import pytest
from marked import check

from nemora.privacy.detectors.coordinates import CoordinatesDetector
from nemora.privacy.detectors.device_number import DeviceNumberDetector
from nemora.privacy.detectors.record_number import RecordNumberDetector
from nemora.privacy.detectors.vehicle import VehicleDetector, checks
from nemora.privacy.detectors.wallet import WalletDetector, base58_payload, is_bech32

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(payload: bytes) -> str:
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


ADDRESS = base58(b"\0" + hashlib.sha256(b"a").digest()[:20])
WIF = base58(b"\x80" + hashlib.sha256(b"k").digest() + b"\1")


def test_a_wallet_is_known_by_its_checksum_alone() -> None:
    check(WalletDetector(), f"send to ⟦{ADDRESS}⟧ please")
    check(WalletDetector(), f"key ⟦{WIF}⟧.")
    changed = ADDRESS[:-1] + ("2" if ADDRESS[-1] != "2" else "3")
    check(WalletDetector(), f"send to {changed} please")
    assert base58_payload(changed) is None


def test_published_addresses_and_contracts_are_none() -> None:
    assert is_bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
    check(WalletDetector(), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
    contract = "0x" + hashlib.sha256(b"c").hexdigest()[:40]
    check(WalletDetector(), f"deployed at {contract} with solc")
    check(WalletDetector(), f"my wallet is ⟦{contract}⟧")


@pytest.mark.parametrize(
    "text",
    [
        "employee id: ⟦E4471203⟧",
        "Kundennummer: ⟦4471203⟧",
        "customer no. ⟦C-4471203⟧",
        "policy number ⟦HX-4471203⟧",
        "工号：⟦447120⟧",
        "case number: 2024 was the year",
        "order number 4471203",
        "tracking id 4471203",
        "customer id 12345",
        "the employee number rose to 7",
    ],
)
def test_record_numbers(text: str) -> None:
    check(RecordNumberDetector(), text)


@pytest.mark.parametrize(
    "text",
    [
        "VIN ⟦WVWZZZ1KZAW456789⟧",
        "Kennzeichen: ⟦B-KT 4711⟧",
        "license plate: ⟦7ABC123⟧",
        "number plate ⟦AB12 CDE⟧",
        "VIN 1M8GDM9AXKP042788",
        "part WVWZZZ1KZAW456789",
        "plate tectonics in 2024",
    ],
)
def test_vehicles(text: str) -> None:
    check(VehicleDetector(), text)


def test_the_check_digit_of_a_vehicle_needs_no_word() -> None:
    vin = "1FTFW1ET0EFA12345"
    vin = next(v for v in (vin[:8] + c + vin[9:] for c in "0123456789X") if checks(v))
    check(VehicleDetector(), f"see ⟦{vin}⟧")
    check(VehicleDetector(), f"see {vin[:-1]}{(int(vin[-1]) + 1) % 10}")


@pytest.mark.parametrize(
    "text", ["IMEI: ⟦354382071234565⟧", "IMEI: 354382071234566", "354382071234565", "IMEI 490154203237518"]
)
def test_handsets(text: str) -> None:
    check(DeviceNumberDetector(), text)


@pytest.mark.parametrize(
    "text",
    [
        "my location: ⟦52.520008, 13.404954⟧",
        '{⟦"lat": 52.520008, "lng": 13.404954⟧}',
        "52°31'12.0\" is a latitude",
        "⟦52°31'12.0\" N, 13°24'18.0\" E⟧",
        "losses 12.52000, 13.40495 per step",
        "location 52.5, 13.4",
    ],
)
def test_places(text: str) -> None:
    check(CoordinatesDetector(), text)


def test_a_field_is_read_with_its_label() -> None:
    check(RecordNumberDetector(), "⟦4471203⟧", label="employeeId")
    check(VehicleDetector(), "⟦B-KT 4711⟧", label="license_plate")
    check(DeviceNumberDetector(), "⟦354382071234565⟧", label="imei")

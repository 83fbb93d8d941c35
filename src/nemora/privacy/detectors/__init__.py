"""Deterministic detectors, one per file. Each reads one readable string and its label, in linear time."""

from __future__ import annotations

from nemora.privacy.detectors.access_code import AccessCodeDetector
from nemora.privacy.detectors.announced_number import AnnouncedNumberDetector
from nemora.privacy.detectors.api_key import ApiKeyDetector
from nemora.privacy.detectors.bank_account import BankAccountDetector
from nemora.privacy.detectors.command_password import CommandPasswordDetector
from nemora.privacy.detectors.config_secret import ConfigSecretDetector
from nemora.privacy.detectors.connection_string import ConnectionStringDetector
from nemora.privacy.detectors.coordinates import CoordinatesDetector
from nemora.privacy.detectors.date_of_birth import DateOfBirthDetector
from nemora.privacy.detectors.device_number import DeviceNumberDetector
from nemora.privacy.detectors.email_address import EmailAddressDetector
from nemora.privacy.detectors.government_id import GovernmentIdDetector
from nemora.privacy.detectors.iban import IbanDetector
from nemora.privacy.detectors.ip_address import IpAddressDetector
from nemora.privacy.detectors.login_pair import LoginPairDetector
from nemora.privacy.detectors.mac_address import MacAddressDetector
from nemora.privacy.detectors.medical_record import MedicalRecordDetector
from nemora.privacy.detectors.military_address import MilitaryAddressDetector
from nemora.privacy.detectors.one_time_code import OneTimeCodeDetector
from nemora.privacy.detectors.overlaps import resolve_overlaps
from nemora.privacy.detectors.password import PasswordDetector
from nemora.privacy.detectors.payment_card import PaymentCardDetector
from nemora.privacy.detectors.phone_number import PhoneNumberDetector
from nemora.privacy.detectors.private_key import PrivateKeyDetector
from nemora.privacy.detectors.record_number import RecordNumberDetector
from nemora.privacy.detectors.recovery_phrase import RecoveryPhraseDetector
from nemora.privacy.detectors.secondary_address import SecondaryAddressDetector
from nemora.privacy.detectors.us_ssn import UsSsnDetector
from nemora.privacy.detectors.vehicle import VehicleDetector
from nemora.privacy.detectors.wallet import WalletDetector
from nemora.privacy.protocols import Detector

ALL: tuple[Detector, ...] = (
    PrivateKeyDetector(),
    ConnectionStringDetector(),
    ApiKeyDetector(),
    PasswordDetector(),
    CommandPasswordDetector(),
    ConfigSecretDetector(),
    OneTimeCodeDetector(),
    AccessCodeDetector(),
    LoginPairDetector(),
    RecoveryPhraseDetector(),
    PaymentCardDetector(),
    IbanDetector(),
    BankAccountDetector(),
    WalletDetector(),
    UsSsnDetector(),
    GovernmentIdDetector(),
    MedicalRecordDetector(),
    DateOfBirthDetector(),
    EmailAddressDetector(),
    MilitaryAddressDetector(),
    SecondaryAddressDetector(),
    PhoneNumberDetector(),
    IpAddressDetector(),
    MacAddressDetector(),
    VehicleDetector(),
    DeviceNumberDetector(),
    CoordinatesDetector(),
    RecordNumberDetector(),
    AnnouncedNumberDetector(),
)

__all__ = ["ALL", "resolve_overlaps"]

"""What a detector says: kinds, sensitivity classes, and findings. Words mean what docs/labelling.md says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Sensitivity(enum.IntEnum):
    """The four classes, ordered: a request has the highest that any part of it earns."""

    PUBLIC = 0
    PERSONAL = 1
    CONFIDENTIAL = 2
    SECRET = 3

    @property
    def word(self) -> str:
        """The class as policy files, headers and the ledger spell it."""
        return self.name.lower()


class Kind(enum.StrEnum):
    """Every kind of finding. docs/finding-kinds.md is generated from `CATALOGUE` and tested against it."""

    PERSON_NAME = "person_name"
    STREET_ADDRESS = "street_address"
    EMAIL_ADDRESS = "email_address"
    PHONE_NUMBER = "phone_number"
    IP_ADDRESS = "ip_address"
    MAC_ADDRESS = "mac_address"
    PAYMENT_CARD = "payment_card"
    IBAN = "iban"
    BANK_ACCOUNT = "bank_account"
    US_SSN = "us_ssn"
    GOVERNMENT_ID = "government_id"
    MEDICAL_RECORD = "medical_record"
    API_KEY = "api_key"
    PRIVATE_KEY = "private_key"
    PASSWORD = "password"
    CONNECTION_STRING = "connection_string"
    DATE_OF_BIRTH = "date_of_birth"
    HANDLE = "handle"
    RECORD_NUMBER = "record_number"
    VEHICLE = "vehicle"
    DEVICE_NUMBER = "device_number"
    BIOMETRIC = "biometric"
    HEALTH_CONDITION = "health_condition"
    MEDICATION = "medication"
    PERSONAL_AMOUNT = "personal_amount"
    COORDINATES = "coordinates"
    ORGANISATION = "organisation"
    PROJECT_NAME = "project_name"
    HOST_NAME = "host_name"
    UNREADABLE = "unreadable"
    HEALTH_MATTER = "health_matter"
    PRIVATE_MATTER = "private_matter"
    MONEY_MATTER = "money_matter"
    WORK_MATTER = "work_matter"
    LEGAL_MATTER = "legal_matter"
    ACCESS_MATTER = "access_matter"
    BUSINESS_MATTER = "business_matter"
    TECHNICAL_MATTER = "technical_matter"


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What a kind means: the class it earns by itself, the category it scores in, and a sentence for the docs."""

    sensitivity: Sensitivity
    category: str
    meaning: str


CATALOGUE: dict[Kind, KindInfo] = {
    Kind.PERSON_NAME: KindInfo(Sensitivity.PERSONAL, "people", "the full name of a person"),
    Kind.STREET_ADDRESS: KindInfo(Sensitivity.PERSONAL, "location", "a street address"),
    Kind.EMAIL_ADDRESS: KindInfo(Sensitivity.PERSONAL, "contact", "an e-mail address"),
    Kind.PHONE_NUMBER: KindInfo(Sensitivity.PERSONAL, "contact", "a valid telephone number"),
    Kind.IP_ADDRESS: KindInfo(
        Sensitivity.PERSONAL, "network", "an IPv4 or IPv6 address that is not reserved for documentation"
    ),
    Kind.MAC_ADDRESS: KindInfo(Sensitivity.PERSONAL, "network", "a hardware address"),
    Kind.PAYMENT_CARD: KindInfo(
        Sensitivity.SECRET, "finance", "a payment card number, or one mistyped beside card words"
    ),
    Kind.IBAN: KindInfo(Sensitivity.SECRET, "finance", "an international bank account number with valid check digits"),
    Kind.BANK_ACCOUNT: KindInfo(Sensitivity.SECRET, "finance", "a bank account or routing number"),
    Kind.US_SSN: KindInfo(Sensitivity.SECRET, "identity", "a United States social security number"),
    Kind.GOVERNMENT_ID: KindInfo(Sensitivity.SECRET, "identity", "a tax, passport, licence or other government number"),
    Kind.MEDICAL_RECORD: KindInfo(
        Sensitivity.CONFIDENTIAL, "health", "a medical record, patient or health insurance number"
    ),
    Kind.API_KEY: KindInfo(Sensitivity.SECRET, "credentials", "an access key or token of a service"),
    Kind.PRIVATE_KEY: KindInfo(Sensitivity.SECRET, "credentials", "a private key, or the recovery phrase of a wallet"),
    Kind.PASSWORD: KindInfo(Sensitivity.SECRET, "credentials", "a password, passphrase, PIN or one-time code in use"),
    Kind.CONNECTION_STRING: KindInfo(
        Sensitivity.SECRET, "credentials", "a URL or connection string that holds credentials"
    ),
    Kind.DATE_OF_BIRTH: KindInfo(
        Sensitivity.PERSONAL, "identity", "a date of birth; beside the name of a person it is confidential"
    ),
    Kind.HANDLE: KindInfo(Sensitivity.PERSONAL, "contact", "a user name or online handle"),
    Kind.RECORD_NUMBER: KindInfo(
        Sensitivity.PERSONAL, "identity", "the number of an employee, customer, member, case, claim or policy"
    ),
    Kind.VEHICLE: KindInfo(Sensitivity.PERSONAL, "identity", "a number plate or vehicle identification number"),
    Kind.DEVICE_NUMBER: KindInfo(Sensitivity.PERSONAL, "network", "the serial number or address of a device"),
    Kind.BIOMETRIC: KindInfo(Sensitivity.CONFIDENTIAL, "identity", "a biometric template or feature of a person"),
    # These say nothing alone. Beside a person most are confidential (`classify`).
    Kind.HEALTH_CONDITION: KindInfo(
        Sensitivity.PUBLIC, "health", "a condition or treatment; beside the name of a person it is confidential"
    ),
    Kind.MEDICATION: KindInfo(
        Sensitivity.PUBLIC, "health", "a medication; beside the name of a person it is confidential"
    ),
    Kind.PERSONAL_AMOUNT: KindInfo(
        Sensitivity.PUBLIC, "finance", "pay, debt or balance; beside the name of a person it is confidential"
    ),
    Kind.COORDINATES: KindInfo(
        Sensitivity.PUBLIC, "location", "geographic coordinates; beside the name of a person they are confidential"
    ),
    Kind.ORGANISATION: KindInfo(Sensitivity.PUBLIC, "business", "the name of a company, authority or other body"),
    Kind.PROJECT_NAME: KindInfo(Sensitivity.PUBLIC, "business", "the code name of a project"),
    Kind.HOST_NAME: KindInfo(Sensitivity.PUBLIC, "technical", "the name of a machine"),
    Kind.UNREADABLE: KindInfo(
        Sensitivity.CONFIDENTIAL,
        "unreadable",
        "content that could not be read: binary, an image, or encoded beyond the budget",
    ),
    # What a text is about, judged as a whole; no word of it need be an identifier.
    Kind.HEALTH_MATTER: KindInfo(Sensitivity.CONFIDENTIAL, "health", "somebody's health, told as fact"),
    Kind.PRIVATE_MATTER: KindInfo(
        Sensitivity.CONFIDENTIAL, "private_life", "family, love, belief, children, whereabouts, private messages"
    ),
    Kind.MONEY_MATTER: KindInfo(Sensitivity.CONFIDENTIAL, "finance", "somebody's income, debts, accounts or taxes"),
    Kind.WORK_MATTER: KindInfo(
        Sensitivity.CONFIDENTIAL, "work", "somebody's employment: reviews, dismissals, disputes, pay"
    ),
    Kind.LEGAL_MATTER: KindInfo(Sensitivity.CONFIDENTIAL, "legal", "somebody's legal matter, dispute or crime"),
    Kind.ACCESS_MATTER: KindInfo(
        Sensitivity.CONFIDENTIAL, "credentials", "text that gives access or proves identity, without a known form"
    ),
    Kind.BUSINESS_MATTER: KindInfo(
        Sensitivity.CONFIDENTIAL, "business", "an organisation's plans, figures, customers, contracts or inventions"
    ),
    Kind.TECHNICAL_MATTER: KindInfo(
        Sensitivity.CONFIDENTIAL, "technical", "an organisation's own code, machines, incidents or weaknesses"
    ),
}

# Of a person who is named beside them they are nobody else's business.
FACTS = frozenset({Kind.HEALTH_CONDITION, Kind.MEDICATION, Kind.PERSONAL_AMOUNT, Kind.COORDINATES, Kind.DATE_OF_BIRTH})
CATEGORIES: tuple[str, ...] = tuple(dict.fromkeys(info.category for info in CATALOGUE.values()))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a detector saw.

    `where` is a JSON pointer into the request (`/messages/0/content`); `start` and `end` are
    code points of the original string there, end exclusive. `confidence` is in (0, 1].
    A finding never holds the text itself.
    """

    kind: Kind
    detector: str
    where: str
    start: int
    end: int
    confidence: float

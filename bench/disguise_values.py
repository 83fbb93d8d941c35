"""Invented identifiers with right check digits, the sentences that hold them, and harmless values that look alike."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from nemora.privacy.detectors.checksums import luhn, mod97


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, its type, and a sentence with `{v}` where it stands."""

    type: str
    value: str
    sentence: str


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(string.digits) for _ in range(count))


def card(rng: random.Random) -> str:
    """A card number with a valid Luhn digit, grouped by four."""
    body = rng.choice(("4", "51", "52", "53", "54", "2221", "6011")) + digits(rng, 15)
    body = body[:15]
    number = next(body + d for d in string.digits if luhn(body + d))
    return " ".join(number[at : at + 4] for at in range(0, 16, 4)) if rng.random() < 0.7 else number


def ssn(rng: random.Random) -> str:
    area = rng.choice([n for n in range(100, 772) if n != 666])
    return f"{area:03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def iban(rng: random.Random) -> str:
    country, length = rng.choice((("DE", 22), ("FR", 27), ("ES", 24), ("AT", 20), ("NL", 18), ("PL", 28)))
    body = "ABNA" + digits(rng, 10) if country == "NL" else digits(rng, length - 4)
    check = 98 - mod97(body + country + "00")
    number = f"{country}{check:02d}{body}"
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4)) if rng.random() < 0.6 else number


def phone(rng: random.Random) -> str:
    return rng.choice(
        (
            f"+49 151 {digits(rng, 4)}{rng.randint(1000, 9999)}",
            f"+1 415-{rng.randint(230, 540)}-{rng.randint(1000, 9999)}",
            f"+33 6 {rng.randint(10, 99)} {rng.randint(10, 99)} {rng.randint(10, 99)} {rng.randint(10, 99)}",
            f"+44 7911 {rng.randint(100000, 999999)}",
            f"(212) {rng.randint(230, 540)}-{rng.randint(1000, 9999)}",
            f"+55 11 9{rng.randint(6000, 9999)}-{rng.randint(1000, 9999)}",
        )
    )


def email(rng: random.Random) -> str:
    first = rng.choice(["milena", "tobias", "rashid", "yuki", "carmen", "olu", "piotr", "greta", "sanjay", "lucia"])
    last = rng.choice(["hartwig", "osei", "novak", "takeda", "ferrer", "lindqvist", "rao", "duarte", "weiss", "kaplan"])
    domain = rng.choice(("gmail.com", "proton.me", "outlook.com", "bergmann-bau.de", "finovia.io", "correo.es"))
    return f"{first}{rng.choice(('.', '_', ''))}{last}{rng.choice(('', '84', '7'))}@{domain}"


def cpf(rng: random.Random) -> str:
    body = [int(d) for d in digits(rng, 9)]
    for size in (10, 11):
        body.append(sum(d * w for d, w in zip(body, range(size, 1, -1), strict=True)) * 10 % 11 % 10)
    text = "".join(map(str, body))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def pesel(rng: random.Random) -> str:
    body = f"{rng.randint(50, 99)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{digits(rng, 4)}"
    total = sum(int(d) * w for d, w in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return body + str(-total % 10)


def dni(rng: random.Random) -> str:
    number = rng.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def nhs(rng: random.Random) -> str:
    while True:
        body = digits(rng, 9)
        check = (11 - sum(int(d) * w for d, w in zip(body, range(10, 1, -1), strict=True)) % 11) % 11
        if check != 10:
            return f"{body[:3]} {body[3:6]} {body[6:]}{check}"


def api_key(rng: random.Random) -> str:
    alphabet = string.ascii_letters + string.digits
    body = "".join(rng.choice(alphabet) for _ in range(48))
    capitals = "".join(rng.choice(string.ascii_uppercase + "234567") for _ in range(16))
    return rng.choice((f"sk-proj-{body[:40]}", f"ghp_{body[:36]}", f"AKIA{capitals}", f"glpat-{body[:20]}"))


def password(rng: random.Random) -> str:
    word = rng.choice(["Falcon", "Winter", "Quartz", "Meadow", "Copper", "Lantern"])
    return f"{word}{rng.choice('!#$%')}{rng.randint(10, 9999)}{rng.choice(('x', 'Q', 'zz', 'k9'))}"


def birth_date(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2006)
    return rng.choice(
        (f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year}")
    )


IDENTIFIERS: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "card": (
        card,
        (
            "Please charge my credit card {v} today.",
            "Meine Kreditkarte: {v}, danke.",
            "Número de tarjeta {v} por favor.",
        ),
    ),
    "ssn": (ssn, ("My SSN is {v}.", "His social security number: {v}", "ssn={v} for the form")),
    "iban": (iban, ("Transfer it to IBAN {v} please.", "Meine IBAN lautet {v}", "Mon IBAN : {v}, merci")),
    "phone": (phone, ("Call me at {v} tonight.", "Telefon: {v}", "mi teléfono es {v}")),
    "email": (email, ("Send it to my email {v} please", "E-Mail: {v}", "mi correo es {v} gracias")),
    "cpf": (cpf, ("Meu CPF é {v}.", "CPF: {v}")),
    "pesel": (pesel, ("Mój PESEL: {v}", "PESEL {v} was on the form")),
    "dni": (dni, ("Mi DNI es {v}", "DNI: {v}")),
    "nhs": (nhs, ("My NHS number is {v}.", "NHS number: {v}")),
    "mrn": (lambda rng: digits(rng, 8), ("The patient's MRN: {v} was admitted.", "medical record number {v}")),
    "api_key": (api_key, ("Our API key is {v}", "api_key: {v}", "the access token = {v}")),
    "password": (password, ("The root password is {v}", "password: {v}", "Mein Passwort: {v}")),
    "birth_date": (birth_date, ("Date of birth: {v}", "geboren am {v}", "DOB {v}", "fecha de nacimiento: {v}")),
}


def _isbn(rng: random.Random) -> str:
    body = "978" + digits(rng, 9)
    check = -sum(int(d) * w for d, w in zip(body, (1, 3) * 6, strict=True)) % 10
    return f"{body[:3]}-{body[3]}-{body[4:8]}-{body[8:]}-{check}"


HARMLESS: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "order": (
        lambda rng: f"{digits(rng, 4)}-{digits(rng, 6)}",
        ("Order number {v} has shipped.", "Bestellnummer: {v}"),
    ),
    "tracking": (lambda rng: f"1Z{digits(rng, 12)}", ("Tracking code {v} shows a delay.",)),
    "hash": (lambda rng: rng.randbytes(20).hex(), ("The bug came with commit {v}.", "git checkout {v}")),
    "version": (
        lambda rng: f"{rng.randint(1, 20)}.{rng.randint(0, 40)}.{rng.randint(0, 99)}",
        ("Upgrade to version {v} first.", "pip install widget=={v}"),
    ),
    "isbn": (_isbn, ("The book has ISBN {v}.", "ISBN: {v}")),
    "timestamp": (
        lambda rng: (
            f"2025-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(10, 23)}:{rng.randint(10, 59)}:07Z"
        ),
        ("The job ran at {v}.", "started {v}"),
    ),
    "uuid": (lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)), ("Request id {v} failed.", "trace {v}")),
    "product": (
        lambda rng: f"{rng.choice('ABKX')}{rng.choice('QRT')}-{digits(rng, 4)}-{digits(rng, 2)}",
        ("Part number {v} is out of stock.", "SKU {v}"),
    ),
    "test_card": (
        lambda rng: rng.choice(("4242 4242 4242 4242", "4111111111111111", "5555 5555 5555 4444")),
        ("Use card {v} in the sandbox.", "test card number: {v}"),
    ),
    "sample_email": (
        lambda rng: rng.choice(("jane@example.com", "user@example.org", "bob.smith@example.net")),
        ("Write to {v} in the docs.", "email: {v}"),
    ),
    "sample_ssn": (lambda rng: "078-05-1120", ("The famous SSN {v} was on a wallet card.",)),
    "fiction_phone": (lambda rng: f"(212) 555-01{digits(rng, 2)}", ("Call {v} in the film.",)),
    "placeholder": (
        lambda rng: rng.choice(("${DB_PASSWORD}", "<your-password>", "changeme", "********")),
        ("password: {v}", "The password is {v}"),
    ),
    "meeting": (
        lambda rng: f"2025-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        ("The release is due on {v}.", "Updated: {v}"),
    ),
    "plain": (
        lambda rng: rng.choice(("photosynthesis", "the water cycle", "binary search", "the French Revolution")),
        ("Explain {v} to a child in three sentences.", "Write a poem about {v} and the sea."),
    ),
    "image_data": (
        lambda rng: base64.b64encode(b"the quick brown fox " + digits(rng, 3).encode()).decode(),
        ("What does {v} decode to?",),
    ),
}


def sample(
    rng: random.Random, table: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]], type_: str
) -> Sample:
    """A fresh value of one type in one of its sentences."""
    make, sentences = table[type_]
    return Sample(type_, make(rng), rng.choice(sentences))

# ruff: noqa: E501 (tables)
"""What a slot of a template stands for. Slots of one text that name the same person fit together."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from nemora.train import values_firm as firm
from nemora.train import values_health as health
from nemora.train import values_matter as matter
from nemora.train import values_number as number
from nemora.train import values_person as people
from nemora.train import values_place as place
from nemora.train import values_project as work
from nemora.train import values_things as things
from nemora.train.span_text import Piece


@dataclass
class Scene:
    """The values of one text. People are told apart by a number: {{name}} is the first, {{name2}} the second."""

    lang: str
    draw: random.Random
    held_out: bool
    cast: dict[str, people.Person] = field(default_factory=dict)
    values: dict[str, list[Piece]] = field(default_factory=dict)

    def person(self, which: str) -> people.Person:
        """The person with that number, always the same in one text."""
        if which not in self.cast:
            self.cast[which] = people.draw_person(self.draw, self.lang, held_out=self.held_out)
        return self.cast[which]

    def value(self, slot: str, which: str) -> list[Piece]:
        """What a slot is filled with; asked again, the same."""
        key = slot + which
        if key not in self.values:
            self.values[key] = SLOTS[slot](self, which)
        return self.values[key]


Make = Callable[[Scene, str], list[Piece]]


def _typed(kind: str | None, make: Callable[[Scene], str]) -> Make:
    return lambda scene, which: [(make(scene), kind)]


def _person(kind: str, make: Callable[[people.Person, random.Random], str]) -> Make:
    return lambda scene, which: [(make(scene.person(which), scene.draw), kind)]


def _place(letter: str) -> Make:
    return lambda scene, which: place.part(letter, scene.lang, scene.draw)


def _date(scene: Scene) -> str:
    return (
        matter.birth_date(scene.lang, scene.draw)
        if scene.draw.random() < 0.4
        else f"2025-{scene.draw.randrange(1, 13):02}-{scene.draw.randrange(1, 29):02}"
    )


SLOTS: dict[str, Make] = {
    "name": lambda scene, which: people.full_name(scene.person(which), scene.draw),
    "inverted": lambda scene, which: people.inverted_name(scene.person(which), scene.draw),
    "given": lambda scene, which: [(scene.person(which).given, "GIVEN_NAME")],
    "surname": lambda scene, which: [(scene.person(which).surname, "SURNAME")],
    "email": _person("EMAIL", people.email),
    "handle": _person("HANDLE", people.handle),
    "user": _person("HANDLE", people.username),
    "phone": _typed("PHONE", lambda s: number.phone(s.lang, s.draw)),
    "address": lambda scene, which: place.address(scene.lang, scene.draw),
    "street": _place("s"),
    "house": _place("n"),
    "unit": _place("u"),
    "city": _place("c"),
    "state": _place("r"),
    "zip": _place("z"),
    "govid": _typed("GOVERNMENT_ID", lambda s: number.government_id(s.lang, s.draw)),
    "ssn": _typed("GOVERNMENT_ID", lambda s: number.ssn(s.draw)),
    "tax": _typed("TAX_ID", lambda s: number.tax_id(s.lang, s.draw)),
    "passport": _typed("PASSPORT", lambda s: number.passport(s.draw, s.lang)),
    "licence": _typed("DRIVERS_LICENSE", lambda s: number.licence(s.draw, s.lang)),
    "card": _typed("CREDIT_CARD", lambda s: number.card(s.draw)),
    "iban": _typed("BANK_ACCOUNT", lambda s: number.iban(s.draw)),
    "account": _typed("BANK_ACCOUNT", lambda s: number.bank_account(s.draw)),
    "routing": _typed("ROUTING_NUMBER", lambda s: number.routing(s.draw)),
    "bic": _typed("ROUTING_NUMBER", lambda s: number.bic(s.draw)),
    "aba": _typed("ROUTING_NUMBER", lambda s: number.aba(s.draw)),
    "sort": _typed("ROUTING_NUMBER", lambda s: number.sort_code(s.draw)),
    "spokenphone": _typed("PHONE", lambda s: number.spoken_phone(s.lang, s.draw)),
    "spokenmail": _person("EMAIL", people.spoken_email),
    "nick": lambda scene, which: [(people.nickname(scene.person(which), scene.draw), "GIVEN_NAME")],
    "box": lambda scene, which: [(place.box(scene.lang, scene.draw), "SECONDARY_ADDRESS")],
    "plate": _typed("VEHICLE", lambda s: number.plate(s.lang, s.draw)),
    "vin": _typed("VEHICLE", lambda s: number.vin(s.draw)),
    "ip": _typed("DEVICE", lambda s: number.ip(s.draw)),
    "mac": _typed("DEVICE", lambda s: number.mac(s.draw)),
    "device": _typed("DEVICE", lambda s: number.device(s.draw)),
    "mrn": _typed("MEDICAL_RECORD", lambda s: number.medical_record(s.draw)),
    "record": _typed("RECORD_ID", lambda s: number.record(s.draw)),
    "geo": _typed("COORDINATES", lambda s: number.coordinates(s.draw)),
    "condition": _typed("HEALTH_CONDITION", lambda s: health.condition(s.lang, s.draw)),
    "medicine": _typed("MEDICATION", lambda s: health.medication(s.lang, s.draw)),
    "org": _typed("ORGANIZATION", lambda s: firm.organisation(s.lang, s.draw, held_out=s.held_out)),
    "project": _typed("PROJECT", lambda s: work.project(s.draw)),
    "host": _typed("HOST", lambda s: work.host(s.draw)),
    "url": _typed("URL", lambda s: matter.url(s.draw)),
    "born": _typed("DATE_OF_BIRTH", lambda s: matter.birth_date(s.lang, s.draw)),
    "amount": _typed("SALARY", lambda s: matter.amount(s.lang, s.draw)),
    "password": _typed("PASSWORD", lambda s: matter.password(s.draw)),
    "pin": _typed("PASSWORD", lambda s: matter.pin(s.draw)),
    "passphrase": _typed("PASSWORD", lambda s: matter.passphrase(s.draw)),
    "recovery": _typed("SECRET", lambda s: matter.recovery_phrase(s.draw)),
    "secret": _typed("SECRET", lambda s: matter.secret(s.draw)),
    "biometric": _typed("BIOMETRIC", lambda s: matter.biometric(s.draw)),
    # Look-alikes, which have no type.
    "date": _typed(None, _date),
    "price": _typed(None, lambda s: matter.amount(s.lang, s.draw)),
    "int": _typed(None, lambda s: str(s.draw.choice([s.draw.randrange(2, 100), s.draw.randrange(100, 99999)]))),
    "float": _typed(None, lambda s: f"{s.draw.uniform(0, 500):.{s.draw.randrange(1, 5)}f}"),
    "time": _typed(None, lambda s: f"{s.draw.randrange(24):02}:{s.draw.randrange(60):02}"),
    "stamp": _typed(None, lambda s: f"20{s.draw.randrange(18, 27)}-{s.draw.randrange(1, 13):02}-{s.draw.randrange(1, 29):02}T{s.draw.randrange(24):02}:{s.draw.randrange(60):02}:{s.draw.randrange(60):02}Z"),
    "uuid": _typed(None, lambda s: str(uuid.UUID(int=s.draw.getrandbits(128), version=4))),
    "sha": _typed(None, lambda s: f"{s.draw.getrandbits(160):040x}"[: s.draw.choice([7, 8, 12, 40])]),
    "version": _typed(None, lambda s: f"{s.draw.randrange(20)}.{s.draw.randrange(30)}.{s.draw.randrange(200)}"),
    "order": _typed(None, lambda s: place.pattern(s.draw.choice(["ORD-######", "#########", "###-#######-#######", "INV-####-###", "1Z###@##########", "#######", "PO-#####", "@@#########@@"]), s.draw)),
    "isbn": _typed(None, lambda s: place.pattern(s.draw.choice(["978-#-##-######-#", "978##########"]), s.draw)),
    "thing": _typed(None, lambda s: s.draw.choice(things.THINGS.split("|"))),
    "act": _typed(None, lambda s: s.draw.choice(things.WORKS.split("|"))),
    "issue": _typed(None, lambda s: place.pattern(s.draw.choice(["#####", "####", "@@@-####", "@@@-##", "@@-###", "GH-####", "RFC ####", "CVE-20##-#####", "ISO #####", "DIN ####"]), s.draw)),
    "sku": _typed(None, lambda s: place.pattern(s.draw.choice(["@@-####", "@@@###", "@##-@", "@@####@", "##-@@@-##"]), s.draw)),
}  # fmt: skip

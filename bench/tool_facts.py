"""Facts in results of an agent's tools: share of sensitive results found and of harmless ones kept, deterministic part.

    python bench/tool_facts.py [--seed N] [--rounds N] [--missed]

Each kind is a result as a tool returns it, with invented facts in it (`{0}` …), and a twin from the same tool that holds
none. A result is found when a finding overlaps every fact. Names and free text are for models and are not asked here.
"""

# ruff: noqa: E501 - results of tools are as long as they are
from __future__ import annotations

import argparse
import json
import random
import string

from nemora.cli.route import as_request
from nemora.privacy.detectors.checksums import luhn, mod97
from nemora.privacy.inspect import Inspector
from nemora.privacy.segment import segments

# (name, result, facts, the same tool's harmless result)
TOOLS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("crm-contact", '{{"id": 7, "stage": "won", "email": "{0}", "phone": "{1}"}}', ("email", "phone"), '{{"id": 7, "stage": "won", "source": "web"}}'),
    ("crm-customer", '{{"customer_id": "{0}", "tier": "gold"}}', ("record",), '{{"product_id": "SKU-100-B", "tier": "gold"}}'),
    ("ticket", '{{"ticket": 4, "body": "please call me back at {0}"}}', ("phone",), '{{"ticket": 4, "body": "please close this"}}'),
    ("ticket-mail", "Ticket #4\nFrom: {0}\nSubject: refund", ("email",), "Ticket #4\nPriority: low\nSubject: refund"),
    ("sql-users", "id | email | created\n---+-------+--------\n 1 | {0} | 2026-01-02", ("email",), "id | sku | created\n---+-----+--------\n 1 | A-7 | 2026-01-02"),
    ("sql-cards", "id,card_number,exp\n1,{0},12/29", ("card",), "id,item,qty\n1,lamp,12"),
    ("sql-passwords", '[{{"user": "web", "password": "{0}"}}]', ("password",), '[{{"user": "web", "role": "reader"}}]'),
    ("bank-export", "date;amount;iban\n2026-01-02;-14,90;{0}", ("iban",), "date;amount;currency\n2026-01-02;-14,90;EUR"),
    ("bank-mt", '{{"amount": 12.5, "routing_number": "{0}", "account_number": "{1}"}}', ("routing", "account"), '{{"amount": 12.5, "currency": "USD"}}'),
    ("hr-record", '{{"employee_id": "{0}", "ssn": "{1}"}}', ("record", "ssn"), '{{"team": "web", "open_positions": 3}}'),
    ("hr-csv", "employee number,department\n{0},Sales", ("record",), "department,headcount\nSales,14"),
    ("hr-de", "Personalnummer: {0}\nSteuer-ID: {1}", ("record", "steuer"), "Abteilung: Vertrieb\nStellen: 4"),
    ("calendar", '{{"summary": "sync", "attendees": [{{"email": "{0}"}}]}}', ("email",), '{{"summary": "sync", "start": "2026-01-02T10:00:00Z"}}'),
    ("mail", "From: a\nTo: b\n\nThe door code is unchanged, my password is {0}.", ("password",), "From: a\nTo: b\n\nThe release is on Monday."),
    ("mail-otp", "Your verification code is {0}. It expires in 10 minutes.", ("otp",), "Your build 12 is ready. It expires in 10 days."),
    ("access-log", '{0} - - [02/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512', ("ip",), '127.0.0.1 - - [02/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512'),
    ("app-log", "INFO login user={0} ok", ("email",), "INFO job=17 ok"),
    ("env-dump", "PATH=/bin\nGITHUB_TOKEN={0}", ("github",), "PATH=/bin\nLANG=C"),
    ("cloud-secrets", '{{"Name": "db", "SecretString": "{{\\"password\\": \\"{0}\\"}}"}}', ("password",), '{{"Name": "db", "VersionStages": ["AWSCURRENT"]}}'),
    ("kubectl", "kind: Secret\ndata:\n  api_token: {0}", ("base64",), "kind: ConfigMap\ndata:\n  mode: fast"),
    ("terraform-output", 'database_url = "postgres://app:{0}@db:5432/x"', ("password",), 'region = "eu-west-1"'),
    ("patient", '{{"mrn": "{0}", "ward": 4}}', ("mrn",), '{{"ward": 4, "beds": 12}}'),
    ("insurance-de", "Versichertennummer: {0}", ("kvnr",), "Tarif: Basis 4"),
    ("claims", '{{"policy_number": "{0}", "claim_number": "{1}"}}', ("record", "record"), '{{"product": "home", "premium_band": 3}}'),
    ("students", "student_id,grade\n{0},B", ("record",), "course,seats\nMath,30"),
    ("fleet", '{{"vin": "{0}", "license_plate": "{1}"}}', ("vin", "plate"), '{{"model": "van", "seats": 7}}'),
    ("mdm", '{{"imei": "{0}", "os": "17.2"}}', ("imei",), '{{"os": "17.2", "battery": 80}}'),
    ("location", '{{"device": "phone", "lat": {0}, "lng": {1}}}', ("lat", "lng"), '{{"device": "phone", "zoom": 12.5}}'),
    ("wallet", '{{"wallet": "{0}", "balance": 2}}', ("eth",), '{{"coin": "BTC", "price": 2}}'),
    ("network", '{{"host": "pc", "mac": "{0}"}}', ("mac",), '{{"host": "pc", "ports": 24}}'),
    ("payment", '{{"bic": "{0}", "amount": 4}}', ("bic",), '{{"method": "sepa", "amount": 4}}'),
    ("passport", '{{"passport_number": "{0}", "status": "ok"}}', ("passport",), '{{"visa_required": false, "status": "ok"}}'),
    ("tax-pt", "NIF: {0}", ("pt",), "IVA: 23"),
    ("webhooks", '{{"url": "https://hooks.slack.com/services/T01234567/B01234567/{0}"}}', ("alnum",), '{{"url": "https://example.com/hook"}}'),
    ("http-trace", "GET /me\nAuthorization: Bearer {0}", ("alnum40",), "GET /me\nAccept: text/html"),
)  # fmt: skip


def _digits(rng: random.Random, size: int, first: str = "") -> str:
    return first + "".join(rng.choice(string.digits) for _ in range(size - len(first)))


def _until(rng: random.Random, size: int, first: str, good: object) -> str:
    while True:
        value = _digits(rng, size, first)
        if good(value):  # type: ignore[operator]
            return value


def _alnum(rng: random.Random, size: int) -> str:
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(size - 2)) + "7q"


def _iban(rng: random.Random) -> str:
    body = _digits(rng, 18, "37040044")
    return f"DE{98 - mod97(body + 'DE00'):02d}{body}"


def fact(rng: random.Random, kind: str) -> str:
    """An invented value of a kind."""
    from nemora.privacy.detectors import health_ids, national_ids, world_ids

    makers = {
        "email": lambda: f"{rng.choice(['ida', 'joris', 'noor'])}.{_alnum(rng, 6).lower()}@ketelaar-bv.nl",
        "phone": lambda: f"+49 151 2{_digits(rng, 7)}",
        "record": lambda: f"{rng.choice('ECK')}{_digits(rng, 7, '4')}",
        "card": lambda: _until(rng, 16, "4716", luhn),
        "password": lambda: _alnum(rng, 12),
        "iban": lambda: _iban(rng),
        "routing": lambda: "0260" + "09593",
        "account": lambda: _digits(rng, 10, "48"),
        "ssn": lambda: f"5{_digits(rng, 2, '4')}-{rng.randrange(11, 88)}-{rng.randrange(1111, 8888)}",
        "steuer": lambda: _until(rng, 11, "", national_ids._steuer_id),
        "otp": lambda: _digits(rng, 6, "7"),
        "ip": lambda: f"91.{rng.randrange(10, 200)}.{rng.randrange(10, 200)}.{rng.randrange(10, 200)}",
        "github": lambda: "ghp_" + _alnum(rng, 36),
        "base64": lambda: _alnum(rng, 28),
        "mrn": lambda: _digits(rng, 8, "6"),
        "kvnr": lambda: "K" + _until(rng, 9, "", lambda v: health_ids._germany("K" + v)),
        "vin": lambda: "WVWZZZ1KZ" + f"AW{_digits(rng, 6, '4')}",
        "plate": lambda: f"B-KT {rng.randrange(1000, 9999)}",
        "imei": lambda: _until(rng, 15, "3543", luhn),
        "lat": lambda: f"52.{_digits(rng, 6, '5')}",
        "lng": lambda: f"13.{_digits(rng, 6, '4')}",
        "eth": lambda: "0x" + f"{rng.getrandbits(160) | 1 << 159:040x}",
        "mac": lambda: f"3c:22:fb:{rng.randrange(16, 255):02x}:{rng.randrange(16, 255):02x}:9a",
        "bic": lambda: "COBADEFF" + "XXX",
        "passport": lambda: f"C{_digits(rng, 8, '4')}",
        "pt": lambda: _until(rng, 9, "2", world_ids._portugal),
        "alnum": lambda: _alnum(rng, 24),
        "alnum40": lambda: _alnum(rng, 40),
    }
    return makers[kind]()


def found_in(result: str, facts: list[str]) -> tuple[bool, bool]:
    """Whether every fact is found, and whether anything is, in a result that a tool message carries."""
    messages = [{"role": "user", "content": "Go on."}, {"role": "tool", "tool_call_id": "c", "content": result}]
    read = segments(as_request({"model": "m", "messages": messages}))
    findings = Inspector(None).inspect(read).findings
    places = [(s.where, s.offset + s.text.index(f), f) for f in facts for s in read if f in s.text]
    hit = {
        f for where, at, f in places if any(g.where == where and g.start < at + len(f) and at < g.end for g in findings)
    }
    return hit == set(facts), bool(findings)


def main() -> None:
    parser = argparse.ArgumentParser(description="Facts in results of tools: found, and harmless results kept.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--missed", action="store_true", help="name the kinds that were missed or kept")
    args = parser.parse_args()
    rng = random.Random(args.seed)  # noqa: S311 - invented values, made again from their seed
    found = kept = total = 0
    missed, alarmed = set(), set()
    for _ in range(args.rounds):
        for name, template, kinds, harmless in TOOLS:
            facts = [fact(rng, kind) for kind in kinds]
            result = template.format(*facts)
            if result.startswith("{"):
                json.loads(result)  # the templates are JSON where they look like it
            hit, alarm = found_in(result, facts)[0], found_in(harmless.format(), [])[1]
            found, kept, total = found + hit, kept + alarm, total + 1
            missed.update([] if hit else [name])
            alarmed.update([name] if alarm else [])
    print(
        f"{len(TOOLS)} kinds of results: {100 * found / total:.1f} % of {total} found; harmless ones kept {100 * kept / total:.1f} %"
    )
    if args.missed:
        print("missed:", ", ".join(sorted(missed)) or "none", "\nkept:", ", ".join(sorted(alarmed)) or "none")


if __name__ == "__main__":
    main()

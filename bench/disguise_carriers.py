"""Structured text in which only a key or a column's header gives a value its meaning, with harmless twins."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from disguise_values import birth_date, card, digits, email, iban, password, ssn

KEYED: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "ssn": (lambda rng: ssn(rng).replace("-", ""), ("ssn", "SSN", "social_security_number", "socialSecurityNumber")),
    "password": (password, ("password", "db_password", "passwort", "contraseña", "mot_de_passe", "senha", "пароль")),
    "mrn": (lambda rng: digits(rng, 8), ("mrn", "patient_id", "medicalRecordNumber")),
    "account": (lambda rng: digits(rng, 10), ("account_number", "accountNumber", "kontonummer", "numero_de_cuenta")),
    "birth": (birth_date, ("dob", "date_of_birth", "birthDate", "geburtsdatum", "fecha_nacimiento", "date_naissance")),
    "card": (lambda rng: card(rng).replace(" ", ""), ("card_number", "cardNumber", "kreditkarte", "numero_tarjeta")),
    "phone": (
        lambda rng: f"{rng.choice(('415', '212', '646'))}{rng.randint(230, 540)}{rng.randint(1000, 9999)}",
        ("phone", "mobile_phone", "telefon", "teléfono"),
    ),
    "email": (email, ("email", "contact_email", "correo")),
    "iban": (iban, ("iban", "IBAN", "bank_account")),
    "passport": (
        lambda rng: f"{rng.choice('CLPX')}{digits(rng, 8)}",
        ("passport_number", "passportNo", "reisepass", "pasaporte"),
    ),
}
NEUTRAL: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "order": (lambda rng: digits(rng, 9), ("order_id", "orderNumber", "bestellnummer", "pedido")),
    "version": (lambda rng: f"{rng.randint(1, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}", ("version", "release")),
    "stamp": (lambda rng: str(rng.randint(1_600_000_000, 1_790_000_000)), ("created_at", "timestamp", "mtime")),
    "size": (lambda rng: str(rng.randint(10_000, 90_000_000)), ("size_bytes", "length", "rows")),
    "hash": (lambda rng: rng.randbytes(16).hex(), ("md5", "etag", "commit")),
    "date": (lambda rng: f"2025-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}", ("due_date", "released", "updated")),
    "price": (lambda rng: f"{rng.randint(3, 900)}.99", ("price", "total", "preis")),
    "sku": (lambda rng: f"{rng.choice('ABX')}{digits(rng, 6)}", ("sku", "part_number", "artikelnummer")),
    "password_length": (lambda rng: str(rng.randint(8, 16)), ("password_min_length", "token_ttl", "max_tokens")),
    "reference": (lambda rng: rng.choice(("${DB_PASSWORD}", "<secret>", "changeme")), ("password", "db_password")),
    "test_card": (lambda rng: "4242424242424242", ("card_number", "test_card")),
}
OTHER = ("status", "region", "queue", "colour")
VALUES = ("ready", "north", "fast", "green", "closed", "south")


def _row(rng: random.Random) -> list[str]:
    return [rng.choice(VALUES) for _ in OTHER]


def _separated(separator: str, rows: int) -> Callable[[random.Random, str, str], str]:
    def make(rng: random.Random, key: str, value: str) -> str:
        column = rng.randint(0, len(OTHER))
        lines = [[*OTHER[:column], key, *OTHER[column:]]]
        for n in range(rows):
            row = _row(rng)
            lines.append([*row[:column], value if n == rows - 1 else "", *row[column:]])
        return "\n".join(separator.join(line) for line in lines) + "\n"

    return make


def _markdown(rng: random.Random, key: str, value: str) -> str:
    return (
        f"| {OTHER[0]} | {key} | {OTHER[1]} |\n|---|---|---|\n| ready | | east |\n| {VALUES[3]} | {value} | north |\n"
    )


def _html(rng: random.Random, key: str, value: str) -> str:
    return (
        f"<table><tr><th>{OTHER[0]}</th><th>{key}</th></tr>\n<tr><td>ready</td><td></td></tr>\n"
        f"<tr><td>green</td><td>{value}</td></tr></table>"
    )


def _sql(rng: random.Random, key: str, value: str) -> str:
    columns = f"{OTHER[0]}, {key}, {OTHER[1]}"
    return f"INSERT INTO records ({columns}) VALUES\n  ('ready', NULL, 'east'),\n  ('green', '{value}', 'north');"


def _psql(rng: random.Random, key: str, value: str) -> str:
    return f" {OTHER[0]} | {key} | {OTHER[1]} \n-------+-------------+------\n green | {value} | north\n(1 row)\n"


def _fixed(rng: random.Random, key: str, value: str) -> str:
    width = max(len(key), len(value)) + 3
    return (
        f"{'STATUS':10}{key.upper():{width}}REGION\n{'ready':10}{'-':{width}}east\n{'green':10}{value:{width}}north\n"
    )


def _arrays(rng: random.Random, key: str, value: str) -> str:
    return json.dumps({"columns": [OTHER[0], key], "rows": [["ready", None], ["green", value]]}, ensure_ascii=False)


CARRIERS: dict[str, Callable[[random.Random, str, str], str]] = {
    "csv": _separated(",", 3),
    "csv, many rows": _separated(",", 400),
    "semicolons": _separated(";", 3),
    "tsv": _separated("\t", 5),
    "json": lambda rng, k, v: json.dumps(
        {"id": 7, k: v, "status": "ready"}, ensure_ascii=False, indent=rng.choice((None, 2))
    ),
    "nested json": lambda rng, k, v: json.dumps({"data": [{"record": {k: {"value": v}}}]}, ensure_ascii=False),
    "json in json": lambda rng, k, v: json.dumps({"body": json.dumps({k: v})}),
    "key and value json": lambda rng, k, v: json.dumps({"name": k, "value": v}, ensure_ascii=False),
    "json of columns": _arrays,
    "yaml": lambda rng, k, v: f"record:\n  status: ready\n  {k}: {v}\n  region: north\n",
    "yaml block": lambda rng, k, v: f"record:\n  {k}: >-\n    {v}\n  region: north\n",
    "toml": lambda rng, k, v: f'[record]\nstatus = "ready"\n{k} = "{v}"\n',
    "ini": lambda rng, k, v: f"[record]\nstatus=ready\n{k}={v}\n",
    "properties": lambda rng, k, v: f"app.record.{k}={v}\napp.status=ready\n",
    "xml": lambda rng, k, v: f"<record><status>ready</status><{k}>{v}</{k}></record>",
    "xml attribute": lambda rng, k, v: f'<record status="ready" {k}="{v}" region="north"/>',
    "xml pair": lambda rng, k, v: f'<field name="{k}">{v}</field>',
    "sql insert": _sql,
    "sql update": lambda rng, k, v: f"UPDATE records SET {k} = '{v}' WHERE status = 'ready';",  # noqa: S608 - text to read, no query
    "sql where": lambda rng, k, v: f"SELECT * FROM records WHERE {k} = '{v}'",  # noqa: S608 - text to read, no query
    "psql table": _psql,
    "markdown table": _markdown,
    "html table": _html,
    "fixed width": _fixed,
    "log": lambda rng, k, v: f"2025-03-04 10:22:01,113 INFO worker-3 status=ready {k}={v} region=north took=12ms\n",
    "log json": lambda rng, k, v: f'10:22:01 WARN bad record {{"status": "ready", "{k}": "{v}"}} skipped\n',
    "python": lambda rng, k, v: f'record = load()\nrecord.{k} = "{v}"\nrecord.save()\n',
    "python dict": lambda rng, k, v: f"record = {{'status': 'ready', '{k}': '{v}'}}\n",
    "keyword argument": lambda rng, k, v: f'client.update(status="ready", {k}="{v}")\n',
    "javascript": lambda rng, k, v: f"const {k} = '{v}';\n",
    "diff": lambda rng, k, v: f"@@ -1,3 +1,3 @@\n status: ready\n-  {k}: \n+  {k}: {v}\n region: north\n",
    "stack trace": lambda rng, k, v: (
        f'Traceback (most recent call last):\n  File "app.py", line 7, in <module>\n    save({k}=x)\n'
        f"ValueError: cannot store {k}='{v}'\n"
    ),
    "query string": lambda rng, k, v: f"GET /records?status=ready&{k}={v.replace(' ', '+')}&page=2 HTTP/1.1\n",
    "form": lambda rng, k, v: f"Status: ready\n{k.replace('_', ' ').title()}: {v}\nRegion: north\n",
    "form over lines": lambda rng, k, v: f"Status\nready\n\n{k.replace('_', ' ').title()}\n{v}\n\nRegion\nnorth\n",
    "environment": lambda rng, k, v: f"export STATUS=ready\nexport {k.upper()}={v}\n",
    "comment": lambda rng, k, v: f"x = 1  # {k}: {v}\n",
}
"""A text in which `value` stands under `key`."""

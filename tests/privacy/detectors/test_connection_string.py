from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.connection_string import ConnectionStringDetector

CONNECTION = ConnectionStringDetector()


@pytest.mark.parametrize(
    "text",
    [
        "⟦postgres://bob:hunter2@db.acme.io:5432/shop⟧",
        "DATABASE_URL=⟦postgresql+psycopg://bob:p%40ss9@10.0.3.7/shop?sslmode=require⟧",
        "use ⟦redis://:hunter2@cache.acme.io:6379/0⟧.",
        '"⟦mongodb+srv://bob:hunter2@c0.ab1cd.mongodb.net/shop⟧"',
        "⟦https://bob:hunter2@git.acme.io/app.git⟧",
        "⟦amqp://svc:hun/ter2@mq.acme.io⟧",
        "⟦jdbc:postgresql://db.acme.io/shop?user=bob&password=hunter2⟧",
        "⟦jdbc:sqlserver://db.acme.io:1433;user=sa;password=hunter2;encrypt=true⟧",
        "⟦jdbc:oracle:thin:bob/hunter2@//db.acme.io:1521/shop⟧",
        'cs = "⟦Server=db.acme.io;Database=shop;User Id=sa;Password=hunter2;⟧"',
        "⟦host=db.acme.io port=5432 user=bob password=hunter2 dbname=shop⟧",
    ],
)
def test_a_string_that_holds_a_password_is_found_whole(text: str) -> None:
    matches = check(CONNECTION, text.replace(";⟧", "⟧;"))
    assert len(matches) == 1


def test_an_azure_storage_string_is_found() -> None:
    key = "q8Zt" * 21 + "Zg" + "=="
    check(
        CONNECTION,
        f"⟦DefaultEndpointsProtocol=https;AccountName=acmelogs;AccountKey={key};EndpointSuffix=core.windows.net⟧",
    )


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:password@localhost:5432/db",
        "postgres://postgres:postgres@localhost/db",
        "postgres://${DB_USER}:${DB_PASS}@host/db",
        "postgres://<user>:<password>@host/db",
        "https://example.com:8080/a@b",
        "https://acme.io/x?a=b",
        "ssh://git@github.com/acme/app",
        "Server=db;Database=shop;Trusted_Connection=True;",
        "Server=db;User Id=sa;Password=<password>;",
        "a = b; password = c;",
        "jdbc:postgresql://db.acme.io/shop?user=bob",
        "mongodb://localhost:27017",
    ],
)
def test_strings_without_a_secret_are_none(text: str) -> None:
    check(CONNECTION, text)

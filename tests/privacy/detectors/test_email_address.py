from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.email_address import EmailAddressDetector

EMAIL = EmailAddressDetector()


@pytest.mark.parametrize(
    "text",
    [
        "write to ⟦maria.schmidt@firma-online.de⟧.",
        "<⟦jo+news@mail.acme.co.uk⟧>",
        "mailto:⟦jo@acme.io⟧?subject=x",
        "⟦antonio.gonzález97@fastmail.com⟧",
        "⟦иван@почта.рф⟧ и",
        "联系⟦li@公司.中国⟧",
        "user=⟦richard.white12%40aol.com⟧&x=1",
        '{"email":"⟦a.b@acme.dev⟧"}',
        "⟦jo (at) acme (dot) com⟧",
        "⟦jo[at]acme[dot]co[dot]uk⟧",
        "my email is ⟦jo at acme dot com⟧",
        "sam's: ⟦sam@gmail dot com⟧ ok",
        "⟦jo dot smith at gmail dot com⟧",
        "jo smith: ⟦jsmith82 at acme dot org⟧",
    ],
)
def test_an_address_is_found_plain_or_spelled(text: str) -> None:
    check(EMAIL, text)


@pytest.mark.parametrize(
    "text",
    [
        "someone@example.com, you@mail.example.org, x@host.test, a@b.invalid",
        "noreply@github.com",
        "git@github.com:acme/app.git",
        "npm install @types/node@20.1.0 left-pad@1.3.0",
        "logo@2x.png icon@3x.webp",
        "@app.route('/x')",
        "meet me at amazon dot com",
        "look at google.com for it",
        "see you at 5",
        "postgres://bob:pw@db.acme.com/x",
        "ssh deploy@server",
        "a @ b",
        "@@@@@@",
        "the dot at the end",
    ],
)
def test_other_uses_of_at_are_none(text: str) -> None:
    check(EMAIL, text)


def test_a_role_mailbox_is_a_weak_finding() -> None:
    assert check(EMAIL, "⟦support@acme-corp.com⟧")[0].confidence <= 0.5

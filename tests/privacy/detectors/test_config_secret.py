"""Secrets are made at run time from a seed, and are valid nowhere."""

from __future__ import annotations

import random
import string

import pytest
from marked import check

from nemora.privacy.detectors.api_key import ApiKeyDetector
from nemora.privacy.detectors.config_secret import ConfigSecretDetector
from nemora.privacy.detectors.vendor_rules import VENDOR_RULES

FORMS = ConfigSecretDetector()


def made_up(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    rng = random.Random(length)
    return "".join(rng.choice(alphabet) for _ in range(length - 2)) + "7a"


@pytest.mark.parametrize(
    "text",
    [
        f"machine h.corp login ci password ⟦{made_up(12)}⟧\n",
        f"_auth=⟦{made_up(32)}⟧\n",
        f"anna:⟦$apr1${made_up(8)}${made_up(22)}⟧\n",
        f"root:⟦$6${made_up(12)}${made_up(86)}⟧:1:0:::\n",
        f"define('DB_PASSWORD', '⟦{made_up(14)}⟧');",
        f"client-key-data: ⟦{made_up(200)}⟧",
        f"Cookie: theme=dark; sessionid=⟦{made_up(32)}⟧; x=1",
        f"kind: Secret\ndata:\n  password: ⟦{made_up(20)}⟧\n",
        f"https://b/f?X-Amz-Signature=⟦{made_up(64, '0123456789abcdef')}⟧",
        f"db:5432:app:app:⟦{made_up(14)}⟧",
    ],
)
def test_the_form_of_a_file_gives_its_secret_away(text: str) -> None:
    check(FORMS, text)


@pytest.mark.parametrize(
    "text",
    [
        "machine h.corp login ci password ${PASS}\n",
        "_authToken=${NPM_TOKEN}\n",
        "define('DB_PASSWORD', 'your_password_here');",
        "kind: ConfigMap\ndata:\n  password: abcdefgh12345678\n",
        "Cookie: theme=dark; lang=de",
        "integrity sha512-" + made_up(86),
    ],
)
def test_references_and_look_alikes_are_none(text: str) -> None:
    check(FORMS, text)


def test_more_than_eighty_vendors_are_known() -> None:
    assert len({rule.id for rule in VENDOR_RULES}) == len(VENDOR_RULES) >= 80


@pytest.mark.parametrize(
    "text",
    [
        f"DATADOG_API_KEY=⟦{made_up(32, '0123456789abcdef')}⟧",
        f"x ⟦mlsn.{made_up(64, '0123456789abcdef')}⟧",
        f"x ⟦duffel_live_{made_up(43)}⟧",
        "DATADOG_API_KEY=${DD_KEY}",
        "datadog_hosts = 12",
    ],
)
def test_vendors(text: str) -> None:
    check(ApiKeyDetector(), text)

"""Every key here is made at run time from a seed, and is valid nowhere."""

from __future__ import annotations

import base64
import json
import random
import string

import pytest
from marked import check

from nemora.privacy.detectors.api_key import ApiKeyDetector

KEYS = ApiKeyDetector()
LETTERS = string.ascii_letters + string.digits


def made_up(length: int, alphabet: str = LETTERS) -> str:
    rng = random.Random(length)
    return "".join(rng.choice(alphabet) for _ in range(length - 2)) + "7q"


HEX, UPPER = "0123456789abcdef", string.ascii_uppercase + "234567"


def hexes(length: int) -> str:
    return made_up(length + 2, HEX)[:length]


@pytest.mark.parametrize(
    "key",
    [
        "AKIA" + made_up(18, UPPER)[:16],
        "AIza" + made_up(35),
        "GOCSPX-" + made_up(28),
        "ghp_" + made_up(36),
        "github_pat_" + made_up(22) + "_" + made_up(59),
        "glpat-" + made_up(20),
        "xoxb-" + "123456789012-" + made_up(24),
        "sk_live_" + made_up(24),
        "rk_live_" + made_up(24),
        "sk-" + made_up(48),
        "sk-proj-" + made_up(48),
        "sk-ant-api03-" + made_up(60),
        "sk-or-v1-" + hexes(64),
        "nvapi-" + made_up(64),
        "hf_" + made_up(34),
        "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
        "xoxp-1234567890-" + "123456789012-" + hexes(32),
        "gsk_" + made_up(52),
        "npm_" + made_up(36),
        "pypi-" + made_up(80),
        "SK" + hexes(32),
        "SG." + made_up(22) + "." + made_up(43),
        "key-" + hexes(32),
        hexes(32) + "-us12",
        "123456789:A" + made_up(34),
        "shpat_" + hexes(32),
        "dapi" + hexes(32),
        "dop_v1_" + hexes(64),
        "NRAK-" + made_up(29, UPPER)[:27],
        "https://" + hexes(32) + "@o12345.ingest.sentry.io/4501",
        made_up(14) + ".atlasv1." + made_up(64),
        "hvs." + made_up(90),
        "AGE-SECRET-KEY-1" + made_up(60, UPPER)[:58],
        "https://hooks.slack.com/services/" + "T0" + made_up(8) + "/B0" + made_up(8) + "/" + made_up(24),
        "https://discord.com/api/webhooks/123456789012345678/" + made_up(68),
        "glsa_" + made_up(32) + "_" + hexes(8),
        "dckr_pat_" + made_up(27),
        "tskey-auth-" + made_up(30),
        "ATATT3" + made_up(80),
        "abc8Q~" + made_up(34),
    ],
)
def test_a_key_in_an_issuer_s_format_needs_no_word(key: str) -> None:
    check(KEYS, f"x ⟦{key}⟧ y")
    check(KEYS, f'"⟦{key}⟧"')


@pytest.mark.parametrize(
    "before",
    [
        'api_key = "',
        "API_KEY=",
        '"apiKey": "',
        "token: ",
        "the API key for the backend: ",
        "client_secret => '",
        "my api key is ",
        'secret: "',
        "x-api-key: ",
        "API-Schlüssel: ",
        "access_token=",
        "密钥：",
        "**API key:** ",
    ],
)
def test_a_random_value_after_a_key_word_is_found(before: str) -> None:
    check(KEYS, f"{before}⟦{made_up(28)}⟧")


def test_an_aws_secret_and_an_azure_storage_key_are_found_by_their_words() -> None:
    check(KEYS, f"aws_secret_access_key = ⟦{made_up(40)}⟧")
    check(KEYS, f"AccountKey=⟦{made_up(86)}==⟧;")


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(payload: object) -> str:
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(payload)}.{made_up(43)}"


def test_a_json_web_token_is_found_but_not_the_published_sample() -> None:
    check(KEYS, f"⟦{token({'sub': '4711', 'role': 'admin'})}⟧")
    check(KEYS, f"Authorization: Bearer ⟦{token({'sub': '4711'})}⟧")
    check(KEYS, token({"sub": "1234567890", "name": "John Doe", "iat": 1516239022}))


def test_what_only_looks_like_a_json_web_token_is_none() -> None:
    check(KEYS, f"{part(['alg'])}.{part({'a': 1})}.{made_up(43)}")


def test_authorization_headers_are_found() -> None:
    pair = base64.b64encode(b"svc-deploy:hunter2!").decode()
    check(KEYS, f"Authorization: Bearer ⟦{made_up(40)}⟧")
    check(KEYS, f"Authorization: Basic ⟦{pair}⟧")
    check(KEYS, f'{{"auths":{{"r.acme.io":{{"auth": "⟦{pair}⟧"}}}}}}')


def test_a_field_called_token_is_read_with_its_label() -> None:
    check(KEYS, f"⟦{made_up(24)}⟧", label="accessToken")
    check(KEYS, made_up(24), label="note")
    check(KEYS, made_up(24), label="next_page_token")


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI" + "/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "sk-" + "x" * 48,
        "sk-" + "0" * 48,
        "api_key: your-api-key-here",
        "api_key = '<API_KEY>'",
        "api_key = os.environ['OPENAI_API_KEY']",
        "apiKey: process.env.OPENAI_API_KEY",
        "token: ${TOKEN}",
        "token = get_token(user_id_2)",
        "max_tokens: 4096",
        "next_page_token: " + made_up(30),
        "secret: https://acme.io/a1b2c3d4e5",
        "the token is expired",
        "secrets = load('secrets/app-v2.yaml')",
        "Authorization: Bearer <token>",
        "Authorization: Basic dXNlcjpwYXNz",
        "key: value",
        "primary_key = customer_id_2024",
        "token_type: urn:ietf:params:oauth:token-type:jwt",
        "model: text-embedding-3-small token: gpt-4o-mini-2024-07-18",
        "commit 5f2b1c9e8d7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c",
        "sha256:" + hexes(64),
        "sk-learn-contrib-something-long-name",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "token=abcdefghijklmnopqrstuvwxyz0123456789",
        "special_token_policy = SpecialTokenPolicy.IGNORE",
        "(b'secret key', digestmod=hashlib.blake2s)",
    ],
)
def test_samples_variables_and_names_are_none(text: str) -> None:
    check(KEYS, text)

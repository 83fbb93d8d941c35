"""A recorded decision is explained to the owner without content, and to others not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from server_fakes import SECRET, Setup, served, setup

from nemora.errors import OverrideNeeded, PrivacyRefused, RequestError
from nemora.privacy.policy import parse_policy
from nemora.server.caller import OWNER
from nemora.server.explanation import coarse, only_owner
from nemora.settings import ServerSettings

CANARY = f"zyxquark {SECRET}"


def asked(server: Setup, text: str, **headers: str) -> httpx2.Response:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, headers=headers)


def test_the_owner_is_told_why_by_the_id_of_the_answer(tmp_path: Path) -> None:
    with served(setup(tmp_path)) as server:
        answer = asked(server, CANARY)
        name = answer.headers["x-nemora-decision-id"]
        assert name == answer.headers["x-request-id"]
        response = httpx2.get(f"{server.url}/v1/nemora/decisions/{name}")
    found: dict[str, Any] = response.json()
    assert response.status_code == 200 and found["id"] == name
    assert (found["route"], found["class"], found["kinds"]) == ("local", "secret", {"password": 1})
    assert found["reasons"][0]["code"] == "finding:password" and "password" in found["reasons"][0]["meaning"]
    assert found["confidence"] == {"password": 1.0} and found["read_completely"] is True
    assert "zyxquark" not in json.dumps(found) and SECRET not in json.dumps(found)


def test_a_refused_request_is_explained_too() -> None:
    with served(setup(policy=parse_policy('version = 1\n[actions]\nsecret = "block"\n'))) as server:
        refused = asked(server, CANARY)
        assert refused.status_code == 403
        found = httpx2.get(f"{server.url}/v1/nemora/decisions/{refused.headers['x-nemora-decision-id']}").json()
    assert found["route"] == "refuse" and found["decision"] == "block"


def test_an_unknown_id_is_404_and_not_echoed() -> None:
    with served(setup()) as server:
        response = httpx2.get(f"{server.url}/v1/nemora/decisions/zyxquark")
    assert response.status_code == 404 and "zyxquark" not in response.text


def test_an_untrusted_client_learns_the_side_and_no_reason() -> None:
    policy = parse_policy('version = 1\n[actions]\nsecret = "block"\n')
    with served(setup(policy=policy), explain="coarse") as server:
        public, refused = asked(server, "hi"), asked(server, CANARY)
        explained = httpx2.get(f"{server.url}/v1/nemora/decisions/{public.headers['x-request-id']}")
    said = {name for name in public.headers if name.startswith("x-nemora")}
    assert said == {"x-nemora-route"} and public.headers["x-nemora-route"] == "cloud"
    assert refused.status_code == explained.status_code == 403
    assert "password" not in refused.text and "secret" not in refused.text
    assert not any(name.startswith("x-nemora") for name in refused.headers)


def test_with_a_key_the_explanation_needs_it() -> None:
    with served(setup(), api_key="key-of-the-owner") as server:
        path = f"{server.url}/v1/nemora/decisions/x"
        assert httpx2.get(path).status_code == 401
        assert httpx2.get(path, headers={"authorization": "Bearer key-of-the-owner"}).status_code == 404


@pytest.mark.parametrize("peer", ["192.0.2.7", "", "localhost", "::ffff:192.0.2.7"])
def test_a_client_elsewhere_is_told_nothing(peer: str) -> None:
    with pytest.raises(PrivacyRefused):
        only_owner(peer, OWNER, ServerSettings())


def test_coarse_errors_keep_what_the_client_needs_and_no_more() -> None:
    settings = ServerSettings(explain="coarse")
    asks = OverrideNeeded("it holds an iban", token="t", reasons=("needed_now",), seconds=3)
    assert coarse(asks, settings).public()["override"] == asks.public()["override"]
    assert "iban" not in str(coarse(asks, settings).public())
    other = RequestError("text must be a string.")
    assert coarse(other, settings) is other and coarse(asks, ServerSettings()) is asks

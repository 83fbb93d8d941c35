"""Who may talk to the server: Host, Origin, key, content type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from server_fakes import Setup, raw, served, setup

from nemora.errors import SettingsError
from nemora.server.listen import bind
from nemora.settings import ServerSettings

BODY = json.dumps({"model": "local", "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    with served(setup(), allowed_hosts=("box.lan",)) as running:
        yield running


@pytest.fixture(scope="module")
def keyed() -> Iterator[Setup]:
    with served(setup(), api_key="s3cret") as running:
        yield running


def post(server: Setup, **headers: str) -> httpx2.Response:
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx2.post(server.url + "/v1/chat/completions", content=BODY, headers=sent)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:99", "localhost.", "127.0.0.1:8484", "127.0.0.2", "[::1]:8484", "box.lan", "Box.LAN:1"],
)
def test_loopback_and_allowed_hosts_are_answered(server: Setup, host: str) -> None:
    assert post(server, host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "box.lan.evil.example",
        "a@localhost",
        "localhost/x?",
        "localhost, evil.example",
        "",
        "[::2]",
        "2130706433",
        "localhost:x",
        "%6c%6fcalhost",
    ],
)
def test_a_foreign_host_is_refused_on_every_path(server: Setup, host: str) -> None:
    response = post(server, host=host)
    assert response.status_code == 403 and response.json()["error"]["code"] == "foreign_origin"
    assert httpx2.get(server.url + "/health/live", headers={"host": host}).status_code == 403


def test_two_hosts_or_none_are_refused(server: Setup) -> None:
    for hosts in (b"", b"host: localhost\r\nhost: localhost\r\n"):
        answer = raw(server, b"GET /health/live HTTP/1.1\r\n" + hosts + b"connection: close\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))


def test_pages_of_other_origins_are_refused_and_our_own_are_not(server: Setup) -> None:
    own = server.url
    assert post(server, origin=own).status_code == 200
    for origin in ("https://evil.example", "null", own + ".evil.example", "http://localhost:1", "file://"):
        response = post(server, origin=origin)
        assert response.status_code == 403 and "access-control-allow-origin" not in response.headers
    assert post(server, sec_fetch_site="cross-site").status_code == 403
    assert post(server, sec_fetch_site="same-origin").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"content_type": 'Application/JSON; charset="UTF-8"'}, 200),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "application/json; charset=utf-16"}, 415),
        ({"content_type": "text/plain; application/json"}, 415),
        ({"content_encoding": "gzip"}, 415),
        ({"content_encoding": "identity"}, 200),
    ],
)
def test_a_post_is_plain_json(server: Setup, headers: dict[str, str], status: int) -> None:
    assert post(server, **headers).status_code == status


def test_a_body_without_a_type_is_json_unless_a_page_might_have_sent_it(server: Setup) -> None:
    def status(**headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.post(server.url + "/v1/chat/completions", content=BODY, headers=sent).status_code

    assert status() == 200
    for page in (
        {"origin": server.url},
        {"sec_fetch_site": "same-origin"},
        {"referer": server.url},
        {"content_type": ""},
    ):
        assert status(**page) == 415


def test_the_key_is_needed_everywhere_but_for_liveness(keyed: Setup) -> None:
    def status(path: str, **headers: Any) -> int:
        return httpx2.get(keyed.url + path, headers=headers).status_code

    assert status("/health/live") == 200
    for path in (
        "/health/ready",
        "/v1/models",
        "/nothing",
        "/health/live/",
        "//health/live",
        "/health/live?x=/health/live/..",
    ):
        expected = 200 if path.startswith("/health/live?") else 401
        assert status(path) == expected
    for wrong in ("Bearer", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer s3cret s3cret"):
        response = httpx2.get(keyed.url + "/v1/models", headers={"authorization": wrong})
        assert response.status_code == 401 and response.headers["www-authenticate"] == "Bearer"
        assert response.json()["error"]["type"] == "authentication_error"
    assert status("/v1/models", authorization="Bearer s3cret") == 200
    assert status("/v1/models", authorization="bearer s3cret") == 200


def test_the_host_header_does_not_change_which_path_is_checked(keyed: Setup) -> None:
    answer = raw(keyed, b"GET /v1/models HTTP/1.1\r\nhost: localhost/health/live?\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403")


def test_an_open_address_needs_a_key() -> None:
    for host in ("0.0.0.0", "::"):  # noqa: S104
        with pytest.raises(SettingsError, match="API key"):
            bind(ServerSettings(host=host, port=0))
    bind(ServerSettings(host="0.0.0.0", port=0, api_key="k")).close()  # noqa: S104


def test_a_taken_port_is_one_clear_sentence() -> None:
    with bind(ServerSettings(port=0)) as first, pytest.raises(SettingsError, match="cannot be bound"):
        bind(ServerSettings(port=first.getsockname()[1]))
    with pytest.raises(SettingsError, match="neither an address nor a name"):
        bind(ServerSettings(host="no such host.invalid"))

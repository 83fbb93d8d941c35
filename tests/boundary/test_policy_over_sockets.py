"""A policy with two destinations, changed while the server runs; the ledger's report is compared with what arrived."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

HERE = Path(__file__).parent
MAIL = "Reply to otto.brandt@mailkiste.de that noon suits us."
PROJECT = "Write a haiku about the bluewren garden project, please."
POLICY = """
[actions]
personal = "cloud"
[destinations.far]
price = { input = 1.0, output = 1.0 }
[destinations.eu]
region = "eu"
[goes_to]
personal = [{ region = "eu" }]
"""
ENTITY = '[[entities]]\nname = "garden"\nclass = "secret"\nwords = ["bluewren"]\n'


@dataclass
class World:
    url: str
    home: Path
    environment: dict[str, str]

    @property
    def policy(self) -> Path:
        return self.home / "policy.toml"

    def arrived(self, cloud: str) -> bytes:
        record = self.home / cloud
        return record.read_bytes() if record.exists() else b""

    def ask(self, text: str, **headers: str) -> httpx2.Response:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        return httpx2.post(self.url + "/v1/chat/completions", json=body, headers=headers, timeout=60)

    def route(self, text: str) -> str:
        return str(self.ask(text).headers["x-nemora-route"])

    def take(self, policy: str, status: str = "current") -> dict[str, Any]:
        """Write a policy, and wait until the server says that it took it, or that it did not."""
        before = self.health()["policy"]
        self.policy.write_text(policy)
        for _ in range(200):
            health = self.health()
            if health["status"] == status and (status == "outdated" or health["policy"] != before):
                return health
            time.sleep(0.05)
        pytest.fail(f"the policy was not looked at: {health}")

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx2.get(self.url + "/health/policy").json()
        return found

    def report(self) -> dict[str, Any]:
        command = [
            sys.executable,
            "-m",
            "nemora.cli.main",
            "--config",
            str(self.home / "nemora.toml"),
            "ledger",
            "report",
            "--json",
        ]
        found: dict[str, Any] = json.loads(
            subprocess.run(command, env=self.environment, capture_output=True, check=True).stdout
        )
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("policy")
    clouds = {
        name: subprocess.Popen(
            [sys.executable, str(HERE / "recording_cloud.py"), str(home / name)], stdout=subprocess.PIPE, text=True
        )
        for name in ("far", "eu")
    }
    config = "[server]\nport = 0\n"
    for name, cloud in clouds.items():
        assert cloud.stdout is not None
        port = int(cloud.stdout.readline())
        config += (
            f'[servers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\nmodel = "{name}-model"\ntrust = "cloud"\n'
        )
    (home / "nemora.toml").write_text(config)
    (home / "policy.toml").write_text(POLICY)
    environment = {
        **os.environ,
        "NEMORA_OFFLINE": "1",
        "XDG_CACHE_HOME": str(tmp_path_factory.getbasetemp() / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
    }
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, str(HERE / "scripted_server.py"), str(home / "nemora.toml"), str(home / "down")],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
        assert server.stdout is not None
        url = server.stdout.readline().decode().strip()
        try:
            assert url, (home / "log").read_text()
            yield World(url, home, environment)
        finally:
            server.terminate()
            server.wait(40)
            server.stdout.close()
            for cloud in clouds.values():
                cloud.kill()
                cloud.wait()
                assert cloud.stdout is not None
                cloud.stdout.close()


def test_each_request_goes_where_the_policy_lets_it_and_the_report_counts_every_byte(world: World) -> None:
    assert world.route("Explain in two sentences how tides work.") == world.route(MAIL) == "cloud"
    assert b"tides" in world.arrived("far") and b"mailkiste" not in world.arrived("far")
    assert b"mailkiste" in world.arrived("eu") and b"tides" not in world.arrived("eu")
    found = world.report()
    assert found["ledger"]["intact"] and found["bytes_without_a_decision"] == []
    for name in ("far", "eu"):
        bodies = sum(int(size) for size in re.findall(rb"(?i)content-length: *(\d+)", world.arrived(name)))
        assert found["left"][name]["bytes"] == bodies > 0
    assert found["left"]["far"]["usd"] == 0.000009 and found["left"]["eu"]["usd"] == 0


def test_a_new_policy_decides_the_next_request_and_a_broken_one_changes_nothing(world: World) -> None:
    assert world.route(PROJECT) == "cloud" and b"bluewren" in world.arrived("far")
    world.take(POLICY + ENTITY)
    sent = [world.arrived(name) for name in ("far", "eu")]
    for disguised in (PROJECT, PROJECT.replace("bluewren", "ＢＬＵＥ\u200bＷＲＥＮ")):
        answer = world.ask(disguised)
        assert answer.headers["x-nemora-route"] == "local"
        assert answer.headers["x-nemora-reason"] == "entity:garden"
    assert "entities.1" in world.take(POLICY + ENTITY.replace("secret", "public"), "outdated")["problem"]
    assert world.route(PROJECT) == "local" and [world.arrived(name) for name in ("far", "eu")] == sent
    log = (world.home / "log").read_text()
    assert "stays in force" in log and "bluewren" not in log


def test_what_the_policy_asks_for_leaves_once_with_the_token(world: World) -> None:
    world.take(POLICY.replace('personal = "cloud"', 'personal = "ask"'))
    text = MAIL.replace("otto.brandt", "rieke.olsen")
    asked = world.ask(text)
    assert asked.status_code == 409 and b"rieke" not in world.arrived("eu")
    headers = {"X-Nemora-Override": asked.json()["error"]["override"]["token"], "X-Nemora-Reason": "have_consent"}
    assert world.ask(text, **headers).headers["x-nemora-route"] == "cloud"
    assert world.ask(text, **headers).status_code == 403
    assert world.arrived("eu").count(b"rieke.olsen") == 1 and b"rieke" not in world.arrived("far")
    assert world.report()["left"]["eu"]["overrides"] == {"have_consent": 1}
    kept = b"".join(file.read_bytes() for file in (world.home / "data").rglob("*") if file.is_file())
    kept += (world.home / "log").read_bytes()
    for content in (b"rieke", b"bluewren", b"mailkiste", headers["X-Nemora-Override"].encode()):
        assert content not in kept

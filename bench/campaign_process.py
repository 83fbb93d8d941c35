"""Worlds of the boundary campaign that are a whole `nemora serve` in a process of its own, killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from campaign_client import Gone, Reply, call_socket
from campaign_oracle import Verdict
from campaign_peers import FAULTS, READ_SECONDS, REFUSED
from campaign_world import World, opening
from nemora.privacy.keys import load_key
from nemora.privacy.ledger import Ledger

FAULTS_HERE = ("none", "cloud", "cloud", "kill", "kill", "terminate", "child_killed", "local", "reload")
START_SECONDS = 90


class ProcessWorld(World):
    """The server is a process; its local model is a server of this side; `kill` is SIGKILL while answers stream."""

    air_gapped = False
    kills = 0

    async def start(self) -> None:
        self.home_server = await self.shared.peers.open("home", "openai")
        self.home_server.opening = lambda: opening(self.rng)
        self.data = self.home / "data" / "nemora"
        self.log = (self.home / "log").open("ab")
        (self.home / "nemora.toml").write_text(self._settings())
        self.process = await asyncio.to_thread(self._spawned)

    def _settings(self) -> str:
        servers = [(self.home_server, "local"), *((cloud, "cloud") for cloud in self.clouds if not self.air_gapped)]
        text = f"offline = true\nair_gapped = {str(self.air_gapped).lower()}\n[server]\nport = 0\n"
        for server, trust in servers:
            text += f'[servers.{server.name}]\nbase_url = "{server.url}"\nmodel = "{server.name}-model"\n'
            text += f'trust = "{trust}"\n'
            text += f'api = "{server.api}"\nread_seconds = {2 * READ_SECONDS}\n'
        return text

    def _spawned(self) -> subprocess.Popen[bytes]:
        """The server, when it says where it listens."""
        paths = {f"XDG_{name}_HOME": str(self.home / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
        command = [sys.executable, "-m", "nemora.cli.main", "--config", str(self.home / "nemora.toml"), "serve"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, **paths, "OMP_NUM_THREADS": "1"}
        )
        assert process.stdout is not None
        line = process.stdout.readline().decode().strip()
        if not line.startswith("http://"):
            raise RuntimeError(f"the server did not start: {(self.home / 'log').read_text()[-500:]}")
        self.port = int(line.rpartition(":")[2])
        return process

    async def stop(self) -> Ledger:
        await asyncio.to_thread(self._ended, signal.SIGTERM)
        self.log.close()
        await self.shared.peers.do(self.home_server.end(1.0))
        return Ledger.open(self.data, load_key(self.data))

    def _ended(self, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        self.process.wait(40)
        if self.process.stdout is not None:
            self.process.stdout.close()

    async def send(self, method: str, path: str, body: bytes, headers: dict[str, str], gone: Gone | None) -> Reply:
        self.counts.real_process += 1
        return await call_socket(self.port, method, path, body, headers, gone)

    async def _batch(self, size: int) -> None:
        fault = self.rng.choice(FAULTS_HERE)
        before = self.made
        self.failing = fault
        if fault in ("cloud", "local"):
            await self._clouds_fail()
            self.home_server.fault = self.rng.choice([*FAULTS, REFUSED]) if fault == "local" else ""
            if self.home_server.fault == REFUSED:
                await self.shared.peers.do(self.home_server.refuse())
        if fault in ("kill", "terminate"):
            for server in (*self.clouds, self.home_server):
                server.fault = self.rng.choice(["slow", "slow", "silent", "silent_mid_stream"])
        tasks = [asyncio.create_task(self._one()) for _ in range(max(size, 4))]
        await self._meanwhile(fault)
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        for server in (*self.clouds, self.home_server):
            if server.fault == REFUSED:
                await self.shared.peers.do(server.listen())
            server.fault = ""
        await self._which_policy()
        self.counts.environment[f"process: {fault}"] += self.made - before

    async def _meanwhile(self, fault: str) -> None:
        await asyncio.sleep(0.02 + self.rng.random() * 0.25)
        if fault in ("kill", "terminate"):
            how = signal.SIGKILL if fault == "kill" else signal.SIGTERM
            await asyncio.to_thread(self._ended, how)
            self.kills += fault == "kill"
            self.process = await asyncio.to_thread(self._spawned)
        elif fault == "child_killed":
            for child in children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        elif fault == "reload":
            await self.reload()

    async def reload(self) -> None:
        """Another policy; the server takes it when it has looked twice, so until it says so either may decide."""
        self.newest = self._another().id

    newest = ""

    async def _which_policy(self) -> None:
        reply = await call_socket(self.port, "GET", "/health/policy")
        if self.newest and self.newest.encode() in reply.body:
            self.current = {self.newest}

    def _judged(self, ledger: Ledger) -> Verdict:
        """Also the log and every file that the server wrote."""
        files = [
            path for path in self.home.rglob("*") if path.is_file() and path.name not in ("policy.toml", "lax.toml")
        ]
        self.said += [path.read_bytes().decode("latin-1") for path in files]
        return super()._judged(ledger)


class AirGappedWorld(ProcessWorld):
    """No cloud is configured and none may be: whatever is asked, nothing arrives anywhere but at this side's model."""

    air_gapped = True

    def _judged(self, ledger: Ledger) -> Verdict:
        verdict = super()._judged(ledger)
        for cloud in self.clouds:
            if cloud.raw:
                verdict.add("air_gapped", f"{cloud.name} was reached")
        (self.home / "nemora.toml").write_text(self._settings() + CLOUD.format(url=self.clouds[0].url))
        with contextlib.suppress(RuntimeError), (self.home / "log").open("ab") as self.log:
            self.process = self._spawned()
            self._ended(signal.SIGKILL)
            verdict.add("air_gapped", "a server with a cloud started")
        return verdict


CLOUD = '[servers.far]\nbase_url = "{url}"\nmodel = "far-model"\ntrust = "cloud"\n'


def children(parent: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(entry.name))
    return found

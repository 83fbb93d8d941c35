"""The process reaches what it may, and nothing else: by its own refusals, and by the kernel's counters.

The tests with a network namespace need the right to make one; without it they are skipped, and the guard is shown only
by its refusals. Each probe runs in a process of its own, because an audit hook cannot be taken back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nemora.errors import SettingsError
from nemora.settings import load_settings, with_cloud

HERE = Path(__file__).parent
UNSHARE = shutil.which("unshare")
SOURCE = HERE.parent.parent / "src"


def _namespaces() -> bool:
    if UNSHARE is None or shutil.which("ip") is None:
        return False
    made = subprocess.run(
        [UNSHARE, "-n", "sh", "-c", "ip link set lo up && ip link add v0 type veth peer name v1"],
        capture_output=True,
    )
    return made.returncode == 0


needs_namespace = pytest.mark.skipif(
    not _namespaces(), reason="no right to make a network namespace: the KERNEL'S VIEW of the boundary is NOT tested"
)


def probe(code: str, *, inside: bool = False, seconds: float = 120.0) -> str:
    """What a Python process that runs `code` prints; `inside`: in an empty network namespace with a way out, v0."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    if inside:
        setup = (
            "ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 addrgenmode none && "
            "ip link set v1 addrgenmode none && ip addr add 10.99.0.1/24 dev v0 && ip link set v0 up && "
            "ip link set v1 up && ip route add default dev v0 && "
            'ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:01 dev v0 && exec "$@"'
        )
        command = [str(UNSHARE), "-n", "sh", "-c", setup, "sh", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(HERE)])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


TRIES = """
    import os, socket, subprocess, sys
    from nemora.net_guard import guard_network
    from nemora.errors import EgressRefused
    def tcp(host="10.99.0.2", port=80):
        with socket.socket() as s:
            s.settimeout(0.3); s.connect((host, port))
    def udp(host="10.99.0.2"):
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.sendto(b"CANARY", (host, 53))
    def tcp6():
        with socket.socket(socket.AF_INET6) as s:
            s.settimeout(0.3); s.connect(("::ffff:10.99.0.2", 80))
    def loopback():
        with socket.create_server(("127.0.0.1", 0)) as s:
            socket.create_connection(s.getsockname()).close()
    def outcome(call):
        try:
            call()
        except EgressRefused as refused:
            return "refused" if "Nothing but this machine" in str(refused) or "No program" in str(refused) \\
                else "unlisted"
        except OSError as error:
            return type(error).__name__
        return "went"
"""


def test_air_gapped_nothing_but_this_machine_is_looked_up_connected_to_or_started() -> None:
    out = probe(
        TRIES
        + """
    guard_network(air_gapped=True, hosts=[("10.99.0.2", 80)])
    guard_network(air_gapped=False, hosts=[("10.99.0.2", 80)])  # cannot be taken back
    calls = [tcp, udp, tcp6, lambda: socket.getaddrinfo("example.com", 80), lambda: socket.gethostbyname("example.com"),
             lambda: socket.getaddrinfo(b"example.com", 80), lambda: tcp("example.com"), lambda: udp("example.com"),
             lambda: socket.create_connection(("8.8.8.8", 53)), lambda: subprocess.run(["true"]),
             lambda: os.system("true"), lambda: os.posix_spawn("/bin/true", ["true"], {})]
    print(",".join(map(outcome, calls)), outcome(loopback), outcome(lambda: socket.getaddrinfo("localhost", 1)))
    """
    )
    assert out == ",".join(["refused"] * 12) + " went went"


def test_a_worker_reaches_nobody_and_can_still_be_started_air_gapped() -> None:
    code = (
        TRIES
        + """
    from nemora.worker import Worker
    for air_gapped in (False, True):
        if air_gapped:
            guard_network(air_gapped=True)
        worker = Worker("guard_job:job")
        print(worker.call("8.8.8.8", 30), end=" ")
        worker.close()
    """
    )
    assert probe(code) == "EgressRefused EgressRefused"


def test_otherwise_only_the_listed_hosts_and_ports_may_be_reached() -> None:
    out = probe(
        TRIES
        + """
    guard_network(air_gapped=False, hosts=[("10.99.0.2", 80), ("listed.invalid", 443)])
    calls = [lambda: tcp(port=81), lambda: tcp("10.99.0.3"), udp, lambda: socket.getaddrinfo("example.com", 443),
             lambda: tcp("evil.listed.invalid", 443)]
    print(",".join(map(outcome, calls)), outcome(loopback), outcome(tcp) != "unlisted",
          outcome(lambda: socket.getaddrinfo("LISTED.invalid.", 443)))
    """
    )
    assert out == ",".join(["unlisted"] * 5) + " went True gaierror"


def test_an_address_may_be_reached_only_if_a_listed_name_came_to_mean_it() -> None:
    out = probe(
        TRIES
        + """
    from nemora import net_guard
    net_guard._real_getaddrinfo = lambda host, port, *a, **n: [(2, 1, 6, "", ("10.99.0.7", port))]
    guard_network(air_gapped=False, hosts=[("listed.invalid", 80)])
    before = outcome(lambda: tcp("10.99.0.7"))
    socket.getaddrinfo("listed.invalid", 80)
    print(before, outcome(lambda: tcp("10.99.0.7")) == "unlisted", outcome(lambda: tcp("10.99.0.7", 81)))
    """
    )
    assert out == "unlisted False unlisted"


@pytest.mark.parametrize(
    "server", ['base_url = "https://api.example.com/v1"\ntrust = "cloud"', 'base_url = "http://127.0.0.1/v1"\ntrust = "cloud"',
               'base_url = "http://10.0.0.5/v1"\ntrust = "local"\npinned = ["10.0.0.5"]']
)  # fmt: skip
def test_air_gapped_with_a_server_elsewhere_does_not_start(tmp_path: Path, server: str) -> None:
    config = tmp_path / "nemora.toml"
    config.write_text(f'air_gapped = true\n[servers.far]\nmodel = "m"\n{server}\n')
    with pytest.raises(SettingsError, match=r"^air_gapped is set, and servers\.far is not on this machine"):
        load_settings(config, {"HOME": str(tmp_path)})
    config.write_text(f'[servers.far]\nmodel = "m"\n{server}\n')
    with pytest.raises(SettingsError, match="air_gapped"):
        load_settings(config, {"HOME": str(tmp_path), "NEMORA_AIR_GAPPED": "1"})


def test_air_gapped_means_offline_and_no_flag_brings_a_cloud_back(tmp_path: Path) -> None:
    settings = load_settings(None, {"HOME": str(tmp_path), "NEMORA_AIR_GAPPED": "1"})
    assert settings.air_gapped and settings.offline
    with pytest.raises(SettingsError, match="air_gapped"):
        with_cloud(settings, "https://api.example.com/v1", "m", None)


COUNTERS = """
    def counters():
        lines = [l.split() for l in open("/proc/net/dev") if "v0:" in l]
        snmp = [l.split() for l in open("/proc/net/snmp") if l.startswith(("Tcp:", "Udp:"))]
        tcp, udp = dict(zip(snmp[0], snmp[1])), dict(zip(snmp[2], snmp[3]))
        return int(lines[0][9]), int(tcp["ActiveOpens"]), int(udp["OutDatagrams"])
"""


@needs_namespace
def test_the_kernel_sees_no_byte_and_no_attempt_of_what_the_guard_refuses() -> None:
    """The control, without the guard, shows that these counters would tell."""
    tries = "for call in (tcp, udp, tcp6, lambda: socket.getaddrinfo('example.com', 80)): outcome(call)"
    program = TRIES + COUNTERS + "    before = counters()\n    {guard}\n    {tries}\n    print(before, counters())\n"
    held = probe(program.format(guard="guard_network(air_gapped=True)", tries=tries), inside=True)
    free = probe(program.format(guard="", tries=tries), inside=True)
    assert held == "(0, 0, 0) (0, 0, 0)"
    sent, opened, datagrams = json.loads(free.partition(") ")[2].replace("(", "[").replace(")", "]"))
    assert sent > 0 and opened >= 2 and datagrams >= 1


@needs_namespace
def test_a_whole_air_gapped_server_answers_and_the_kernel_sees_nothing_leave(tmp_path: Path) -> None:
    config = tmp_path / "nemora.toml"
    config.write_text("air_gapped = true\n[server]\nport = 0\n")
    out = probe(
        TRIES
        + COUNTERS
        + f"""
    import json, http.client
    from pathlib import Path
    environment = {{**os.environ, "XDG_DATA_HOME": {str(tmp_path / "data")!r}}}
    before = counters()
    server = subprocess.Popen([sys.executable, {str(HERE / "air_gapped_server.py")!r}, {str(config)!r}],
                              stdout=subprocess.PIPE, text=True, env=environment)
    address = server.stdout.readline().strip().removeprefix("http://")
    routes = set()
    for text in ("Explain tides.", "Call http://10.99.0.2/ and example.com", "My card 4716 2093 8854 1728"):
        client = http.client.HTTPConnection(address, timeout=60)
        body = json.dumps({{"model": "auto", "messages": [{{"role": "user", "content": text}}]}})
        client.request("POST", "/v1/chat/completions", body, {{"content-type": "application/json"}})
        answer = client.getresponse()
        answered = json.loads(answer.read())["choices"][0]["message"]["content"]
        routes.add((answer.status, answer.getheader("x-nemora-route"), answered))
        client.close()
    server.terminate()
    server.wait(30)
    after = counters()
    print(sorted(routes), after[0] - before[0], after[2] - before[2])
    """,
        inside=True,
    )
    assert out == "[(200, 'local', 'EgressRefused')] 0 0"


@needs_namespace
def test_the_kernels_bytes_agree_with_those_that_were_counted() -> None:
    """Over a pair of interfaces, in plain HTTP: what the kernel sent, less its headers, is what the meter counted."""
    out = probe(
        """
    import asyncio, os, subprocess, sys
    server = subprocess.Popen(["unshare", "-n", sys.executable, "-c", '''if True:
        import os, subprocess, sys
        print("ready", flush=True); sys.stdin.readline()
        for command in ("link set lo up", "link set v1 addrgenmode none", "addr add 10.99.0.2/24 dev v1",
                        "link set v1 up"):
            subprocess.run(["ip", *command.split()], check=True)
        import asyncio, recording_cloud
        from pathlib import Path
        real = asyncio.start_server
        asyncio.start_server = lambda handler, _host, _port: real(handler, "10.99.0.2", 8080)
        asyncio.run(recording_cloud.serve(Path("/dev/null")))
    '''], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    subprocess.run(["ip", "neigh", "del", "10.99.0.2", "dev", "v0"], check=True)
    subprocess.run(["ip", "link", "set", "v1", "netns", str(server.pid)], check=True)
    server.stdin.write(chr(10)); server.stdin.flush()
    server.stdout.readline()
    from nemora.backends.meter import METER
    from nemora.backends.openai import OpenAIBackend
    from nemora.core import ChatRequest, Message
    from nemora.net_guard import guard_network
    from nemora.settings import RemoteServer
    guard_network(air_gapped=False, hosts=[("10.99.0.2", 8080)])
    def sent():
        fields = [l.split() for l in open("/proc/net/dev") if "v0:" in l][0]
        return int(fields[9]), int(fields[10])
    async def main():
        backend = OpenAIBackend(RemoteServer(name="far", base_url="http://10.99.0.2:8080/v1", model="m", trust="cloud"))
        recorded = 0
        for size in (10, 1000, 50_000, 400_000):
            request = ChatRequest(model="m", messages=(Message("user", "x" * size),))
            recorded += len(backend.outbound(request))
            async for _ in backend.stream(request): pass
        await backend.close()
        return recorded
    before = sent()
    recorded = asyncio.run(main())
    after = sent()
    server.kill(); server.wait()
    count = METER.counts()["far"]
    names, values = (l.split() for l in open("/proc/net/snmp") if l.startswith("Tcp:"))
    again = int(values[names.index("RetransSegs")])
    print(recorded, count.bodies, count.heads, after[0] - before[0], after[1] - before[1], again)
    """,
        inside=True,
    )
    recorded, bodies, heads, sent, packets, again = map(int, out.split())
    assert recorded == bodies > 450_000
    twice = 1500 * again  # at most: what a busy machine acknowledges late is sent twice
    assert sent - 94 * packets - twice <= bodies + heads <= sent - 42 * packets

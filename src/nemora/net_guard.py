"""Which machines this process may reach: a list, held by an audit hook, so that no library goes around it by mistake.

Two modes. *Air-gapped*: this machine only, and no program is started but Nemora's own workers, which are held to the
same. Otherwise: this machine and the hosts that are configured. A name is looked up only if it is on the list, and an
address is connected to only if it is on the list or is what a listed name came to mean.

The hook hears what Python's `socket` and `subprocess` do. Native code that opens a socket by itself is not heard, nor
is a program that was started in the second mode: those a firewall or a network namespace must hold. Audit hooks cannot
be removed; the list may be replaced, but air-gapped stays air-gapped.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nemora.errors import EgressRefused

AIR_GAPPED = (
    "Nothing but this machine may be reached while air_gapped is set; take air_gapped out of nemora.toml and the "
    "variable NEMORA_AIR_GAPPED from the environment if this is wanted."
)
NOT_LISTED = (
    "A host that is no configured server was about to be reached, and was not; list it under [servers.NAME] in "
    "nemora.toml if this is wanted."
)
NO_PROGRAMS = "No program may be started while air_gapped is set; a program of its own could reach any machine."
OWN_WORKER = [sys.executable, "-m", "nemora.worker"]
MAX_ADDRESSES = 4096
"""Addresses that listed names came to mean. More are refused: no honest service changes that often."""

_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile"})
_real_getaddrinfo = socket.getaddrinfo


@dataclass(slots=True)
class _Rules:
    """What is in force. `addresses`: (address, port) pairs that may be connected to beside loopback's."""

    air_gapped: bool
    hosts: frozenset[tuple[str, int]]
    addresses: set[tuple[str, int]] = field(default_factory=set)
    refused: int = 0


_rules: _Rules | None = None
_lock = threading.Lock()


def guard_network(*, air_gapped: bool, hosts: Iterable[tuple[str, int]] = ()) -> None:
    """Put the rules in force in this process: `hosts` are the (name or address, port) pairs that may be reached."""
    global _rules
    with _lock:
        first = _rules is None
        if _rules is not None and _rules.air_gapped:
            air_gapped = True
        listed = frozenset() if air_gapped else frozenset((_plain(host), port) for host, port in hosts)
        literal = {(host, port) for host, port in listed if _address(host) is not None}
        _rules = _Rules(air_gapped, listed, literal)
        if first:
            socket.getaddrinfo = _getaddrinfo
            for name in ("connect", "connect_ex", "sendto", "sendmsg", "bind"):
                _hold(name)
            sys.addaudithook(_hear)


def is_air_gapped() -> bool:
    """Whether this process may reach this machine only."""
    return _rules is not None and _rules.air_gapped


def refused() -> int:
    """How often something was refused since the rules are in force."""
    return 0 if _rules is None else _rules.refused


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: `localhost`, or a loopback address in any form that `ipaddress` reads."""
    if host == "localhost":
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback


def _hold(name: str) -> None:
    """Check a method of `socket.socket` before it runs: a name in its address is looked up before the hook hears."""
    real = getattr(socket.socket, name)
    place = {"sendto": -1, "sendmsg": 3}.get(name, 0)

    @functools.wraps(real)
    def held(self: socket.socket, *args: Any) -> Any:
        address = args[place] if len(args) > max(place, 0) else None
        if name != "bind":
            _check_connect(self, address)
        elif isinstance(address, tuple) and address and _address(_plain(address[0])) is None:
            _check_lookup(address)
        return real(self, *args)

    setattr(socket.socket, name, held)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    """The audit hook. It must be quick: it hears every import and every file that is opened."""
    if event in _CONNECTS:
        _check_connect(args[0], args[1])
    elif event in _LOOKUPS:
        _check_lookup(args[0])
    elif event in _PROGRAMS and is_air_gapped():
        _check_program(event, args)


def _check_connect(own: socket.socket, address: Any) -> None:
    rules = _rules
    if rules is None or own.family not in (socket.AF_INET, socket.AF_INET6):
        return
    if (
        not isinstance(address, tuple) or not address
    ):  # a datagram on a socket that is connected: its address was checked then
        return
    host, port = _plain(address[0]), address[1] if len(address) > 1 else 0
    if is_loopback(host) or (host, port) in rules.addresses:
        return
    if _address(host) is None and (host, port) in rules.hosts:
        return  # the name itself: the C library looks it up within the call
    _refuse(rules)


def _check_lookup(asked: Any) -> None:
    rules = _rules
    if rules is None:
        return
    host = _plain(asked[0] if isinstance(asked, tuple) else asked)
    if host == "" or is_loopback(host):
        return
    if any(host == name for name, _ in rules.hosts) or any(host == address for address, _ in rules.addresses):
        return
    if _address(host) is not None and not rules.air_gapped:
        return  # a literal address: nobody is asked, and the connection is checked by itself
    _refuse(rules)


def _check_program(event: str, args: tuple[Any, ...]) -> None:
    rules = _rules
    if rules is not None and not (event == "subprocess.Popen" and list(args[1]) == OWN_WORKER):
        rules.refused += 1
        raise EgressRefused(NO_PROGRAMS)


def _refuse(rules: _Rules) -> None:
    rules.refused += 1
    raise EgressRefused(AIR_GAPPED if rules.air_gapped else NOT_LISTED)


def _getaddrinfo(host: Any, port: Any, *args: Any, **named: Any) -> Any:
    """`socket.getaddrinfo`, which remembers what the listed names mean."""
    found = _real_getaddrinfo(host, port, *args, **named)
    rules = _rules
    name = _plain(host)
    if rules is not None:
        ports = {listed for listed_name, listed in rules.hosts if listed_name == name}
        new = {(_plain(entry[4][0]), listed) for entry in found for listed in ports}
        with _lock:
            if len(rules.addresses | new) <= MAX_ADDRESSES:
                rules.addresses |= new
    return found


def _plain(host: Any) -> str:
    """A host as it is compared: lower case, without a final dot or a zone."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    return str(host or "").lower().rstrip(".").partition("%")[0]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

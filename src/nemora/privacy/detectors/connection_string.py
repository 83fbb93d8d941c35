"""URLs and connection strings that hold a user's password."""

from __future__ import annotations

import re

from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.detectors.public_values import SAMPLE_LOGINS
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_URL = QuickPattern(
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,30}(?::[a-z0-9]{2,20}){0,2})://"
    r"(?P<user>[^\s:/@\"'`<>?#]{0,128}):"
    r"(?P<password>[^\s/@\"'`<>]{1,256}(?:[/@#?][^\s/@\"'`<>]{1,64}){0,2}?)@(?P<host>[\w.\-\[\]:,]{1,255})"
    r"(?P<rest>[^\s\"'`<>)]{0,512})"
)
# JDBC and others take the password as a parameter.
_PARAMETER = QuickPattern(r"[?;&](?i:password|pwd|passwd|pass)=(?P<password>[^\s&;\"'`<>]{1,200})[^\s\"'`<>]{0,300}")
_ORACLE = QuickPattern(r"jdbc:oracle:thin:(?P<user>[\w.$-]{1,64})/(?P<password>[^\s@\"']{1,64})@[\w./:-]{3,200}")
# ADO and ODBC: `Server=…;Password=…;`, and libpq: `host=… password=…`.
_PAIR = QuickPattern(
    r"(?P<key>[A-Za-z][A-Za-z _]{1,30})=(?P<value>\{[^}\n]{0,100}\}|[^;\n\"'`<>]{0,300})(?:;[ \t]?|(?=[\"'`\n<>]|\Z))"
)
_PQ = QuickPattern(
    r"(?:(?:host|hostaddr|port|dbname|user|password|sslmode|connect_timeout)=(?:'[^'\n]{0,200}'"
    r"|[^\s'\";]{1,200})[ ]{0,2}){3,10}"
)
_PLACE = {
    "server",
    "data source",
    "datasource",
    "host",
    "addr",
    "address",
    "network address",
    "dsn",
    "endpoint",
    "initial catalog",
    "database",
    "uid",
    "user id",
    "driver",
    "accountname",
    "account endpoint",
    "accountendpoint",
}
_PASSWORD_KEYS = {
    "password",
    "pwd",
    "passwd",
    "accountkey",
    "sharedaccesskey",
    "sharedsecretvalue",
    "sharedaccesssignature",
}
_SAMPLES = {
    ("user", "pass"),
    ("user", "password"),
    ("username", "password"),
    ("postgres", "postgres"),
    ("root", "root"),
    ("guest", "guest"),
    ("admin", "admin"),
    ("test", "test"),
}


class ConnectionStringDetector:
    """The whole string is the finding: host and user name the door that the password opens."""

    name = "connection_string"

    def find(self, text: str, label: str) -> list[Match]:
        found: list[tuple[int, int]] = []
        if "://" in text:
            found.extend(
                m.span() for m in _URL.finditer(text) if _is_secret(m["user"], m["password"]) and not _is_shown(m)
            )
            found.extend(span for m in _PARAMETER.finditer(text) if (span := _with_parameter(text, m)))
        if "jdbc:oracle" in text:
            found.extend(m.span() for m in _ORACLE.finditer(text) if _is_secret(m["user"], m["password"]))
        if "=" in text:
            found.extend(_pairs(text))
            found.extend(_libpq(text))
        return [
            Match(Kind.CONNECTION_STRING, start, _tight(text, start, end), 0.95) for start, end in sorted(set(found))
        ]


def _is_secret(user: str, password: str) -> bool:
    """Whether this is no sample, no variable, and no `host:port/path` with an @ behind it."""
    if (user.lower(), password.lower()) in _SAMPLES | SAMPLE_LOGINS or (
        re.match(r"\d{1,5}(?:/|\Z)", password) and ("." in user or "/" in password)
    ):
        return False
    return not is_placeholder(password) and not re.match(r"[{$<%]", password)


_NO_HOST = re.compile(r"(?:\A|[\w-]\.)example(?:\.(?:com|net|org|edu))?(?::\d+)?\Z|\.(?:test|invalid)(?::\d+)?\Z", re.I)
_PLAIN_WORD = re.compile(r"[a-z]{1,10}(?:%20[a-z]{1,10})?")


def _is_shown(match: re.Match[str]) -> bool:
    """Whether a plain word is the password at a host that nobody can have (RFC 2606): how URLs are explained."""
    return _NO_HOST.search(match["host"]) is not None and _PLAIN_WORD.fullmatch(match["password"]) is not None


def _with_parameter(text: str, parameter: re.Match[str]) -> tuple[int, int] | None:
    """The URL whose parameters hold a password: the run of characters before it must have a scheme."""
    before = re.split(r"[\s\"'`<>]", text[max(0, parameter.start() - 400) : parameter.start()])[-1]
    if "://" not in before or is_placeholder(parameter["password"]):
        return None
    return parameter.start() - len(before), parameter.end()


def _tight(text: str, start: int, end: int) -> int:
    """Without the punctuation of the sentence around it."""
    return start + len(text[start:end].rstrip(".,;:)]} "))


def _pairs(text: str) -> list[tuple[int, int]]:
    """Runs of `key=value;` with a place and a password among the keys."""
    found = []
    run: list[re.Match[str]] = []
    for match in _PAIR.finditer(text):
        if run and match.start() != run[-1].end():
            found.extend(_run_span(run))
            run = []
        run.append(match)
    found.extend(_run_span(run))
    return found


def _run_span(run: list[re.Match[str]]) -> list[tuple[int, int]]:
    keys = {match["key"].strip().lower() for match in run}
    secrets = [m["value"] for m in run if m["key"].strip().lower() in _PASSWORD_KEYS]
    if len(run) < 2 or not keys & _PLACE or all(is_placeholder(value) for value in secrets):
        return []
    return [(run[0].start(), run[-1].end())]


def _libpq(text: str) -> list[tuple[int, int]]:
    found = []
    for match in _PQ.finditer(text):
        password = re.search(r"password=('?)([^'\s]{1,200})\1", match.group())
        if password and "host" in match.group() and not is_placeholder(password[2]):
            found.append(match.span())
    return found

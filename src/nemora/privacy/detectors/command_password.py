"""Passwords in command lines, SQL, markup and configuration, where syntax and not a sentence gives them away."""

from __future__ import annotations

import re

from nemora.privacy.detectors.password_words import ABOUT, INTERFACE
from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_ARGUMENT = r"(?:\"([^\"\n]{1,128})\"|'([^'\n]{1,128})'|([^\s\"'`<>;|-][^\s\"'`<>;|]{1,127}))"
_LITERAL = r"'([^'\n]{1,128})'"
# (a word that must stand in the lower-cased text, a pattern; the value is whichever group took part)
_FORMS = tuple(
    (keyword, QuickPattern(pattern, re.IGNORECASE))
    for keyword, pattern in (
        ("--", rf"--(?:[a-z]{{1,20}}-)?(?:password|passwd|pass|passphrase|pwd)(?:=|[ \t]{{1,4}}){_ARGUMENT}"),
        ("sshpass", rf"\bsshpass[ ]{{1,3}}-p[ ]?{_ARGUMENT}"),
        ("mysql", rf"\bmysql(?:dump|admin|import)?\b[^\n|;]{{0,120}}?[ ]-p{_ARGUMENT}"),
        ("docker login", rf"\bdocker login[^\n|;]{{0,120}}?[ ]-p[ ]?{_ARGUMENT}"),
        ("curl", r"\bcurl\b[^\n|;]{0,200}?[ ](?:-u|--user)[ =]?[\"']?[\w.@\\-]{1,64}:([^\s\"'`]{2,128})"),
        ("net use", r"\bnet use\b[^\n]{0,120}?/user:[\w.\\-]{1,64}[ ]([^\s\"'`]{3,128})"),
        ("smbclient", r"\bsmbclient\b[^\n]{0,120}?-U[ ]?[\"']?[\w.\\-]{1,64}%([^\s\"'`]{3,128})"),
        ("pass:", r"-pass(?:in|out)? pass:([^\s\"'`]{2,128})"),
        ("echo", r"\becho[ ]{1,3}[\"']?([^\s\"'|]{3,128})[\"']?[ ]{0,3}\|[ ]{0,3}(?:sudo[ ]-S|passwd|docker login)"),
        (
            "identified",
            rf"\bidentified\s{{1,8}}(?:with\s{{1,8}}\w{{1,40}}\s{{1,8}})?by\s{{1,8}}(?:password\s{{1,8}})?"
            rf"(?:{_LITERAL}|\"([^\"\n]{{1,128}})\")",
        ),
        ("password", rf"\bpassword\s{{0,8}}(?:[\s=])\s{{0,8}}N?{_LITERAL}"),
        ("password(", rf"\bpassword\(\s{{0,3}}{_LITERAL}\s{{0,3}}\)"),
        ("login", r"\blogin\s{1,3}[\w.@-]{1,64}\s{1,8}password[ ]{1,3}([^\s\"']{2,128})"),
        ("</", r"<[\w:-]{0,30}(?:passwor[dt]|passwd|pwd|passphrase)(?:[ ][^>\n]{0,80})?>([^<>\n]{1,128})</"),
        (
            "value=",
            r"(?:key|name|id)=[\"'][\w.:-]{0,40}(?:password|passwd|pwd)[\"'][^>\n]{0,60}?\bvalue=[\"']"
            r"([^\"'\n]{1,128})[\"']",
        ),
        ("redis-cli", rf"\bredis-cli\b[^\n|;]{{0,120}}?[ ]-a[ ]{_ARGUMENT}"),
        ("requirepass", r"\brequirepass[ ]{1,3}([^\s\"']{3,128})"),
        (
            "cred",
            r"\bcred(?:ential)?s?(?:[ ]?[:=][ ]?|[ ](?:are[ ])?)"
            r"[\w.@+-]{2,64}[ ]?[/|:](?!:)[ ]?((?=\S{0,40}[\d!@#$%^&*])[^\s\"'`/|]{5,64})"
            r"(?=[\s.,;)]|\Z)",
        ),
        (
            "/",
            r"\b(?:user(?:name)?|login)(?:[ ]?[:=][ ]?|[ ](?:is[ ])?)[\w.@+-]{2,64}[ ]?[/|][ ]?("
            r"(?=\S{0,40}[\d!@#$%^&*])[^\s\"'`/|]{5,64})(?=[\s.,;)]|\Z)",
        ),
    )
)
_KEYWORDS = Literals(keyword for keyword, _ in _FORMS)


class CommandPasswordDetector:
    """`--password x`, `IDENTIFIED BY 'x'`, `<password>x</password>`, `curl -u user:x` and their like."""

    name = "command_password"

    def find(self, text: str, label: str) -> list[Match]:
        there = _KEYWORDS.there(text.lower())
        found: set[tuple[int, int]] = set()
        for keyword, pattern in _FORMS if there else ():
            if keyword in there:
                found.update(span for match in pattern.finditer(text) if (span := _value(match)))
        return [Match(Kind.PASSWORD, start, end, 0.92) for start, end in sorted(found)]


def _value(match: re.Match[str]) -> tuple[int, int] | None:
    group = next(number for number, value in enumerate(match.groups(), 1) if value is not None)
    value = match[group]
    if is_placeholder(value) or value.startswith("$") or re.match(INTERFACE, value) or value.casefold() in ABOUT:
        return None
    return match.span(group)

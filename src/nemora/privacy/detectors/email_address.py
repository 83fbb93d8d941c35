"""E-mail addresses, written plainly, percent-encoded, or with the at and the dots spelled out."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re

from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_LOCAL = re.compile(r"[\w.!#$&'*+/=?^`{|}~-]{1,64}\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w])", re.IGNORECASE
)
_AT = re.compile(r"@|%40|＠")
# Chinese, Japanese and Korean text runs into an address without a space.
_SCRIPT_CHANGE = re.compile(r"(?<=[\u3040-\u9fff\uac00-\ud7af])(?=[ -~])")
# Domains that no one has (RFC 2606, RFC 6761), and endings of files, which stand after an @ too (logo@2x.png).
_RESERVED = re.compile(
    r"(?:\A|\.)(?:example\.(?:com|net|org|edu)|example|test|invalid|localhost|local\.invalid)\Z", re.IGNORECASE
)
_FILE_ENDINGS = frozenset(
    """
    png jpg jpeg gif svg webp js ts tsx jsx mjs css scss html md json yml yaml toml py txt pdf lock xml
    """.split()
)
# Mailboxes of services, not of persons: senders that read nothing, and the names of RFC 2142.
_NOBODY = frozenset("noreply no-reply no_reply donotreply do-not-reply mailer-daemon bounce bounces git hg svn".split())
_ROLES = frozenset(
    """
    info marketing sales support abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp
    """.split()
)
_KEY = key_pattern(
    r"e[\s-]?mails?|mail(?:s|to|box)?|gmail|inbox|contact|write (?:to )?(?:me|us)|reach|correo|courriel|adresse"
    r"|posta|电子邮件|邮箱|メール|почт\w{1,3}"
)
_PROVIDERS = (
    r"gmail|googlemail|yahoo|hotmail|outlook|live|msn|icloud|me|aol|proton(?:mail)?|pm|gmx|web|mail|yandex|qq|163|126|zoho"
    r"|fastmail|tutanota"
)
_TLD = (
    r"com|org|net|edu|gov|mil|io|co|me|de|fr|uk|es|it|nl|eu|ch|at|be|se|no|dk|fi|pl|pt|br|ca|au|in|jp|cn|ru|us"
    r"|info|biz|ai|dev|app"
)
_DOT_WORD = r"dot|period|punkt|point|punto|ponto|punt|kropka|точка|nokta|d0t|点"
_DOT = (
    rf"(?:\.|\s{{0,2}}[\[({{<]\s?(?:{_DOT_WORD}|\.)\s?[\])}}>]\s{{0,2}}|\s{{1,2}}(?:{_DOT_WORD})\s{{1,2}}|\s\.\s"
    rf"|_dot_|-dot-|(?-i:(?<=[a-z0-9])DOT(?=[a-z])))"
)
_SPELLED = QuickPattern(
    rf"(?<![\w.])(?P<local>[\w+-]{{1,40}}(?:{_DOT}[\w+-]{{1,40}}){{0,4}})"
    rf"(?P<at>\s?@\s?|\s{{0,2}}[\[({{<]\s?(?:at|at sign|@|a|a t|ät|æt|arroba|arobase|chiocciola)\s?[\])}}>]\s{{0,2}}"
    rf"|\s{{1,2}}(?:at|ät|arroba|arobase|chiocciola|apenstaartje|małpa|собака|kukac|snabel-a)\s{{1,2}}"
    rf"|\s?[_-]at[_-]\s?|(?-i:(?<=[a-z0-9])AT(?=[a-z])))"
    rf"(?P<domain>[^\W_][\w-]{{0,62}}(?:{_DOT}[\w-]{{1,63}}){{0,4}}{_DOT}(?:{_TLD}))(?![\w-])",
    re.IGNORECASE,
)


class EmailAddressDetector:
    """Addresses at any domain but the reserved ones."""

    name = "email_address"

    def find(self, text: str, label: str) -> list[Match]:
        found = [match for at in _AT.finditer(text) if (match := _around(text, at.start(), at.end()))]
        for spelled in _SPELLED.finditer(text):
            match = _spelled_match(spelled, text, names(_KEY, label))
            if match and not any(f.start < match.end and match.start < f.end for f in found[-3:]):
                found.append(match)
        return found


def _around(text: str, at: int, after: int) -> Match | None:
    """The address around an @ at [at, after)."""
    local = _LOCAL.search(text, max(0, at - 64), at)
    domain = _DOMAIN.match(text, after, after + 260)
    if not local or not domain or domain.group().rpartition(".")[2].lower() in _FILE_ENDINGS:
        return None
    # What may stand in a local part by the letter also parts it from its surroundings.
    name = _SCRIPT_CHANGE.split(re.split(r"[=/?&'`{|}*#$!]", local.group())[-1])[-1].strip(".")
    if not name or not any(char.isalnum() for char in name) or _RESERVED.search(domain.group()):
        return None
    if text[after - 1 - len(name) : after].startswith("//") or _is_userinfo(text, at - len(name)):
        return None
    if name.lower() in _NOBODY:
        return None
    confidence = 0.5 if name.lower() in _ROLES else 0.97
    return Match(Kind.EMAIL_ADDRESS, at - len(name), domain.end(), confidence)


def _is_userinfo(text: str, start: int) -> bool:
    """Whether what stands before the @ is `user:password` of a URL."""
    before = text[max(0, start - 80) : start]
    return before.endswith("://") or re.search(r"://[^\s/@]{0,64}:\Z", before) is not None


def _spelled_match(spelled: re.Match[str], text: str, labelled: bool) -> Match | None:
    """A spelled-out address. "meet me at amazon dot com" is none: bare words need more than their shape."""
    domain = re.sub(_DOT, ".", spelled["domain"], flags=re.IGNORECASE)
    if _RESERVED.search(domain) or spelled["local"].lower() in _NOBODY:
        return None
    start, end = spelled.span()
    bracketed = re.search(r"[\[({<@_]", spelled["at"]) is not None
    if bracketed and (" dot " in spelled.group().lower() or re.search(r"[\[({<]", spelled.group())):
        return Match(Kind.EMAIL_ADDRESS, start, end, 0.9)
    if bracketed and "\n" in spelled["at"]:
        return None
    told = (
        labelled or near(_KEY, text, start, end) or re.match(rf"(?:{_PROVIDERS})\.", domain, re.IGNORECASE) is not None
    )
    shaped = re.search(r"[\d._+]|\bdot\b", spelled["local"], re.IGNORECASE) is not None
    if told or (shaped and "dot" in spelled["domain"].lower()):
        return Match(Kind.EMAIL_ADDRESS, start, end, 0.8)
    return None

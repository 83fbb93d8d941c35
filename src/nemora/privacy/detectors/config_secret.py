"""Credentials that the syntax of a well-known file gives away: .netrc, .npmrc, htpasswd, shadow, cookies, shells, CI."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import re

from nemora.privacy.detectors.placeholders import entropy, is_counting, is_placeholder
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_SECRET = r"([^\s\"'`<>,;{}$%]{6,400})"
_B64 = r"([A-Za-z0-9+/_-]{16,4000}={0,2})"
# (a literal that must stand in the lower-cased text, pattern, kind); group 1 is the secret.
_FORMS: tuple[tuple[str, QuickPattern, Kind], ...] = tuple(
    (literal, QuickPattern(pattern, re.IGNORECASE | re.MULTILINE), kind)
    for literal, pattern, kind in (
        ("machine", rf"^[ \t]*machine\s{{1,4}}\S{{1,100}}\s{{1,8}}login\s{{1,4}}\S{{1,100}}\s{{1,8}}password\s{{1,4}}{_SECRET}", Kind.PASSWORD),
        ("_auth", rf"_auth(?:token)?[ \t]{{0,2}}=[ \t]{{0,2}}[\"']?{_B64}", Kind.API_KEY),
        ("$apr1$", r":(\$apr1\$[./A-Za-z0-9]{2,8}\$[./A-Za-z0-9]{22})", Kind.PASSWORD),
        ("$2", r"^[\w.@-]{1,64}:(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})", Kind.PASSWORD),
        ("{sha}", r":(\{SHA\}[A-Za-z0-9+/]{27}=)", Kind.PASSWORD),
        ("$6$", r":(\$[56]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86})", Kind.PASSWORD),
        ("$y$", r":(\$y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43})", Kind.PASSWORD),
        ("define", r"define\(\s{0,3}['\"](?:DB_PASSWORD|(?:AUTH|SECURE_AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT))['\"]\s{0,3},\s{0,3}['\"]([^'\"\n]{6,200})['\"]", Kind.PASSWORD),
        ("-data:", r"client-key-data:[ \t]{0,4}[\"']?([A-Za-z0-9+/]{60,8000}={0,2})", Kind.PRIVATE_KEY),
        ("cookie", r"\bcookie[\"']?\s{0,2}[:=]\s{0,2}[\"']?(?:[\w.-]{1,60}=[^;\s\"']{0,300};\s?){0,12}?(?:[\w.-]{0,30}(?:sess(?:ion)?(?:_?id)?|sid|auth|token|jwt|remember)[\w.-]{0,20})=([A-Za-z0-9%._~+/=-]{16,2000})", Kind.API_KEY),
        ("sess", r"\b(?:PHPSESSID|JSESSIONID|ASP\.NET_SessionId|connect\.sid|sessionid|session_id|_session)[\"']?\s{0,2}[:=]\s{0,2}[\"']?([A-Za-z0-9%._~+/=-]{16,2000})", Kind.API_KEY),
        ("sid", r"\bconnect\.sid=([A-Za-z0-9%._~+/=-]{16,2000})", Kind.API_KEY),
        ("-h", r"-H[ \t]{0,2}[\"'](?:X-[\w-]{0,30}(?:key|token|secret|auth)[\w-]{0,20}|authorization|api-key|private-token|apikey)[ \t]{0,2}:[ \t]{0,2}(?:(?:bearer|token|basic|bot)[ \t])?([^\s\"'$<]{8,2000})", Kind.API_KEY),
        ("x-", r"\bX-(?:[\w-]{0,30}(?:key|token|secret))[\"']?[ \t]{0,2}[:=][ \t]{0,2}[\"']?([A-Za-z0-9._~+/=-]{16,2000})", Kind.API_KEY),
        ("signature=", r"[?&]X-(?:Amz|Goog|Oss)-Signature=([0-9a-f]{40,600})", Kind.API_KEY),
        ("signature=", r"[?&]Expires=\d{9,11}&Signature=([A-Za-z0-9%+/=~_-]{24,400})|[?&]Signature=([A-Za-z0-9%+/=~_-]{24,400})&(?:Expires|Key-Pair-Id)", Kind.API_KEY),
        ("sig=", r"[?&]sig=([A-Za-z0-9%+/_-]{40,90}(?:%3D|=)?)", Kind.API_KEY),
        ("snmp", r"\bsnmp-server community[ ](\S{4,64})", Kind.PASSWORD),
        ("ansible_", r"\bansible_(?:ssh_|become_|sudo_)?pass(?:word)?[ ]?[=:][ ]?[\"']?([^\s\"'{]{4,128})", Kind.PASSWORD),
        ("psk", r"\b(?:psk|wpa_passphrase|sae_password)[ ]?=[ ]?\"?([^\s\"#]{8,64})", Kind.PASSWORD),
        ("secret ", r"\b(?:enable|username \S{1,40}(?: privilege \d{1,2})?) (?:secret|password) (?:\d )?(\S{5,128})", Kind.PASSWORD),
        ("pw", r"\b(?:bindpw|rootpw|bind_pw|ldap_default_authtok|olcRootPW:?)[ \t=:]{1,4}(\S{5,128})", Kind.PASSWORD),
        ("erlang", r"(?:RABBITMQ_)?ERLANG_COOKIE[\"']?[ ]?[=:][ ]?[\"']?([A-Za-z0-9]{12,64})", Kind.PASSWORD),
        ("app_key=", r"\bAPP_KEY=(base64:[A-Za-z0-9+/]{43}=)", Kind.API_KEY),
        ("signwith", r"\bsignWith\([^)\n]{0,60}\"([^\"\n]{16,200})\"", Kind.API_KEY),
        ("kind", r"^[ \t]{1,8}[\w.-]{0,40}(?:password|passwd|secret|token|key|credentials?)[\w.-]{0,20}:[ \t]{1,3}[\"']?([A-Za-z0-9+/]{12,2000}={0,2})[\"']?[ \t]*$", Kind.PASSWORD),
        (":::", r"^[\w.$ -]{1,40}:\d{1,6}:[0-9a-f]{32}:([0-9a-f]{32}):::", Kind.PASSWORD),
        ("secret_key", r"\bsecret_key(?:_base)?[\"']?\s{0,3}[=:]{1,2}\s{0,3}[\"']([^\"'\n]{24,200})[\"']", Kind.API_KEY),
        (":5432:", r"^[\w.*-]{1,100}:5432:[\w.*-]{1,63}:[\w.*-]{1,63}:(\S{4,128})$", Kind.PASSWORD),
    )
)  # fmt: skip
_KUBERNETES_SECRET = re.compile(r"(?m)^kind:[ ]?[\"']?Secret\b")


class ConfigSecretDetector:
    """Values without a telling word of their own, in files and headers whose form tells."""

    name = "config_secret"

    def find(self, text: str, label: str) -> list[Match]:
        lowered = text.lower()
        found: set[Match] = set()
        for literal, pattern, kind in _FORMS:
            if literal not in lowered or (literal == "kind" and not _KUBERNETES_SECRET.search(text)):
                continue
            for match in pattern.finditer(text):
                group = next((n for n, value in enumerate(match.groups(), 1) if value), 0)
                if group and _in_use(match[group]):
                    found.add(Match(kind, *match.span(group), 0.9))
        return sorted(found, key=lambda match: (match.start, match.end, match.kind.value))


def _in_use(value: str) -> bool:
    return not is_placeholder(value) and not is_counting(value) and entropy(value) >= 2.0

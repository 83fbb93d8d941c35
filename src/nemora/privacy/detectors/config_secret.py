"""Credentials that the syntax of a well-known file gives away: .netrc, .npmrc, htpasswd, shadow, cookies, shells, CI."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import re

from nemora.privacy.detectors.placeholders import entropy, is_counting, is_placeholder
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
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
        ("community", r"\b(?:snmp-server[ ]community|^[ \t]{0,4}r[ow]community6?)[ \t]{1,4}(?!public\b|private\b)(\S{4,64})", Kind.PASSWORD),
        ("createuser", r"\bcreateUser[ ]{1,3}\S{1,64}[ ]{1,3}(?:MD5|SHA)[\w-]{0,6}[ ]{1,3}\"?([^\s\"]{4,64})", Kind.PASSWORD),
        ("createuser", r"\bcreateUser[^\n]{4,160}?[ ](?:AES|DES)[\w-]{0,6}[ ]{1,3}\"?([^\s\"]{4,64})", Kind.PASSWORD),
        ("ansible_", r"\bansible_(?:ssh_|become_|sudo_)?pass(?:word)?[ ]?[=:][ ]?[\"']?([^\s\"'{]{4,128})", Kind.PASSWORD),
        ("psk", r"\b(?:psk|wpa_passphrase|sae_password)[ ]?=[ ]?\"?(?!ext:)([^\s\"]{8,64})", Kind.PASSWORD),
        ("secret ", r"\b(?:enable|username \S{1,40}(?: privilege \d{1,2})?) (?:secret|password) (?:\d )?(\S{5,128})", Kind.PASSWORD),
        ("pw", r"\b(?:bindpw|rootpw|bind_pw|ldap_default_authtok|olcRootPW:?)(?:[ ]--[a-z-]{2,20}){0,3}[ \t=:]{1,4}(?!--)(\S{5,128})", Kind.PASSWORD),
        ("erlang", r"(?:RABBITMQ_)?ERLANG_COOKIE[\"']?[ ]?[=:][ ]?[\"']?([A-Za-z0-9]{12,64})", Kind.PASSWORD),
        ("app_key=", r"\bAPP_KEY=(base64:[A-Za-z0-9+/]{43}=)", Kind.API_KEY),
        ("signwith", r"\bsignWith\([^)\n]{0,60}\"([^\"\n]{16,200})\"", Kind.API_KEY),
        ("kind", r"^[ \t]{1,8}[\w.-]{0,40}(?:password|passwd|secret|token|key|credentials?)[\w.-]{0,20}:[ \t]{1,3}[\"']?([A-Za-z0-9+/]{12,2000}={0,2})[\"']?[ \t]*$", Kind.PASSWORD),
        (":::", r"^[\w.$ -]{1,40}:\d{1,6}:[0-9a-f]{32}:([0-9a-f]{32}):::", Kind.PASSWORD),
        ("secret_key", r"\bsecret_key(?:_base)?[\"']?\s{0,3}[=:]{1,2}\s{0,3}[\"']([^\"'\n]{24,200})[\"']", Kind.API_KEY),
        (":", r"^[\w.*-]{1,100}:(?:543\d|6432|\*):[\w.*-]{1,63}:[\w.*-]{1,63}:(\S{4,128})$", Kind.PASSWORD),
        ("tionkey", r"\b(?:validation|decryption)Key=\"([0-9A-Fa-f]{32,256})\"", Kind.API_KEY),
        ("@", r"\b(?:sqlplus|sqlldr|expdp|impdp|rman)[ ][^\n]{0,60}?(?<![\w/])(?!scott/tiger@)[\w$#]{1,30}/([^\s@/\"']{3,64})@", Kind.PASSWORD),
        ("@", r"(?<![\w:/.-])[\w.-]{1,32}:([^\s:@/\"'$<{]{3,64})@(?:tcp6?|unix)\(", Kind.PASSWORD),
        ("key ", r"\b(?:Unseal|Recovery) Key \d{1,2}:[ ]{1,3}([A-Za-z0-9+/]{43,44}=?)", Kind.API_KEY),
        ("auth-user-pass", r"<auth-user-pass>\s{0,4}\n[^\n]{1,64}\n([^\s<]{3,128})\s{0,4}</auth-user-pass>", Kind.PASSWORD),
        ("static key", r"BEGIN OpenVPN Static key V1-----\s{1,4}([0-9a-f\s]{64,1200})-----END", Kind.PRIVATE_KEY),
        (": psk", r":[ ]{1,3}PSK[ ]{1,3}\"?([^\s\"]{4,128})", Kind.PASSWORD),
        (": eap", r":[ ]{1,3}EAP[ ]{1,3}\"?([^\s\"]{4,128})", Kind.PASSWORD),
        (": xauth", r":[ ]{1,3}XAUTH[ ]{1,3}\"?([^\s\"]{4,128})", Kind.PASSWORD),
        ("securestring", r"ConvertTo-SecureString[ ]{1,3}(?:-String[ ]{1,3})?[\"']([^\"'\n$]{3,128})[\"']", Kind.PASSWORD),
        ("</key>", r"<key>[^<>\n]{0,40}(?:secret|token|passw(?:or)?d|api_?key)[^<>\n]{0,20}</key>\s{0,40}<string>([^<>\s]{6,400})</string>", Kind.API_KEY),
        ("secure_link_md5", r"secure_link_md5[ ]{1,3}\"[^\"\n]{0,80}[ ]([^\s\"$]{4,64})\"", Kind.PASSWORD),
        ("masterauth", r"^[ \t]{0,4}masterauth[ ]{1,3}[\"']?([^\s\"']{4,128})", Kind.PASSWORD),
        ("user ", r"^[ \t]{0,4}user \S{1,64} on [^\n>]{0,60}>([^\s\"']{4,128})", Kind.PASSWORD),
        ("<value>", r"<(?:\w{0,20}:)?\w{0,20}Password>\s{0,40}<Value>([^<>\s]{3,128})</Value>", Kind.PASSWORD),
        ("chpasswd", r"chpasswd:[^\n]{0,20}\n(?:[^\n]{0,40}\n){0,2}?[ \t]{1,8}[\w-]{1,32}:(?!RANDOM\b|R$)([^\s:]{4,128})$", Kind.PASSWORD),
        ("setcookie", r"-setcookie[ ]{1,3}[\"']?([\w-]{8,64})", Kind.PASSWORD),
        ("auth", r"\bauth\s?=\s?\(\s?[\"'][^\"'\n]{1,64}[\"']\s?,\s?[\"']([^\"'\n]{3,128})[\"']", Kind.PASSWORD),
        ("auth", r"(?:Basic|Digest|Password)Auth(?:entication)?\(\s?[\"'][^\"'\n]{1,64}[\"']\s?,\s?[\"']([^\"'\n]{3,128})[\"']", Kind.PASSWORD),
        ("credential", r"(?:Network|UsernamePassword|PS)Credentials?\(\s?[\"'][^\"'\n]{1,64}[\"']\s?,\s?[\"']([^\"'\n]{3,128})[\"']", Kind.PASSWORD),
        ("jwt.", r"\bjwt\.(?:encode|decode|sign|verify)\([^,\n]{1,80},\s?[\"']([^\"'\n]{8,200})[\"']", Kind.API_KEY),
    )
)  # fmt: skip
_LITERALS = Literals(literal for literal, _, _ in _FORMS)
_KUBERNETES_SECRET = re.compile(r"(?m)^kind:[ ]?[\"']?Secret\b")


class ConfigSecretDetector:
    """Values without a telling word of their own, in files and headers whose form tells."""

    name = "config_secret"

    def find(self, text: str, label: str) -> list[Match]:
        lowered = text.lower()
        found: set[Match] = set()
        there = _LITERALS.there(lowered)
        for literal, pattern, kind in _FORMS if there else ():
            if literal not in there or (literal == "kind" and not _KUBERNETES_SECRET.search(text)):
                continue
            for match in pattern.finditer(text):
                group = next((n for n, value in enumerate(match.groups(), 1) if value), 0)
                if group and _in_use(match[group]):
                    found.add(Match(kind, *match.span(group), 0.9))
        return sorted(found, key=lambda match: (match.start, match.end, match.kind.value))


def _in_use(value: str) -> bool:
    return not is_placeholder(value) and not is_counting(value) and entropy(value) >= 2.0

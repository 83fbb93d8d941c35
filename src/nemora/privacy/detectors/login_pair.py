# ruff: noqa: E501 - long lists of words read better on one line
"""Passwords that no word names: `portal: kitchen_wharf / Halibut!Fri22`, and such a token close behind "login"."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import word
from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_BEFORE = 48
"""Characters before a pair in which a word must say that someone logs in."""
_LOGIN = re.compile(
    word(
        r"log(?:s|ged|ging)?[ -]?(?:in|on)|logins|sign(?:s|ed)?[ -]?(?:in|on)|user(?:name|id)?|admin(?:istrator)?|portal|credentials?|creds|wi-?fi|wlan|ftp|sftp|ssh|vpn|cms|nas|dvr|nvr|webmail|mailbox|guest"
        r"|zugang(?:sdaten)?|benutzer(?:name)?|anmeld\w{2,5}|einloggen|usuario|acceso|entrar|utilisateur|identifiants?|connexion|compte|utente|accesso|utilizador|gebruiker|inlog\w{0,6}|logow\w{2,5}|zaloguj|uživatel\w{0,2}|přihl\w{2,8}|používateľ|användare|inlogg\w{0,4}|bruker(?:navn)?|bruger(?:navn)?|tunnus|kirjaudu"
        r"|felhasználó\w{0,3}|belépés|utilizator|korisni[kč]\w{0,4}|prijava|kullanıcı|giriş|логин|вход|учётк\w|логін|потребител|χρήστης|σύνδεση|משתמש|مستخدم|دخول|账号|登录|帳號|ログイン|アカウント|아이디|로그인|pengguna|tài khoản|đăng nhập"
    ),
    re.IGNORECASE,
)
_STOPS = r"\s\"'`<>()\[\]{}|,;/\\=:"
_PAIR = QuickPattern(rf"(?<![\w/.@-])[a-z0-9][\w.@+-]{{1,39}} ?/ ?(?P<value>[^{_STOPS}]{{6,40}})(?![/\\(=])")
_SYMBOL = re.compile(r"[!#$%*?]")
_ESCAPED = re.compile(
    r"&(?:amp|lt|gt|quot|nbsp|#\d)|%[0-9A-Fa-f]{2}|[*_~]{2}|\A[\w.-]+[!?*]+\Z|\A[\w.-]+#\d+\w*\Z|R&D|\.[a-z]{2,5}\#[A-Za-z_]"
)
"""Escapes, emphasis, an exclamation, a place in a page (`page.html#part`), and the number of an issue (`project#123`)."""


class LoginPairDetector:
    """A name and a password's form with a slash between, where someone logs in."""

    name = "login_pair"

    def find(self, text: str, label: str) -> list[Match]:
        spans: set[tuple[int, int]] = set()
        for match in _PAIR.finditer(text) if "/" in text else ():
            start, value = match.start("value"), match["value"].rstrip(".")
            if _is_made_up(value) and _LOGIN.search(text, max(0, match.start() - _BEFORE), start):
                spans.add((start, start + len(value)))
        return [Match(Kind.PASSWORD, *span, 0.8) for span in sorted(spans)]


def _is_made_up(value: str) -> bool:
    """Small letters with a sign and a capital or a digit, as people make up passwords."""
    if len(value) < 8 or is_placeholder(value) or _ESCAPED.search(value) or "@" in value[1:-1]:
        return False
    more = any(c.isupper() or c.isdigit() for c in value)
    return more and any(c.islower() for c in value) and _SYMBOL.search(value) is not None

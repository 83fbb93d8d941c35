# ruff: noqa: E501 - long lists of words read better on one line
"""Passwords that no word names: `portal: kitchen_wharf / Halibut!Fri22`, and such a token close behind "login"."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import word
from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_BEFORE = 48
"""Characters before a pair in which a word must say that someone logs in."""
_LOGIN = re.compile(
    word(
        r"log(?:s|ged|ging)?[ -]?(?:in|on)|logins|sign(?:s|ed)?[ -]?(?:in|on)|user(?:name|id)?|accounts?|admin(?:istrator)?|portal|credentials?|creds|access|wi-?fi|wlan|router|ftp|sftp|ssh|vpn|cms|nas|dvr|nvr|webmail|mailbox|backup|root|guest|reset(?: to)?"
        r"|zugang(?:sdaten)?|benutzer(?:name)?|anmeld\w{2,5}|einloggen|usuario|acceso|entrar|utilisateur|identifiants?|connexion|compte|utente|accesso|utilizador|gebruiker|inlog\w{0,6}|logow\w{2,5}|zaloguj|uživatel\w{0,2}|přihl\w{2,8}|používateľ|användare|inlogg\w{0,4}|bruker(?:navn)?|bruger(?:navn)?|tunnus|kirjaudu"
        r"|felhasználó\w{0,3}|belépés|utilizator|korisni[kč]\w{0,4}|prijava|kullanıcı|giriş|логин|вход|учётк\w|логін|потребител|χρήστης|σύνδεση|משתמש|مستخدم|دخول|账号|登录|帳號|ログイン|アカウント|아이디|로그인|pengguna|tài khoản|đăng nhập"
    ),
    re.IGNORECASE,
)
_STOPS = r"\s\"'`<>()\[\]{}|,;/\\=:"
_PAIR = QuickPattern(
    rf"(?<![\w/.@-])(?P<user>[a-z0-9][\w.@+-]{{1,39}})(?P<spaced> ?)/ ?(?P<value>[^{_STOPS}]{{6,40}})(?![/\\(=])"
)
_TOKEN = QuickPattern(
    r"(?<![^\s\"'“„«`(:])(?P<value>[A-Za-z0-9][\w.-]{1,30}[!#$%&*?~][\w.!#$%&*?~-]{1,30})(?![^\s\"'”“»`),.;])"
)
_PATTERNS = (_PAIR, _TOKEN)
_SET = QuickSet(_PATTERNS)
_SYMBOL = re.compile(r"[!#$%&*?~]")
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#\d)|%[0-9A-Fa-f]{2}|[*_~]{2}|\A[\w.-]+[!?*]+\Z|\A[\w.-]+#\d+\w*\Z|R&D")
"""Escapes, emphasis, an exclamation, and the number of an issue (`project#123`)."""


class LoginPairDetector:
    """Tokens of a password's form, where someone logs in."""

    name = "login_pair"

    def find(self, text: str, label: str) -> list[Match]:
        spans: set[tuple[int, int]] = set()
        for place in _SET.may(text):
            for match in _PATTERNS[place].finditer(text):
                start = match.start("value")
                value = match["value"].rstrip(".")
                named = place == 0 and match["spaced"] != "" and re.search(r"[\d_.@]", match["user"]) is not None
                if _is_made_up(value, named=named) and _LOGIN.search(text, max(0, match.start() - _BEFORE), start):
                    spans.add((start, start + len(value)))
        return [Match(Kind.PASSWORD, *span, 0.8) for span in sorted(spans)]


def _is_made_up(value: str, *, named: bool) -> bool:
    """Letters with digits and signs, as people make up passwords; behind a user's name the signs may be missing."""
    upper, lower = any(c.isupper() for c in value), any(c.islower() for c in value)
    digit, symbol = any(c.isdigit() for c in value), _SYMBOL.search(value) is not None
    if len(value) < 8 or not lower or is_placeholder(value) or _ESCAPED.search(value) or "@" in value[1:-1]:
        return False
    return (symbol and (upper or digit)) or (named and upper and digit)

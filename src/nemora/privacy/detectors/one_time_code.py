# ruff: noqa: E501 - long lists of words read better on one line
"""One-time codes: short numbers that a message announces as a verification code."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import key_pattern, label_words
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_WORDS = (
    r"(?:verification|security|authenti?cation|authorization|confirmation|log[\s-]?in|sign[\s-]?in|access"
    r"|one[\s-]?time|single[\s-]?use|two[\s-]?factor|2fa|mfa|sms|otp|totp|backup|recovery)"
    r"[\s_-]{0,2}(?:pass)?(?:code|password|pin|token|number)s?|otp|totp|2fa|mfa code|passcode"
    r"|bestätigungscode|sicherheitscode|einmal(?:passwort|code)|code de (?:vérification|sécurité|confirmation)"
    r"|código de (?:verificación|seguridad|verificação|segurança)"
    r"|codice di (?:verifica|sicurezza)|verificatiecode|код(?: подтверждения| проверки| доступа)?"
    r"|验证码|驗證碼|認証コード|確認コード|인증번호|رمز التحقق"
    r"|ओटीपी|ওটিপি|onay kodu|doğrulama kodu|kod weryfikacyjny|kod sms|ověřovací kód|overovací kód|verifieringskod|engangskod[en]|bekræftelseskode|vahvistuskoodi|megerősítő kód|cod de verificare|kode (?:otp|verifikasi)|mã (?:otp|xác (?:nhận|minh|thực))|รหัส ?otp|κωδικός επιβεβαίωσης|קוד אימות|verifikationskod|код (?:за )?потвърждение|код підтвердження|kod potwierdz\w{2,6}|kód z sms|sms-?(?:code|kod|tan)|m?tan(?=[ :])|کد تایید|رمز یکبار مصرف"
)
_VALUE = r"(?:[A-Z]-)?\d{3}[ -]\d{3}|\d{4} \d{4}|(?:[A-Z]-)?\d{4,8}"
_AFTER = QuickPattern(
    rf"(?<![A-Za-z])(?:{_WORDS})(?:[ ](?:for|from|to|to log in to)(?:[ ][\w'.-]{{1,24}}){{1,4}}?)?[ ]?(?:is|was|ist"
    rf"|lautet|es|est|é|:|=|是|为|は|は、|：)?[\s:\"'*#-]{{0,4}}(?P<code>{_VALUE})(?![\w-]|[.,/]\d)",
    re.IGNORECASE,
)
_BEFORE = QuickPattern(
    rf"(?<![\w.-])(?P<code>{_VALUE})[ ](?:is|ist|es|est|é)[ ](?:your|the|my|ihr|dein|tu|su|votre"
    rf"|seu)[ ](?:[\w-]{{1,20}}[ ]){{0,3}}?(?:{_WORDS})",
    re.IGNORECASE,
)
_PATTERNS = (_AFTER, _BEFORE)
_SET = QuickSet(_PATTERNS)
_KEY = key_pattern(_WORDS)


class OneTimeCodeDetector:
    """ "Your verification code is 482913"; also the other way round."""

    name = "one_time_code"

    def find(self, text: str, label: str) -> list[Match]:
        spans = {match.span("code") for place in _SET.may(text) for match in _PATTERNS[place].finditer(text)}
        value = text.strip()
        if label and _KEY.search(label_words(label)) and re.fullmatch(_VALUE, value):
            start = len(text) - len(text.lstrip())
            spans.add((start, start + len(value)))
        return [
            Match(Kind.PASSWORD, start, end, 0.9)
            for start, end in sorted(spans)
            if not re.fullmatch(r"(?:123456?7?8?|0000(?:00)?|(?:19|20)\d\d)", text[start:end])
        ]

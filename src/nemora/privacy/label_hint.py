"""Words that announce an identifier or a secret, in many languages: a hint that what follows is worth a second look.

Disguised values are weak evidence: digits with commas between them are mostly lists. So some readings are made only
where such a word stands near. The detectors have their own, finer words; these only say where to look.
"""

from __future__ import annotations

import re

from nemora.privacy.quick_pattern import QuickPattern

WORDS = tuple(
    # ruff: noqa: SIM905 - lists of words read better as text
    """
    ssn social security number card credit debit kreditkarte kartennummer tarjeta carte cartão carta iban bic swift
    account konto kontonummer cuenta compte conto routing phone telephone mobile telefon telefono teléfono téléphone
    handy celular call tel fax whatsapp email mail correo courriel address contact passport reisepass pasaporte
    passeport licence license führerschein tax steuer steuernummer national identity identification dni nie nif cpf
    cnpj rut pesel bsn nhs nino nric aadhaar curp cnp tckn personnummer fødselsnummer hetu medicare medical record mrn
    patient insurance versicherung password passwort passwd pwd passphrase contraseña senha wachtwoord hasło heslo
    lösenord parola geslo kennwort passcode pin otp secret token key apikey credential login birth birthday born dob
    geburtsdatum geboren geburt nacimiento nacido naissance née nascita nascimento nato data access pass pw user
    username client imei vin
    пароль телефон карта счёт паспорт снилс инн рождения почта номер
    """.split()
)
_MORE = (
    r"密码|密碼|口令|パスワード|비밀번호|电话|電話|手机|전화|卡号|信用卡|身份证|护照|账号|邮箱|生日|出生|メール|口座|"
    r"mot de passe|palavra[- ]passe|número|numéro|numero|mnemonic|(?:seed|recovery|backup)[ _-]?(?:phrase|words)|"
    r"(?:verification|confirmation|one[ _-]?time|sms|2fa|mfa|backup|recovery)[ _-]?codes?"
)
HINT = QuickPattern(
    rf"(?<![^\W_])(?:{'|'.join(sorted(map(re.escape, WORDS), key=len, reverse=True))})s?(?![^\W_])"
    rf"|(?<=[a-z])(?:Password|Token|Key|Secret|Ssn|Phone|Card|Number|Account|Id|Email|Birth)|{_MORE}",
    re.IGNORECASE,
)


def hinted(text: str) -> bool:
    """Whether a word in `text` announces an identifier."""
    return HINT.search(text) is not None

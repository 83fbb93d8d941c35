"""Bank account and routing numbers. They have no shape of their own: a word beside them tells."""

from __future__ import annotations

import re

from nemora.privacy.detectors.checksums import weighted
from nemora.privacy.detectors.context import key_pattern, keyed_pattern, keyed_values
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match

_ACCOUNT = (
    r"(?:bank|checking|chequing|savings|current|deposit|brokerage)[\s_-]{0,2}(?:account|acct?"
    r"|a/c)(?:[\s_-]{0,2}(?:number|num|no|nr|#))?"
    r"|acc(?:oun)?t[\s_.-]{0,2}(?:number|num|no|nr|#)|a/c(?:[\s_-]?(?:no|number))?|bankkonto|kontonummer|konto-?nr"
    r"|kto|rekening(?:nummer)?"
    r"|número de cuenta|numero de cuenta|cuenta (?:bancaria|corriente)|numéro de compte|compte bancaire"
    r"|conto corrente|conta (?:corrente|bancária)"
    r"|номер счета|расчетный счет|р/с|银行账[户号]|账号|口座番号|계좌번호|clabe"
)
_ROUTING = (
    r"(?:aba|bank|wire|ach)?[\s_-]{0,2}routing(?:[\s_-]{0,2}(?:transit)?[\s_-]{0,2}(?:number|num|no|nr|#))?"
    r"|aba(?:[\s_-]?(?:number|no|rtn|#))?|rtn"
    r"|sort[\s_-]?code|bsb(?:[\s_-]?(?:number|no))?|bankleitzahl|blz|ifsc(?:[\s_-]?code)?|transit number|бик"
)
_NUMBER = r"[A-Za-z]{0,4}\d(?:[ -]?\d){5,19}(?![\w]|[-.,]\d)"
_CODE = (
    r"(?:\d{2}[ -]\d{2}[ -]\d{2}|\d{3}[ -]?\d{3}[ -]?\d{3}|\d{3} \d{3} \d{2}|\d{3}[ -]\d{3}|\d{6}|\d{8}"
    r"|[A-Z]{4}0[A-Z0-9]{6})"
    r"(?![\w]|[-.,]\d)"
)
_ACCOUNT_KEY, _ROUTING_KEY = key_pattern(_ACCOUNT), key_pattern(_ROUTING)
_ACCOUNT_KEYED = keyed_pattern(_ACCOUNT, _NUMBER)
_ROUTING_KEYED = keyed_pattern(_ROUTING, _CODE)
# "Account: 9051250768": the word alone means many things, so its number must be long and follow at once.
_PLAIN_KEY = key_pattern("accounts?|acct")
_PLAIN = keyed_pattern(r"accounts?|acct", r"\d{8,17}(?![\w]|[-.,]\d)", glue=5)
_CLOUD = re.compile(r"(?i)(?:aws|amazon|arn:|google|azure|ad|cloud|steam|twitter|stripe|service)\W{0,3}\Z")


class BankAccountDetector:
    """Account numbers, routing numbers, sort codes and their like, where a word announces them."""

    name = "bank_account"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], float] = {}
        for span in keyed_values(_PLAIN, re.compile(r"\d{8,17}"), _PLAIN_KEY, text, label):
            if not _CLOUD.search(text[max(0, span[0] - 32) : span[0]].rpartition("ccount")[0].rstrip("Aa")):
                found[span] = 0.7
        for span in keyed_values(_ACCOUNT_KEYED, re.compile(_NUMBER), _ACCOUNT_KEY, text, label):
            found[span] = 0.9
        for span in keyed_values(_ROUTING_KEYED, re.compile(_CODE), _ROUTING_KEY, text, label):
            digits = re.sub(r"\D", "", text[slice(*span)])
            found[span] = 0.95 if len(digits) == 9 and weighted(digits, (3, 7, 1) * 3) % 10 == 0 else 0.8
        return [Match(Kind.BANK_ACCOUNT, *span, confidence) for span, confidence in sorted(found.items())]

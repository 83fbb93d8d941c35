# ruff: noqa: E501 - long lists of words read better on one line
"""Bank account and routing numbers. They have no shape of their own: a word beside them tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nemora.privacy.detectors.account_numbers import ACCOUNT_NUMBERS
from nemora.privacy.detectors.checksums import is_date, weighted
from nemora.privacy.detectors.context import key_pattern, keyed_pattern, keyed_values, near
from nemora.privacy.detectors.keyed_numbers import find_numbers
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_ACCOUNT = (
    r"(?:bank|checking|chequing|savings|current|deposit|brokerage)[\s_-]{0,2}(?:account|acct?"
    r"|a/c)(?:[\s_-]{0,2}(?:number|num|no|nr|#))?"
    r"|acc(?:oun)?t[\s_.-]{0,2}(?:number|num|no|nr|#)|a/c(?:[\s_-]?(?:no|number))?|bankkonto|kontonummer|konto-?nr"
    r"|kto|rekening(?:nummer)?"
    r"|número de cuenta|numero de cuenta|cuenta (?:bancaria|corriente)|numéro de compte|compte bancaire"
    r"|conto corrente|conta (?:corrente|bancária)"
    r"|acct?(?=[ .:]{1,3}\d{3,4} ?\d)|(?:checking|chequing|savings|chk)(?= \d{6})|(?:ahorros|payout|direct deposit|savings|checking)(?= \d{4}[ -]\d{4}[ -]\d{2,4}(?!\d))|cta\.?|cuenta(?: n[ºo°.]{1,2})?(?= ?:? ?\d)|conta(?: n[ºo°.]{1,2})?(?= ?:? ?\d)|conto(?: n\.?)?(?= ?:? ?\d)|konto(?:nr\.?| nr\.?)?(?= ?:? ?\d)|kontonr|(?:číslo )?(?:účtu|účet)|nr (?:rachunku|konta)|számlaszám\w{0,2}|cont bancar|tilinumero|pankkitili"
    r"|(?:bankovní|bankový) účet|λογαριασμός|номер (?:рахунку|рахунка|сметка)|банкова сметка|р/р|сч[её]т(?= ?№? ?\d{20}(?!\d))|рахунок|hesap (?:no|numarası)|חשבון(?: בנק)?|رقم الحساب|حساب(?= ?:? ?\d)|شماره حساب|खाता(?: संख्या| नंबर)?|হিসাব(?: নম্বর)?|கணக்கு(?: எண்)?|akaun(?: bank)?|no\.? rekening|stk(?=[ :]{1,2}\d{9})|số tài khoản|เลข(?:ที่)?บัญชี|บัญชี|记号番号|記号番号|帳號|帳戶|账户号|계좌"
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
_RIB = QuickPattern(
    r"(?<![A-Za-z])rib(?![a-z])[^\d\n]{0,12}(?P<value>\d{5} ?\d{5} ?[A-Z0-9]{11} ?\d{2})(?![\w])", re.IGNORECASE
)
_ACCOUNT_KEY, _ROUTING_KEY = key_pattern(_ACCOUNT), key_pattern(_ROUTING)
_ACCOUNT_KEYED = keyed_pattern(_ACCOUNT, _NUMBER)
_ROUTING_KEYED = keyed_pattern(_ROUTING, _CODE)
# "Account: 9051250768": the word alone means many things, so its number must be long and follow at once.
_PLAIN_KEY = key_pattern("accounts?|acct")
_PLAIN = keyed_pattern(r"accounts?|acct", r"\d{8,17}(?![\w]|[-.,]\d)", glue=5)
# A British sort code with the eight digits of its account: dates that could be one need a word of banks.
_SORTED = QuickPattern(
    r"(?<![\w.-])(?P<sort>\d\d-\d\d-\d\d)(?:[ ]{0,2}[,/|;][ ]{0,2}|[ ]{1,3}|[ ]?(?:a/c|acc(?:oun)?t?|account|no\.?)[ .:]{1,3})"
    r"(?P<account>\d{8}|\d{4} \d{4}|\d\d \d\d \d\d \d\d|\d(?: \d){7})(?![\w]|[-.,:/]\d)"
)
_BANKING = key_pattern(
    r"bank\w{0,3}|sort|accounts?|acct?|a/c|pay(?:ment|ments|ee|able|out)?|paid|refunds?|transfer\w{0,4}|deposit|monzo|starling|lloyds|barclays|hsbc|natwest|santander|halifax|nationwide|building society|joint|rent|wages|salary"
)
# Magnetic ink on a cheque.
_MICR = QuickPattern(r"⑆ ?(?P<routing>\d{9}) ?⑆ ?(?P<account>[\d -]{4,20}\d)?")
_DATE = re.compile(
    r"(?:19|20)\d\d[ -]?[01]\d[ -]?[0-3]\d|[0-3]?\d[ -][01]?\d[ -](?:19|20)\d\d|(?:19|20)\d\d[ -](?:19|20)\d\d"
)
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
            if not _DATE.fullmatch(text[slice(*span)]) and re.search(r"[1-9]", text[slice(*span)]):
                found[span] = 0.9
        for span in keyed_values(_ROUTING_KEYED, re.compile(_CODE), _ROUTING_KEY, text, label):
            digits = re.sub(r"\D", "", text[slice(*span)])
            if set(digits) == {"0"}:
                continue
            found[span] = 0.95 if len(digits) == 9 and weighted(digits, (3, 7, 1) * 3) % 10 == 0 else 0.8
        for span, confidence in (*find_numbers(ACCOUNT_NUMBERS, text, label), *_sorted(text)):
            found[span] = max(confidence, found.get(span, 0.0))
        found |= {match.span("value"): 0.85 for match in _RIB.finditer(text)}
        for match in _MICR.finditer(text) if "⑆" in text else ():
            found |= {match.span(name): 0.95 for name in ("routing", "account") if match[name]}
        return [Match(Kind.BANK_ACCOUNT, *span, found[span]) for span in _outermost(found)]


def _outermost(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in their order, without those that lie in another one."""
    last = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end > last:
            yield start, end
        last = max(last, end)


def _sorted(text: str) -> Iterator[tuple[tuple[int, int], float]]:
    """Sort codes with their accounts."""
    for match in _SORTED.finditer(text):
        first, second, third = (int(part) for part in match["sort"].split("-"))
        dated = (
            is_date(2000 + third, second, first) or is_date(2000 + first, second, third) or is_date(2000, first, second)
        )
        if not dated or near(_BANKING, text, *match.span()):
            yield match.span("sort"), 0.85
            yield match.span("account"), 0.85

# ruff: noqa: E501 - long lists of words read better on one line
"""Codes that open something: doors, gates, safes, key boxes, alarms. A word for the thing and the form of a code tell."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import digit_windows, word
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

# A thing and the word code in one: what follows is a code, whatever it looks like.
_CODE = (
    r"(?:door|gate|garage|entry|entrance|alarm|disarm|duress|safe|vault|locker|lock|keypad|key[ -]?box|lock[ -]?box|key[ -]?safe|intercom|buzzer|burglar|elevator)(?:[ ](?:door|pad|panel))?[ _-]?(?:codes?|combination|combo|pin)"
    r"|digicode|code (?:(?:du |de la |de l'|de l’|d'|d’)?(?:portail|porte|portillon|immeuble|alarme|entrée|garage|coffre|cadenas|boîte à clés?|interphone))|boîte à clés?|boite à clé"
    r"|(?:tür|tor|haustür|alarm|garagen|zugangs|tresor|schließfach|schlüsselkasten|schlüsselsafe|anlagen)-?code|schlüsseltresor|schlüsselsafe|schlüsselkasten"
    r"|(?:código|codigo|clave) (?:de (?:la |el )?|del )?(?:puerta|portal|alarma|garaje|caja|candado|acceso)|código (?:da |do )?(?:porta|portão|alarme|prédio|cofre)|senha do (?:alarme|cofre|portão)"
    r"|codice (?:del |della |dell'|dell’)?(?:cancello|portone|porta|allarme|antifurto|cassaforte|garage)|(?:deur|poort|alarm|kluis|sleutelkluis|toegangs)-?code|sleutelkast(?:je)?"
    r"|kod (?:do )?(?:drzwi|bramy|alarmu|furtki|domofonu|sejfu|klatki|kłódki|skrytki)|kód (?:od |ke? |k |na )?(?:dverí|dveří|brány|vrat|alarmu|trezoru|sejfu|zámku)|(?:port|larm|dörr|dør|port|alarm|nøkkelboks|skåp)-?kod(?:en?|e)?"
    r"|(?:ovi|hälytys|portti|hälyttimen)koodi|(?:kapu|ajtó|riasztó)kód\w{0,2}|cod(?:ul)? (?:de la )?(?:poartă|interfon|ușă|alarmă|scară)|(?:kapı|alarm|kasa|site kapısı) (?:şifresi|kodu)|шифра (?:за )?(?:врата|аларм\w)"
    r"|код (?:от |для )?(?:двери|домофона|подъезда|калитки|ворот|сигнализации|сейфа|замка)|код (?:від )?(?:дверей|домофона|під'їзду|сейфа|сигналізації)|код (?:за |на )?(?:вратата|входа|алармата)"
    r"|κωδικός (?:πόρτας|συναγερμού|εισόδου)|קוד (?:ל?דלת|ל?כניסה|ל?שער|ל?אזעקה|ל?כספת)|(?:رمز|كود) (?:ال)?(?:باب|بوابة|خزنة|إنذار|دخول|مدخل)|(?:kode|kod) (?:pintu|gerbang|pagar|alarm|brankas)|mã (?:cửa|cổng|két)"
    r"|门禁(?:密码|码)|门锁密码|大门密码|保险柜密码|門禁密碼|玄関(?:の)?(?:暗証番号|コード)|オートロック(?:番号)?|鍵ボックス|キーボックス|金庫(?:の番号)?|(?:현관|공동현관|도어락|금고) ?(?:비밀번호|비번)|รหัส(?:ประตู|ตู้เซฟ)|दरवाज़े का कोड|गेट कोड"
    r"|nyckelskåp(?:et)?|nøkkelboks(?:en)?|nøgleboks(?:en)?|puk(?:[ -]?(?:code|nr|nummer|kode))?(?=[ :]{1,3}\d{8}(?!\d))"
)
# Of the thing alone only a combination, a code with a key of the pad, or what is said to be its code.
_THING = r"alarm(?:anlage|e|a|s|em|alarm)?|safe|vault|padlock|key[ -]?safe|lock[ -]?box|locker|combination|combo|tresor|coffre(?:-fort)?|cadenas|caja fuerte|candado|cofre|cadeado|cassaforte|lucchetto|antifurto|allarme|kluis|hangslot|sejf\w{0,2}|kłódk\w|trezor\w?|kassaskåp|pengeskab|kassakaappi|széf|seif|kasa|çelik dolap|kod|code|código|codice|koodi|kód|сейф\w{0,2}|сигнал[иі]зац\w{1,3}|код|κωδικός|כספת|אזעקה|خزنة|إنذار|保险柜|保险箱|コード|금고"
_BETWEEN = r"(?:[ :=]|[ ](?:is|ist|est|es|é|è|er|är|on|je|jest|to|now|set|code|pin|für|for|the|at|opens?|with|avec|mit|con|com|przy|do|von|du|de|la|in|and|then|still|number|nr|n°)(?=[ :])|[ ][^\W\d_]{2,14}(?=[ :])|,(?= )|は|：|是|\"|'|“|„|«|`){0,6}?"
_COMBINATION = r"\d{1,2}(?:-\d{1,2}){2,3}"
_PAD = r"\d{3,8}[ ]?[#*]|\d{1,4}[#*]\d{1,4}[#*]?|[*#]\d{3,8}[#*]?"
_VALUE = rf"(?:{_COMBINATION}|{_PAD}|\d{{3,4}} \d{{3,4}}|[A-Z]?\d{{3,8}}[A-Z]?|[A-Z]\d{{2,5}}[A-Z]?)"
_END = r"(?![A-Za-z0-9_*#]|[-–.,:/]\d|[ ]?(?:€|\$|£|%|euros?|min|minutes?|seconds?|sec|sek|years?|times?|hours?|am|pm|uhr|steps?|lines?|characters?|digits?|bytes?|files?|people|volts?|mah|watts?|rules?)\b)"
_PATTERNS = (
    QuickPattern(rf"{word(_CODE)}{_BETWEEN}(?<![A-Za-z0-9.-])(?P<value>{_VALUE}){_END}", re.IGNORECASE),
    QuickPattern(rf"{word(_THING)}{_BETWEEN}(?<![A-Za-z0-9./-])(?P<value>{_COMBINATION}|{_PAD}){_END}", re.IGNORECASE),
)
_KEYS = QuickSet((QuickPattern(word(_CODE), re.IGNORECASE), QuickPattern(word(_THING), re.IGNORECASE)))
_YEAR = re.compile(r"(?:19|20)\d\d")


class AccessCodeDetector:
    """ "door code 5190#", "le coffre : 5-38-12", "kod do bramy 0741"; who has it comes in."""

    name = "access_code"

    def find(self, text: str, label: str) -> list[Match]:
        spans: set[tuple[int, int]] = set()
        for begin, stop in digit_windows(text):
            for place in _KEYS.may(text[begin:stop]):
                spans |= {match.span("value") for match in _PATTERNS[place].finditer(text, begin, stop)}
        return [Match(Kind.PASSWORD, *span, 0.85) for span in sorted(spans) if not _is_harmless(text[slice(*span)])]


def _is_harmless(value: str) -> bool:
    """Years, and what only stands for a code."""
    digits = re.sub(r"\D", "", value)
    return _YEAR.fullmatch(value) is not None or len(set(digits)) == 1 or digits in "1234567890"

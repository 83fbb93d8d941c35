# ruff: noqa: E501 - long patterns read better on one line
"""Post boxes, and the flat, suite or floor that stands beside a street and its number."""

from __future__ import annotations

import re

from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_POST_BOX = (
    r"(?<![A-Za-z0-9])(?:p\.? ?o\.? ?box|g\.?p\.?o\.? box|post office box|(?:locked|private) bag(?: x)?|r\.?r\.? \d{1,3},? box|hc \d{1,3},? box|postfach|boîte postale|(?-i:TSA)|(?-i:BP)(?= ?\d{1,5}(?: ?\d{2,4})?,? {1,2}(?:\d{5}|(?-i:[A-ZÉ])))|apartado(?: de correos| postal)?|apdo\.?(?: de correos)?|casella postale|caixa postal"
    r"|postbus|antwoordnummer|skr(?:ytka|\.) poczt(?:owa|\.)|postboks|p\.o\. box|pošt\. přihrádka|а/я|а/с|п\.к\.|τ\.θ\.|ת\.ד\.?|ص\.ب\.?|صندوق بريد|صندوق پستی|s\.l\.p\.?|ตู้ ปณ\.|私書箱|邮政信箱|사서함)"
    r" ?(?:n[°ro.]{1,3} ?|# ?)?\d{1,4}(?: ?\d{2,4}){0,2}(?:号|호)?(?![A-Za-z0-9/])"
)
_SUFFIX = r"(?:street|st|avenue|ave?|road|rd|boulevard|blvd|drive|dr|lane|ln|court|ct|place|pl|terrace|ter|way|circle|cir|parkway|pkwy|square|sq|trail|trl|highway|hwy|loop|close|crescent|cres|gardens|mews|broadway|run|row|alley|plaza|pike|walk)"
_UNIT = (
    r"(?:(?:apt|apartment|appt|unit|suite|ste|flat|floor|fl|level|bldg|building|block|blk|room|rm|lot|trailer|space|spc|office|studio|penthouse|ph)(?:\.? ?#? ?(?:no\.? ?)?\d{1,4}-?[A-Z]?|\.? #?(?-i:[A-Z])-?\d{0,4})"
    r"|# ?\d{1,5}[A-Z]?|\d{1,2}(?:st|nd|rd|th) (?:floor|fl)|(?:ground|top|garden|basement|lower|upper|rear) (?:floor )?(?:flat|floor|unit|apt|apartment))(?![\w-])"
)
_ELSEWHERE = (
    r"(?:(?:(?:кв|оф|корп|стр|ап|byt č|bl|bât|esc|int|sc|ap|m|lok|as|lt|whg|d)\.|lgh|lägenhet|whg|wohnung|appt|appartement|apto|escalier|interno|scala|piso|puerta|portal|depto|andar|bloco|lokal|mieszkanie|rappu|daire|kat|blok|oficina|torre|ufficio"
    r"|офис|квартира|корпус|подъезд|этаж|під'їзд|поверх|διαμ\.|דירה|קומה|شقة|الطابق|الدور|واحد|طبقه|phòng|căn hộ|tầng|lantai|फ्लैट|ชั้น|ห้อง)(?::? ?\d{1,4}[A-Z]?| (?-i:[A-Z]))"
    r"|\d{1,2}(?:\.|º|°|ème|ος) ?(?:og|stock|etage|étage|patro|em\.|emelet|tv|th|mf|andar|piano|piętro|verdieping|izq|dcha|etasje|όροφος)\.?(?: (?:links|rechts|gauche|droite))?|\d{1,2}e étage|\d{1,2}º (?-i:[A-Z])|hinterhaus|rez-de-chaussée"
    r"|\d{1,3}单元\d{1,4}室|\d{1,4}室|\d{1,3}号楼(?:\d{1,2}单元\d{1,4})?|\d{1,3}楼\d{1,4}室|\d{1,4}동 \d{1,4}호|\d{1,4}호|\d{1,4}号室)(?![A-Za-z0-9])"
)
_NUMBERED = QuickPattern(
    rf"(?<![A-Za-z0-9_.])\d{{1,4}}(?:-\d{{1,3}}){{0,2}}[a-z]?(?:号|\.)?[,/]? {{0,2}}(?<![\d ]{{3}})(?<=[ ,/号])(?P<value>{_ELSEWHERE})",
    re.IGNORECASE,
)
_STREET = rf"\d{{1,6}}[a-z]?,? (?:[nsew]{{1,2}}\.? )?(?:[\w'’.]{{1,20}} ){{0,3}}[\w'’.]{{1,20}} {_SUFFIX}\.?(?: [nsew]{{1,2}}\.?)?"
_AFTER = QuickPattern(rf"(?<![\w.-]){_STREET}(?:,? {{1,2}}|,?\n)(?P<value>{_UNIT})", re.IGNORECASE)
_BEFORE = QuickPattern(rf"(?<![\w-])(?P<value>{_UNIT})(?:, ?|,?\n| - ){_STREET}(?![A-Za-z0-9])", re.IGNORECASE)
_BOX = QuickPattern(_POST_BOX, re.IGNORECASE)
_PATTERNS = (_BOX, _AFTER, _BEFORE, _NUMBERED)
_SET = QuickSet(_PATTERNS)


class SecondaryAddressDetector:
    """`PO Box 448`, `Postfach 12 34`, and `Apt 4B` where a street and its number stand beside it."""

    name = "secondary_address"

    def find(self, text: str, label: str) -> list[Match]:
        spans: set[tuple[int, int]] = set()
        for place in _SET.may(text):
            group = 0 if _PATTERNS[place] is _BOX else "value"
            spans |= {match.span(group) for match in _PATTERNS[place].finditer(text)}
        return [Match(Kind.STREET_ADDRESS, *span, 0.85) for span in sorted(spans)]

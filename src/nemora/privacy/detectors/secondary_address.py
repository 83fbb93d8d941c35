# ruff: noqa: E501 - long patterns read better on one line
"""Post boxes, and the flat, suite or floor that stands beside a street and its number."""

from __future__ import annotations

import re

from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_POST_BOX = (
    r"(?<![A-Za-z0-9])(?:p\.? ?o\.? ?box|g\.?p\.?o\.? box|post office box|(?:locked|private) bag(?: x)?|r\.?r\.? \d{1,3},? box|hc \d{1,3},? box|postfach|boîte postale|(?-i:TSA)(?= ?\d{5}(?!\d))|(?-i:BP)(?= ?\d{1,5}(?: ?\d{2,4})?,? {1,2}(?:\d{5}|(?-i:[A-ZÉ])))|(?:apartado|apdo\.?)(?: de correos| postal|(?= ?(?:n[°ro.]{1,3} ?)?\d{3}))|casella postale|caixa postal"
    r"|postbus|antwoordnummer|skr(?:ytka|\.) poczt(?:owa|\.)|postboks|p\.o\. box|pošt\. přihrádka|а/я|а/с|п\.к\.|τ\.θ\.|ת\.ד\.?|ص\.ب\.?|صندوق بريد|صندوق پستی|s\.l\.p\.?|ตู้ ปณ\.|私書箱|邮政信箱|사서함)"
    r" ?(?:n[°ro.]{1,3} ?|# ?)?\d{1,4}(?: ?\d{2,4}){0,2}(?:号|호)?(?![A-Za-z0-9/])"
)
# Words that only streets have, and words that mean other things too: "5 games in a row, level 3".
_SUFFIX = r"(?:street|st|avenue|ave?|road|rd|boulevard|blvd|dr|lane|ln|ct|terrace|ter|parkway|pkwy|trl|highway|hwy|crescent|cres|gardens|mews|broadway)"
_LOOSE_SUFFIX = r"(?:drive|court|place|pl|way|circle|cir|square|sq|trail|loop|close|run|walk|row|alley|plaza|pike)"
_FLAT = (
    r"(?:apt|apartment|appt|suite|ste|flat)(?:\.? ?#? ?(?:no\.? ?)?\d{1,4}-?[A-Z]?|\.? #?(?-i:[A-Z])-?\d{0,4})(?![\w-])"
)
_UNIT = (
    r"(?:(?:apt|apartment|appt|unit|suite|ste|flat|floor|fl|level|bldg|building|block|blk|room|rm|lot|trailer|space|spc|office|studio|penthouse|ph)(?:\.? ?#? ?(?:no\.? ?)?\d{1,4}-?[A-Z]?|\.? #?(?-i:[A-Z])-?\d{0,4})"
    r"|# ?\d{1,5}[A-Z]?|\d{1,2}(?:st|nd|rd|th) (?:floor|fl)|(?:ground|top|garden|basement|lower|upper|rear) (?:floor )?(?:flat|floor|unit|apt|apartment))(?![\w-])"
)
_ELSEWHERE = (
    r"(?:(?:(?:кв|оф|корп|стр|ап|byt č|bl|bât|esc|int|sc|ap|m|lok|as|lt|whg|d)\.|lgh|lägenhet|whg|wohnung|appt|appartement|apto|escalier|interno|scala|piso|puerta|portal|depto|andar|bloco|lokal|mieszkanie|rappu|daire|kat|blok|oficina|torre|ufficio"
    r"|офис|квартира|корпус|подъезд|этаж|під'їзд|поверх|διαμ\.|דירה|קומה|شقة|الطابق|الدور|واحد|طبقه|phòng|căn hộ|tầng|lantai|फ्लैट|ชั้น|ห้อง)(?::? ?\d{1,4}[A-Z]?|(?<![ ,/][md]\.) (?-i:[A-Z]))"
    r"|\d{1,2}(?:\.|º|°|ème|ος) ?(?:(?-i:OG)|stock|etage|étage|patro|em\.|emelet|tv|th|mf|andar|piano|piętro|verdieping|izq|dcha|etasje|όροφος)\.?(?: (?:links|rechts|gauche|droite))?|\d{1,2}e étage|\d{1,2}º (?-i:[A-Z])|hinterhaus|rez-de-chaussée"
    r"|\d{1,3}单元\d{1,4}室|\d{1,4}室|\d{1,3}号楼(?:\d{1,2}单元\d{1,4})?|\d{1,3}楼\d{1,4}室|\d{1,4}동 \d{1,4}호|\d{1,4}호|\d{1,4}号室)(?![A-Za-z0-9])"
)
_NO_HOUSE = "".join(
    rf"(?<!\b{before} )" for before in ("act", "scene", "chapter", r"op\.", "bar", "page", r"bd\.", "section")
)
_NUMBERED = QuickPattern(
    rf"(?<![A-Za-z0-9_.]){_NO_HOUSE}\d{{1,4}}(?:-\d{{1,3}}){{0,2}}[a-z]?(?:号|\.)?[,/]? {{0,2}}(?<![\d ]{{3}})(?<=[ ,/号])(?P<value>{_ELSEWHERE})",
    re.IGNORECASE,
)
_WORD = r"(?!(?:the|an?|of|in|on|to|per|and|is|are)\b)[\w'’.]{1,20}"
_NUMBER = r"\d{1,6}[a-z]?,? (?:[nsew]{1,2}\.? )?"
_NAME = rf"(?:{_WORD} ){{1,4}}"
_CAPITALS = r"(?-i:(?:[A-Z0-9][\w'’.]{0,19} ){1,4}(?=[A-Z]))"
_END = r"\.?(?: [nsew]{1,2}\.?)?"
_STREET = rf"{_NUMBER}(?:{_NAME}{_SUFFIX}|{_CAPITALS}{_LOOSE_SUFFIX}){_END}"
_LOOSE_STREET = rf"{_NUMBER}{_NAME}{_LOOSE_SUFFIX}{_END}"
_BESIDE_STREETS = tuple(
    QuickPattern(pattern, re.IGNORECASE)
    for street, unit in ((_STREET, _UNIT), (_LOOSE_STREET, _FLAT))
    for pattern in (
        rf"(?<![\w.-]){street}(?:,? {{1,2}}|,?\n)(?P<value>{unit})",
        rf"(?<![\w-])(?P<value>{unit})(?:, ?|,?\n| - ){street}(?![A-Za-z0-9])",
    )
)
_BOX = QuickPattern(rf"(?P<value>{_POST_BOX})", re.IGNORECASE)
_PATTERNS = (_BOX, *_BESIDE_STREETS, _NUMBERED)
_SET = QuickSet(_PATTERNS)


class SecondaryAddressDetector:
    """`PO Box 448`, `Postfach 12 34`, and `Apt 4B` where a street and its number stand beside it."""

    name = "secondary_address"

    def find(self, text: str, label: str) -> list[Match]:
        spans: set[tuple[int, int]] = set()
        for place in _SET.may(text):
            spans |= {match.span("value") for match in _PATTERNS[place].finditer(text)}
        return [Match(Kind.STREET_ADDRESS, *span, 0.85) for span in sorted(spans)]

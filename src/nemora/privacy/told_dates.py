"""Dates as other languages and calendars tell them, as 1971-05-03: "3 août 1990", an era's year, "day 123 of 1971"."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.number_words import unaccented
from nemora.privacy.quick_pattern import QuickPattern

_MONTHS = """
    january february march april may june july august september october november december
    januar februar märz april mai juni juli august september oktober november dezember
    janvier février mars avril mai juin juillet août septembre octobre novembre décembre
    enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
    gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
    janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
    januari februari maart april mei juni juli augustus september oktober november december
    stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
    styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień
    ledna února března dubna května června července srpna září října listopadu prosince
    ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
    januari februari mars april maj juni juli augusti september oktober november december
    tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta
    január február március április május június július augusztus szeptember október november december
    ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
    января февраля марта апреля мая июня июля августа сентября октября ноября декабря
    січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
    ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου
    januari februari maret april mei juni juli agustus september oktober november desember
    siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca
"""
_NUMBERS: dict[str, int] = {}
for _line in _MONTHS.strip().splitlines():
    for _number, _word in enumerate(_line.split(), 1):
        _NUMBERS.setdefault(_word, _number)
        _NUMBERS.setdefault(unaccented(_word), _number)
_ANY = "|".join(sorted(map(re.escape, _NUMBERS), key=len, reverse=True))
MONTH = QuickPattern(
    rf"(?<!\w)(?:(?:le|el|den|am|der|on|il|em|dnia|op|the)[ ])?(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er|º|ª)?[ ]"
    rf"(?:(?:de|of|di|d')[ ])?(?P<month>{_ANY})\.?,?[ ](?:(?:de|del|of)[ ])?(?P<year>(?:19|20)\d\d)(?!\d)",
    re.IGNORECASE,
)
NAMED = re.compile(
    r"\d[.a-zº]{0,2}[ ](?:(?:de|of|di|d')[ ])?[^\W\d]{3,13}\.?,?[ ](?:(?:de|del|of)[ ])?(?:19|20)\d\d", re.IGNORECASE
)
"""A day, any word, and a year: quicker to look for than the names of months."""
_FIRST_YEARS = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019, "民國": 1912, "民国": 1912}
ERA = QuickPattern(
    r"(?P<era>明治|大正|昭和|平成|令和|民國|民国)[ ]?(?P<year>\d{1,3}|元)年[ ]?(?P<month>\d{1,2})月[ ]?(?P<day>\d{1,2})日"
)
DAY_OF_YEAR = QuickPattern(
    r"(?<!\w)(?:the[ ])?(?:day[ ](?:no\.?[ ]|number[ ])?(?P<day>\d{1,3})|(?P<nth>\d{1,3})(?:st|nd|rd|th)[ ]day)"
    r"[ ](?:of|in)[ ](?:the[ ]year[ ])?(?P<year>(?:19|20)\d\d)(?!\w)|(?<![\d-])(?P<year2>19\d\d)-(?P<day2>[0-3]\d\d)(?![\d-])",
    re.IGNORECASE,
)
_WIDE = r"[^\w\s/.,:–—-]{1,6}[ ]?|[ ]?\n[^\w\n]{0,6}|[ ]{1,4}(?:[^\w\s–—-][ ]?)?"
HALVES = QuickPattern(rf"(?<![\w./-])(?P<one>\d{{4}})(?:{_WIDE})(?P<two>\d{{4}})(?![\w./-])")


def told_dates(text: str) -> Iterator[Edit]:
    """Dates with the month by its name, in an era, by the day of the year, or as two groups of four digits."""
    edits: list[Edit] = []
    for told in MONTH.finditer(text):
        month = _NUMBERS.get(told["month"].lower()) or _NUMBERS.get(unaccented(told["month"].lower()))
        edits += _date(told, int(told["year"]), month or 0, int(told["day"]))
    for told in ERA.finditer(text):
        year = 1 if told["year"] == "元" else int(told["year"])
        edits += _date(told, _FIRST_YEARS[told["era"]] + year - 1, int(told["month"]), int(told["day"]))
    for told in DAY_OF_YEAR.finditer(text):
        day = int(told["day"] or told["nth"] or told["day2"])
        if 1 <= day <= 365:
            date = datetime.date(int(told["year"] or told["year2"]), 1, 1) + datetime.timedelta(day - 1)
            edits.append(Edit(told.start(), told.end(), date.isoformat()))
    for told in HALVES.finditer(text):
        one, two = told["one"], told["two"]
        for of_year, rest in ((one, two), (two, one)):
            found = list(_date(told, int(of_year), int(rest[:2]), int(rest[2:])))
            found = found or list(_date(told, int(of_year), int(rest[2:]), int(rest[:2])))
            if found:
                edits += found
                break
    yield from apart(edits)


def _date(told: re.Match[str], year: int, month: int, day: int) -> Iterator[Edit]:
    if 1900 <= year <= 2029 and 1 <= month <= 12 and 1 <= day <= 31:
        yield Edit(told.start(), told.end(), f"{year}-{month:02d}-{day:02d}")

# ruff: noqa: E501 - long lists of words read better on one line
"""Dates of birth: a date that a word announces as one. A date alone is no finding, nor is a figure of history's."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import label_words
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_MONTH = (
    r"(?:jan(?:uary|uar|vier|uari|eiro)?|feb(?:ruary|ruar|rero|braio|ruari)?|févr(?:ier)?|fev(?:ereiro)?|mar(?:ch|s|zo|ço)?"
    r"|märz|maart|apr(?:il|ile)?|abr(?:il)?|avr(?:il)?|may|mai|mayo|maggio|maio|mei|june?|juni?|juin|junio|giugno|junho"
    r"|july?|juli|juillet|julio|luglio|julho|aug(?:ust)?|août|agosto|augustus|sep(?:t(?:ember|embre|iembre)?)?|settembre"
    r"|setembro|o[ck]t(?:ober|obre|ubre)?|ottobre|outubro|nov(?:ember|embre|iembre|embro)?|de[cz](?:ember)?|décembre"
    r"|diciembre|dicembre|dezembro|ene(?:ro)?|genn(?:aio)?"
    r"|январ\w|феврал\w|март\w?|апрел\w|ма[йя]|июн\w|июл\w|август\w?|сентябр\w|октябр\w|ноябр\w|декабр\w)"
)
_YEAR = r"(?:19\d\d|20[0-3]\d)"
_DAY, _NUMBER = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_DATE = (
    rf"(?:{_YEAR}[ ]?[-/.年][ ]?{_NUMBER}[ ]?[-/.月][ ]?{_DAY}日?(?:T[\d:.Z+]{{2,20}})?"
    rf"|{_DAY}[ ]?[-/.][ ]?{_DAY}[ ]?[-/.][ ]?(?:{_YEAR}|\d\d)"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|[12]\d|3[01])(?:19\d\d|200\d|201\d)"
    rf"|{_DAY}(?:st|nd|rd|th|\.)?[ -](?:of |de |di )?{_MONTH}\.?,?[ -](?:de |del )?{_YEAR}"
    rf"|{_MONTH}\.?[ -]{_DAY}(?:st|nd|rd|th)?,?[ ]{_YEAR})"
    rf"(?![\w]|[-/.]\d)"
)
_LABEL = (
    r"(?:date[\s_-]?of[\s_-]?birth|birth[\s_-]?da(?:te|y)|d\.?o\.?b\.?(?![\w])|born[\s_-]on|birth[\s_-]?dt"
    r"|geburts(?:datum|tag)|geb\.(?: am)?|geb[\s_-]?datum|date[\s_](?:de[\s_])?naissance|n[ée]{1,2}e? le"
    r"|fecha[\s_](?:de[\s_])?nac(?:imiento)?"
    r"|f\. ?nac\.|nacid[oa] el|data[\s_](?:di[\s_])?nascita|nat[oa] il|data[\s_](?:de[\s_])?nascimento|nascid[oa] em"
    r"|geboortedatum|geboren op|data[\s_]urodzenia|urodz(?:ony|ona)|дата[\s_]рождения|родил(?:ся|ась)|д\.р\."
    r"|födelsedatum|född"
    r"|fødselsdato|født|syntymäaika|datum[\s_]narození|születési (?:idő|dátum)|doğum[\s_]tarihi|ngày sinh"
    r"|tanggal[\s_]lahir"
    r"|出生(?:日期|年月日?)|生年月日|生日|생년월일|تاريخ (?:الميلاد|الولادة)|תאריך לידה|जन्म ?तिथि|ημερομηνία γέννησης|जन्म ?तारीख|जन्म ?दिन|জন্ম ?তারিখ|பிறந்த தேதி|تاریخ تولد|متولد|تاریخ پیدائش|נולד(?:תי|ה)?(?: ב-?)?|bday|b-?day|d\.b\.|geb\.|nac[íi] el|nasci em|sono nat[oa] il|je suis n[ée]e? le|rojen[ay]?|rođen[ay]?|род\.|роден[аи]?|народи(?:вся|лася|лась)|дата народження|д\.н\.|narozen[ýáa]?|narodený|syntynyt|fødd?|född|született|născut(?:ă)?(?: (?:la|în|pe))?|data nașterii|dzimis|gimęs|sündinud|sünniaeg|doğumlu|doğum(?= ?:)|sinh ngày|lahir(?= (?:pada )?\d)|เกิด(?:วันที่)?|วันเกิด|出生|生まれ|γεννήθηκα?|γενν\.)"
)
_KEYED = QuickPattern(
    rf"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))(?P<label>{_LABEL})[\"'`*\])]{{0,3}}(?:[ ]?\([^)\n]{{0,24}}\))?"
    rf"(?:\s|[:=：\"'`*|>,.]|is|was|on|ist|am|est|es|é|è|el|le|il|em|op|pe|la|i|dne|den|dana|ב-?|年)"
    rf"{{0,8}}(?<![^\W_])(?P<date>{_DATE})",
    re.IGNORECASE,
)
_BORN = QuickPattern(
    rf"(?<![^\W_])(?P<who>(?:I|ich|yo|je|io|eu|ik|patient\w?|client|son|daughter|wife|husband|mother|father"
    rf"|employee)[ ]"
    rf"(?:was|wurde|bin|nací|suis|sono|nasci|ben|is)[ ]|)(?P<label>born|geboren|né|née|nací|nasci)"
    rf"(?:[ ](?:on|am|le|el|il|em|op|the))?[: ]{{1,2}}(?P<date>{_DATE})",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(r"(?:was|were|wurde|ist|fue|est|fut|è|foi|werd|is|who|and|,)\s{1,2}\Z|\(\s?\Z", re.IGNORECASE)
_FIELD = re.compile(rf"(?<![^\W_])(?:{_LABEL}|dob|birth|geburt|naissance|nacimiento)", re.IGNORECASE)
_WHOLE = re.compile(_DATE, re.IGNORECASE)


class DateOfBirthDetector:
    """A birthday behind its label, or told of oneself or of a patient."""

    name = "date_of_birth"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], float] = {}
        if label and _FIELD.search(label_words(label)) and (whole := _WHOLE.fullmatch(text.strip())):
            offset = len(text) - len(text.lstrip())
            found[offset + whole.start(), offset + whole.end()] = 0.95
        if not _SET.may(text):
            return _matches(found)
        for match in _KEYED.finditer(text):
            found.setdefault(match.span("date"), 0.95)
        for match in _BORN.finditer(text):
            if match["who"] or not _OF_OTHERS.search(text[max(0, match.start() - 12) : match.start()]):
                found.setdefault(match.span("date"), 0.85)
        return _matches(found)


_SET = QuickSet((_KEYED, _BORN))


def _matches(found: dict[tuple[int, int], float]) -> list[Match]:
    return [Match(Kind.DATE_OF_BIRTH, *span, confidence) for span, confidence in sorted(found.items())]

"""Strings that code puts together: literals in a row, joined lists, variables, replacements, turned slices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.quick_pattern import QuickPattern

# Between two literals of one kind of quote: what languages join strings with, or nothing but white space.
_GLUE = re.compile(
    r"(?<![=(\[{,:])(?<![=(\[{,:][ ])"
    r"(?P<quote>\\?[\"'`])[ \t]{0,4}(?:(?:\+|\.{1,3}|\|\||&|~|<>|<<|\^|\\)?[ \t]{0,4}(?:\\?\r?\n)?[ \t]{0,24}"
    r"(?:\+|\.{1,3}|\|\||&|~|<>|<<)?[ \t]{0,4})(?:(?<=[\s+.&~<>|])[rbfuL](?=[\"']))?(?P=quote)"
)
_OPENING = re.compile(r"\((?=\s{0,8}[\"'][^\"'\n()]{0,160}\Z)")  # around the first literal of a row
_LITERAL = re.compile(r"\"([^\"\n]{1,200})\"|'([^'\n]{1,200})'")
JOINS = QuickPattern(
    r"(?:[\"']{2}\.join\(\s{0,4}[\[(]|(?:CONCAT|concat|strcat|implode\([\"']{2},|string\.Concat|paste0|fmt\.Sprint"
    r"|String\.concat)\s?\(\s{0,4}|[\[(](?=(?:[^\[\]()\n]|\n){1,600}\]\s{0,4}\.\s{0,4}join\(\s?[\"']{2}))"
    r"(?P<body>\s{0,12}[\"'][^\]\n)]{1,600}(?:\n[^\]\n)]{0,200}){0,20})[\])]"
)
SUBSTITUTED = QuickPattern(
    r"(?<![\w.])(?:REPLACE|replace|SUBSTITUTE|substitute|gsub|sub|re\.sub|str_replace|strings\.ReplaceAll|regexp_replace"
    r"|REGEXP_REPLACE|TRANSLATE)\(\s?(?P<one>\"[^\"\n]{0,400}\"|'[^'\n]{0,400}'),\s?(?P<two>\"[^\"\n]{0,400}\"|'[^'\n]{0,400}')"
    r"(?:,\s?(?P<three>\"[^\"\n]{0,400}\"|'[^'\n]{0,400}'))?(?:,[^()\n]{0,20})?\)"
)
SLICED = QuickPattern(
    r"(?P<quote>[\"'])(?P<body>[^\"'\n]{4,400})(?P=quote)\s?(?:\[(?P<from>\d{0,2}):(?P<to>-?\d{0,2})\]"
    r"|\.(?:slice|substring|substr)\((?P<at>\d{1,2})\))"
)
REPLACED = QuickPattern(
    r"(?P<quote>[\"'])(?P<body>[^\"'\n]{4,400})(?P=quote)\s{0,4}\.\s{0,4}replace(?:All)?\(\s?[\"'/](?P<sign>[^\"'\n/]{1,8})"
    r"[\"'/]g?\s?,\s?(?P<by>\"\"|''|\"[^\"\n]{1,4}\"|'[^'\n]{1,4}')\s?\)"
)
TURNED = QuickPattern(
    r"(?P<quote>[\"'])(?P<body>[^\"'\n]{4,400})(?P=quote)\s?(?:\[::-1\]|\.reverse\b|\.split\([\"']{2}\)\.reverse\(\))"
    r"|(?:reversed|strrev|REVERSE|reverse|StringUtils\.reverse)\(\s?[\"'](?P<other>[^\"'\n]{4,400})[\"']\s?\)"
)
_ASSIGNED = QuickPattern(
    r"(?<![\w.])(?:(?:const|let|var|my|local|export|final|static|String|string|str|auto)[ ]){0,2}"
    r"(?P<name>[$@]?[A-Za-z_]\w{0,39})(?:[ ]?:[ ]?\w{1,12})?[ ]{0,4}:?=[ ]{0,4}(?P<quote>[\"'`]|(?=\d))"
    r"(?P<value>(?<=[\"'`])[^\"'`\n]{1,200}(?=(?P=quote))|\d{1,20}(?=[ ;\n]|\Z))"
)
_SET = QuickPattern(r"(?m)(?<![\w-])(?:set |SET )(?P<name>[A-Za-z_]\w{0,39})=(?P<value>[^\n]{1,80})$")
GROWN, LEAST_GROWN = 4, 400
"""A replacement makes a literal at most so many times as long, or so many characters; what is over is left out."""
MOST_PUT = 12_800
"""Characters, beside the length of the text, that uses of named parts put in together."""
NEAR = 200
"""Characters of code, beside the value, from the first of the variables to where they are put together."""
_NAME = r"\$?\{?[A-Za-z_]\w{0,39}\}?"
_SUM = QuickPattern(
    rf"(?<![\w.\"'])(?:str\()?(?:{_NAME})\)?(?:\s{{0,3}}(?:\+|\.|\|\||&|\.\.)\s{{0,3}}(?:str\()?{_NAME}\)?){{1,30}}(?![\w(.])"
)
_TEMPLATE = QuickPattern(
    r"(?:(?:f[\"']|[\"'`])?)"
    r"(?:[#$]?\{[A-Za-z_]\w{0,39}\}[ .@:/+_-]?|\$[A-Za-z_]\w{0,39}[ .@:/+_-]?|%[A-Za-z_]\w{0,39}%){2,30}[\"'`]?"
)
_IDENT = re.compile(r"[A-Za-z_]\w{0,39}")


def glued_literals(text: str) -> Iterator[Edit]:
    """What stands between neighbouring literals, to be left out: `"4716" + "2093"` reads "47162093"."""
    if '"' not in text and "'" not in text and "`" not in text:
        return
    last = -1
    for glue in _GLUE.finditer(text):
        opening = _OPENING.search(text, max(last, glue.start() - 200), glue.start())
        if opening is not None and opening.start() > last:
            yield Edit(opening.start(), opening.start() + 1, "")
        yield Edit(glue.start(), glue.end(), "")
        last = glue.end()


def joined_lists(text: str) -> Iterator[Edit]:
    """Items of a list that is joined, and arguments of CONCAT, as one literal."""
    if "join" not in text and "oncat" not in text and "CONCAT" not in text and "strcat" not in text:
        return
    for join in JOINS.finditer(text):
        yield Edit(join.start(), join.end(), '"' + "".join(m[1] or m[2] for m in _LITERAL.finditer(join["body"])) + '"')


def worked_out(text: str) -> Iterator[Edit]:
    """Literals on which code works: signs replaced, turned around."""
    if '"' not in text and "'" not in text:
        return
    edits = [
        Edit(m.start(), m.end(), '"' + m["body"].replace(m["sign"], m["by"][1:-1]) + '"')
        for m in REPLACED.finditer(text)
    ]
    edits += [Edit(m.start(), m.end(), '"' + (m["body"] or m["other"])[::-1] + '"') for m in TURNED.finditer(text)]
    edits += [Edit(m.start(), m.end(), f'"{_substituted(m)}"') for m in SUBSTITUTED.finditer(text)]
    for m in SLICED.finditer(text):
        first, last = int(m["from"] or m["at"] or 0), int(m["to"]) if m["to"] not in (None, "", "-") else None
        edits.append(Edit(m.start(), m.end(), f'"{m["body"][first:last]}"'))
    yield from apart(edits)


def _substituted(call: re.Match[str]) -> str:
    """The longest literal is the subject; without a third one what is looked for goes away."""
    literals = [each[1:-1] for each in (call["one"], call["two"], call["three"]) if each is not None]
    subject = max(literals, key=len)
    others = [each for each in literals if each is not subject]
    sign, by = (others[0], others[1] if len(others) > 1 else "") if others else ("", "")
    if subject == literals[-1] and len(literals) == 3:  # what is looked for, what comes for it, and the text
        sign, by = literals[0], literals[1]
    sign = sign.replace("\\", "")
    return subject.replace(sign, by)[: max(GROWN * len(subject), LEAST_GROWN)] if sign else subject


def named_parts(text: str) -> Iterator[Edit]:
    """Uses of two or more names together whose values stand nearby, whatever the language: `$(A)$(B)`, `&a;&b;`."""
    edits: list[Edit] = []
    values: dict[str, tuple[int, str]] | None = None
    left = len(text) + MOST_PUT
    for use in USES.finditer(text):
        names = _IDENT.findall(use.group())
        if not 2 <= len(names) <= 12:
            continue
        if values is None:
            values = _stated_values(text)
        if any(name not in values for name in names):
            continue
        plain = "".join(values[name][1] for name in names)
        if not 6 <= len(plain) <= 400:
            continue
        left -= len(plain)
        if left < 0:
            break
        first = min(values[name][0] for name in names)
        near = 0 < use.end() - first <= NEAR + len(plain)
        edits.append(Edit(first if near else use.start(), use.end(), f'"{plain}"'))
    yield from apart(edits)


USES = QuickPattern(
    r"(?:[$#%]?[({]{1,2}[ ]?[A-Za-z_]\w{0,20}[ ]?[)}]{1,2}){2,12}|(?:&[A-Za-z_]\w{0,20};){2,12}"
    r"|(?:%[A-Za-z_]\w{0,20}%){2,12}|(?:\$[A-Za-z_]\w{0,20}){2,12}"
    r"|[a-z]\w{0,10}(?:[ ]?(?:\+|\.\.|<>|~|&)[ ]?[a-z]\w{0,10}){1,11}(?=[;)\n]|\Z)"
)
# Looks ahead, so that a definition inside the value of another one is found too.
_DEFINED = re.compile(
    r"(?<![\w$])(?P<name>[A-Za-z_]\w{0,39}+)(?=[\])]?[ ]{0,3}(?::?\+?=|:|[ ](?=[\"'\d]))[ ]{0,3}[\"'`]?"
    r"(?P<value>[^\"'`\n;]{1,80}?)[\"'`]?[ ]?(?:[;>\n,]|%\}|\Z))"
)
_LIST = re.compile(r"[\[(]([A-Za-z_][\w, ]{2,80})[\])] = [\[(]([^\])\n]{4,200})[\])]")


def _stated_values(text: str) -> dict[str, tuple[int, str]]:
    """For each name where a value is first given to it, and the value; lists of names come before single ones."""
    values: dict[str, tuple[int, str]] = {}
    for stated in _LIST.finditer(text):  # const [a, b] = ["47", "16"]
        names, given = re.split(r",[ ]?", stated[1]), re.split(r",[ ]?", stated[2])
        if len(names) == len(given):
            for name, value in zip(names, given, strict=True):
                values.setdefault(name, (stated.start(), value.strip("\"'`")))
    for defined in _DEFINED.finditer(text):
        values.setdefault(defined["name"], (defined.start(), defined["value"]))
    return values


def variables(text: str) -> Iterator[Edit]:
    """Sums and templates of variables whose values are literals nearby: `a + b`, `f"{a}{b}"`."""
    if "=" not in text:
        return
    values: dict[str, str] = {}
    places: dict[str, int] = {}
    for pattern in (_ASSIGNED, _SET):
        for assigned in pattern.finditer(text):
            name = assigned["name"].lstrip("$@")
            if values.setdefault(name, assigned["value"]) == assigned["value"]:
                places.setdefault(name, assigned.start())
    if len(values) < 2:
        return
    edits = []
    for pattern in (_SUM, _TEMPLATE):
        for use in pattern.finditer(text):
            names = [m.group() for m in _IDENT.finditer(use.group()) if m.group() not in ("str", "f")]
            if len(names) < 2 or any(name not in values for name in names):
                continue
            plain = "".join(values[name] for name in names)
            if len(plain) > 400:
                continue
            edits.append(Edit(use.start(), use.end(), f'"{plain}"'))
            # Values and their sum may stand close together: then all of it says the value, and must not be shown.
            first = min(places[name] for name in names)
            if 0 < use.end() - first <= NEAR + len(plain):
                edits[-1] = Edit(first, use.end(), f'"{plain}"')
    yield from apart(edits)

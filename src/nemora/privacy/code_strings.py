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
    if (
        "eplace" not in text
        and "evers" not in text
        and "EVERSE" not in text
        and "::-1" not in text
        and "strrev" not in text
    ):
        return
    edits = [
        Edit(m.start(), m.end(), '"' + m["body"].replace(m["sign"], m["by"][1:-1]) + '"')
        for m in REPLACED.finditer(text)
    ]
    edits += [Edit(m.start(), m.end(), '"' + (m["body"] or m["other"])[::-1] + '"') for m in TURNED.finditer(text)]
    yield from apart(edits)


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

"""What a short pipe of a shell prints: `echo 3902 6174 | rev`, `printf %s ejb | tr a-j 0-9`, `echo NDcx | base64 -d`.

Only commands that turn one text into another by a fixed rule are worked out; anything else ends it.
"""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.encodings import from_base32, from_base64, from_hex
from nemora.privacy.quick_pattern import QuickPattern

LONGEST_RANGE = 128
PIPE = QuickPattern(
    r"(?:\$\([ ]?|`)?(?<!\w)(?:echo(?:[ ]-[neE]{1,3})?|printf(?:[ ][\"']?%s[\"']?)?)[ ]{1,3}"
    r"(?P<body>\"[^\"\n]{4,400}\"|'[^'\n]{4,400}'|[^\"'|\n]{4,400}?)[ ]{0,3}"
    r"(?P<pipes>(?:\|[ ]{0,3}(?:rev|tac|tr|sed|base64|base32|xxd|cut|tail)(?![\w])[^|)`\n]{0,60}){1,5})[)`]?"
)
_TR = re.compile(
    r"tr[ ]+(?P<delete>-d[ ]+)?[\"']?(?P<a>[^\s\"']{1,70})[\"']?(?:[ ]+[\"']?(?P<b>[^\s\"']{1,70})[\"']?)?\Z"
)
_SED = re.compile(
    r"sed[ ]+(?:-E[ ]+|-e[ ]+)?[\"']?s(?P<by>[/|#,])(?P<one>[^/|#,]{1,12})(?P=by)(?P<two>[^/|#,]{0,12})(?P=by)g?[\"']?\Z"
)
_CUT = re.compile(r"cut[ ]+-c[ ]?(?P<first>\d{1,3})?(?P<dash>-)?(?P<last>\d{1,3})?\Z")
_TAIL = re.compile(r"tail[ ]+-c[ ]?\+(?P<first>\d{1,3})\Z")
_RANGE = re.compile(r"(\w)-(\w)")


def piped(text: str) -> Iterator[Edit]:
    """Pipes as what they print."""
    for run in PIPE.finditer(text):
        said = run["body"].strip()
        if said[:1] in "\"'" and said[:1] == said[-1:]:
            said = said[1:-1]
        for command in run["pipes"].strip().lstrip("|").split("|"):
            worked = _worked(said, command.strip())
            if not worked:
                break
            said = worked
        else:
            yield Edit(run.start(), run.end(), said)


def _worked(said: str, command: str) -> str | None:
    name = command.partition(" ")[0]
    if name == "rev":
        return said[::-1]
    if name == "tac":
        return said
    if name in ("base64", "base32", "xxd"):
        data = {"base64": from_base64, "base32": from_base32, "xxd": from_hex}[name](said)
        return data.decode("utf-8", "replace") if data else None
    if (tr := _TR.match(command)) is not None:
        return _translated(said, tr)
    if (sed := _SED.match(command)) is not None:
        return said.replace(sed["one"].replace("\\", ""), sed["two"])[:800]
    if (cut := _CUT.match(command)) is not None:
        first = int(cut["first"] or 1)
        return said[first - 1 : int(cut["last"]) if cut["last"] else None if cut["dash"] else first]
    if (tail := _TAIL.match(command)) is not None:
        return said[int(tail["first"]) - 1 :]
    return None


def _translated(said: str, tr: re.Match[str]) -> str | None:
    one = _ranged(tr["a"])
    if tr["delete"]:
        return "".join(c for c in said if c not in one)
    other = _ranged(tr["b"] or "")
    if not one or not other:
        return None
    return said.translate(dict(zip(map(ord, one), other.ljust(len(one), other[-1]), strict=False)))


def _ranged(stated: str) -> str:
    return _RANGE.sub(_written_out, stated)


def _written_out(stated: re.Match[str]) -> str:
    first, last = ord(stated[1]), ord(stated[2])
    return stated[0] if last - first >= LONGEST_RANGE else "".join(map(chr, range(first, last + 1)))

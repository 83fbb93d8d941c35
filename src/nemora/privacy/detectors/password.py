# ruff: noqa: E501 - long lists of words read better on one line
"""Passwords, passphrases and PINs in use: assignments, prose, command lines, SQL, markup and whole fields."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from nemora.privacy.detectors.context import label_words, word
from nemora.privacy.detectors.password_words import ABOUT, INTERFACE, IS, PASSWORD, PIN
from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.detectors.public_values import COUNTING
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_KEY = QuickPattern(word(PASSWORD), re.IGNORECASE)
_PIN = QuickPattern(word(PIN), re.IGNORECASE)
_LABEL = re.compile(
    rf"(?<![A-Za-z])(?:{PASSWORD}|pass)(?:[\s_](?:value|plain(?:text)?|confirmation|confirm|again|\d))?\Z",
    re.IGNORECASE,
)
_PIN_LABEL = re.compile(rf"(?<![A-Za-z])(?:{PIN})\Z", re.IGNORECASE)
_QUOTED = (
    r"\\?\"(?P<double>[^\"\n\\]{1,128})\\?\"|\\?'(?P<single>[^'\n\\]{1,128})\\?'"
    r"|`(?P<tick>[^`\n]{1,128})`|[“„«](?P<curly>[^”“»\n]{1,128})[”“»]"
)
_BARE = r"(?P<bare>[^\s\"'`“”<>，。；]{3,128})"
# The four ways in which a value follows the word; each is matched where the word ends.
# password: x, PASSWORD=x, "db-password" => "x", **Password:** x; perhaps with "for the router" between.
_ASSIGNED = re.compile(
    r"(?P<rest>[\w-]{0,20})(?:\[\d{0,3}\])?\\?[\"'`\])]{0,2}"
    r"(?:[ ](?:for|to|of|on|für|para|pour)(?:[ ][\w.@'-]{1,30}){1,5})?(?:[ ]?\([^)\n]{1,30}\))?"
    r"(?P<before>[ \t]{0,8})(?:\*\*|__)?(?P<sign>:=|=>|->|===?|!=|:|=|：|＝)(?:\*\*|__)?[ \t]{0,8}"
    r"(?:\n[ \t]{0,8}(?=[^\s:=]{3,64}(?:\n|\Z)))?(?:[brfu](?=[\"']))?"
    rf"(?:{_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
_WHOSE = re.compile(
    r"(?<![A-Za-z])(?:my|our|his|her|their|the|your|admin|root|wifi|wi-fi|mein|unser|das|mi|nuestra|la|mon|notre|le"
    r"|minha|a|mio|мой|я|我的|私の)"
    r"[ ]?(?:[\w'’.-]{1,24}[ ]){0,4}\Z",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"(?:[ ](?:for|to|of|on|für|para|pour|de|voor)(?:[ ][\w.@'’-]{1,30}){1,5}?)?[ ]?(?<![A-Za-z](?!['’]))"
    rf"(?P<is>['’]s(?= )|{IS})[ ]?:?[ ]?"
    rf"(?:still |now |currently |just |simply )?(?:{_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
# "log in with password hunter2": nothing between word and value, so the value must look like one.
_ADJACENT = re.compile(
    r"[ \t]{1,3}(?:[-–—][ \t]{1,3})?"
    r"(?:\"(?P<double>[^\"\n]{3,64})\"|'(?P<single>[^'\n]{3,64})'|(?P<bare>[^\s\"'`<>,;:=()]{4,64}))"
)
_PIN_VALUE = re.compile(
    r"[\"'`\])]{0,2}(?:[ ](?:for|to|of|on)(?:[ ][A-Za-z'-]{1,24}){1,6}?)?[ \t]{0,4}"
    rf"(?:{IS}|to(?![A-Za-z])|:|=|#)?[ \t]{{0,4}}[\"'`]?(?P<bare>\d{{4,8}})(?![\w.-]|,\d)",
    re.IGNORECASE,
)
_CODE_VALUE = re.compile(
    r"\[?[A-Za-z_]++(?:\.[A-Za-z_]++)*+[\[(](?!\d+\)?\Z).*|[A-Za-z_]\w{1,40}+\.[A-Za-z_]\w{1,40}+\((?:[A-Za-z_\"'\[)].*)?"
    r"|[\w.]{1,80}\(\).*|0x[0-9A-Fa-f]{1,8}[),;]{0,2}|(?:self|this|config|conf|settings|options"
    r"|opts|args|request|req|params|user|form|data|props|state|input|ctx|event|body|env|process|os|app|session|cfg"
    r"|account|row|record|credentials|item|obj|payload)\b[.\[?!].*"
    r"|(?:await|new|not|lambda|function|async|return|None|null|nil|if|Optional|Union|str|String|Secret\w*|Field"
    r"|Column|z|yup|Joi|models?|forms|serializers|validators?|sa|db|types?)\b[.\[(|,;)]?.*",
)
_NOT_VALUES = frozenset(["=", "==", "=>", ":", ":=", "-", "--", "...", "/", "|", "||", "&&", ")", "}"])


class PasswordDetector:
    """A password that someone uses; what is said about passwords, and code that only handles them, is none."""

    name = "password"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], float] = dict(_labelled(text, label))
        may = _SET.may(text)
        for key in _KEY.finditer(text) if 0 in may else ():
            for follows in (_assigned, _prose, _adjacent, _answered):
                _add(found, follows(text, key))
        for key in _PIN.finditer(text) if 1 in may else ():
            _add(found, _pin(text, key))
        if 2 in may:
            _add(found, _reversed(text))
        return [Match(Kind.PASSWORD, *span, confidence) for span, confidence in sorted(found.items())]


Hits = Iterator[tuple[tuple[int, int], float]]


def _add(found: dict[tuple[int, int], float], hits: Hits) -> None:
    """Keep the first of overlapping hits. They come from left to right, so only the last few can overlap."""
    for span, confidence in hits:
        recent = list(found)[-4:] if len(found) < 8 else list(itertools.islice(reversed(found), 4))
        if not any(span[0] < end and start < span[1] for start, end in recent):
            found[span] = confidence


def _labelled(text: str, label: str) -> Hits:
    """A field called password: all of it."""
    words = label_words(label) if label else ""
    value = text.strip() if words else ""
    if not words or not value or len(value) > 256 or is_placeholder(value) or re.match(INTERFACE, value):
        return
    start = len(text) - len(text.lstrip())
    if _LABEL.search(words) or (_PIN_LABEL.search(words) and re.fullmatch(r"\d{4,8}", value)):
        yield (start, start + len(value)), 0.97


def _value(match: re.Match[str]) -> tuple[int, int, bool]:
    """Span of the value, and whether it stood in quotes."""
    for name in ("double", "single", "tick", "curly"):
        if name in match.re.groupindex and match[name] is not None:
            return *match.span(name), True
    start, _end = match.span("bare")
    grouped = _GROUPED.match(match.string, start)
    value = grouped.group() if grouped is not None else _NEXT_OPTION.split(match["bare"], maxsplit=1)[0]
    # A sentence's or a list's punctuation is not part of it.
    trimmed = re.sub(r"(?:[.,;:)\]}?]+|\*\*)\Z", "", value)
    return start, start + len(trimmed), False


_GROUPED = re.compile(r"\d{3,4}(?: \d{3,4}){1,2}(?!\w|[-.,]\d)")
"""A number that is said in groups."""
_NEXT_OPTION = re.compile(r",(?=[A-Za-z][\w.-]{0,40}=)")
"""In `-o user=x,password=y,uid=1000` and `--set a.password=y,a.database=z` a comma ends the value."""
_NAMED_AFTER = re.compile(r"[a-z][a-z\d_]{0,60}_(?:password|passwd|passphrase|pwd|pass)")
"""A variable or a parameter that holds one."""
_SHELL_EXPANSION = re.compile(r"\$\{[A-Za-z_]\w{0,60}\Z")
_SQL_BEFORE = re.compile(r"(?i)\b(?:role|user|login|with|encrypted)[ ][^\n;]{0,80}\Z")
_HANDLED = re.compile(
    r"hash|length|len|field|input|reset|policy|manager|hint|url|regex|strength|expir|min|max|label|error|encoder"
    r"|file|path"
    r"|id\b|type|count|salt|last|changed|valid|check|prompt|visible|required|auth",
    re.IGNORECASE,
)


def _assigned(text: str, key: re.Match[str]) -> Hits:
    match = _ASSIGNED.match(text, key.end())
    if match is None or _HANDLED.search(match["rest"]):
        return
    if _is_variable(text, key, match):
        return
    start, end, quoted = _value(match)
    value = text[start:end]
    if match["sign"] in ("!=", "->") and not quoted:
        return
    if quoted and _is_text_value(value):
        yield (start, end), 0.95
    elif not quoted and (phrase := _phrase(text, key, match, start)):
        yield (start, phrase), 0.85
    elif not quoted and _is_bare_value(value, match, text[end : end + 12]):
        yield (start, end), 0.95 if _is_strong(value) else 0.75


def _is_variable(text: str, key: re.Match[str], match: re.Match[str]) -> bool:
    """Whether the sign belongs to a variable: `${PASSWORD:?not set}` of shells, `PASSWORD :'name'` of psql."""
    if match["sign"] != ":":
        return False
    following = text[match.end("sign") : match.end("sign") + 2]
    if following[:1] in ("?", "+", "-") and _SHELL_EXPANSION.search(text, max(0, key.start() - 64), key.end()):
        # A message, or what replaces the value; behind `:-` stands a value for when there is none.
        return following[:1] != "-" or is_placeholder(re.split(r"[}\s]", text[match.end("sign") + 1 :][:64])[0])
    named = match["single"] or match["double"] or ""
    return (
        following[:1] in ("'", '"')
        and match["before"] != ""
        and named.isidentifier()
        and _SQL_BEFORE.search(text, max(0, key.start() - 100), key.start()) is not None
    )


_PHRASE = re.compile(r"[^\W\d_]{2,12}(?:[ -][^\W_]{2,12}){2,9}(?=[.,;]?\s*(?:\n|\Z))")
_CAPITALS = re.compile(r"[A-Z][\w!@#$%&*'-]{1,20}(?: [A-Z0-9][\w!@#$%&*'-]{0,20}){1,5}(?=[.,;!]?\s*(?:\n|\Z))")


def _phrase(text: str, key: re.Match[str], match: re.Match[str], start: int) -> int:
    """The end of a password of several words that fills its line ("Sunny Day 42"), or 0."""
    if match["sign"] not in (":", "：") or start <= match.start("sign"):
        return 0
    pattern = _PHRASE if "phrase" in key.group().lower() else _CAPITALS
    phrase = pattern.match(text, start, start + 130)
    if phrase is None or is_placeholder(phrase.group()) or ABOUT.intersection(phrase.group().casefold().split()):
        return 0
    return phrase.end()


def _is_text_value(value: str) -> bool:
    """Whether a quoted string after a password's name is one: no placeholder, no label or message of an interface."""
    if is_placeholder(value) or re.match(INTERFACE, value) or _KEY.fullmatch(value.strip()):
        return False
    words = value.split()
    return len(words) == 1 or (len(words) <= 8 and not value.endswith((".", "?", ":")))


def _is_bare_value(value: str, match: re.Match[str], following: str) -> bool:
    if len(value) < 3 or value in _NOT_VALUES or is_placeholder(value) or _CODE_VALUE.fullmatch(match["bare"]):
        return False
    if value[0] in "=(<>[{|&*/\\,^" or value.casefold() in ABOUT or _KEY.fullmatch(value):
        return False
    in_yaml = match["sign"] == ":" and following[:1] in ("", "\n", "\r")  # whose values are no variables
    named_alike = match.string[max(0, match.start() - len(value)) : match.start()].replace(" ", "_") == value
    if (_NAMED_AFTER.fullmatch(value) and (named_alike or not in_yaml)) or value.startswith(("http://", "https://")):
        return False
    if _is_strong(value):
        return not re.fullmatch(r"[a-z_]+\d?(?:\.[a-z_]+)+\d?", value)
    spaced = bool(match["before"]) and "=" in match["sign"]
    identifier = re.fullmatch(r"[A-Za-z_][\w.]*", value) is not None
    if spaced and identifier:  # password = value: a variable
        return False
    if (
        "=" in match["sign"] and identifier and (_KEY.search(value) or following[:1] in (",", ")"))
    ):  # login(password=secret)
        return False
    prose = re.match(r" [a-z]", following) is not None
    return not prose and not (identifier and following.lstrip()[:1] in ("=", "{", "[", "|"))


def _is_strong(value: str) -> bool:
    """Letters with digits or symbols, or a number of some length: no word of a sentence."""
    body = value.strip("-_.'’")
    kinds = (
        any(c.isalpha() for c in body),
        any(c.isdigit() for c in body),
        any(not c.isalnum() and c not in "-_.'’/:()" for c in body),
    )
    return (
        sum(kinds) >= 2
        or (body.replace(" ", "").isdigit() and len(body) >= 4)
        or re.search(r"[a-z][A-Z].*[a-z][A-Z]", body) is not None
    )


_ABOUT_ENDING = re.compile(r"(?:ed|ing|ly|able|ible|ful|less)\Z")
_SENTENCE_END = re.compile(r"[.,;!)]?\s*(?:\Z|\n|[.,;!]|and\b|but\b|und\b|y\b|et\b)")
_AMOUNT = re.compile(r"\d{1,3}(?:st|nd|rd|th|%|\+)?|\d{1,2}-(?:char\w*|digit)")


def _prose(text: str, key: re.Match[str]) -> Hits:
    match = _PROSE.match(text, key.end())
    if match is None:
        return
    start, end, quoted = _value(match)
    value = text[start:end]
    if is_placeholder(value) or (quoted and not _is_text_value(value)):
        return
    if quoted or _is_strong(value):
        if not _AMOUNT.fullmatch(value):
            yield (start, end), 0.9
        return
    # A plain word: "my password is swordfish." but not "my password is expired".
    owned = _WHOSE.search(text[max(0, key.start() - 80) : key.start()]) is not None
    about = value.casefold() in ABOUT or _ABOUT_ENDING.search(value.casefold())
    weak = match["is"].casefold() in ("are", "'s", "’s")
    if owned and not about and not weak and len(value) >= 3 and _SENTENCE_END.match(text[end : end + 8]):
        yield (start, end), 0.65


_NAMES_OF_THINGS = re.compile(
    r"v?\d[\d.]*|0x[0-9a-f]{1,8}|\d+-\w+|[\w.-]+\.[a-z]{2,4}|(?:PBKDF|SHA|MD5|AES|OAuth|HTTP|UTF|Log4|argon2|bcrypt|2fa|base64)\S*",
    re.IGNORECASE,
)


def _adjacent(text: str, key: re.Match[str]) -> Hits:
    match = _ADJACENT.match(text, key.end())
    if match is None:
        return
    start, end, quoted = _value(match)
    value = text[start:end]
    strong = any(c.isalpha() for c in value) and re.search(r"[\d!@#$%^&*]", value) is not None and _is_strong(value)
    if strong and not is_placeholder(value) and not _NAMES_OF_THINGS.fullmatch(value):
        yield (start, end), 0.8 if quoted else 0.7


# "– password?\n– Muskatli.1953": the next speaker says it.
_ANSWER = re.compile(
    r"[ ]?[?:]{0,2}[ \t]*\n[ \t]{0,4}(?:[-–—>•][ ]?|[^\W\d_]{1,12}:[ ])(?:\"(?P<double>[^\"\n]{3,64})\"|(?P<bare>[^\s\"'`<>]{4,64}))[ \t]*(?:\n|\Z)"
)
# "adgangskode 3148, bruger": a number and a sentence's end.
_NUMBER = re.compile(r"[ \t]{1,3}(?P<bare>\d{4,12})(?=[,;)]|\.?\s*(?:\n|\Z))")
_WEAKEST = re.compile(r"(?:19|20)\d\d|(\d)\1+|123123|654321|4321")


def _answered(text: str, key: re.Match[str]) -> Hits:
    if (number := _NUMBER.match(text, key.end())) is not None:
        if not _WEAKEST.fullmatch(number["bare"]) and number["bare"] not in COUNTING:
            yield number.span("bare"), 0.8
    elif (match := _ANSWER.match(text, key.end())) is not None:
        start, end, _ = _value(match)
        value = text[start:end]
        if re.search(r"[\d!@#$%^&*?]", value) and _is_strong(value) and not is_placeholder(value):
            yield (start, end), 0.85


_BEFORE_KEY = QuickPattern(
    rf"(?<![\w.@/-])(?P<bare>[^\s\"'`“”<>]{{4,64}})[\"'`]?[ ](?:is|as)[ ](?:my|the|our|his|her|your)[ ]"
    r"(?:[\w'-]{1,20}[ ]){0,3}?"
    rf"{word(rf'(?:{PASSWORD}|{PIN})')}",
    re.IGNORECASE,
)


_SET = QuickSet((_KEY, _PIN, _BEFORE_KEY))


def _reversed(text: str) -> Hits:
    """ "hunter2 is my password", "use 4821 as the pin"."""
    for match in _BEFORE_KEY.finditer(text):
        if re.search(r"\d", match["bare"]) and _is_strong(match["bare"]) and not is_placeholder(match["bare"]):
            yield match.span("bare"), 0.8


def _pin(text: str, key: re.Match[str]) -> Hits:
    match = _PIN_VALUE.match(text, key.end())
    if match is None:
        return
    value, between = match["bare"], match.group()[: match.start("bare") - match.start()]
    postal = len(value) in (5, 6) and "code" in key.group().lower()
    year = len(value) == 4 and value.startswith(("19", "20")) and not between.strip()
    if not postal and not year and (between.strip() or key.group() == "PIN"):
        yield match.span("bare"), 0.85

"""Passwords, passphrases and PINs in use: assignments, prose, command lines, SQL, markup and whole fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.detectors.context import label_words, word
from nemora.privacy.detectors.password_words import ABOUT, INTERFACE, IS, PASSWORD, PIN
from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match

_KEY = re.compile(word(rf"{PASSWORD}|{PIN}"), re.IGNORECASE)
_LABEL = re.compile(
    rf"(?<![A-Za-z])(?:{PASSWORD}|pass)(?:[\s_](?:value|plain(?:text)?|confirmation|confirm|again|\d))?\Z",
    re.IGNORECASE,
)
_PIN_LABEL = re.compile(rf"(?<![A-Za-z])(?:{PIN})\Z", re.IGNORECASE)
_QUOTED = r"\\?\"(?P<double>[^\"\n\\]{1,128})\\?\"|\\?'(?P<single>[^'\n\\]{1,128})\\?'|`(?P<tick>[^`\n]{1,128})`|[“„«](?P<curly>[^”“»\n]{1,128})[”“»]"
_BARE = r"(?P<bare>[^\s\"'`“”<>，。；]{3,128})"
# password: x, PASSWORD=x, "db-password" => "x", **Password:** x. Between word and sign: the rest of an identifier, or "for the router".
_ASSIGNED = re.compile(
    rf"{word(PASSWORD)}(?P<rest>[\w-]{{0,20}})(?:\[\d{{0,3}}\])?\\?[\"'`\])]{{0,2}}(?:[ ](?:for|to|of|on|für|para|pour)(?:[ ][\w.@'-]{{1,30}}){{1,5}})?(?:[ ]?\([^)\n]{{1,30}}\))?"
    rf"(?P<before>[ \t]{{0,8}})(?:\*\*|__)?(?P<sign>:=|=>|->|===?|!=|:|=|：|＝)(?:\*\*|__)?(?P<after>[ \t]{{0,8}})(?:\n[ \t]{{0,8}}(?=[^\s:=]{{3,64}}(?:\n|\Z)))?(?:[brfu](?=[\"']))?(?:{_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
_PROSE = re.compile(
    rf"(?P<whose>(?:my|our|his|her|their|the|your|admin|root|wifi|wi-fi|mein|unser|das|mi|nuestra|la|mon|notre|le|minha|a|mio|la mia|мой|我的|私の)[ ]?(?:[\w'’.-]{{1,24}}[ ]){{0,4}}?)?{word(PASSWORD)}"
    rf"(?:[ ](?:for|to|of|on|für|para|pour|de|voor)(?:[ ][\w.@'’-]{{1,30}}){{1,5}}?)?[ ]?(?<![A-Za-z])(?:{IS}|has been (?:set|changed) to|(?:changed|set|reset|updated) to)(?![A-Za-z=])[ ]?:?[ ]?(?:still |now |currently |just |simply )?(?:{_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
# "log in with password hunter2": nothing between word and value, so the value must look like one.
_ADJACENT = re.compile(
    rf"{word(PASSWORD)}[ \t]{{1,3}}(?:\"(?P<double>[^\"\n]{{3,64}})\"|'(?P<single>[^'\n]{{3,64}})'|(?P<bare>[^\s\"'`<>,;:=()]{{4,64}}))",
    re.IGNORECASE,
)
_PIN_VALUE = re.compile(
    rf"{word(PIN)}[\"'`\])]{{0,2}}(?:[ ](?:for|to|of|on)(?:[ ][\w'-]{{1,24}}){{1,5}}?)?[ \t]{{0,4}}(?:(?:{IS})(?![A-Za-z])|:|=|#)?[ \t]{{0,4}}[\"'`]?(?P<bare>\d{{4}}|\d{{6,8}}|\d{{5}})(?![\w.-]|,\d)",
    re.IGNORECASE,
)
_COMMANDS = re.compile(
    r"--(?:[a-z]{1,20}-)?(?:password|passwd|pass|passphrase|pwd)(?:=|[ \t]{1,4})(?:\"(?P<a>[^\"\n]{1,128})\"|'(?P<b>[^'\n]{1,128})'|(?P<c>[^\s\"'`-][^\s\"'`]{1,127}))"
    r"|\bsshpass[ ]{1,3}-p[ ]?(?:\"(?P<d>[^\"\n]{1,128})\"|'(?P<e>[^'\n]{1,128})'|(?P<f>[^\s\"']{2,128}))"
    r"|\bmysql(?:dump|admin|import)?\b[^\n|;]{0,120}?[ ]-p(?:'(?P<g>[^'\n]{1,128})'|\"(?P<h>[^\"\n]{1,128})\"|(?P<i>[^\s\"'-][^\s\"']{2,127}))"
    r"|\bdocker login[^\n|;]{0,120}?[ ]-p[ ]?(?P<j>[^\s\"'`]{3,256})"
    r"|\b(?:curl|wget|http)\b[^\n|;]{0,200}?[ ](?:-u|--user)[ =]?[\"']?[\w.@\\-]{1,64}:(?P<k>[^\s\"'`]{2,128})"
    r"|\b(?:smbclient|net use|rpcclient)\b[^\n]{0,120}?(?:-U|/user:)[ ]?[\"']?[\w.\\-]{1,64}[% ](?P<l>[^\s\"'`]{3,128})"
    r"|-pass(?:in|out)? pass:(?P<m>[^\s\"'`]{2,128})|\becho[ ]{1,3}[\"']?(?P<n>[^\s\"'|]{3,128})[\"']?[ ]{0,3}\|[ ]{0,3}(?:sudo[ ]-S|passwd|docker login)"
    r"|\bidentified\s{1,8}(?:with\s{1,8}\w{1,40}\s{1,8})?by\s{1,8}(?:password\s{1,8})?['\"](?P<o>[^'\"\n]{1,128})['\"]"
    r"|\b(?:with|set|encrypted)?\s{0,8}password\s{1,8}'(?P<p>[^'\n]{1,128})'|\bpassword\(\s{0,3}['\"](?P<q>[^'\"\n]{1,128})['\"]\s{0,3}\)"
    r"|\blogin[ ]{1,3}[\w.@-]{1,64}\s{1,4}password[ ]{1,3}(?P<r>[^\s\"']{2,128})|<(?P<tag>[\w:-]{0,30}(?i:passwor[dt]|passwd|pwd|passphrase))(?:[ ][^>\n]{0,80})?>(?P<s>[^<>\n]{1,128})</"
    r"|(?:key|name|id)=[\"'][\w.:-]{0,40}(?i:password|passwd|pwd)[\"'][^>\n]{0,60}?\bvalue=[\"'](?P<t>[^\"'\n]{1,128})[\"']"
    r"|\brequirepass[ ]{1,3}(?P<u>[^\s\"']{3,128})|(?:\buid|\buser(?:name)?|\blogin|\bcred(?:ential)?s?)[ ]?[:=][ ]?[\w.@+-]{2,64}[ ]?(?:/|\||:)[ ]?(?P<v>(?=[^\s]{0,40}[\d!@#$%^&*])[^\s\"'`/|]{5,64})(?![^\s.,;)])",
    re.IGNORECASE,
)
_CODE_VALUE = re.compile(
    r"[\w.\]\[]{1,80}\(.*|(?:self|this|config|conf|settings|options|opts|args|request|req|params|user|form|data|props|state|input|ctx|event|body|env|process|os|app|session|cfg|account|row|record|credentials|item|obj|payload)\b[.\[?!].*"
    r"|(?:await|new|not|lambda|function|async|return|None|null|nil|if|Optional|Union|str|String|Secret\w*|Field|Column|z|yup|Joi|models?|forms|serializers|validators?|sa|db|types?)\b[.\[(|,;)]?.*",
)
_NOT_VALUES = frozenset("= == => : := - -- ... / | || && ) }".split())


class PasswordDetector:
    """A password that someone uses; what is said about passwords, and code that only handles them, is none."""

    name = "password"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], float] = dict(_labelled(text, label))
        if _KEY.search(text):
            for hit in (_assigned(text), _prose(text), _adjacent(text), _pins(text)):
                _add(found, hit)
        _add(found, _commands(text))
        return [Match(Kind.PASSWORD, *span, confidence) for span, confidence in sorted(found.items())]


Hits = Iterator[tuple[tuple[int, int], float]]


def _add(found: dict[tuple[int, int], float], hits: Hits) -> None:
    for span, confidence in hits:
        if not any(span[0] < b and a < span[1] for a, b in found):
            found[span] = confidence


def _labelled(text: str, label: str) -> Hits:
    """A field called password: all of it."""
    words = label_words(label)
    value = text.strip()
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
    start, end = match.span("bare")
    value = match["bare"]
    # A sentence's or a list's punctuation is not part of it.
    trimmed = re.sub(r"(?:[.,;:)\]}?]+|\*\*)\Z", "", value)
    return start, start + len(trimmed), False


def _assigned(text: str) -> Hits:
    for match in _ASSIGNED.finditer(text):
        start, end, quoted = _value(match)
        value = text[start:end]
        if match["sign"] in ("!=", "->") and not quoted:
            continue
        if match["rest"] and re.search(
            r"(?i)(?:hash|length|len|field|input|reset|policy|manager|hint|url|regex|strength|expir|min|max|label|error|encoder|file|path|id|type|count|salt|last|changed)",
            match["rest"],
        ):
            continue
        if quoted and _is_text_value(value):
            yield (start, end), 0.95
        elif not quoted and _is_bare_value(value, match, text[end : end + 12]):
            yield (start, end), 0.95 if _is_strong(value) else 0.75


def _is_text_value(value: str) -> bool:
    """Whether a quoted string after a password's name is one: no placeholder, no label or message of an interface."""
    if is_placeholder(value) or re.match(INTERFACE, value) or _KEY.fullmatch(value.strip()):
        return False
    words = value.split()
    return len(words) == 1 or (len(words) <= 8 and not value.endswith((".", "?", ":")))


def _is_bare_value(value: str, match: re.Match[str], following: str) -> bool:
    if len(value) < 3 or value in _NOT_VALUES or is_placeholder(value) or _CODE_VALUE.fullmatch(match["bare"]):
        return False
    if value[0] in "=(<>[{|&*/\\," or value.casefold() in ABOUT or _KEY.fullmatch(value):
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
        sum(kinds) >= 2 or (body.isdigit() and len(body) >= 4) or re.search(r"[a-z][A-Z].*[a-z][A-Z]", body) is not None
    )


def _prose(text: str) -> Hits:
    for match in _PROSE.finditer(text):
        start, end, quoted = _value(match)
        value = text[start:end]
        if is_placeholder(value) or (quoted and not _is_text_value(value)):
            continue
        if quoted or _is_strong(value):
            if not re.fullmatch(r"\d{1,3}(?:st|nd|rd|th|%|\+)?|\d{1,2}-(?:char\w*|digit)", value):
                yield (start, end), 0.9
            continue
        last = re.match(r"[.,;!)]?\s*(?:\Z|\n|[.,;!]|and\b|but\b|und\b|y\b|et\b)", text[end : end + 8])
        word_like = value.casefold()
        if (
            last
            and word_like not in ABOUT
            and not re.search(r"(?:ed|ing|ly|able|ible|ful|less)\Z", word_like)
            and match["whose"]
        ):
            yield (start, end), 0.65


def _adjacent(text: str) -> Hits:
    for match in _ADJACENT.finditer(text):
        start, end, quoted = _value(match)
        value = text[start:end]
        strong = re.search(r"[A-Za-z]", value) and re.search(r"\d|[!@#$%^&*]", value) and _is_strong(value)
        if (
            strong
            and not is_placeholder(value)
            and not re.match(
                r"(?:v?\d+[.\d]*\Z|\d+-\w+\Z|[\w.-]+\.\w{2,4}\Z|PBKDF|SHA|MD5|AES|OAuth|HTTP|UTF|Log4|argon2)",
                value,
                re.IGNORECASE,
            )
        ):
            yield (start, end), 0.8 if quoted else 0.7


def _pins(text: str) -> Hits:
    for match in _PIN_VALUE.finditer(text):
        value = match["bare"]
        postal = len(value) in (5, 6) and re.search(r"(?i)pin[\s_-]?code", match.group())
        if not postal and not (
            len(value) == 4 and value.startswith(("19", "20")) and not re.search(r"[:=]|is", match.group())
        ):
            yield match.span("bare"), 0.85


def _commands(text: str) -> Hits:
    for match in _COMMANDS.finditer(text):
        group = next((name for name in "abcdefghijklmnopqrstuv" if match[name] is not None), None)
        if group is None:
            continue
        value = match[group]
        if is_placeholder(value) or value.startswith("$") or re.match(INTERFACE, value):
            continue
        if group == "c" and (value.casefold() in ABOUT or _KEY.fullmatch(value)):
            continue
        yield match.span(group), 0.92

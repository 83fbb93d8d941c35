"""What a scanner or a hurried hand made of digits: O for 0, l for 1, S for 5; and short values in short encodings."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from nemora.privacy.detectors.public_values import is_published
from nemora.privacy.edits import Edit, apart
from nemora.privacy.encodings import Decoder, from_base32, from_base64, from_hex
from nemora.privacy.quick_pattern import QuickPattern

_DIGIT = r"[0-9OoQDIl|SsBZGb]"
_NUMBER = re.compile(rf"(?<![\w.])[+(]?{_DIGIT}{{1,20}}\)?(?:[ .()/-]{{1,2}}{_DIGIT}{{1,20}}){{0,8}}(?![\w])")
IBAN = QuickPattern(rf"(?<![\w.])[A-Z]{{2}}{_DIGIT}{{2}}(?:[ -]?[A-Z0-9lo|]){{2,80}}(?![\w])")
_OCTAL = re.compile(r"0[oO][0-7]{8,22}\Z")
_READ = str.maketrans("OoQDIl|SsBZGb", "0000111558266")
_ENCODED = re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/_-]{8,32}={0,2}|[A-Z2-7]{10,48}={0,6}|[0-9a-f]{12,80})(?![\w+/=])")
_PLAIN = re.compile(rb"\d[\d ./-]{4,20}\d|[A-Z]{1,3}\d{6,10}[A-Z]?|\d{6,9}[A-Z]")


def misread(text: str) -> Iterator[Edit]:
    """Numbers with a few letters among many digits, as digits. Each edit is as long as what it replaces."""
    for run in _NUMBER.finditer(text):
        written = run.group()
        if _OCTAL.match(written):  # which is read as a number
            continue
        digits = sum(c.isdigit() for c in written)
        letters = sum(c.isalpha() or c == "|" for c in written)
        plain = written.translate(_READ)
        if 1 <= letters <= (4 if digits < 9 else 7) and digits >= 5 and digits > letters and not is_published(plain):
            yield Edit(run.start(), run.end(), plain)


def misread_ibans(text: str) -> Iterator[Edit]:
    """The same in account numbers: behind the country and bank they hold digits."""
    for run in IBAN.finditer(text):
        head, tail = run.group()[:2], run.group()[2:]
        plain = (
            head + tail[:2].translate(_READ) + re.sub(r"(?<=[0-9 ])[OoIlSB]|[OoIlSB](?=[0-9 ])", _as_digit, tail[2:])
        )
        if plain != run.group():
            yield Edit(run.start(), run.end(), plain)


def _as_digit(letter: re.Match[str]) -> str:
    return letter.group().translate(_READ)


SHIFTED = QuickPattern(r"(?<![\w!@#$%^&*()])[!@#$%^&*()](?:[ .-]?[!@#$%^&*()]){6,24}(?![\w!@#$%^&*()])")
_UNSHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
DECOYS = QuickPattern(r"(?<![\w.])(?:\d[A-Za-z](?:[-./()+][A-Za-z]?)?){7,24}\d?(?!\w)")
HEX_NUMBER = QuickPattern(
    r"(?<![\w$])(?<!push )(?<!dword )0(?:[xX][0-9A-Fa-f]{7,16}|[oO][0-7]{8,22}|[bB][01]{20,64})(?!\w)"
)
TOLD_BASE = QuickPattern(
    r"(?<!\w)(?P<number>[0-9A-Za-z]{5,40})[ ,]{0,2}\(?(?:(?:in|to)[ ])?(?:(?:base|basis|radix)[ -]?(?P<base>\d{1,2})"
    r"|(?P<name>octal|hexadecimal|hex|duodecimal))\)?(?!\w)",
    re.IGNORECASE,
)
_BASES = {"octal": 8, "hexadecimal": 16, "hex": 16, "duodecimal": 12}
SHIFTED_IBAN = QuickPattern(r"(?<!\w)[A-Z]{2}[!@#$%^&*()]{2}(?:[ -]?[A-Z!@#$%^&*()]){11,40}")
PRICE = QuickPattern(r"(?<![\w.,])[$€£¥][ ]?\d{1,3}(?:,\d{3}){2,4}\.\d\d(?![\w,.]\d)")
_OF_MONEY = re.compile(r"balance|amount|total|account|konto|saldo|paid|cost|price|revenue|budget|sum\b", re.IGNORECASE)
HOST = QuickPattern(r"(?<![\w.])\d{3,8}(?:\.\d{3,8}){1,6}\.[a-z]{2,12}(?![\w.])")


_FRENCH_KEYS = re.compile(r"(?<![\w&])(?=[^çàèé]{0,24}[çàèé])[&é\"'(\-è_çà](?:[ .-]?[&é\"'(\-è_çà]){6,24}(?!\w)")
_FRENCH_LETTER = re.compile("[çàèé]")
_UNFRENCH = str.maketrans("&é\"'(-è_çà", "1234567890")
SUMS = QuickPattern(r"(?<![\w+])\d\+\d(?:[ ,]{1,2}\d\+\d){5,24}(?![\w+])")
EACH = QuickPattern(
    r"(?<!\w)\d(?:st|nd|rd|th)(?:[ ,]{1,2}\d(?:st|nd|rd|th)){6,24}(?!\w)"
    r"|(?<![\w.])0\d(?:[ ,]{1,2}0\d){6,24}(?![\w.])"
)
_DOUBLED = re.compile(r"(?<!\S)(?:(\S)\1){7,40}(?!\S)")
EXPONENT = QuickPattern(r"(?<![\w.])(\d)\.(\d{7,17})[eE]\+?(\d{1,2})(?![\w.])")
PRODUCT = QuickPattern(r"(?<![\w.])(\d{2,12}) ?\* ?10(?:\*\*|\^)(\d{1,2})(?: ?\+ ?(\d{1,12}))?(?![\w.])")


def worked_digits(text: str) -> Iterator[Edit]:
    """Digits as sums, as ordinals, padded, each twice, on the keys of a French keyboard; numbers with an exponent."""
    french = _FRENCH_KEYS.finditer(text) if _FRENCH_LETTER.search(text) else ()
    edits = [Edit(m.start(), m.end(), m.group().translate(_UNFRENCH)) for m in french]
    for run in SUMS.finditer(text):
        terms = [sum(map(int, term.split("+"))) for term in re.findall(r"\d\+\d", run.group())]
        edits.append(Edit(run.start(), run.end(), "".join(map(str, terms))))
    for run in EACH.finditer(text):
        edits.append(Edit(run.start(), run.end(), "".join(re.findall(r"\d(?=\D|\Z)", run.group()))))
    doubled = _DOUBLED.finditer(text) if any(len(w) >= 14 and w[::2] == w[1::2] for w in text.split()) else ()
    edits += [Edit(m.start(), m.end(), m.group()[::2]) for m in doubled]
    for price in PRICE.finditer(text):
        if not _OF_MONEY.search(text, max(0, price.start() - 60), price.start()):
            edits.append(Edit(price.start(), price.end(), re.sub(r"\D", "", price.group())))
    for host in HOST.finditer(text):
        edits.append(Edit(host.start(), host.end(), re.sub(r"\D", "", host.group())))
    for number in EXPONENT.finditer(text):
        edits.append(Edit(number.start(), number.end(), (number[1] + number[2]).ljust(int(number[3]) + 1, "0")))
    for number in PRODUCT.finditer(text):
        edits.append(
            Edit(number.start(), number.end(), str(int(number[1]) * 10 ** int(number[2]) + int(number[3] or 0)))
        )
    yield from apart(edits)


def odd_digits(text: str) -> Iterator[Edit]:
    """Digits typed with the shift key held, with a letter after each, or as one hexadecimal number."""
    edits = [
        Edit(run.start(), run.end(), run.group().translate(_UNSHIFTED))
        for run in SHIFTED.finditer(text)
        if len(set(run.group())) > 3
    ]
    for run in DECOYS.finditer(text):
        plain = re.sub("[A-Za-z]", "", run.group())
        edits.append(Edit(run.start(), run.end(), plain))
    for run in HEX_NUMBER.finditer(text):
        edits.append(Edit(run.start(), run.end(), str(int(run.group(), 0))))
    for run in TOLD_BASE.finditer(text):
        base = int(run["base"] or _BASES.get(run["name"].lower(), 0))
        if 2 <= base <= 36:
            with contextlib.suppress(ValueError):  # a digit that the base has not
                edits.append(Edit(run.start(), run.end(), str(int(run["number"], base))))
    for run in SHIFTED_IBAN.finditer(text):
        edits.append(Edit(run.start(), run.end(), run.group().translate(_UNSHIFTED)))
    yield from apart(edits)


_DOMAIN = r"[a-z0-9-]{2,40}\.[a-z]{2,6}"
_FILE = r"\S{1,40}\.(?:[hx]?html?|php|aspx?|jsp|md|txt|pdf|json|xml|js|py|css|png|jpg|svg|zip|gz|csv|ya?ml)(?!\w)"
ADDRESS = QuickPattern(
    r"(?<![\w.@])(?P<a>[\w.+-]{2,40})@(?P<b>[a-z0-9-]{2,40}),(?P<c>[a-z]{2,6})(?!\w)"
    r"|(?<![\w.*])(?P<d>[\w.+-]{3,40})\*(?P<e>[a-z0-9-]{2,40})\*(?P<f>[a-z]{2,6})(?![\w*])"
    rf"|user: (?P<g>[\w.+-]{{2,40}}), domain: (?P<h>{_DOMAIN})"
    rf"|(?<![\w./])(?P<i>{_DOMAIN})(?:!(?P<j>[a-z][\w.+-]{{4,40}})|/(?P<k>(?!{_FILE})[a-z]\w{{0,20}}[.+][a-z]\w{{1,20}}))(?![\w/.-])",
    re.IGNORECASE,
)
LEET_DOMAIN = QuickPattern(
    r"(?<![\w.@])(?P<user>[\w.+-]{2,40})@(?P<domain>(?=[a-z0-9.-]{0,60}(?:[a-z][0134578]|[0134578][a-z]))"
    r"[a-z0-9-]{2,40}\.[a-z0-9]{2,6})(?!\w)"
)
_LETTERS = str.maketrans("0134578", "oieastb")
_AT = (
    "klammeraffe|affenschwanz|arobase|arrobase|arroba|małpa|собака|собачка|chiocciola|apenstaartje|kukac|zavináč|afna"
    "|snabel-?a|miukumauku|papaki|παπάκι|равлик|кльомба|coada de maimuță|et işareti|strudel"
)
_DOT = "punkt|point|punto|kropka|точка|крапка|ponto|punt|tečka|bodka|pont|piste|punct|nokta|dot|τελεία|pika|точку"
TOLD_ADDRESS = QuickPattern(
    rf"(?<![\w.@])(?P<user>[\w.+-]{{1,40}}(?:[ ]?[(\[]?(?:{_DOT})[)\]]?[ ]?[\w.+-]{{1,40}}){{0,3}})[ ][(\[]?(?:{_AT})[)\]]?[ ]"
    rf"(?P<host>[\w-]{{1,40}}(?:[ ]?[(\[]?(?:{_DOT}|\.)[)\]]?[ ]?[\w-]{{2,40}}){{1,3}})",
    re.IGNORECASE,
)
_DOT_WORDS = re.compile(rf"[ ]?[(\[]?(?<!\w)(?:{_DOT})(?!\w)[)\]]?[ ]?", re.IGNORECASE)
HOSTED = QuickPattern(
    r"(?<![\w.@])(?P<user>[\w+-]{2,30}(?:, then a dot, [\w+-]{1,30}){0,3}),? (?:hosted (?:at|by|on)|at the (?:host|domain|provider))"
    r" (?P<host>[\w-]{2,40}),? (?:ending (?:in|with)|with the ending) \.?(?P<top>[a-z]{2,6})(?!\w)",
    re.IGNORECASE,
)


def odd_addresses(text: str) -> Iterator[Edit]:
    """Addresses of mail with a comma or stars, in two fields, with the domain first, or with digits for its letters."""
    for found in ADDRESS.finditer(text):
        user = found["a"] or found["d"] or found["g"] or found["j"] or found["k"]
        domain = found["h"] or found["i"] or f"{found['b'] or found['e']}.{found['c'] or found['f']}"
        yield Edit(found.start(), found.end(), f"{user}@{domain}")
    for found in TOLD_ADDRESS.finditer(text):
        user = _DOT_WORDS.sub(".", found["user"])
        yield Edit(found.start(), found.end(), f"{user}@{_DOT_WORDS.sub('.', found['host'])}")
    for found in HOSTED.finditer(text):
        user = found["user"].replace(", then a dot, ", ".")
        yield Edit(found.start(), found.end(), f"{user}@{found['host']}.{found['top']}")
    for found in LEET_DOMAIN.finditer(text):
        yield Edit(found.start(), found.end(), found["user"] + "@" + found["domain"].translate(_LETTERS))


SNAKE = QuickPattern(
    r"(?<![\w.])(?:[a-z]{2,12}_){1,4}(?P<value>[+(]?\d(?=[\d_ ()./-]*\d[\d_ ()./-]*\d[\d_ ()./-]*\d)[\d_ ()./-]{4,30}\d)(?:_[a-z]{2,12}){1,4}(?!\w)"
)
_CODE_NAME = re.compile(r"(?<=[A-Za-z])_(?=\+?\d)|(?<=\d)(?:_(?=[A-Za-z])|\.(?=[a-z]{3,4}(?!\w)))")


def in_names(text: str) -> Iterator[Edit]:
    """Numbers in the names of files and functions: `scan_4716-2093.pdf`, `test_4716_is_accepted`."""
    edits = [Edit(joint.start(), joint.end(), " ") for joint in _CODE_NAME.finditer(text)]
    whole = [Edit(m.start(), m.end(), m["value"].replace("_", "-")) for m in SNAKE.finditer(text)]
    yield from apart([*whole, *edits])


SPACED_BASE64 = (
    QuickPattern(
        r"(?<![\w+/=.])[A-Za-z0-9+/]{2,12}(?P<gap>[.,:;_|~-]|[ \t]*\r?\n[ \t>#*|]{0,8})[A-Za-z0-9+/]{2,12}"
        r"(?:(?P=gap)[A-Za-z0-9+/]{2,12}){0,40}={0,2}(?![\w+/=])"
    ),
    QuickPattern(
        r"(?<!\S)[A-Za-z0-9+/]{4}(?P<gap>[ ])(?:[A-Za-z0-9+/]{4}[ ]){1,40}[A-Za-z0-9+/]{2,4}={0,2}(?![\w+/=])"
    ),
)
NESTED, MOST_WORDS = 3, 8
"""Short encodings of short encodings, and words before a run that could be of it."""
_DIGITS_OR_END = re.compile(r"[0-9]|=\Z")
_LIKELY = re.compile(r"@\S*\.|\d\D{0,6}\d\D{0,6}\d\D{0,6}\d|[A-Z]{2}\d\d")


def _may_be_number(run: str, nested: int) -> Iterator[Decoder]:
    """The decoders that could make of a run what begins with a digit or a capital, and holds a digit."""
    if run[0] in "MNOQRSTUVW" or (nested and run[0] in "ABCDEFGHIJKLPXYZ"):
        yield from_base64
    if run[0] in "GHIJKLghijkl":
        yield from_base32
    if "3" in run and len(run) >= 12:
        yield from_hex


def short_encodings(text: str) -> Iterator[Edit]:
    """Short numbers: eight digits are twelve characters of base64, too few to be read without a word before them."""
    edits = []
    for run in (run for pattern in SPACED_BASE64 for run in pattern.finditer(text)):
        gap = run["gap"]
        if not _DIGITS_OR_END.search(run.group()):  # words
            continue
        pieces = run.group().split(gap)
        start = run.start()
        for skipped in range(min(MOST_WORDS, len(pieces) - 1)):  # the words before it may look like pieces
            joined = "".join(pieces[skipped:])
            spaced = (from_base64(joined) or b"") if len(joined) >= 8 else b""
            if (
                len(spaced) >= 6
                and spaced.isascii()
                and _LIKELY.search(plain := spaced.decode("ascii"))
                and plain.isprintable()
            ):
                edits.append(Edit(start, run.end(), plain))
                break
            start += len(pieces[skipped]) + len(gap)
    for run in _ENCODED.finditer(text):
        plain = _decoded(run.group(), 0)
        if plain:
            edits.append(Edit(run.start(), run.end(), plain))
    yield from apart(edits)


def _decoded(run: str, nested: int) -> str:
    for decode in _may_be_number(run, nested):
        data = decode(run)
        if data is None or not data.isascii():
            continue
        plain = data.decode("ascii")
        if _PLAIN.fullmatch(data):
            return plain
        if nested < NESTED and _ENCODED.fullmatch(plain) and (inner := _decoded(plain, nested + 1)):
            return inner
    return ""

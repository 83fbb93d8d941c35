"""What a scanner or a hurried hand made of digits: O for 0, l for 1, S for 5; and short values in short encodings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.detectors.public_values import is_published
from nemora.privacy.edits import Edit, apart
from nemora.privacy.encodings import Decoder, from_base32, from_base64, from_hex
from nemora.privacy.quick_pattern import QuickPattern

_DIGIT = r"[0-9OoQDIl|SsBZGb]"
_NUMBER = re.compile(rf"(?<![\w.])[+(]?{_DIGIT}{{1,20}}\)?(?:[ .()/-]{{1,2}}{_DIGIT}{{1,20}}){{0,8}}(?![\w])")
IBAN = QuickPattern(rf"(?<![\w.])[A-Z]{{2}}{_DIGIT}{{2}}(?:[ -]?[A-Z0-9lo|]){{2,80}}(?![\w])")
_READ = str.maketrans("OoQDIl|SsBZGb", "0000111558266")
_ENCODED = re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/_-]{8,16}={0,2}|[A-Z2-7]{10,24}={0,6}|[0-9a-f]{12,32})(?![\w+/=])")
_PLAIN = re.compile(rb"\d[\d ./-]{4,20}\d|[A-Z]{1,3}\d{6,10}[A-Z]?|\d{6,9}[A-Z]")


def misread(text: str) -> Iterator[Edit]:
    """Numbers with a few letters among many digits, as digits. Each edit is as long as what it replaces."""
    for run in _NUMBER.finditer(text):
        written = run.group()
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
HEX_NUMBER = QuickPattern(r"(?<!\w)0[xX][0-9A-Fa-f]{7,16}(?!\w)")


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
        if len(set(run.group())) > 4
    ]
    for run in DECOYS.finditer(text):
        plain = re.sub("[A-Za-z]", "", run.group())
        edits.append(Edit(run.start(), run.end(), plain))
    for run in HEX_NUMBER.finditer(text):
        edits.append(Edit(run.start(), run.end(), str(int(run.group(), 16))))
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


def odd_addresses(text: str) -> Iterator[Edit]:
    """Addresses of mail with a comma or stars, in two fields, or with the domain first."""
    for found in ADDRESS.finditer(text):
        user = found["a"] or found["d"] or found["g"] or found["j"] or found["k"]
        domain = found["h"] or found["i"] or f"{found['b'] or found['e']}.{found['c'] or found['f']}"
        yield Edit(found.start(), found.end(), f"{user}@{domain}")


_CODE_NAME = re.compile(r"(?<=[A-Za-z])_(?=\+?\d)|(?<=\d)(?:_(?=[A-Za-z])|\.(?=[a-z]{3,4}(?!\w)))")


def in_names(text: str) -> Iterator[Edit]:
    """Numbers in the names of files and functions: `scan_4716-2093.pdf`, `test_4716_is_accepted`."""
    for joint in _CODE_NAME.finditer(text):
        yield Edit(joint.start(), joint.end(), " ")


_SPACED_BASE64 = re.compile(r"(?<!\S)(?:[A-Za-z0-9+/]{4}[ ]){2,40}[A-Za-z0-9+/]{2,4}={0,2}(?![\w+/=])")


def _may_be_number(run: str) -> Iterator[Decoder]:
    """The decoders that could make of a run what begins with a digit or a capital, and holds a digit."""
    if run[0] in "MNOQRSTUVW":
        yield from_base64
    if run[0] in "GHIJKLghijkl":
        yield from_base32
    if "3" in run and len(run) >= 12:
        yield from_hex


def short_encodings(text: str) -> Iterator[Edit]:
    """Short numbers: eight digits are twelve characters of base64, too few to be read without a word before them."""
    edits = []
    for run in _SPACED_BASE64.finditer(text):
        spaced = from_base64(run.group().replace(" ", "")) or b""
        if len(spaced) >= 6 and spaced.isascii() and spaced.decode("ascii").isprintable():
            edits.append(Edit(run.start(), run.end(), spaced.decode("ascii")))
    for run in _ENCODED.finditer(text):
        for decode in _may_be_number(run.group()):
            data = decode(run.group())
            if data is not None and _PLAIN.fullmatch(data):
                edits.append(Edit(run.start(), run.end(), data.decode("ascii")))
                break
    yield from apart(edits)

"""How identifiers are disguised: about ninety kinds, each a function that hides a value or a whole sentence.

    python bench/disguise_report.py        prints which kinds are found and how often harmless look-alikes are kept

`VALUE` kinds rewrite the value alone, `SENTENCE` kinds the whole sentence, `SPREAD` kinds lay it over several strings.
A kind gives None where it does not fit a value (digits of other scripts for a value without digits).
"""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import base64
import codecs
import gzip
import html
import json
import quopri
import random
import re
import zlib
from collections.abc import Callable

Rewrite = Callable[[random.Random, str], str | None]

_CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
_GREEK = str.maketrans("ABEHIKMNOPTXYZov", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖον")
_OCR = {"0": "O", "1": "l", "5": "S", "8": "B"}
_LEET = str.maketrans("aeiostAEIOST", "4310574310" + "57")
_NATO = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november "
    "oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"
).split()
_MORSE = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz0123456789.@-_:",
        (
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "
            ".-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- .--.-."
            " -....- ..--.- ---..."
        ).split(),
        strict=True,
    )
)
NUMBER_WORDS = {
    "en": "zero one two three four five six seven eight nine",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "pt": "zero um dois três quatro cinco seis sete oito nove",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "nl": "nul een twee drie vier vijf zes zeven acht negen",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "ru": "ноль один два три четыре пять шесть семь восемь девять",
    "tr": "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
    "sv": "noll ett två tre fyra fem sex sju åtta nio",
}


def between(separator: str) -> Rewrite:
    """A separator between all letters and digits, whatever parted them before."""
    return lambda rng, v: separator.join(c for c in v if not c.isspace())


def between_digits(separator: str) -> Rewrite:
    def rewrite(rng: random.Random, v: str) -> str | None:
        found = re.sub(r"\D", "", v)
        return separator.join(found) if len(found) >= 8 and not re.search(r"[A-Za-z@]", v) else None

    return rewrite


def after_each(mark: str) -> Rewrite:
    return lambda rng, v: mark.join(v)


def digit_script(first: int) -> Rewrite:
    def rewrite(rng: random.Random, v: str) -> str | None:
        return v.translate({ord("0") + n: chr(first + n) for n in range(10)}) if _has_digits(v) else None

    return rewrite


def letters_from(upper: int, lower: int, zero: int | None) -> Rewrite:
    def rewrite(rng: random.Random, v: str) -> str | None:
        return "".join(
            chr(upper + ord(c) - 65)
            if "A" <= c <= "Z"
            else chr(lower + ord(c) - 97)
            if "a" <= c <= "z"
            else chr(zero + int(c))
            if zero and "0" <= c <= "9"
            else c
            for c in v
        )

    return rewrite


def number_words(language: str, separator: str = " ") -> Rewrite:
    def rewrite(rng: random.Random, v: str) -> str | None:
        found = re.sub(r"[ ().+-]", "", v)
        if not found.isdigit() or len(found) < 8:
            return None
        words = NUMBER_WORDS[language].split()
        return separator.join(words[int(d)] for d in found)

    return rewrite


def _has_digits(v: str) -> bool:
    return sum(c.isdigit() for c in v) >= 6


def _mixed_words(rng: random.Random, v: str) -> str | None:
    found = re.sub(r"[ ().+-]", "", v)
    if not found.isdigit() or len(found) < 8:
        return None
    words = NUMBER_WORDS["en"].split()
    return " ".join(words[int(d)] if rng.random() < 0.5 else d for d in found)


def _double_words(rng: random.Random, v: str) -> str | None:
    found = re.sub(r"[ ().+-]", "", v)
    if not found.isdigit() or len(found) < 8:
        return None
    words = NUMBER_WORDS["en"].split()
    return " ".join(
        {1: "", 2: "double ", 3: "triple "}[len(run)] + words[int(run[0])]
        for run in (m.group() for m in re.finditer(r"(\d)\1{0,2}", found))
    )


def _nato(rng: random.Random, v: str) -> str | None:
    if "@" in v or not re.search(r"[A-Za-z]", v) or re.search(r"[^\w -]", v):
        return None
    names = NUMBER_WORDS["en"].split()
    said = []
    for c in re.sub(r"[ ]", "", v):
        if c.isdigit():
            said.append(names[int(c)])
        elif c.isalpha():
            said.append(_NATO[ord(c.lower()) - 97].capitalize() if c.isupper() else _NATO[ord(c.lower()) - 97])
        else:
            said.append({"-": "dash", "_": "underscore"}[c])
    return " ".join(said)


def _morse(rng: random.Random, v: str) -> str | None:
    bare = v.lower().replace(" ", "").replace("+", "")
    if any(c not in _MORSE for c in bare) or any(c.isupper() for c in v):
        return None
    return " ".join(_MORSE[c] for c in bare)


def _ocr(rng: random.Random, v: str) -> str | None:
    places = [n for n, c in enumerate(v) if c in _OCR]
    if sum(c.isdigit() for c in v) < 9 or not places or re.search(r"[a-z@.]", v):
        return None
    chosen = set(rng.sample(places, min(len(places), rng.randint(1, 3))))
    return "".join(_OCR[c] if n in chosen else c for n, c in enumerate(v))


def _typo(rng: random.Random, v: str) -> str | None:
    places = [n for n, c in enumerate(v) if c.isdigit()][4:]
    if sum(c.isdigit() for c in v) < 9 or re.search(r"[a-z@]", v):
        return None
    at = rng.choice(places)
    return v[:at] + rng.choice([d for d in "0123456789" if d != v[at]]) + v[at + 1 :]


def spelled_mail(at: str, dot: str) -> Rewrite:
    return lambda rng, v: v.replace("@", at).replace(".", dot) if "@" in v else None


def _bits(rng: random.Random, v: str) -> str:
    return " ".join(f"{b:08b}" for b in v.encode())


def _codes(rng: random.Random, v: str) -> str:
    return "[" + ", ".join(str(b) for b in v.encode()) + "]"


def _char_calls(rng: random.Random, v: str) -> str:
    return " + ".join(f"chr({ord(c)})" for c in v)


def _pieces(rng: random.Random, v: str) -> list[str]:
    size = rng.randint(2, 5)
    return [v[at : at + size] for at in range(0, len(v), size)]


def _concatenated(rng: random.Random, v: str) -> str:
    return " + ".join(f'"{p}"' for p in _pieces(rng, v))


def _joined_list(rng: random.Random, v: str) -> str:
    return '"".join([' + ", ".join(f"'{p}'" for p in _pieces(rng, v)) + "])"


def _adjacent(rng: random.Random, v: str) -> str:
    return "(" + "\n    ".join(f'"{p}"' for p in _pieces(rng, v)) + ")"


def _replaced(rng: random.Random, v: str) -> str:
    return f'"{"#".join(_pieces(rng, v))}".replace("#", "")'


def _turned_slice(rng: random.Random, v: str) -> str:
    return f'"{v[::-1]}"[::-1]'


def _php(rng: random.Random, v: str) -> str:
    return " . ".join(f"'{p}'" for p in _pieces(rng, v))


def _caesar(shift: int) -> Rewrite:
    def rewrite(rng: random.Random, v: str) -> str:
        return "".join(
            chr((ord(c) - base + shift) % 26 + base) if c.isascii() and c.isalpha() else c
            for c in v
            for base in (65 if c.isupper() else 97,)
        )

    return rewrite


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


VALUE: dict[str, Rewrite] = {
    "plain": lambda rng, v: v,
    "zero width": after_each("\u200b"),
    "zero width joiner": after_each("\u200d"),
    "soft hyphen": after_each("\u00ad"),
    "word joiner": after_each("\u2060"),
    "variation selectors": after_each("\ufe0f"),
    "hangul filler": after_each("\u3164"),
    "bidi isolates": lambda rng, v: "\u2066" + "\u2069\u2066".join(v) + "\u2069",
    "bidi override": lambda rng, v: f"\u202e{v[::-1]}\u202c",
    "tag characters": lambda rng, v: "".join(chr(0xE0000 + ord(c)) for c in v) if v.isascii() else None,
    "cyrillic look-alikes": lambda rng, v: w if (w := v.translate(_CYRILLIC)) != v else None,
    "greek look-alikes": lambda rng, v: w if (w := v.translate(_GREEK)) != v else None,
    "full width": lambda rng, v: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in v),
    "mathematical bold": letters_from(0x1D400, 0x1D41A, 0x1D7CE),
    "mathematical monospace": letters_from(0x1D670, 0x1D68A, 0x1D7F6),
    "double struck digits": digit_script(0x1D7D8),
    "circled": lambda rng, v: (
        "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(c)] if c.isdigit() else c for c in v) if _has_digits(v) else None
    ),
    "superscript": lambda rng, v: (
        "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c.isdigit() else c for c in v) if _has_digits(v) else None
    ),
    "subscript": digit_script(0x2080),
    "keycaps": lambda rng, v: re.sub(r"\d", lambda m: m.group() + "\ufe0f\u20e3", v) if _has_digits(v) else None,
    "combining marks": after_each("\u0336"),
    "stacked marks": after_each("\u0301\u0324"),
    "arabic-indic digits": digit_script(0x660),
    "devanagari digits": digit_script(0x966),
    "thai digits": digit_script(0xE50),
    "bengali digits": digit_script(0x9E6),
    "chinese digits": lambda rng, v: (
        "".join("〇一二三四五六七八九"[int(c)] for c in v if c.isdigit())
        if _has_digits(v) and not re.search(r"[A-Za-z@]", v)
        else None
    ),
    "spaces": between(" "),
    "double spaces": between("  "),
    "thin spaces": between("\u2009"),
    "dots between": between_digits("."),
    "dashes between": between_digits("-"),
    "slashes between": between_digits("/"),
    "commas between": between_digits(", "),
    "pipes between": between_digits("|"),
    "underscores between": between_digits("_"),
    "middle dots between": between_digits("·"),
    "stars between": between_digits("*"),
    "tildes between": between_digits("~"),
    "one a line": between("\n"),
    "broken lines": lambda rng, v: "\n".join(_pieces(rng, v)),
    "number words": number_words("en"),
    "number words with dashes": number_words("en", "-"),
    "number words with commas": number_words("en", ", "),
    "number words and digits": _mixed_words,
    "double and triple": _double_words,
    **{f"number words {language}": number_words(language) for language in NUMBER_WORDS if language != "en"},
    "spelling alphabet": _nato,
    "morse": _morse,
    "scanner's errors": _ocr,
    "one digit wrong": _typo,
    "at dot": spelled_mail(" at ", " dot "),
    "bracketed at": spelled_mail(" [at] ", " [dot] "),
    "parenthesised at": spelled_mail("(at)", "(dot)"),
    "capital at": spelled_mail(" AT ", " DOT "),
    "arroba punto": spelled_mail(" arroba ", " punto "),
    "ät punkt": spelled_mail(" ät ", " punkt "),
    "curly at": spelled_mail("{at}", "{dot}"),
    "spaced at": spelled_mail(" @ ", " . "),
    "reversed": lambda rng, v: v[::-1],
    "reversed and said": lambda rng, v: f"{v[::-1]} (reversed)",
    "base64": lambda rng, v: b64(v),
    "base64url": lambda rng, v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("="),
    "base32": lambda rng, v: base64.b32encode(v.encode()).decode(),
    "base85": lambda rng, v: base64.b85encode(v.encode()).decode(),
    "ascii85": lambda rng, v: base64.a85encode(v.encode(), adobe=True).decode(),
    "hex": lambda rng, v: v.encode().hex(),
    "hex pairs": lambda rng, v: v.encode().hex(" "),
    "url": lambda rng, v: "".join(f"%{b:02X}" for b in v.encode()),
    "html": lambda rng, v: "".join(f"&#{ord(c)};" for c in v),
    "unicode escapes": lambda rng, v: (
        json.dumps("".join(c for c in v))[1:-1] if not v.isascii() else "".join(f"\\u{ord(c):04x}" for c in v)
    ),
    "byte escapes": lambda rng, v: "".join(f"\\x{b:02x}" for b in v.encode()),
    "octal escapes": lambda rng, v: "".join(f"\\{b:03o}" for b in v.encode()),
    "unicode names": lambda rng, v: "".join(f"U+{ord(c):04X} " for c in v).strip(),
    "quoted-printable": lambda rng, v: "".join(f"={b:02X}" for b in v.encode()),
    "binary": _bits,
    "character codes": _codes,
    "fromCharCode": lambda rng, v: f"String.fromCharCode({','.join(str(ord(c)) for c in v)})",
    "chr calls": _char_calls,
    "concatenation": _concatenated,
    "joined list": _joined_list,
    "adjacent literals": _adjacent,
    "dots of PHP": _php,
    "replace call": _replaced,
    "reversed slice": _turned_slice,
}


def _nested(*ways: Callable[[str], str]) -> Rewrite:
    def rewrite(rng: random.Random, v: str) -> str:
        for way in ways:
            v = way(v)
        return v

    return rewrite


SENTENCE: dict[str, Rewrite] = {
    "sentence base64": lambda rng, s: b64(s),
    "sentence base64 in lines": lambda rng, s: "\n".join(re.findall(".{1,20}", b64(s))),
    "sentence base32": lambda rng, s: base64.b32encode(s.encode()).decode(),
    "sentence base85": lambda rng, s: base64.b85encode(s.encode()).decode(),
    "sentence ascii85": lambda rng, s: base64.a85encode(s.encode(), adobe=True).decode(),
    "sentence hex": lambda rng, s: s.encode().hex(),
    "sentence binary": _bits,
    "sentence character codes": _codes,
    "sentence gzip": lambda rng, s: base64.b64encode(gzip.compress(s.encode())).decode(),
    "sentence zlib hex": lambda rng, s: zlib.compress(s.encode()).hex(),
    "sentence quoted-printable": lambda rng, s: quopri.encodestring(s.encode()).decode().replace("\n", "\n"),
    "sentence html": lambda rng, s: "".join(f"&#x{ord(c):x};" for c in s),
    "sentence escaped json": lambda rng, s: html.escape(json.dumps(json.dumps(s))),
    "base64 twice": _nested(b64, b64),
    "base64 thrice": _nested(b64, b64, b64),
    "base64 in hex": _nested(b64, lambda t: t.encode().hex()),
    "url in base64": _nested(lambda t: "".join(f"%{b:02x}" for b in t.encode()), b64),
    "html in url": _nested(
        lambda t: "".join(f"&#{ord(c)};" for c in t), lambda t: "".join(f"%{b:02x}" for b in t.encode())
    ),
    "base85 in base64": _nested(lambda t: base64.b85encode(t.encode()).decode(), b64),
    "rot13": lambda rng, s: codecs.encode(s, "rot13"),
    "caesar 3": _caesar(3),
    "caesar 19": _caesar(19),
    "rot47": lambda rng, s: "".join(chr(33 + (ord(c) - 33 + 47) % 94) if "!" <= c <= "~" else c for c in s),
    "atbash": lambda rng, s: "".join(
        chr(219 - ord(c)) if "a" <= c <= "z" else chr(155 - ord(c)) if "A" <= c <= "Z" else c for c in s
    ),
    "sentence reversed": lambda rng, s: s[::-1],
    "words reversed": lambda rng, s: " ".join(w[::-1] for w in s.split(" ")),
    "sentence full width": lambda rng, s: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s),
    "sentence zero width": after_each("\u200b"),
    "sentence tag characters": lambda rng, s: "".join(chr(0xE0000 + ord(c)) for c in s) if s.isascii() else None,
    "sentence in selectors": lambda rng, s: "".join(
        chr(0xFE00 + b) if b < 16 else chr(0xE0100 + b - 16) for b in s.encode()
    ),
    "sentence mathematical": letters_from(0x1D5D4, 0x1D5EE, 0x1D7EC),
    "sentence spaced": between(" "),
    "sentence small capitals": lambda rng, s: (
        s.lower().translate(str.maketrans("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"))
        if not any(c.isupper() for c in re.sub(r"\A\w+", "", s))
        else None
    ),
    "leetspeak label": lambda rng, s: None,
}


def label_leet(sentence: str) -> str:
    """The words around `{v}` in leetspeak."""
    before, _, after = sentence.partition("{v}")
    return before.translate(_LEET) + "{v}" + after

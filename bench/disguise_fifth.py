"""A fifth set of disguises: what is told in words, numerals that are letters, noise, layouts of files, mixed escapes.

Made from the world and not from the decoders, and run before anything was mended for it. Each takes a generator of
random numbers and a value, and gives its disguised form, or None where it does not fit.
"""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import base64
import datetime
import json
import random
import string

from disguise_third_code import each, grouped, halves, joined, sentence, whole
from disguise_third_writing import NUMBERS, Rewrite, digit_words, fours, of_digits

WORDS: dict[str, str] = {
    "Yiddish": "נול איינס צוויי דריי פיר פינף זעקס זיבן אכט ניין",
    "Chichewa": "ziro modzi wiri tatu nayi sanu sikisi seveni eyiti naini",
    "Samoan": "selo tasi lua tolu fa lima ono fitu valu iva",
    "Quechua": "chusaq huk iskay kimsa tawa pichqa suqta qanchis pusaq isqun",
    "Sardinian": "zeru unu duos tres bator chimbe ses sete oto noe",
}
_PRIMES = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
           (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
_MONTHS = "- January February March April May June July August September".split()
_ELEMENTS = "n H He Li Be B C N O F".split()
_RUSSIAN = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "Анна Борис Цапля Дмитрий Елена Фёдор Григорий Харитон Иван Йот Константин Леонид Михаил Николай Ольга Павел "
        "Ку Роман Семён Татьяна Ульяна Виктор Дубль-вэ Икс Игрек Зинаида".split(),
        strict=True,
    )
)
_TURKISH = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "Adana Bolu Ceyhan Denizli Edirne Fatsa Giresun Hatay Isparta Jandarma Kars Lüleburgaz Muş Niğde Ordu Polatlı "
        "Q Rize Sinop Tokat Urfa Van W X Yozgat Zonguldak".split(),
        strict=True,
    )
)
_UPSIDE = str.maketrans("abcdefghijklmnopqrstuvwxyz0123456789.,()", "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz0ƖᄅƐㄣϛ9ㄥ86˙')(")
_RUNES = str.maketrans("abcdefghiklmnoprstuvwxyz", "ᚨᛒᚲᛞᛖᚠᚷᚺᛁᚲᛚᛗᚾᛟᛈᚱᛊᛏᚢᚢᚹᛪᛃᛉ")
_GREEK = {"a": "α", "b": "μπ", "c": "κ", "d": "ντ", "e": "ε", "f": "φ", "g": "γκ", "h": "χ", "i": "ι", "j": "τζ",
          "k": "κ", "l": "λ", "m": "μ", "n": "ν", "o": "ο", "p": "π", "q": "κ", "r": "ρ", "s": "σ", "t": "τ",
          "u": "ου", "v": "β", "w": "ου", "x": "ξ", "y": "υ", "z": "ζ"}  # fmt: skip
_ROWS = ("697", "770", "852", "941")
_COLUMNS = ("1209", "1336", "1477")
_AT = {"es": ("punto", "arroba"), "pl": ("kropka", "małpa"), "ru": ("точка", "собака"), "de": ("Punkt", "Klammeraffe"),
       "nl": ("punt", "apenstaartje"), "fr": ("point", "arobase"), "it": ("punto", "chiocciola")}  # fmt: skip


def roman(number: int) -> str:
    said = ""
    for worth, sign in _PRIMES:
        said += sign * (number // worth)
        number %= worth
    return said or "N"


def alphabet(words: dict[str, str], numbers: str) -> Rewrite:
    """Letters and digits of a value in one language's words."""
    digits = numbers.split()

    def write(_rng: random.Random, value: str) -> str | None:
        plain = value.replace(" ", "")
        if not plain.isalnum() or sum(c.isalpha() for c in plain) < 2 or len(plain) > 34:
            return None
        return " ".join(digits[int(c)] if c.isdigit() else words[c.lower()] for c in plain)

    return write


def tones(digits: str) -> str:
    """Each key's two frequencies in hertz."""
    places = {d: (n // 3, n % 3) for n, d in enumerate("123456789")} | {"0": (3, 1)}
    return ", ".join(f"{_ROWS[places[d][0]]}+{_COLUMNS[places[d][1]]}" for d in digits)


def address_in_words(rng: random.Random, value: str) -> str | None:
    if "@" not in value or "_" in value or "-" in value:
        return None
    dot, at = rng.choice(list(_AT.values()))
    return value.replace(".", f" {dot} ").replace("@", f" {at} ")


def as_userinfo(_rng: random.Random, value: str) -> str | None:
    return f"https://{value.replace('@', '%40')}:x@files.internal/a" if "@" in value else None


def day_of(value: str) -> datetime.date | None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"):
        try:
            return datetime.datetime.strptime(value, form).date()
        except ValueError:
            continue
    return None


def as_era(_rng: random.Random, value: str) -> str | None:
    day = day_of(value)
    if day is None or not 1930 < day.year < 1989:
        return None
    return f"昭和{day.year - 1925}年{day.month}月{day.day}日"


def day_of_year(_rng: random.Random, value: str) -> str | None:
    day = day_of(value)
    return None if day is None else f"day {day.timetuple().tm_yday} of {day.year}"


def among_noise(rng: random.Random, value: str) -> str:
    return "".join(c + rng.choice("🍎🚗🌙🎈🐢🔥") for c in value)


def struck_out(digits: str) -> str:
    return "".join(f"{g}~~{(int(g[0]) + 3) % 10}7~~" for g in fours(digits))


def mixed_escapes(rng: random.Random, value: str) -> str:
    forms = ("%{:02X}", "&#{};", "&#x{:x};", "\\u{:04x}", "\\x{:02x}")
    return "".join(rng.choice(forms).format(ord(c)) for c in value)


def keyed_places(rng: random.Random, value: str) -> str | None:
    if '"' in value or "\\" in value:
        return None
    places = list(enumerate(value))
    rng.shuffle(places)
    return "; ".join(f'x[{n}] = "{c}"' for n, c in places)


def told_places(digits: str) -> str:
    names = "1st 2nd 3rd 4th 5th 6th 7th 8th 9th".split() + [f"{n}th" for n in range(10, 40)]
    order = sorted(range(len(digits)), key=lambda n: n * 7 % len(digits))
    return ", ".join(f"{names[n]}: {digits[n]}" for n in order) if len(set(order)) == len(digits) else digits


def swapped_dump(text: str) -> str:
    """Words of four bytes, the last byte first, as a dump of a little-endian machine has them."""
    data = text.encode()
    lines = []
    for n in range(0, len(data), 16):
        row = data[n : n + 16].ljust(16, b"\0")
        lines.append(f"{n:08x}: " + " ".join(row[k : k + 4][::-1].hex() for k in range(0, 16, 4)))
    return "\n".join(lines)


def pushed(value: str) -> str:
    data = value.encode()
    data += b"\0" * (-len(data) % 4)
    return "\n".join(f"push 0x{data[n : n + 4][::-1].hex()}" for n in range(len(data) - 4, -1, -4))


def web_token(text: str) -> str:
    parts = ({"alg": "none"}, {"note": text})
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


def affine(text: str) -> str:
    table = str.maketrans(
        string.ascii_letters,
        "".join(chr((5 * n + 8) % 26 + first) for first in (97, 65) for n in range(26)),
    )
    return text.translate(table) + " (affine cipher, a=5, b=8)"


def pig_latin(text: str) -> str:
    return " ".join(f"{w[1:]}{w[0]}ay" if w.isascii() and w.isalpha() else w for w in text.split())


def rows_told(text: str) -> str:
    """The halves of a value, the second first."""
    a, b = halves(text)
    return f"{b} comes after {a}"


WRITING_FIFTH: dict[str, Rewrite] = {
    **{f"{name} words": digit_words(words.split()) for name, words in WORDS.items()},
    "Russian alphabet": alphabet(_RUSSIAN, "ноль один два три четыре пять шесть семь восемь девять"),
    "Turkish alphabet": alphabet(_TURKISH, "sıfır bir iki üç dört beş altı yedi sekiz dokuz"),
    "Roman pairs": of_digits(
        lambda d: (
            " ".join(roman(int(p)) for p in (d[n : n + 2] for n in range(0, len(d), 2)))
            if all(d[n] != "0" for n in range(0, len(d), 2))
            else None
        )
    ),
    "sums of groups": of_digits(
        lambda d: (
            " ".join(f"{int(g[:2]) * 100}+{int(g[2:])}" if len(g) > 2 else g for g in fours(d))
            if "0" not in d[::4]
            else None
        )
    ),
    "danach": of_digits(lambda d: "erst eine " + ", danach eine ".join(d)),
    "a digit of fingers": of_digits(lambda d: ", ".join(f"{x} fingers" for x in d)),
    "months for digits": of_digits(lambda d: " ".join(_MONTHS[int(x)] if x != "0" else "none" for x in d)),
    "elements for digits": of_digits(lambda d: "-".join(_ELEMENTS[int(x)] for x in d) + " (atomic numbers)"),
    "Greek numerals": of_digits(lambda d: " ".join("0αβγδεϛζηθ"[int(x)] + "ʹ" * (x != "0") for x in d)),
    "Hebrew letters": of_digits(lambda d: " ".join("0אבגדהוזחט"[int(x)] for x in d)),
    "A to J": of_digits(lambda d: "".join("JABCDEFGHI"[int(x)] for x in d) + " (A=1, B=2, ... J=0)"),
    "hours": of_digits(lambda d: " ".join(f"{x}:00" for x in d)),
    "tones of keys": of_digits(tones),
    "dots and dashes in words": of_digits(
        lambda d: " / ".join(
            " ".join(
                ("dot" if k < int(x) else "dash") if int(x) <= 5 else ("dash" if k < int(x) - 5 else "dot")
                for k in range(5)
            )
            for x in d
        )
    ),
    "upside down": whole(lambda v: v.lower().translate(_UPSIDE)[::-1]),
    "random emoji": among_noise,
    "random letters": lambda rng, v: (
        "".join(c + rng.choice("xqzwv") for c in v) + " (drop the letters)" if v.replace(" ", "").isdigit() else None
    ),
    "struck out": of_digits(struck_out),
    "double in Spanish": of_digits(
        lambda d: " ".join(
            f"doble {'cero uno dos tres cuatro cinco seis siete ocho nueve'.split()[int(p[0])]}"
            if len(p) == 2 and p[0] == p[1]
            else " ".join("cero uno dos tres cuatro cinco seis siete ocho nueve".split()[int(x)] for x in p)
            for p in (d[n : n + 2] for n in range(0, len(d), 2))
        )
    ),
    "base 36": of_digits(lambda d: f"{_base36(int(d))} (base 36)" if d[0] != "0" else None),
    "octal number": of_digits(lambda d: f"0o{int(d):o}" if d[0] != "0" else None),
    "halves swapped": of_digits(lambda d: "{1} {0} (swap the halves)".format(*halves(d))),
    "comes after": whole(rows_told),
    "groups backwards": of_digits(lambda d: " ".join(g[::-1] for g in fours(d)) + " (each group backwards)"),
    "places told": of_digits(told_places),
    "assigned by place": keyed_places,
    "address in words": address_in_words,
    "user of a URL": as_userinfo,
    "era": as_era,
    "day of the year": day_of_year,
    "mixed escapes": mixed_escapes,
    "pushed words": whole(pushed),
    "CDATA": joined("<![CDATA[{a}]]><![CDATA[{b}]]>"),
    "printf of the shell": joined("printf '%s%s' '{a}' '{b}'"),
    "JSON head and tail": joined('{"head": "{a}", "tail": "{b}"}'),
    "diff of lines": grouped(lambda g: "@@ -1 +1 @@\n" + "\n".join(f"+{x}" for x in g)),
    "XML cells": grouped(lambda g: "<row>" + "".join(f"<c n='{n}'>{x}</c>" for n, x in enumerate(g)) + "</row>"),
    "one large number": whole(lambda v: str(int.from_bytes(v.encode(), "big"))),
    "base64 backwards": whole(lambda v: base64.b64encode(v[::-1].encode()).decode()),
    "hex with noise": each(lambda c: f"{ord(c):02x}", gap="_"),
    "spelled with number words": of_digits(lambda d: " ".join(".".join(NUMBERS[int(x)]) for x in d)),
}


def _base36(number: int) -> str:
    said = ""
    while number:
        number, rest = divmod(number, 36)
        said = (string.digits + string.ascii_uppercase)[rest] + said
    return said


WHOLE_FIFTH: dict[str, Rewrite] = {
    "swapped dump": sentence(swapped_dump),
    "web token": sentence(web_token),
    "affine": sentence(affine),
    "pig Latin": sentence(pig_latin),
    "runes": sentence(lambda t: t.lower().translate(_RUNES)),
    "Greek letters for Latin": sentence(lambda t: "".join(_GREEK.get(c, c) for c in t.lower())),
    "upside down, whole": sentence(lambda t: t.lower().translate(_UPSIDE)[::-1]),
    "base64 of rot13": sentence(
        lambda t: base64.b64encode(
            t.translate(
                str.maketrans(
                    string.ascii_letters,
                    "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM",
                )
            ).encode()
        ).decode()
    ),
    "backwards in hex": sentence(lambda t: t[::-1].encode().hex()),
    "mixed escapes, whole": lambda rng, t: mixed_escapes(rng, t),
    "every word doubled": sentence(lambda t: " ".join(f"{w} {w}" for w in t.split())),
    "one word a row of JSON": sentence(
        lambda t: "\n".join(json.dumps({"n": n, "w": w}) for n, w in enumerate(t.split()))
    ),
    "stars for spaces": sentence(lambda t: t.replace(" ", "***")),
}

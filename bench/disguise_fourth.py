"""A fourth set of disguises: ciphers with their keys, sums, layouts, orders told, and further languages and tongues.

Made from the world and not from the decoders: what a person or a program does to a value, and a reader can undo. Each
takes a generator of random numbers and a value, and gives its disguised form, or None where it does not fit.
"""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable

from disguise_third_code import each, grouped, joined, sentence, vigenere, whole
from disguise_third_writing import NUMBERS, Rewrite, digit_words, fours, of_digits

WORDS: dict[str, str] = {
    "Malay": "kosong satu dua tiga empat lima enam tujuh lapan sembilan",
    "Hausa": "sifili ɗaya biyu uku huɗu biyar shida bakwai takwas tara",
    "Maltese": "xejn wieħed tnejn tlieta erbgħa ħamsa sitta sebgħa tmienja disgħa",
    "jyutping": "ling jat ji saam sei ng luk cat baat gau",
    "Mongolian": "тэг нэг хоёр гурав дөрөв тав зургаа долоо найм ес",
    "Latin": "nihil unus duo tres quattuor quinque sex septem octo novem",
    "Kannada": "ಸೊನ್ನೆ ಒಂದು ಎರಡು ಮೂರು ನಾಲ್ಕು ಐದು ಆರು ಏಳು ಎಂಟು ಒಂಬತ್ತು",
    "ordinal": "zeroth first second third fourth fifth sixth seventh eighth ninth",
}
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_FRENCH = "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize".split()
_FRENCH_TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante", 8: "quatre-vingt"}
_ROMAN = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "а б к д е ф г х и ж к л м н о п к р с т у в в кс й з".split(),
        strict=True,
    )
)
_FRUITS = (
    "apple banana cherry dog elephant flower grape house ice jam kite lemon mother nut orange pear queen rose sun tree "
    "umbrella violin water xylophone yellow zebra"
).split()
_GRID = string.ascii_uppercase + string.digits


def english(number: int) -> str:
    """A number below a hundred, in words."""
    if number < 10:
        return NUMBERS[number]
    if number < 20:
        return _TEENS[number - 10]
    return _TENS[number // 10] + (f"-{NUMBERS[number % 10]}" if number % 10 else "")


def french(number: int) -> str:
    if number < 17:
        return _FRENCH[number]
    if number < 20:
        return f"dix-{_FRENCH[number - 10]}"
    ten, one = divmod(number, 10)
    if ten in (7, 9):
        ten, one = ten - 1, one + 10
    joint = " et " if one in (1, 11) and ten < 8 else "-"
    return _FRENCH_TENS[ten] + (joint + french(one) if one else "")


def thousands(group: str) -> str:
    """ "four thousand seven hundred and sixteen"; groups that begin with a zero digit by digit."""
    if len(group) < 4 or group[0] == "0":
        return " ".join(NUMBERS[int(d)] for d in group)
    said = f"{NUMBERS[int(group[0])]} thousand"
    if group[1] != "0":
        said += f" {NUMBERS[int(group[1])]} hundred"
    return said + (f" and {english(int(group[2:]))}" if group[2:] != "00" else "")


def hanzi(group: str) -> str:
    """A group of four as a number with its places: 四千七百一十六; groups with zeros digit by digit."""
    names = "〇一二三四五六七八九"
    if len(group) < 4 or "0" in group:
        return "".join(names[int(d)] for d in group)
    return "".join(names[int(d)] + place for d, place in zip(group, ["千", "百", "十", ""], strict=True))


def pairs(say: Callable[[int], str], zero: str) -> Callable[[str], str]:
    def write(digits: str) -> str:
        said = []
        for pair in (digits[n : n + 2] for n in range(0, len(digits), 2)):
            said.append(f"{zero} {say(int(pair[1]))}" if len(pair) == 2 and pair[0] == "0" else say(int(pair)))
        return " ".join(said)

    return write


def spelled_as_in(_rng: random.Random, value: str) -> str | None:
    if sum(c.isalpha() for c in value) < 2 or "@" in value or not value.replace(" ", "").isalnum():
        return None
    return ", ".join(
        f"{c.upper()} as in {_FRUITS[ord(c.lower()) - 97]}" if c.isalpha() else c for c in value if c.isalnum()
    )


def table_column(digits: str) -> str:
    cities = ("north", "south", "east", "west")
    rows = "".join(f"| {d} | {cities[n % 4]} |\n" for n, d in enumerate(digits))
    return f"\n| digit | place |\n|---|---|\n{rows}"


def latex(groups: list[str]) -> str:
    return "\\begin{tabular}{cccc} " + " & ".join(groups) + " \\\\ \\end{tabular}"


def out_of_order(groups: list[str]) -> str:
    numbered = list(enumerate(groups, 1))
    return "; ".join(f"part {n}: {g}" for n, g in numbered[1:] + numbered[:1]) + " (put the parts in order)"


def out_of_order_json(groups: list[str]) -> str:
    return json.dumps([{"index": n, "value": g} for n, g in reversed(list(enumerate(groups)))])


def columnar(text: str, width: int) -> str:
    """Written in rows, read by columns; short rows are filled with underscores."""
    text += "_" * (-len(text) % width)
    return "".join(text[n::width] for n in range(width))


def every_third(text: str) -> str:
    filler = "loremipsumdolorsitametconsectetur" * 20
    return "".join(c + filler[2 * n : 2 * n + 2] for n, c in enumerate(text)) + " (read every third character)"


def between_words(text: str) -> str:
    fillers = "banana river yellow cloud table window garden".split()
    said = " ".join(f"{w} {fillers[n % len(fillers)]}" for n, w in enumerate(text.split()))
    return f"Skip every second word: {said}"


def last_letters(text: str) -> str:
    return "\n".join(f"line {c}" for c in text if c != " ")


def xor_hex(text: str) -> str:
    return f"{bytes(b ^ 0x5A for b in text.encode()).hex()} (XOR with 0x5A)"


def six_by_six(text: str) -> str | None:
    """A Polybius square of six with digits, written by letters as ADFGVX is."""
    names = "ADFGVX"
    said = [names[n // 6] + names[n % 6] for n in (_GRID.find(c) for c in text.upper()) if n >= 0]
    return f"{' '.join(said)} (6x6 square A-Z0-9 with ADFGVX)"


def keyed_alphabet(text: str) -> str:
    key = "zebrascdfghijklmnopqtuvwxy"
    return f"{text.lower().translate(str.maketrans(string.ascii_lowercase, key))} (alphabet: {key})"


def multitap(text: str) -> str:
    keys = "2 22 222 3 33 333 4 44 444 5 55 555 6 66 666 7 77 777 7777 8 88 888 9 99 999 9999".split()
    return " ".join(keys[ord(c) - 97] if c.isalpha() and c.isascii() else "0" if c == " " else c for c in text.lower())


def cyrillic(text: str) -> str:
    return "".join(_ROMAN.get(c, c) for c in text.lower())


def address_told(_rng: random.Random, value: str) -> str | None:
    if "@" not in value:
        return None
    name, host = value.split("@")
    return f"{name.replace('.', ', then a dot, ')}, hosted at {host.split('.')[0]}, ending in {host.split('.')[1]}"


def prefix_apart(_rng: random.Random, value: str) -> str | None:
    if "-" not in value or not value[0].isalpha():
        return None
    head, tail = value.rsplit("-", 1)
    return f"{tail} (put {head}- in front of it)"


def counted(digits: str) -> str:
    return " ".join("🍎" * int(d) or "∅" for d in digits)


WRITING_FOURTH: dict[str, Rewrite] = {
    **{f"{name} words": digit_words(words.split()) for name, words in WORDS.items()},
    "English pairs": of_digits(pairs(english, "oh")),
    "French pairs": of_digits(pairs(french, "zéro")),
    "groups as thousands": of_digits(lambda d: ", ".join(thousands(g) for g in fours(d))),
    "groups as hanzi numbers": of_digits(lambda d: "，".join(hanzi(g) for g in fours(d))),
    "Mayan digits": each(lambda c: chr(0x1D2E0 + int(c)) if c.isdigit() else c),
    "emoji names": of_digits(lambda d: " ".join(f":{NUMBERS[int(x)]}:" for x in d)),
    "dits and dahs": of_digits(
        lambda d: " ".join(
            "-".join(
                ("dit" if k < int(x) else "dah") if int(x) <= 5 else ("dah" if k < int(x) - 5 else "dit")
                for k in range(5)
            )
            for x in d
        )
    ),
    "as in": spelled_as_in,
    "counted fruit": of_digits(counted),
    "differences": of_digits(lambda d: " ".join(f"{int(x) + 3}-3" for x in d)),
    "base three": of_digits(lambda d: " ".join(f"{int(x) // 9}{int(x) // 3 % 3}{int(x) % 3}" for x in d) + " (base 3)"),
    "hexadecimal groups": of_digits(
        lambda d: " ".join(f"{int(g):#x}" for g in fours(d)) if "0" not in d[::4] else None
    ),
    "each plus three": of_digits(
        lambda d: "".join(str((int(x) + 3) % 10) for x in d) + " (subtract 3 from every digit)"
    ),
    "next key": of_digits(
        lambda d: d.translate(str.maketrans("1234567890", "234567890-")) + " (typed one key to the right)"
    ),
    "times": of_digits(lambda d: " ".join(f"{x}x1" for x in d)),
    "not this": of_digits(lambda d: " ".join(f"{g} (not 9999)" for g in fours(d))),
    "column of a table": of_digits(table_column),
    "LaTeX cells": grouped(latex),
    "cells of a sheet": grouped(lambda g: ", ".join(f"{'ABCDEFGH'[n]}1={x}" for n, x in enumerate(g))),
    "parts out of order": grouped(out_of_order),
    "parts out of order in JSON": grouped(out_of_order_json),
    "address told": address_told,
    "prefix told apart": prefix_apart,
    "SQL REPLACE": whole(lambda v: f"REPLACE('{'#'.join(v)}', '#', '')" if "'" not in v and "#" not in v else None),
    "Python slice": whole(lambda v: f'"zz{v}"[2:]'),
    "destructured": joined("const [a, b] = ['{a}', '{b}']; const c = a + b;"),
    "Clojure str": joined('(str "{a}" "{b}")'),
    "Jinja set": joined("{% set a = '{a}' %}{% set b = '{b}' %}{{ a }}{{ b }}"),
    "MongoDB $concat": joined('{"$concat": ["{a}", "{b}"]}'),
    "XML entities declared": joined('<!ENTITY a "{a}"><!ENTITY b "{b}"> <v>&a;&b;</v>'),
    "hex of hex": whole(lambda v: v.encode().hex().encode().hex()),
    "base32 of base64": whole(lambda v: base64.b32encode(base64.b64encode(v.encode())).decode()),
    "base64 by dots": whole(lambda v: ".".join(fours(base64.b64encode(v.encode()).decode()))),
    "code plus one": whole(lambda v: "".join(chr(ord(c) + 1) for c in v) + " (each character one code too high)"),
    "columns of four": whole(lambda v: columnar(v, 4) + " (written in rows of 4, read by columns)"),
}
WHOLE_FOURTH: dict[str, Rewrite] = {
    "Vigenère, key before": sentence(lambda t: "Vigenere with key FALCON: " + vigenere(t, "falcon").rsplit(" (", 1)[0]),
    "columns of six": sentence(lambda t: columnar(t, 6) + " (6 columns, read down)"),
    "every third character": sentence(every_third),
    "filler words": sentence(between_words),
    "last letters of lines": sentence(last_letters),
    "XOR with its key": sentence(xor_hex),
    "square of six": sentence(six_by_six),
    "stated alphabet": sentence(keyed_alphabet),
    "multitap": sentence(multitap),
    "Cyrillic letters for Latin": sentence(cyrillic),
    "code plus one, whole": sentence(lambda t: "".join(chr(ord(c) + 1) for c in t)),
    "hex of base64": sentence(lambda t: base64.b64encode(t.encode().hex().encode()).decode()),
}

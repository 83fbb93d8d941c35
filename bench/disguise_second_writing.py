"""Disguises of how a value is written, made without a look at the decoders: scripts, words, marks, layout, ciphers.

Each takes a generator of random numbers and a value and gives its disguised form, or None where it does not fit.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

Rewrite = Callable[[random.Random, str], str | None]

WORDS: dict[str, str] = {
    "French": "zéro un deux trois quatre cinq six sept huit neuf",
    "German": "null eins zwei drei vier fünf sechs sieben acht neun",
    "Spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "Italian": "zero uno due tre quattro cinque sei sette otto nove",
    "Portuguese": "zero um dois três quatro cinco seis sete oito nove",
    "Dutch": "nul een twee drie vier vijf zes zeven acht negen",
    "Polish": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "Swedish": "noll ett två tre fyra fem sex sju åtta nio",
    "Russian": "ноль один два три четыре пять шесть семь восемь девять",
    "Turkish": "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
    "Hindi": "शून्य एक दो तीन चार पांच छह सात आठ नौ",
    "pinyin": "ling yi er san si wu liu qi ba jiu",
    "Korean": "영 일 이 삼 사 오 육 칠 팔 구",
    "Arabic": "صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة",
    "hanzi": "〇 一 二 三 四 五 六 七 八 九",
    "hanzi for banks": "零 壹 贰 叁 肆 伍 陆 柒 捌 玖",
}
ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NATO = [
    "alfa",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
GERMAN = [
    "Anton",
    "Berta",
    "Cäsar",
    "Dora",
    "Emil",
    "Friedrich",
    "Gustav",
    "Heinrich",
    "Ida",
    "Julius",
    "Kaufmann",
    "Ludwig",
    "Martha",
    "Nordpol",
    "Otto",
    "Paula",
    "Quelle",
    "Richard",
    "Samuel",
    "Theodor",
    "Ulrich",
    "Viktor",
    "Wilhelm",
    "Xanthippe",
    "Ypsilon",
    "Zacharias",
]
MORSE = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz0123456789.@-_+",
        [
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
            "-----",
            ".----",
            "..---",
            "...--",
            "....-",
            ".....",
            "-....",
            "--...",
            "---..",
            "----.",
            ".-.-.-",
            ".--.-.",
            "-....-",
            "..--.-",
            ".-.-.",
        ],
        strict=True,
    )
)
ROMAN = ["N", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]


def has_digits(value: str, count: int = 6) -> bool:
    return sum(c.isdigit() for c in value) >= count


def by_digit(names: list[str], joint: str = " ") -> Rewrite:
    """Digits become names; what is no digit and no letter is left out; letters stay."""

    def rewrite(_rng: random.Random, value: str) -> str | None:
        if not has_digits(value) or any(c.isalpha() for c in value):
            return None
        return joint.join(names[int(c)] for c in value if c.isdigit())

    return rewrite


def mixed_case(rng: random.Random, value: str) -> str | None:
    words = by_digit(ENGLISH)(rng, value)
    return words and "".join(c.upper() if rng.random() < 0.5 else c for c in words)


def below_hundred(n: int) -> str:
    if n < 10:
        return f"oh {ENGLISH[n]}"
    return TEENS[n - 10] if n < 20 else TENS[n // 10 - 2] + (f"-{ENGLISH[n % 10]}" if n % 10 else "")


def in_pairs(_rng: random.Random, value: str) -> str | None:
    """As a person says a number on the telephone: forty-seven sixteen oh nine."""
    if not has_digits(value) or any(c.isalpha() for c in value):
        return None
    digits = [c for c in value if c.isdigit()]
    pairs = [int("".join(digits[n : n + 2])) for n in range(0, len(digits) - 1, 2)]
    return " ".join([*(below_hundred(n) for n in pairs), *([ENGLISH[int(digits[-1])]] if len(digits) % 2 else [])])


def doubles(_rng: random.Random, value: str) -> str | None:
    """Double five, triple three, oh for zero."""
    if not has_digits(value) or any(c.isalpha() for c in value):
        return None
    names = ["oh", *ENGLISH[1:]]
    runs = [(m.group(0)[0], len(m.group(0))) for m in re.finditer(r"(\d)\1{0,2}", re.sub(r"\D", "", value))]
    return ", ".join(("", "double ", "triple ")[size - 1] + names[int(digit)] for digit, size in runs)


def half_words(rng: random.Random, value: str) -> str | None:
    if not has_digits(value) or any(c.isalpha() for c in value):
        return None
    return " ".join(ENGLISH[int(c)] if rng.random() < 0.5 else c for c in value if c.isdigit())


def alphabet(names: list[str], digit_names: list[str], joint: str) -> Rewrite:
    """Letters by a spelling alphabet, digits by name, signs by name."""
    signs = {"@": "at", ".": "dot", "-": "dash", "_": "underscore", "+": "plus"}

    def rewrite(_rng: random.Random, value: str) -> str | None:
        if len(value) > 45 or any(not c.isalnum() and c not in signs and c not in " ()/" for c in value):
            return None
        said = [
            digit_names[int(c)] if c.isdigit() else names[ord(c.lower()) - 97] if c.isalpha() else signs.get(c, "")
            for c in value
        ]
        return joint.join(word for word in said if word)

    return rewrite


def mapped(table: dict[str, str], *, at_least: int = 4) -> Rewrite:
    def rewrite(_rng: random.Random, value: str) -> str | None:
        changed = "".join(table.get(c, c) for c in value)
        return changed if sum(a != b for a, b in zip(value, changed, strict=False)) >= at_least else None

    return rewrite


def styled(upper: int, lower: int, zero: int = 0) -> dict[str, str]:
    """Letters and digits from the first code points of a style of Unicode."""
    table = {chr(65 + n): chr(upper + n) for n in range(26)} | {chr(97 + n): chr(lower + n) for n in range(26)}
    return table | ({chr(48 + n): chr(zero + n) for n in range(10)} if zero else {})


def digits_from(first: int, zero: int | None = None) -> dict[str, str]:
    table = {chr(49 + n): chr(first + n) for n in range(9)}
    return table | ({"0": chr(zero)} if zero else {})


CYRILLIC = dict(zip("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ", strict=True))
GREEK = dict(zip("aovuipABEZHIKMNOPTYX", "αονυιρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", strict=True))
SMALL_CAPS = dict(zip("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", strict=True))
CHEROKEE = dict(zip("ABCDEGHJKLMPRSTVWZ", "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ", strict=True))
UPSIDE = dict(zip("abcdefghijklmnopqrstuvwxyz0123456789._", "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz0ƖᄅƐㄣϛ9ㄥ86˙‾", strict=True))
OCR = {"0": "O", "1": "l", "5": "S", "8": "B"}
LEET = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5"}
BRAILLE = dict(zip("abcdefghijklmnopqrstuvwxyz", "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", strict=True)) | dict(
    zip("1234567890", (f"⠼{c}" for c in "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚"), strict=True)
)
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
SHIFT = {row[n]: row[(n + 1) % len(row)] for row in KEYS for n in range(len(row))}
UNSHIFTED = dict(zip("1234567890", "!@#$%^&*()", strict=True))


def upside_down(_rng: random.Random, value: str) -> str | None:
    return "".join(UPSIDE.get(c, c) for c in reversed(value.lower()))


def zalgo(rng: random.Random, value: str) -> str | None:
    return "".join(c + "".join(chr(rng.randrange(0x300, 0x345)) for _ in range(rng.randint(1, 3))) for c in value)


def after_each(mark: str) -> Rewrite:
    return lambda _rng, value: "".join(c + mark for c in value)


def between(joint: str) -> Rewrite:
    """Something after each character but the last; what groups the value is left out."""
    return lambda _rng, value: joint.join(c for c in value if c != " ")


def grouped(joint: str, size: int = 4) -> Rewrite:
    """The value without its own separators, in groups."""

    def rewrite(_rng: random.Random, value: str) -> str | None:
        bare = value.replace(" ", "") if any(c.isalpha() for c in value) else re.sub(r"[^\d+]", "", value)
        return joint.join(bare[n : n + size] for n in range(0, len(bare), size)) if len(bare) > size else None

    return rewrite


def odd_spaces(rng: random.Random, value: str) -> str | None:
    bare, out = value.replace(" ", ""), ""
    for c in bare:
        out += c + (" " if rng.random() < 0.35 else "")
    return out.strip()


def fence(rails: int) -> Rewrite:
    def rewrite(_rng: random.Random, value: str) -> str | None:
        if " " in value or len(value) < 10:
            return None
        path = [*range(rails), *range(rails - 2, 0, -1)]
        return "".join(c for r in range(rails) for n, c in enumerate(value) if path[n % len(path)] == r)

    return rewrite


def shifted(by: int, digits_by: int) -> Rewrite:
    def turn(c: str) -> str:
        if c.isdigit():
            return str((int(c) + digits_by) % 10)
        base = ord("a") if c.islower() else ord("A")
        return chr((ord(c) - base + by) % 26 + base) if c.isascii() and c.isalpha() else c

    return lambda _rng, value: "".join(turn(c) for c in value)


def atbash(_rng: random.Random, value: str) -> str | None:
    return "".join(chr(219 - ord(c)) if "a" <= c <= "z" else chr(155 - ord(c)) if "A" <= c <= "Z" else c for c in value)


def rot47(_rng: random.Random, value: str) -> str | None:
    return "".join(chr(33 + (ord(c) + 14) % 94) if 33 <= ord(c) < 127 else c for c in value)


def pig_latin(_rng: random.Random, value: str) -> str | None:
    def turn(word: re.Match[str]) -> str:
        head = re.match(r"[^aeiou]*", word.group(0))
        cut = head.end() if head else 0
        return word.group(0)[cut:] + word.group(0)[:cut] + "ay"

    changed = re.sub(r"[a-z]{3,}", turn, value)
    return None if changed == value else changed


def swapped_pairs(_rng: random.Random, value: str) -> str | None:
    bare = value.replace(" ", "")
    return "".join(bare[n : n + 2][::-1] for n in range(0, len(bare), 2))


def only_email(make: Callable[[str, str, str], str]) -> Rewrite:
    """A rewrite of the local part, the name of the domain, and its last label."""

    def rewrite(_rng: random.Random, value: str) -> str | None:
        if "@" not in value:
            return None
        local, _, host = value.partition("@")
        name, _, top = host.rpartition(".")
        return make(local, name, top)

    return rewrite


def thousands(_rng: random.Random, value: str) -> str | None:
    bare = re.sub(r"\D", "", value)
    return f"{int(bare):,}" if len(bare) > 9 and not any(c.isalpha() for c in value) and bare[0] != "0" else None


def decoys(rng: random.Random, value: str) -> str | None:
    bare = value.replace(" ", "")
    return "".join(c + rng.choice("xyz") for c in bare) if has_digits(value) and not re.search("[a-z]", bare) else None


def dated(_rng: random.Random, value: str) -> str | None:
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", value)
    if not found:
        return None
    year, month, day = (int(part) for part in found.groups())
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    ordinals = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
    ]
    said = ordinals[day - 1] if day <= 12 else below_hundred(day) + "th"
    return f"the {said} of {months[month - 1]} {below_hundred(year // 100)} {below_hundred(year % 100)}"


def names_of_characters(_rng: random.Random, value: str) -> str | None:
    return ", ".join(unicodedata.name(c) for c in value if c != " ") if len(value) < 30 else None


WRITING: dict[str, Rewrite] = {f"{name} words": by_digit(words.split()) for name, words in WORDS.items()} | {
    "words in mixed case": mixed_case,
    "words with hyphens": by_digit(ENGLISH, "-"),
    "words run together": by_digit(ENGLISH, ""),
    "words by commas": by_digit(ENGLISH, ", "),
    "half words": half_words,
    "words in pairs": in_pairs,
    "double and triple": doubles,
    "Roman numerals": by_digit(ROMAN),
    "NATO": alphabet(NATO, ENGLISH, " "),
    "NATO, hyphens": alphabet([w.capitalize() for w in NATO], ENGLISH, "-"),
    "German alphabet": alphabet(GERMAN, WORDS["German"].split(), " "),
    "names of characters": names_of_characters,
    "date in words": dated,
    "keycaps": mapped({str(n): f"{n}\ufe0f\u20e3" for n in range(10)}),
    "circled digits": mapped(digits_from(0x2460, 0x24EA)),
    "black circled digits": mapped(digits_from(0x2776, 0x24FF)),
    "digits in brackets": mapped(digits_from(0x2474)),
    "superscript": mapped(dict(zip("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True))),
    "subscript": mapped(digits_from(0x2081, 0x2080)),
    "Thai digits": mapped(digits_from(0x0E51, 0x0E50)),
    "Bengali digits": mapped(digits_from(0x09E7, 0x09E6)),
    "Burmese digits": mapped(digits_from(0x1041, 0x1040)),
    "segmented digits": mapped(digits_from(0x1FBF1, 0x1FBF0)),
    "bold Fraktur": mapped(styled(0x1D56C, 0x1D586)),
    "monospace": mapped(styled(0x1D670, 0x1D68A, 0x1D7F6)),
    "double-struck digits": mapped(digits_from(0x1D7D9, 0x1D7D8)),
    "circled letters": mapped(styled(0x24B6, 0x24D0)),
    "squared letters": mapped(styled(0x1F130, 0x1F130)),
    "regional indicators": mapped(styled(0x1F1E6, 0x1F1E6)),
    "small capitals": mapped(SMALL_CAPS),
    "Cyrillic twins": mapped(CYRILLIC, at_least=2),
    "Greek twins": mapped(GREEK, at_least=2),
    "Cherokee twins": mapped(CHEROKEE, at_least=2),
    "upside down": upside_down,
    "zalgo": zalgo,
    "struck out": after_each("\u0336"),
    "underlined by marks": after_each("\u0332"),
    "word joiners": between("\u2060"),
    "Hangul fillers": between("\u3164"),
    "braille blanks": between("\u2800"),
    "Mongolian separators": between("\u180e"),
    "right to left": lambda _rng, value: "\u202e" + value[::-1] + "\u202c",
    "thin spaces": grouped("\u2009"),
    "tabs": grouped("\t"),
    "en dashes": grouped("–"),
    "minus signs": grouped("\u2212"),
    "underscores": grouped("_"),
    "slashes": grouped("/"),
    "pipes": grouped(" | "),
    "asterisks": grouped("*"),
    "middle dots": grouped("·"),
    "ellipses": grouped("… "),
    "tildes": grouped("~"),
    "colons in pairs": grouped(":", 2),
    "brackets": lambda rng, value: (lambda g: g and f"({g})")(grouped(")(")(rng, value)),
    "words between": grouped(" then "),
    "followed by": grouped(", followed by "),
    "letters between": grouped("n"),
    "odd spaces": odd_spaces,
    "spaced by one": between(" "),
    "spaced by dots": between("."),
    "spaced by emoji": between("🔹"),
    "by commas": between(", "),
    "one to a line": between("\n"),
    "one to a bullet": lambda _rng, value: "\n- " + "\n- ".join(value.replace(" ", "")),
    "numbered list": lambda _rng, value: "\n" + "\n".join(f"{n}. {c}" for n, c in enumerate(value.replace(" ", ""), 1)),
    "cells of a row": lambda _rng, value: "\n| " + " | ".join(value.replace(" ", "")) + " |",
    "ASCII table": lambda _rng, value: (
        "\n+" + "---+" * len(value) + "\n|" + "".join(f" {c} |" for c in value) + "\n+" + "---+" * len(value)
    ),
    "groups to a line": grouped("\n"),
    "groups quoted": grouped("\n> "),
    "groups as comments": grouped("\n# "),
    "groups bulleted": lambda rng, value: (lambda g: g and "\n* " + g)(grouped("\n* ")(rng, value)),
    "groups as hunk": lambda rng, value: (lambda g: g and "\n+" + g)(grouped("\n+")(rng, value)),
    "bold groups": lambda rng, value: (lambda g: g and f"**{g}**")(grouped("** **")(rng, value)),
    "emphasis inside": lambda _rng, value: value[:3] + "**" + value[3:6] + "**" + value[6:],
    "code marks inside": lambda _rng, value: f"`{value[:4]}``{value[4:]}`",
    "strike inside": lambda _rng, value: value[:4] + "~~x~~" + value[4:],
    "HTML tags inside": lambda _rng, value: value[:3] + "<b>" + value[3:6] + "</b>" + value[6:],
    "HTML comment inside": lambda _rng, value: value[:4] + "<!-- n -->" + value[4:],
    "HTML break inside": grouped("<br>"),
    "no-break entities": grouped("&nbsp;"),
    "soft hyphen entities": grouped("&shy;"),
    "span for each": lambda _rng, value: "".join(f"<span>{c}</span>" for c in value),
    "BBCode": lambda _rng, value: value[:3] + "[b]" + value[3:6] + "[/b]" + value[6:],
    "LaTeX groups": lambda rng, value: (lambda g: g and r"\texttt{" + g + "}")(grouped(r"}\,\texttt{")(rng, value)),
    "LaTeX text": lambda _rng, value: value[:3] + r"\textbf{" + value[3:6] + "}" + value[6:],
    "terminal colours": lambda _rng, value: "\x1b[31m" + value[:4] + "\x1b[0m" + value[4:],
    "footnote inside": lambda _rng, value: value[:4] + "[^1]" + value[4:],
    "wiki link": lambda _rng, value: f"[[{value[:5]}]]{value[5:]}",
    "thousands": thousands,
    "decoys between": decoys,
    "swapped pairs": swapped_pairs,
    "rail fence of two": fence(2),
    "rail fence of three": fence(3),
    "Caesar three": shifted(3, 3),
    "Caesar seven, digits kept": shifted(7, 0),
    "rot13 and rot5": shifted(13, 5),
    "digits plus one": shifted(0, 1),
    "atbash": atbash,
    "rot47": rot47,
    "reversed": lambda _rng, value: value[::-1],
    "pig Latin": pig_latin,
    "Morse": lambda _rng, value: " ".join(MORSE.get(c, "/") for c in value.lower()),
    "Morse, bars": lambda _rng, value: (
        " ".join(MORSE.get(c, "/") for c in value.lower()).replace(".", "•").replace("-", "—")
    ),
    "braille": lambda _rng, value: "".join(BRAILLE.get(c, c) for c in value.lower()),
    "leet": mapped(LEET, at_least=3),
    "OCR": mapped(OCR, at_least=2),
    "a key to the right": mapped(SHIFT),
    "shift held": mapped(UNSHIFTED),
    "email: arroba punto": only_email(lambda a, b, c: f"{a} arroba {b} punto {c}"),
    "email: Klammeraffe": only_email(lambda a, b, c: f"{a} (ät) {b} Punkt {c}".replace(".", " Punkt ")),
    "email: chiocciola": only_email(lambda a, b, c: f"{a} chiocciola {b} punto {c}"),
    "email: arobase": only_email(lambda a, b, c: f"{a} arobase {b} point {c}"),
    "email: sobaka": only_email(lambda a, b, c: f"{a} собака {b} точка {c}"),
    "email: braces": only_email(lambda a, b, c: f"{a}{{at}}{b}{{dot}}{c}"),
    "email: arrows": only_email(lambda a, b, c: f"{a} <at> {b} <dot> {c}"),
    "email: underscores": only_email(lambda a, b, c: f"{a}_at_{b}_dot_{c}"),
    "email: capitals": only_email(lambda a, b, c: f"{a}AT{b}DOT{c}"),
    "email: at sign": only_email(lambda a, b, c: f"{a} (at sign) {b} (period) {c}"),
    "email: spaces": only_email(lambda a, b, c: f"{a} @ {b} . {c}"),
    "email: NOSPAM": only_email(lambda a, b, c: f"{a}@NOSPAM.{b}.{c}"),
    "email: commas": only_email(lambda a, b, c: f"{a}@{b},{c}"),
    "email: user and domain": only_email(lambda a, b, c: f"user: {a}, domain: {b}.{c}"),
    "email: over at": only_email(lambda a, b, c: f"{a}, over at {b}.{c}"),
    "email: asterisk": only_email(lambda a, b, c: f"{a}*{b}*{c} (replace the stars)"),
    "email: full-width": only_email(lambda a, b, c: f"{a}＠{b}．{c}"),
    "email: camel case": only_email(lambda a, b, c: f"{re.sub(r'[._]', 'Dot', a)}At{b.title()}Dot{c.title()}"),
    "email: small at": only_email(lambda a, b, c: f"{a}﹫{b}.{c}"),
    "email: domain first": only_email(lambda a, b, c: f"{b}.{c}/{a}"),
    "email: reversed labels": only_email(lambda a, b, c: f"{c}.{b}@{a}"),
    "email: UUCP": only_email(lambda a, b, c: f"{b}.{c}!{a}"),
}

# ruff: noqa: E501 (tables)
"""Numbers that identify: documents, accounts, cards, phones, devices, with the check digits that real ones have.

Sources: ISO/IEC 7812 (cards), ISO 13616 and ISO 7064 (IBAN), and the issuing offices' published rules for each country's
numbers (check digits by weights). Every value is drawn anew and belongs to nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from nemora.train.values_place import pattern

Draw = random.Random


def digits(draw: Draw, count: int) -> str:
    """Digits, the first not 0."""
    return str(draw.randrange(1, 10)) + "".join(str(draw.randrange(10)) for _ in range(count - 1))


def weighted(number: str, weights: Sequence[int]) -> int:
    """The sum of the digits times their weights."""
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


def luhn(number: str) -> str:
    """The check digit to put after `number` (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 * (value > 9)
    return str(-total % 10)


def card(draw: Draw) -> str:
    """A payment card number."""
    prefix, length = draw.choice(
        [
            ("4", 16),
            ("4", 16),
            (f"5{draw.randrange(1, 6)}", 16),
            ("37", 15),
            ("6011", 16),
            ("36", 14),
            ("2720", 16),
            ("62", 16),
        ]
    )
    body = prefix + "".join(str(draw.randrange(10)) for _ in range(length - 1 - len(prefix)))
    number = body + luhn(body)
    if len(number) != 16:
        return draw.choice([number, f"{number[:4]} {number[4:10]} {number[10:]}"])
    gap = draw.choice(["", "", " ", "-"])
    return gap.join(number[i : i + 4] for i in range(0, 16, 4))


_IBANS = {"DE": "#" * 18, "FR": "#" * 23, "ES": "#" * 20, "IT": "@" + "#" * 22, "NL": "@@@@##########", "BE": "#" * 12, "AT": "#" * 16,
          "CH": "#" * 17, "GB": "@@@@" + "#" * 14, "IE": "@@@@" + "#" * 14, "PL": "#" * 24, "SE": "#" * 20, "NO": "#" * 11, "DK": "#" * 14,
          "FI": "#" * 14, "PT": "#" * 21, "GR": "#" * 23, "CZ": "#" * 20, "TR": "#" * 22, "SA": "#" * 20, "AE": "#" * 19, "RO": "@@@@" + "#" * 16}  # fmt: skip


def iban(draw: Draw) -> str:
    """An IBAN with valid check digits (ISO 7064 MOD 97-10)."""
    country = draw.choice(sorted(_IBANS))
    body = pattern(_IBANS[country], draw)
    rest = int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
    number = f"{country}{98 - rest:02}{body}"
    if draw.random() < 0.5:
        number = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    return number if draw.random() < 0.9 else number.lower()


def ssn(draw: Draw) -> str:
    """United States: three, two and four digits."""
    parts = (
        f"{draw.choice([*range(1, 666), *range(667, 900)]):03}",
        f"{draw.randrange(1, 100):02}",
        f"{draw.randrange(1, 10000):04}",
    )
    return draw.choice(["-", "-", "-", " ", ""]).join(parts)


def _day(draw: Draw) -> tuple[int, int, int]:
    return draw.randrange(1935, 2016), draw.randrange(1, 13), draw.randrange(1, 29)


def nino(draw: Draw) -> str:
    """United Kingdom: national insurance number."""
    gap = draw.choice([" ", "", " "])
    return gap.join(
        [
            draw.choice("ABCEGHJKLMNPRSTWXYZ") + draw.choice("ABCEGHJKLMNPRSTWXYZ"),
            *(f"{draw.randrange(100):02}" for _ in range(3)),
            draw.choice("ABCD"),
        ]
    )


def nhs(draw: Draw) -> str:
    """England: NHS number, modulo 11."""
    while True:
        body = digits(draw, 9)
        check = 11 - weighted(body, range(10, 1, -1)) % 11
        if check != 10:
            number = body + str(check % 11)
            return draw.choice([number, f"{number[:3]} {number[3:6]} {number[6:]}"])


def sin(draw: Draw) -> str:
    """Canada: Luhn."""
    body = digits(draw, 8)
    number = body + luhn(body)
    return draw.choice([" ", "-", ""]).join([number[:3], number[3:6], number[6:]])


_VERHOEFF_D = [[(i + j) % 5 if i < 5 and j < 5 else (i - j) % 5 if i >= 5 and j >= 5 else 5 + ((i + j) % 5 if i < 5 else (i - 5 - j) % 5) for j in range(10)] for i in range(10)]  # fmt: skip
_VERHOEFF_P = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def verhoeff(number: str) -> str:
    """The check digit to put after `number` (Verhoeff 1969): dihedral group of order 10."""
    state = 0
    for place, digit in enumerate(reversed(number), 1):
        value = int(digit)
        for _ in range(place % 8):
            value = _VERHOEFF_P[value]
        state = _VERHOEFF_D[state][value]
    return str(next(check for check in range(10) if _VERHOEFF_D[state][check] == 0))


def aadhaar(draw: Draw) -> str:
    """India: twelve digits, Verhoeff."""
    body = str(draw.randrange(2, 10)) + "".join(str(draw.randrange(10)) for _ in range(10))
    number = body + verhoeff(body)
    return draw.choice([" ", " ", "", "-"]).join(number[i : i + 4] for i in (0, 4, 8))


def cpf(draw: Draw) -> str:
    """Brazil: two check digits modulo 11."""
    number = digits(draw, 9)
    for size in (10, 11):
        check = weighted(number, range(size, 1, -1)) * 10 % 11 % 10
        number += str(check)
    return draw.choice([f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}", number])


def nir(draw: Draw) -> str:
    """France: fifteen digits, the last two 97 less the rest of the others modulo 97."""
    year, month, _ = _day(draw)
    body = f"{draw.choice('12')}{year % 100:02}{month:02}{draw.randrange(1, 96):02}{draw.randrange(1, 990):03}{draw.randrange(1, 999):03}"
    key = f"{97 - int(body) % 97:02}"
    return draw.choice([body + key, f"{body[0]} {body[1:3]} {body[3:5]} {body[5:7]} {body[7:10]} {body[10:]} {key}"])


def steuer_id(draw: Draw) -> str:
    """Germany: eleven digits, ISO 7064 MOD 11,10."""
    body, product = digits(draw, 10), 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    number = body + str((11 - product) % 10)
    return draw.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def dni(draw: Draw) -> str:
    """Spain: eight digits and the letter of their rest modulo 23; foreigners' begin with X, Y or Z."""
    letters, first = "TRWAGMYFPDXBNJZSQVHLCKE", draw.choice(["", "", "X", "Y", "Z"])
    number = f"{draw.randrange(10**7):07}" if first else f"{draw.randrange(10**8):08}"
    check = letters[int(f"{'XYZ'.index(first) if first else ''}{number}") % 23]
    return draw.choice([f"{first}{number}{check}", f"{first}{number}-{check}"])


def pesel(draw: Draw) -> str:
    """Poland: birth date, serial and a check digit."""
    year, month, day = _day(draw)
    body = f"{year % 100:02}{month + 20 * (year >= 2000):02}{day:02}{draw.randrange(10**4):04}"
    return body + str(-weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def personnummer(draw: Draw) -> str:
    """Sweden: birth date, serial and Luhn."""
    year, month, day = _day(draw)
    body = f"{year % 100:02}{month:02}{day:02}{draw.randrange(1, 1000):03}"
    return f"{draw.choice([str(year // 100), ''])}{body[:6]}-{body[6:]}{luhn(body)}"


def cpr(draw: Draw) -> str:
    """Denmark and, with one digit more, Norway: birth date and serial."""
    year, month, day = _day(draw)
    return f"{day:02}{month:02}{year % 100:02}{draw.choice(['-', '', ' '])}{digits(draw, draw.choice([4, 4, 5]))}"


def hetu(draw: Draw) -> str:
    """Finland: birth date, sign of the century, serial, a character modulo 31."""
    year, month, day = _day(draw)
    date, serial = f"{day:02}{month:02}{year % 100:02}", f"{draw.randrange(2, 900):03}"
    return f"{date}{'A' if year >= 2000 else '-'}{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(date + serial) % 31]}"


def bsn(draw: Draw) -> str:
    """Netherlands: nine digits, eleven-test."""
    while True:
        body = digits(draw, 8)
        check = weighted(body, range(9, 1, -1)) % 11
        if check < 10:
            return body + str(check)


def codice_fiscale(draw: Draw) -> str:
    """Italy: letters of the name, birth date, town (the check letter is drawn)."""
    year, _, day = _day(draw)
    return f"{pattern('@@@@@@', draw)}{year % 100:02}{draw.choice('ABCDEHLMPRST')}{day + 40 * draw.randrange(2):02}{pattern('@###@', draw)}"


def rodne_cislo(draw: Draw) -> str:
    """Czechia and Slovakia: birth date and serial, divisible by 11."""
    year, month, day = _day(draw)
    body = f"{year % 100:02}{month + 50 * draw.randrange(2):02}{day:02}{draw.randrange(1000):03}"
    return f"{body[:6]}{draw.choice(['/', ''])}{body[6:]}{int(body) % 11 % 10}"


def chinese_id(draw: Draw) -> str:
    """China: region, birth date, serial, ISO 7064 MOD 11-2."""
    year, month, day = _day(draw)
    region = draw.choice(["110105", "310104", "440305", "510107", "330106"])
    body = f"{region}{year}{month:02}{day:02}{draw.randrange(1000):03}"
    return body + "10X98765432"[weighted(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11]


def rrn(draw: Draw) -> str:
    """South Korea: birth date, a hyphen, sex and serial."""
    year, month, day = _day(draw)
    body = f"{year % 100:02}{month:02}{day:02}{draw.randrange(1, 3) + 2 * (year >= 2000)}{draw.randrange(10**5):05}"
    check = (11 - weighted(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return f"{body[:6]}-{body[6:]}{check}"


def tckn(draw: Draw) -> str:
    """Türkiye: eleven digits, two check digits."""
    body = digits(draw, 9)
    tenth = (sum(map(int, body[::2])) * 7 - sum(map(int, body[1::2]))) % 10
    return f"{body}{tenth}{(sum(map(int, body)) + tenth) % 10}"


GOVERNMENT: dict[str, tuple[Callable[[Draw], str], ...]] = {
    "en": (ssn, ssn, nino, sin, nhs, aadhaar), "de": (lambda draw: pattern("## ###### @ ###", draw),), "fr": (nir,), "es": (dni,),
    "it": (codice_fiscale,), "pt": (cpf,), "nl": (bsn,), "pl": (pesel,), "sv": (personnummer,), "da": (cpr,), "no": (cpr,),
    "fi": (hetu,), "cs": (rodne_cislo,), "sk": (rodne_cislo,), "zh": (chinese_id,), "ko": (rrn,), "tr": (tckn,), "hi": (aadhaar,),
    "ja": (lambda draw: pattern("#### #### ####", draw),), "ru": (lambda draw: pattern("###-###-### ##", draw),),
    "ro": (lambda draw: "1" + pattern("############", draw),), "uk": (lambda draw: digits(draw, 10),), "id": (lambda draw: digits(draw, 16),),
    "ar": (lambda draw: "1" + pattern("#########", draw),), "he": (lambda draw: pattern("########-#", draw),), "hu": (lambda draw: pattern("### ### ###", draw),),
    "el": (lambda draw: pattern("###########", draw),), "vi": (lambda draw: "0" + pattern("###########", draw),),
}  # fmt: skip
_ALL = tuple({make: None for makes in GOVERNMENT.values() for make in makes})


def government_id(lang: str, draw: Draw) -> str:
    """A number that a state gives to a person, mostly one of the language's countries."""
    return draw.choice(GOVERNMENT[lang] if lang in GOVERNMENT and draw.random() < 0.75 else _ALL)(draw)


def _pan(draw: Draw) -> str:
    """India: letters for the holder's kind and name, digits, a letter."""
    return pattern("@@@", draw) + draw.choice("PPCHFT") + pattern("@####@", draw)


def tax_id(lang: str, draw: Draw) -> str:
    """A number of a tax office."""
    shapes = {"de": [steuer_id(draw), steuer_id(draw), pattern("DE#########", draw), pattern("##/###/#####", draw), pattern("### ### #####", draw)],
              "fr": [pattern("FR###########", draw), pattern("## ## ### ### ###", draw), pattern("FR## ### ### ###", draw), pattern("#############", draw)],
              "es": [pattern("B########", draw), pattern("ESB########", draw), pattern("@-########", draw), dni(draw)], "it": [pattern("###########", draw), codice_fiscale(draw), pattern("IT###########", draw)],
              "pt": [pattern("##.###.###/0001-##", draw), cpf(draw), pattern("#########", draw), pattern("### ### ###", draw)], "nl": [pattern("NL#########B##", draw)], "pl": [pattern("###-##-##-###", draw), pattern("##########", draw)],
              "ru": [pattern("##########", draw), pattern("############", draw)], "hi": [_pan(draw), pattern("##", draw) + _pan(draw) + "1Z#".replace("#", str(draw.randrange(10)))],
              "zh": [pattern("91######MA########", draw), pattern("9133##########@#@", draw), pattern("3##################", draw)[:18]], "uk": [pattern("########", draw), pattern("############", draw)], "sv": [pattern("SE##########01", draw), pattern("55####-####", draw)], "da": [pattern("DK########", draw), pattern("## ## ## ##", draw)],
              "no": [pattern("### ### ###", draw), pattern("NO ### ### ### MVA", draw)], "fi": [pattern("FI########", draw), pattern("#######-#", draw)], "cs": [pattern("CZ########", draw), pattern("CZ##########", draw), pattern("### ## ###", draw)], "hu": [pattern("########-#-##", draw), pattern("8#########", draw)], "ro": [pattern("RO########", draw), pattern("########", draw)],
              "el": [pattern("EL#########", draw), pattern("#########", draw)], "he": [pattern("51#######", draw), pattern("9########", draw)], "id": [pattern("##.###.###.#-###.###", draw), pattern("###############", draw)], "vi": [pattern("##########", draw), pattern("##########-###", draw)], "ar": [pattern("3##############3", draw)[:15], pattern("###-###-###", draw), pattern("1#########", draw)],
              "hr": [pattern("###########", draw), pattern("HR###########", draw)], "bg": [pattern("BG#########", draw)], "th": [pattern("#-####-#####-##-#", draw)], "bn": [pattern("############", draw)], "sw": [pattern("A#########@", draw), pattern("###-###-###", draw)], "ja": ["T" + pattern("#############", draw), pattern("####-##-######", draw)], "ko": [pattern("###-##-#####", draw)], "tr": [pattern("##########", draw)]}  # fmt: skip
    english = [
        pattern(draw.choice(["##-#######", "##-#######", "##-#######", "#########", "9##-7#-####", "GB#########", "GB ### #### ##", "##########", "##### #####", "## ### ### ###", "###-###-###", "IE#######@@", "#######@", "CHE-###.###.###",
                             "A##########", "P###########@"]), draw), _pan(draw), pattern("##-#######", draw), "BN " + pattern("#########RT0001", draw),
        pattern(draw.choice(["##-##-#######", "9##-##-####", "#########RC####", "GB###########", "NZ ##-###-###", "##-###-###", "ATU########", "BE0#########", "BE 0###.###.###", "LU########", "PT#########", "NI#########", "XI#########", "#### ###### ##", "###/####/####/##", "4#########", "EU#########",
                             "########-####", "AAB###@", "K#########", "##.###.###.#-###.###", "J-########-#", "##-########-#", "#########-#", "########-###-##"]), draw),
    ]  # fmt: skip
    return draw.choice(shapes.get(lang, english))


_PASSPORTS = (
    "@########", "#########", "@@#######", "@#######", "##@@#####", "@@@######", "C@@##@###", "@@ #######", "P#######@", "@@######", "@## ###", "#########", "@ #######", "L@@@#@@##", "@@######@", "########@",
    "N########", "5########", "G#######", "@@@#####@", "@@ ######", "### ### ###", "@-########", "@## ### ###", "###-###-###", "PA#######", "LF#######", "C#@@#@@@#", "@@#### ###", "X#######<#"
)  # fmt: skip
_PASSPORTS_OF = {
    "fr": "##@@#####",
    "de": "C@##@@@##",
    "zh": "E########",
    "ja": "@@#######",
    "ko": "M########",
    "ru": "## ## ######",
    "it": "YA#######",
    "es": "@@@######",
    "hi": "@#######",
    "uk": "@@######",
    "pl": "@@#######",
    "tr": "U########",
    "ar": "@########",
    "nl": "@@@@@@@##",
    "cs": "########",
    "no": "@@@#######",
    "fi": "@@#######",
    "hu": "@@#######",
    "ro": "0########",
    "el": "@@#######",
    "pt": "@@######",
    "he": "########",
    "id": "@#######",
    "vi": "@#######",
    "th": "@@#######",
}


def passport(draw: Draw, lang: str = "en") -> str:
    """A passport number, in half of all cases one of the language's country."""
    own = lang in _PASSPORTS_OF and draw.random() < 0.5
    return pattern(_PASSPORTS_OF[lang] if own else draw.choice(_PASSPORTS), draw)


_LICENCES = (
    "@#######", "@###-####-####", "@@@@@######@@#@@", "@############", "########", "@@## ###########", "##-@@-####", "@##-##-####", "#########", "@@#######@", "@######-##", "@###-###-##-###-#", "### ### ###", "@@@ ####",
    "#######", "@ ### ### ### ###", "@########", "@@@-##-####", "##@@@####@", "@###-####-####-##", "@@-###-###-###", "########@@", "@#-##-####-#", "@@@@@@@###@#", "## ### ###", "@-######-###", "@@@@@-######-#####", "#####@", "@##-##-#####", "@@######", "##@###@###", "###-##-####", "@#### - ##### - #####", "@@##-####-#######", "#### ### ###", "#@@@##@##", "B###@@@##@#", "@@########@"
)  # fmt: skip


_LICENCES_OF = {
    "de": "B###@@@##@#|@###@@@##@#|J0##@@@@@##", "fr": "############|##@@#####|## ## ## ######", "es": "########@|@#######@|########-@", "it": "U1########@|@@#######@|MI#######@|U1@#####@#@", "pt": "###########|@@-###### #|#########", "nl": "##########", "pl": "#####/##/####|########",
    "ru": "## ## ######|##@@ ######|#### ######", "uk": "@@@######|@@@ ######", "zh": "##################|############", "ja": "############|第############号", "ko": "##-##-######-##|서울 ##-######-##", "ar": "##########|########", "hi": "@@## ###########|@@-##-####-#######|@@##-####-#######",
    "tr": "######|@ ######", "sv": "######-####|##########", "da": "########", "no": "## ## ###### #", "fi": "######-###@", "cs": "@@ ######", "hu": "@@######", "ro": "@########@|@-#######-@", "el": "#########", "he": "#######|########", "id": "############|####-####-######", "vi": "############", "fa": "##########", "sw": "DL-#######", "th": "########",
}  # fmt: skip


def licence(draw: Draw, lang: str = "en") -> str:
    """A driving licence number, in two thirds of all cases in a form of the language's countries."""
    if lang in _LICENCES_OF and draw.random() < 0.66:
        return pattern(draw.choice(_LICENCES_OF[lang].split("|")), draw)
    if lang == "en" and draw.random() < 0.12:
        return pattern("@@@@@", draw) + pattern("######", draw) + pattern("@#@@", draw)
    return pattern(draw.choice(_LICENCES), draw)


def bank_account(draw: Draw) -> str:
    """An account number that is no IBAN."""
    shapes = ["########", "##########", "############", "#### ####", "###-######-#", "##-####-#######-##", "#########", "######-##", "#########-#", "########-#", "### ### ###", "####-####-####", "##############", "######-########",
              "## #### ####", "###########", "###-##-######", "#### #### ####"]  # fmt: skip
    return pattern(draw.choice(shapes), draw)


_BIC_COUNTRIES = [
    "DE",
    "FR",
    "US",
    "GB",
    "ES",
    "PL",
    "IT",
    "NL",
    "BE",
    "CH",
    "AT",
    "SE",
    "JP",
    "SG",
    "IN",
    "TR",
    "IE",
    "PT",
    "NO",
    "DK",
    "FI",
    "CZ",
    "HU",
    "RO",
    "GR",
    "LU",
    "CA",
    "AU",
    "NZ",
    "ZA",
    "BR",
    "MX",
    "AE",
    "SA",
    "KR",
    "CN",
    "HK",
    "NG",
    "KE",
    "IL",
    "UA",
    "RU",
]
_BIC_PLACES = [
    "FF",
    "33",
    "2L",
    "PP",
    "MM",
    "2A",
    "HH",
    "1X",
    "BB",
    "6S",
    "ZZ",
    "22",
    "21",
    "2X",
    "B1",
    "3M",
    "5M",
    "KK",
    "XX",
    "A2",
    "LL",
    "W0",
]


def bic(draw: Draw) -> str:
    """What names a bank among banks (ISO 9362): bank, country, place, sometimes a branch."""
    place = draw.choice(_BIC_PLACES)
    whole = (
        pattern("@@@@", draw) + draw.choice(_BIC_COUNTRIES) + place + draw.choice(["", "", "XXX", pattern("###", draw)])
    )
    return f"{whole[:4]} {whole[4:6]} {whole[6:]}" if draw.random() < 0.07 else whole


def aba(draw: Draw) -> str:
    """United States: nine digits, weights 3, 7, 1."""
    body = f"{draw.choice([*range(1, 13), *range(21, 33)]):02}" + pattern("######", draw)
    return body + str(-weighted(body, (3, 7, 1) * 3) % 10)


_BRANCHES = "##-##-##|##-##-##|##-##-##|######|## ## ##|@@@@0######|@@@@0@@####|@@@@000####|###-###|### ###|### ### ##|########|#####-###|0########|###-##-###|##-####|### ## ###|## ### ###|####-#|##############|######-##|###-####|#####"
_BANKS = ["HDFC", "ICIC", "SBIN", "UTIB", "KKBK", "PUNB", "BARB", "CNRB", "YESB", "IDIB"]


def sort_code(draw: Draw) -> str:
    """What names a branch: United Kingdom, India (IFSC), Australia (BSB), Germany, Canada, Ireland, Japan, South Africa."""
    if draw.random() < 0.1:
        return draw.choice(_BANKS) + pattern("0######", draw)
    return pattern(draw.choice(_BRANCHES.split("|")), draw)


def routing(draw: Draw) -> str:
    """What names a bank: routing number, sort code, BIC, IFSC, BSB."""
    return draw.choice([aba, aba, bic, bic, sort_code])(draw)


_PHONES = {
    "en": "(###) ###-####|+1 ### ### ####|###-###-####|+44 7### ######|07### ######|0##-####-####|+91 9#### #####|+1 (###) ###-####|1-###-###-####|+61 4## ### ###|###.###.####|020 7### ####|+234 80# ### ####|##########|##### ######|0#### ######|(0##) #### ####|+1-###-###-####|### ### ####|00 44 7### ######|+27 8# ### ####|08## ### ###|### #### ext ###|+65 #### ####|+353 8# ### ####|02# ### ####",
    "de": "+49 17# #######|0### ######|0#### / #####|+49 (0)## ########|017#-########|+43 6## #######|0##/#######", "fr": "06 ## ## ## ##|+33 6 ## ## ## ##|01.##.##.##.##|07########|+33 (0)1 ## ## ## ##",
    "es": "6## ### ###|+34 6## ## ## ##|9## ## ## ##|+52 55 #### ####", "it": "+39 3## #######|3## ### ####|0## ########", "pt": "(##) 9####-####|+55 ## 9#### ####|+351 9## ### ###",
    "nl": "06-########|+31 6 ########|0##-#######", "pl": "### ### ###|+48 ### ### ###", "cs": "+420 ### ### ###|### ### ###", "ru": "+7 (9##) ###-##-##|8 9## ### ## ##", "uk": "+380 ## ### ## ##|0## ###-##-##",
    "tr": "0 5## ### ## ##|+90 5## ### ## ##", "ar": "+966 5# ### ####|05########|+20 1# #### ####", "hi": "+91 9#########|9#### #####", "zh": "13#########|138-####-####|+86 15# #### ####|010-########", "ja": "090-####-####|03-####-####|+81 80 #### ####",
    "ko": "010-####-####|02-###-####|+82 10 #### ####", "id": "08##-####-####|+62 8## #### ####", "vi": "09## ### ###|+84 9## ### ###", "sv": "070-### ## ##|+46 7# ### ## ##", "da": "## ## ## ##|+45 ########", "no": "+47 ### ## ###",
    "fi": "040 ### ####|+358 4# ### ####", "el": "69# ### ####|+30 69########", "he": "05#-###-####|+972-5#-#######", "hu": "+36 30 ### ####|06-20/###-####", "ro": "07## ### ###|+40 7########",
}  # fmt: skip


def phone(lang: str, draw: Draw) -> str:
    """A telephone number as it is written in a language's countries; "#" is never 0 at the first place."""
    shape = draw.choice(
        _PHONES[lang if lang in _PHONES and draw.random() < 0.85 else draw.choice(sorted(_PHONES))].split("|")
    )
    first = shape.index("#")
    return shape[:first] + str(draw.randrange(2, 10)) + pattern(shape[first + 1 :], draw)


_DIGIT_WORDS = {
    "en": "oh one two three four five six seven eight nine", "de": "null eins zwei drei vier fünf sechs sieben acht neun", "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve", "it": "zero uno due tre quattro cinque sei sette otto nove", "pt": "zero um dois três quatro cinco seis sete oito nove",
}  # fmt: skip


def spoken_phone(lang: str, draw: Draw) -> str:
    """A telephone number said aloud: "oh seven seven, double four …"."""
    words = _DIGIT_WORDS.get(lang, _DIGIT_WORDS["en"]).split()
    number = [draw.randrange(10) for _ in range(draw.randrange(7, 12))]
    said: list[str] = []
    for at, digit in enumerate(number):
        pause = "," if at in (3, 6) and draw.random() < 0.4 and at + 1 < len(number) else ""
        double = lang == "en" and draw.random() < 0.12
        said.append(("double " if double else "") + words[digit] + pause)
    return " ".join(said)


def plate(lang: str, draw: Draw) -> str:
    """A number plate."""
    shapes = {"en": "@@@###|@@@ ###@|###-@@@|@## @@@|@@@ ## ##|@@-#####|CA ######|@@@ #@#|##@@@@|### @@ GP|@@ ## @@ GP|@@@-###-@@|@-@@-####|####@@|@@## @@@|@@##@@@|@@@ ###|@@ #####|#@@ ###|@@@####|@@@ ####|#@@@###|@##-@@@|@@ ## @@ ####|@@@-####|### @@@", "de": "M-@@ ####|HH @@ ###|ZH ######|W-#####@|B:@@ ####|@@-@ ####|@@@ @@ ##|@-@@ ####|@@ @ ###|@@@-@@ ###E|@@-@@####", "fr": "@@-###-@@|@@ ### @@|@@###@@|### @@@ 75|#-@@@-###", "es": "#### @@@|####@@@|####-@@@", "it": "@@###@@|@@ ### @@|@@######", "pt": "@@@#@##|@@-##-@@", "nl": "@@-###-@|##-@@@-#",
              "pl": "@@ #####|@@@ ##@@", "ru": "А###ВС 77|К###ОР 199|е###тх178|М### УН ##|о ### оо 50|Т###АМ###", "zh": "京A#####|浙A·@####|川A·####@|苏E#@###|粤B·D#####|粤B#@###|沪C·##@##", "ja": "横浜 ### な ##-##|なにわ ##0 え ####|練馬###き####|品川 ### さ ##-##", "ko": "###바####|서울 ##다 ####|##가 ####|###나 ####", "tr": "34 @@ ####|06 @@@ ###|35 @ #####", "uk": "АА####КВ|ВС ####|КА #### ІР", "sv": "@@@ ###|@@@##@", "da": "@@ ## ###|@@#####", "no": "@@ #####|@@#####", "fi": "@@@-###", "cs": "#@# ####|#@@ ####", "hu": "@@@-###|@@ @@-###", "ro": "B-##-@@@|CJ ## @@@|B ### @@@",
              "el": "ΙΚΑ-####|ΧΑΑ ####|ΥΝΜ-####", "he": "##-###-##|###-##-###", "ar": "أ ب ج ####|د ه و ####|#### ح ص", "hi": "MH ## @@ ####|DL#C@@####|KA-##-@@-####|UP## @ ####", "fa": "##ب###-##|##ص### ایران ##", "id": "B #### @@@|D #### @@|AB #### @@", "vi": "##A-###.##|##F-#####|51G-###.##", "th": "กข ####|#กค ####|ขต #### กรุงเทพ", "bn": "ঢাকা মেট্রো-গ ##-####", "sw": "K@@ ###@|T ### @@@", "hr": "ZG ####-@@|ST ###-@", "bg": "CB #### @@|В #### КР"}  # fmt: skip
    return pattern(draw.choice(shapes.get(lang, shapes["en"]).split("|")), draw)


def vin(draw: Draw) -> str:
    """Seventeen characters without I, O, Q; the ninth checks the others (49 CFR 565)."""
    letters = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ"
    number = [draw.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(17)]
    number[0] = draw.choice("12345JKLSVWZ")
    total = sum(
        letters.index(c) % 10 * w
        for c, w in zip(number, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), strict=True)
    )
    number[8] = "0123456789X"[total % 11]
    return "".join(number)


def mac(draw: Draw) -> str:
    """A hardware address."""
    pairs = [f"{draw.randrange(256):02x}" for _ in range(6)]
    joined = draw.choice([":".join(pairs), "-".join(pairs), ".".join("".join(pairs)[i : i + 4] for i in (0, 4, 8))])
    return draw.choice([joined, joined.upper()])


def ip(draw: Draw) -> str:
    """An IPv4 or IPv6 address that is not one of the documentation's."""
    if draw.random() < 0.15:
        return f"2a0{draw.randrange(1, 10)}:{draw.randrange(16**4):x}:{draw.randrange(16**4):x}::{draw.randrange(1, 16**4):x}"
    first = draw.choice(["10", "172.16", "192.168", str(draw.randrange(11, 126)), str(draw.randrange(130, 191))])
    rest = 4 - len(first.split("."))
    return ".".join([first, *(str(draw.randrange(1, 255)) for _ in range(rest))])


def device(draw: Draw) -> str:
    """A serial number or id of a device."""
    shapes = ["35#############", "@@###@#####", "SN-########", "@@@-######-@"]
    return draw.choice([ip(draw), ip(draw), mac(draw), pattern(draw.choice(shapes), draw)])


def medical_record(draw: Draw) -> str:
    """A patient's number in a hospital."""
    shapes = ["MRN-#######", "########", "MR######", "H#######", "##-##-##", "PT-#####", "#######", "@@@####", "UHID-########", "P-####/##", "NH-######", "@@-######", "######-#", "#### ####", "M##-#####", "PAT######", "0#######"]  # fmt: skip
    return pattern(draw.choice(shapes), draw)


def record(draw: Draw) -> str:
    """The number of an employee, customer, member, student, case, claim or policy."""
    shapes = ["EMP-#####", "##/####", "@#-######", "#########", "@@@-##-####", "K##-####", "ID######", "@@/####/##", "E#####", "######", "CUST-######", "C-####", "K-#####", "ACC-#####-#", "2024-CV-#####", "CLM-#######", "POL-########", "#######", "HR-2025-###", "CASE-#####", "S#######", "M-####-##",
              "@@-#####", "@@@#####", "#####-@", "Az. # O ###/24", "INC######", "TCK-#####", "SR-########", "####/2025", "PN ######", "MB ######", "@@@-####-####", "U########", "##-#####"]  # fmt: skip
    return pattern(draw.choice(shapes), draw)


def coordinates(draw: Draw) -> str:
    """A point on the earth."""
    north, east = draw.uniform(-55, 65), draw.uniform(-120, 140)
    places = draw.choice([4, 5, 6])
    return draw.choice(
        [
            f"{north:.{places}f}, {east:.{places}f}",
            f"{north:.{places}f},{east:.{places}f}",
            f"{abs(north):.4f}° {'N' if north > 0 else 'S'}, {abs(east):.4f}° {'E' if east > 0 else 'W'}",
        ]
    )

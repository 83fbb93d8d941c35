"""A third set of disguises of how a value is written: more languages, scripts, spelling alphabets, keyboards, chat.

Made from the world and not from the decoders. Each takes a generator of random numbers and a value, and gives its
disguised form, or None where it does not fit.
"""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence

Rewrite = Callable[[random.Random, str], str | None]

WORDS: dict[str, str] = {
    "Czech": "nula jedna dva tři čtyři pět šest sedm osm devět",
    "Hungarian": "nulla egy kettő három négy öt hat hét nyolc kilenc",
    "Romanian": "zero unu doi trei patru cinci șase șapte opt nouă",
    "Greek": "μηδέν ένα δύο τρία τέσσερα πέντε έξι επτά οκτώ εννέα",
    "Finnish": "nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän",
    "Danish": "nul en to tre fire fem seks syv otte ni",
    "Norwegian": "null en to tre fire fem seks sju åtte ni",
    "Indonesian": "nol satu dua tiga empat lima enam tujuh delapan sembilan",
    "Vietnamese": "không một hai ba bốn năm sáu bảy tám chín",
    "Ukrainian": "нуль один два три чотири п'ять шість сім вісім дев'ять",
    "Hebrew": "אפס אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע",
    "Catalan": "zero un dos tres quatre cinc sis set vuit nou",
    "Croatian": "nula jedan dva tri četiri pet šest sedam osam devet",
    "Bulgarian": "нула едно две три четири пет шест седем осем девет",
    "Tagalog": "sero isa dalawa tatlo apat lima anim pito walo siyam",
    "Persian": "صفر یک دو سه چهار پنج شش هفت هشت نه",
    "Thai": "ศูนย์ หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า",
    "Tamil": "பூஜ்யம் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது",
    "Bengali": "শূন্য এক দুই তিন চার পাঁচ ছয় সাত আট নয়",
    "Esperanto": "nul unu du tri kvar kvin ses sep ok naŭ",
    "Slovak": "nula jeden dva tri štyri päť šesť sedem osem deväť",
    "Welsh": "dim un dau tri pedwar pump chwech saith wyth naw",
    "Swahili": "sifuri moja mbili tatu nne tano sita saba nane tisa",
    "romaji": "zero ichi ni san yon go roku nana hachi kyuu",
}
ITU = "nadazero unaone bissotwo terrathree kartefour pantafive soxisix setteseven oktoeight novenine".split()
ALPHABETS: dict[str, str] = {
    "French alphabet": "Anatole Berthe Célestin Désiré Eugène François Gaston Henri Irma Joseph Kléber Louis Marcel "
    "Nicolas Oscar Pierre Quintal Raoul Suzanne Thérèse Ursule Victor William Xavier Yvonne Zoé",
    "Italian alphabet": "Ancona Bologna Como Domodossola Empoli Firenze Genova Hotel Imola Jolly Kursaal Livorno "
    "Milano Napoli Otranto Padova Quarto Roma Savona Torino Udine Venezia Washington Xilofono York Zara",
    "Spanish alphabet": "Antonio Burgos Carmen David España Francia Granada Historia Inés José Kilo Lorenzo María "
    "Navidad Oviedo Pamplona Queso Ramón Sábado Toledo Ulises Valencia Washington Xilofón Yegua Zamora",
    "Dutch alphabet": "Anton Bernhard Cornelis Dirk Eduard Ferdinand Gerard Hendrik Izaak Johan Karel Lodewijk Maria "
    "Nico Otto Pieter Quotiënt Rudolf Simon Theodor Utrecht Victor Willem Xantippe Ypsilon Zaandam",
    "Swedish alphabet": "Adam Bertil Cesar David Erik Filip Gustav Helge Ivar Johan Kalle Ludvig Martin Niklas Olof "
    "Petter Qvintus Rudolf Sigurd Tore Urban Viktor Wilhelm Xerxes Yngve Zäta",
    "police alphabet": "Adam Boy Charles David Edward Frank George Henry Ida John King Lincoln Mary Nora Ocean Paul "
    "Queen Robert Sam Tom Union Victor William X-ray Young Zebra",
    "old British alphabet": "Ack Beer Charlie Don Edward Freddie George Harry Ink Johnnie King London Monkey Nuts "
    "Orange Pip Queen Robert Sugar Toc Uncle Vic William X-ray Yorker Zebra",
}
SCRIPTS: dict[str, int] = {
    "Gujarati": 0x0AE6,
    "Tamil": 0x0BE6,
    "Telugu": 0x0C66,
    "Khmer": 0x17E0,
    "Lao": 0x0ED0,
    "Tibetan": 0x0F20,
    "Persian": 0x06F0,
    "N'Ko": 0x07C0,
    "Javanese": 0xA9D0,
    "Adlam": 0x1E950,
    "sans-serif": 0x1D7E2,
    "sans-serif bold": 0x1D7EC,
}
ROWS: dict[str, str] = {
    "double circled digits": "0⓵⓶⓷⓸⓹⓺⓻⓼⓽",
    "digits with a stop": "0⒈⒉⒊⒋⒌⒍⒎⒏⒐",
    "sans-serif circled digits": "🄋➀➁➂➃➄➅➆➇➈",
    "Suzhou numerals": "〇〡〢〣〤〥〦〧〨〩",
    "Ethiopic numerals": "0፩፪፫፬፭፮፯፰፱",
    "counting rods": "〇𝍠𝍡𝍢𝍣𝍤𝍥𝍦𝍧𝍨",
    "digits with commas of enclosed": "🄁🄂🄃🄄🄅🄆🄇🄈🄉🄊",
    "clocks": "🕙🕐🕑🕒🕓🕔🕕🕖🕗🕘",
}
LETTERS: dict[str, str] = {
    "parenthesised letters": "".join(map(chr, range(0x249C, 0x249C + 26))),
    "script letters": "".join(map(chr, range(0x1D4EA, 0x1D4EA + 26))),
    "sans italic letters": "".join(map(chr, range(0x1D622, 0x1D622 + 26))),
    "Fraktur letters": "".join(map(chr, range(0x1D51E, 0x1D51E + 26))),
    "negative squared letters": "".join(map(chr, range(0x1F170, 0x1F170 + 26))),
    "raised letters": "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖ𐞥ʳˢᵗᵘᵛʷˣʸᶻ",
    "Armenian twins": "aƅϲԁеfցհіјkӏmոօрզгѕtսѵաхуz",
    "accented letters": "áḃćďéḟǵȟíĵḱĺḿńóṕqŕśťúṽẃẋýź",
}
BETWEEN: dict[str, str] = {
    "combining grapheme joiners": "\u034f",
    "invisible separators": "\u2063",
    "function application": "\u2061",
    "Arabic letter marks": "\u061c",
    "object replacement": "\ufffc",
    "Khmer inherent vowels": "\u17b5",
    "narrow no-break spaces": "\u202f",
    "figure spaces": "\u2007",
    "ideographic spaces": "\u3000",
    "non-breaking hyphens": "\u2011",
    "hyphenation points": "\u2027",
    "arrows": "→",
    "bullets": " • ",
    "clapping hands": " 👏 ",
    "light verticals": "│",
    "dashes of two": "--",
    "ampersands": "&",
    "then": " then ",
    "um": ", um, ",
    "dollar signs": "$",
    "backslashes": "\\",
    "exclamation marks": "!",
}
MARKS: dict[str, str] = {
    "enclosing circles": "\u20dd",
    "long strokes": "\u0336",
    "overlines": "\u0305",
    "diaereses": "\u0308",
}
RUSSIAN_KEYS = dict(zip("qwertyuiop[]asdfghjkl;'zxcvbnm,.", "йцукенгшщзхъфывапролджэячсмитьбю", strict=True))
DVORAK = dict(zip("qwertyuiopasdfghjklzxcvbnm", "',.pyfgcrlaoeuidhtn;qjkxbm", strict=True))
AZERTY = dict(zip("1234567890", "&é\"'(-è_çà", strict=True))
KEYPAD = dict(zip(string.ascii_lowercase, "2 22 222 3 33 333 4 44 444 5 55 555 6 66 666 7 77 777 7777 8 88 888 "
                  "9 99 999 9999".split(), strict=True))  # fmt: skip
HEAVY = {"a": "/-\\", "b": "|3", "d": "|)", "h": "|-|", "k": "|<", "m": "|\\/|", "n": "|\\|", "v": "\\/", "w": "\\/\\/"}
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
NUMBERS = "zero one two three four five six seven eight nine".split()
PLURALS = "zeros ones twos threes fours fives sixes sevens eights nines".split()


def bare(value: str, least: int = 6) -> str | None:
    """The digits of a value that is nothing else but digits and separators."""
    if any(c.isalpha() or c in "@_#!" for c in value):
        return None
    digits = re.sub(r"\D", "", value)
    return digits if len(digits) >= least else None


def digit_words(words: Sequence[str], gap: str = " ") -> Rewrite:
    def write(_rng: random.Random, value: str) -> str | None:
        digits = bare(value)
        return None if digits is None else gap.join(words[int(d)] for d in digits)

    return write


def of_digits(write: Callable[[str], str | None]) -> Rewrite:
    """A disguise of the bare digits."""

    def made(_rng: random.Random, value: str) -> str | None:
        digits = bare(value)
        return None if digits is None else write(digits)

    return made


def spelled(alphabet: str) -> Rewrite:
    names = dict(zip(string.ascii_lowercase, alphabet.split(), strict=True))

    def write(_rng: random.Random, value: str) -> str | None:
        letters = sum(c.isalpha() for c in value)
        if letters < 2 or "@" in value or not all(c.isascii() and (c.isalnum() or c in " -./") for c in value):
            return None
        return " ".join(names.get(c, NUMBERS[int(c)] if c.isdigit() else "") for c in value.lower() if c.isalnum())

    return write


def replaced(table: dict[str, str], least: int, *, lower: bool = False) -> Rewrite:
    """Each character that the table has, if enough of them are there."""

    def write(_rng: random.Random, value: str) -> str | None:
        shown = value.lower() if lower else value
        if sum(c in table for c in shown) < least:
            return None
        return "".join(table.get(c, c) for c in shown)

    return write


def between(sign: str) -> Rewrite:
    def write(_rng: random.Random, value: str) -> str | None:
        return sign.join(re.sub(r"\s", "", value)) if len(value) >= 6 else None

    return write


def marked(mark: str) -> Rewrite:
    return lambda _rng, value: "".join(c + mark for c in value)


def script(zero: int) -> Rewrite:
    return replaced({str(n): chr(zero + n) for n in range(10)}, 5)


def run_lengths(digits: str) -> str:
    """ "one four, two sevens": how often each digit comes in a row."""
    runs = [m.group() for m in re.finditer(r"(\d)\1*", digits)]
    return ", ".join(f"{NUMBERS[min(len(r), 9)]} {(NUMBERS if len(r) == 1 else PLURALS)[int(r[0])]}" for r in runs)


def positions(digits: str) -> str | None:
    if len(digits) > len(ORDINALS):
        return None
    return ", ".join(f"the {ORDINALS[n]} digit is {d}" for n, d in enumerate(digits))


def fours(digits: str) -> list[str]:
    return [digits[n : n + 4] for n in range(0, len(digits), 4)]


def told(digits: str) -> str:
    first, *middle, last = fours(digits)
    return f"starts with {first}" + "".join(f", then {piece}" for piece in middle) + f", and ends with {last}"


def hundreds(digits: str) -> str:
    """Two by two, as telephone numbers are told in German."""
    tens = ["", "zehn", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
    ones = ["null", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
    teens = "zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn".split()
    said = []
    for pair in (digits[n : n + 2] for n in range(0, len(digits), 2)):
        if len(pair) == 1 or pair[0] == "0":
            said += [ones[int(d)].replace("ein", "eins") if d == "1" else ones[int(d)] for d in pair]
        elif pair[0] == "1":
            said.append(teens[int(pair[1])])
        else:
            said.append(tens[int(pair[0])] if pair[1] == "0" else f"{ones[int(pair[1])]}und{tens[int(pair[0])]}")
    return " ".join(said)


def tens_of(tens: str, ones: str, teens: str, joint: str) -> Callable[[str], str]:
    def write(digits: str) -> str:
        said = []
        for pair in (digits[n : n + 2] for n in range(0, len(digits), 2)):
            if len(pair) == 1 or pair[0] == "0":
                said += [ones.split()[int(d)] for d in pair]
            elif pair[0] == "1":
                said.append(teens.split()[int(pair[1])])
            else:
                ten = tens.split()[int(pair[0]) - 2]
                said.append(ten if pair[1] == "0" else ten + joint + ones.split()[int(pair[1])])
        return " ".join(said)

    return write


SPANISH_PAIRS = tens_of(
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve",
    " y ",
)
ITALIAN_PAIRS = tens_of(
    "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "zero uno due tre quattro cinque sei sette otto nove",
    "dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove",
    "",
)
RUSSIAN_PAIRS = tens_of(
    "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
    "ноль один два три четыре пять шесть семь восемь девять",
    "десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
    " ",
)

DATES: dict[str, tuple[str, str]] = {
    "German date": (
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "{d}. {m} {y}",
    ),
    "French date": (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "le {d} {m} {y}",
    ),
    "Spanish date": (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "{d} de {m} de {y}",
    ),
    "Polish date": (
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
        "{d} {m} {y} r.",
    ),
    "Turkish date": ("Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık", "{d} {m} {y}"),
    "Russian date": (
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
        "{d} {m} {y} года",
    ),
    "Japanese date": ("1 2 3 4 5 6 7 8 9 10 11 12", "{y}年{m}月{d}日"),
}


def date_in(months: str, form: str) -> Rewrite:
    names = months.split()

    def write(_rng: random.Random, value: str) -> str | None:
        found = re.fullmatch(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)", value) or re.fullmatch(
            r"(?P<d>\d\d)\.(?P<m>\d\d)\.(?P<y>\d{4})|(?P<m2>\d\d)/(?P<d2>\d\d)/(?P<y2>\d{4})", value
        )
        if found is None:
            return None
        year, month, day = (next(v for k, v in found.groupdict().items() if k[0] == part and v) for part in "ymd")
        return form.format(y=year, m=names[int(month) - 1], d=int(day))

    return write


def doubled_sign(_rng: random.Random, value: str) -> str | None:
    return "".join(c * 2 for c in value) if len(value) >= 6 else None


WRITING_THIRD: dict[str, Rewrite] = {
    **{f"{name} words": digit_words(words.split()) for name, words in WORDS.items()},
    "ITU words": digit_words(ITU),
    "English words by line": digit_words(NUMBERS, "\n"),
    "English words by arrows": digit_words(NUMBERS, " -> "),
    "English words of homophones": digit_words("zero won too three for five sicks seven ate nein".split()),
    "English words with typos": digit_words("zer0 onee twoo thre foor fiive sixx sevn eigth nin".split()),
    "German pairs": of_digits(hundreds),
    "Spanish pairs": of_digits(SPANISH_PAIRS),
    "Italian pairs": of_digits(ITALIAN_PAIRS),
    "Russian pairs": of_digits(RUSSIAN_PAIRS),
    **{name: spelled(alphabet) for name, alphabet in ALPHABETS.items()},
    **{f"{name} digits": script(zero) for name, zero in SCRIPTS.items()},
    **{name: replaced(dict(zip("0123456789", row, strict=True)), 5) for name, row in ROWS.items()},
    **{
        name: replaced(dict(zip(string.ascii_lowercase, row, strict=True)), 4, lower=True)
        for name, row in LETTERS.items()
    },
    **{name: between(sign) for name, sign in BETWEEN.items()},
    **{name: marked(mark) for name, mark in MARKS.items()},
    **{name: date_in(*form) for name, form in DATES.items()},
    "Russian keyboard": replaced(RUSSIAN_KEYS, 5, lower=True),
    "Dvorak keyboard": replaced(DVORAK, 5, lower=True),
    "French keyboard, shift": replaced(AZERTY, 6),
    "telephone keys": lambda _rng, v: (
        " ".join(KEYPAD.get(c, c) for c in v.lower()) if sum(c.isalpha() for c in v) >= 5 else None
    ),
    "heavy leet": replaced(HEAVY, 2, lower=True),
    "fillers of chat": of_digits(lambda d: " lol ".join(fours(d))),
    "run lengths": of_digits(run_lengths),
    "positions": of_digits(positions),
    "starts, then, ends": of_digits(lambda d: told(d) if len(d) > 7 else None),
    "ordinals": of_digits(lambda d: " ".join(f"{x}th" for x in d)),
    "hashtags": of_digits(lambda d: " ".join(f"#{x}" for x in fours(d))),
    "padded by zeros": of_digits(lambda d: " ".join(f"0{x}" for x in d)),
    "sums": of_digits(lambda d: " ".join(f"{int(x) // 2}+{int(x) - int(x) // 2}" for x in d)),
    "nines' complement": of_digits(lambda d: "".join(str(9 - int(x)) for x in d) + " (nine minus each digit)"),
    "binary of each": of_digits(lambda d: " ".join(f"{int(x):04b}" for x in d)),
    "tallies": of_digits(lambda d: " ".join("|" * int(x) or "0" for x in d)),
    "doubled characters": doubled_sign,
    "scientific": of_digits(lambda d: f"{d[0]}.{d[1:]}e{len(d) - 1}" if d[0] != "0" else None),
    "Indian grouping": of_digits(lambda d: re.sub(r"(?<=\d)(?=(?:\d\d)+$)", ",", d[:-3]) + "," + d[-3:]),
    "as a time": of_digits(lambda d: ":".join(d[n : n + 2] for n in range(0, len(d), 2))),
    "as a price": of_digits(lambda d: f"${int(d[:-2]):,}.{d[-2:]}" if d[0] != "0" else None),
    "quoted groups": of_digits(lambda d: " ".join(f'"{x}"' for x in fours(d))),
    "groups in guillemets": of_digits(lambda d: "".join(f"«{x}»" for x in fours(d))),
    "groups as messages of text": of_digits(
        lambda d: "\n".join(f"({n}/{len(fours(d))}) {x}" for n, x in enumerate(fours(d), 1))
    ),
    "groups in a chat log": of_digits(lambda d: "\n" + "\n".join(f"[10:0{n}] me: {x}" for n, x in enumerate(fours(d)))),
    "groups in subtitles": of_digits(
        lambda d: "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{x}\n" for n, x in enumerate(fours(d), 1))
    ),
    "groups with labels of letters": of_digits(
        lambda d: " ".join(f"{'abcdefghij'[n]}) {x}" for n, x in enumerate(fours(d)))
    ),
    "groups backwards": of_digits(lambda d: " ".join(reversed(fours(d))) + " (read the groups from the right)"),
    "mixed alternating scripts": of_digits(
        lambda d: "".join(c if n % 2 else chr(0x0966 + int(c)) for n, c in enumerate(d))
    ),
    "mixed words and roman": of_digits(lambda d: " ".join(NUMBERS[int(c)] if n % 2 else c for n, c in enumerate(d))),
    "capital O and small l": replaced({"0": "O", "1": "l", "5": "S"}, 2),
    "right-to-left groups": of_digits(lambda d: "\u202b" + " ".join(fours(d)) + "\u202c"),
    "left-to-right marks": of_digits(lambda d: "\u200e".join(fours(d))),
}

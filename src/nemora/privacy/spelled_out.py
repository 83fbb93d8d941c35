"""Values written out: digit words of many languages, spelling alphabets, Morse code."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.quick_pattern import QuickPattern

LEAST = 5
"""Words of a run. Shorter ones are prose: "one or two", "seis o siete"."""

_DIGITS = """
    zero one two three four five six seven eight nine
    oh - too tree fower fife - - ait niner
    null eins zwei drei vier fünf sechs sieben acht neun
    - ein zwo - - fuenf - - - -
    zéro un deux trois quatre cinq six sept huit neuf
    cero uno dos tres cuatro cinco seis siete ocho nueve
    zero um dois três quatro cinco seis sete oito nove
    zero uno due tre quattro cinque sei sette otto nove
    nul een twee drie vier vijf zes zeven acht negen
    zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć
    ноль один два три четыре пять шесть семь восемь девять
    нуль одна дві - чотири п'ять шість сім вісім дев'ять
    sıfır bir iki üç dört beş altı yedi sekiz dokuz
    noll ett två tre fyra fem sex sju åtta nio
    nul en to tre fire fem seks syv otte ni
    null - - - - - - sju åtte -
    nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän
    nula jedna dva tři čtyři pět šest sedm osm devět
    nulla egy kettő három négy öt hat hét nyolc kilenc
    - - - trei patru cinci șase șapte opt nouă
    μηδέν ένα δύο τρία τέσσερα πέντε έξι επτά οκτώ εννέα
    nol satu dua tiga empat lima enam tujuh delapan sembilan
    không một hai ba bốn năm sáu bảy tám chín
    صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة
    אפס אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע
    शून्य एक दो तीन चार पांच छह सात आठ नौ
    sifuri moja mbili tatu nne tano sita saba nane tisa
    〇 一 二 三 四 五 六 七 八 九
    零 壹 贰 叁 肆 伍 陆 柒 捌 玖
    - 壱 弐 参 - - - - - -
    ling yi er san si wu liu qi ba jiu
    rei ichi ni - yon go roku nana hachi kyu
    ゼロ いち に さん よん ご ろく なな はち きゅう
    영 일 이 삼 사 오 육 칠 팔 구
    zeru unu doi - - - - - - -
    nula jedan - tri četiri - - - - -
"""
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ALPHABET = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
).split()
_OTHER_ALPHABETS = """
    anton berta cäsar caesar dora emil friedrich gustav heinrich ida julius kaufmann konrad ludwig martha nordpol otto
    paula quelle richard samuel siegfried theodor ulrich viktor wilhelm xanthippe ypsilon zacharias zeppelin
    ancona bologna domodossola empoli firenze genova imola jolly kursaal livorno milano napoli otranto palermo quadro
    savona torino udine venezia washington xeres
    anatole berthe célestin désiré eugène françois gaston henri irma joseph kléber marcel nicolas raoul thérèse ursule
""".split()
_SIGNS = {"dash": "-", "hyphen": "-", "minus": "-", "underscore": "_", "dot": ".", "point": ".", "at": "@", "plus": "+",
          "slash": "/", "bindestrich": "-", "guion": "-", "tiret": "-"}  # fmt: skip


def _unaccented(word: str) -> str:
    """As it is typed without accents, and as look-alikes are folded."""
    marks = unicodedata.normalize("NFD", word.replace("ı", "i"))
    return "".join(c for c in marks if not unicodedata.combining(c))


def _table() -> dict[str, str]:
    words: dict[str, str] = {}
    cells = _DIGITS.split()
    for place, word in enumerate(cells):
        if word != "-":
            words.setdefault(word, str(place % 10))
    words |= {plain: digit for word, digit in words.items() if (plain := _unaccented(word)) not in words}
    words |= {word: str(10 + n) for n, word in enumerate(_TEENS)}
    words |= {word: f"{n + 2}0" for n, word in enumerate(_TENS)}
    return words


_NUMBERS = _table()
_LETTERS = {word: _unaccented(word)[0] for word in (*_OTHER_ALPHABETS, *_ALPHABET)} | {
    "alpha": "a",
    "juliet": "j",
    "x-ray": "x",
    "whisky": "w",
}
_TIMES = {"double": 2, "triple": 3, "treble": 3, "doble": 2, "doppelt": 2}
_KNOWN = {**_NUMBERS, **_LETTERS, **_SIGNS, **dict.fromkeys(_TIMES, "")}
_TOKEN = re.compile(r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0963\u0981-\u0dff\u0e31-\u0e4e])+(?:['\u2019][^\W\d_]+)?")
"""A word, with the signs of Indian and Thai vowels."""
_GAP = re.compile(r"[ ,.;/|_\-–\n\t]{1,3}")
_PROSE_ENDS = frozenset(["a", "I", "A", "e", "y", "o", *_SIGNS])
MAX_TOKENS = 200

_MORSE = dict(
    zip(
        (
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..-"
            " -.-- --.. "
            "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- .--.-. -....- ..--.- ---... -..-. .-.-."
        ).split(),
        "abcdefghijklmnopqrstuvwxyz0123456789.@-_:/+",
        strict=True,
    )
)
_MORSE_RUN = QuickPattern(r"(?<![\w.\-])[.\-]{1,6}(?:[ ]{1,3}(?:/[ ])?[.\-]{1,6}){5,400}(?![\w])")


def spelled_out(text: str) -> Iterator[Edit]:
    """Runs of number words ("four seven one six"), also mixed with digits, and of spelling alphabets."""
    known = "".join("1" if _is_known(word) else "0" for word in _TOKEN.findall(text))
    if "1" * LEAST not in known:
        return
    run: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        if not _is_known(token.group()):
            yield from _edit(run)
            run = []
            continue
        if run and (len(run) >= MAX_TOKENS or not _GAP.fullmatch(text, run[-1].end(), token.start())):
            yield from _edit(run)
            run = []
        run.append(token)
    yield from _edit(run)


def _is_known(word: str) -> bool:
    if len(word) == 1:
        return word.isascii() or word in _KNOWN
    return (len(word) <= 4 and word.isdigit()) or word.lower() in _KNOWN


def _edit(run: list[re.Match[str]]) -> Iterator[Edit]:
    """What a run says, if it is long enough. Prose goes on in words of the tables: "… nine at a"."""
    if len(run) < LEAST:
        return
    while run and run[-1].group() in _PROSE_ENDS:
        run.pop()
    while run and run[0].group() in _PROSE_ENDS:
        run.pop(0)
    words = [token.group() for token in run]
    if sum((len(word) > 1 or not word.isascii()) and not word.isdigit() for word in words) >= 2:
        plain = _said(words)
        if len(plain) >= LEAST:
            yield Edit(run[0].start(), run[-1].end(), plain)


def _said(words: list[str]) -> str:
    """What the words spell. "double four" is 44, "forty seven" is 47, "Alfa" a capital and "alfa" a small letter."""
    said: list[str] = []
    times, tens = 1, False
    for word in words:
        lowered = word.lower()
        if lowered in _TIMES:
            times = _TIMES[lowered]
            continue
        letter = _LETTERS.get(lowered)
        if letter is not None:
            piece = letter.upper() if word[0].isupper() else letter
        else:
            piece = _NUMBERS.get(lowered) or _SIGNS.get(lowered) or word
        if tens and len(piece) == 1 and piece.isdigit() and piece != "0":
            said[-1] = said[-1][0] + piece
        else:
            said.append(piece * times)
        times, tens = 1, lowered in _TENS
    return "".join(said)


_LONG_WORD = re.compile(r"[A-Za-zÀ-ÿ]{18,400}")
_BY_LENGTH = sorted((word for word in _NUMBERS if len(word) > 2), key=len, reverse=True)


def run_together(text: str) -> Iterator[Edit]:
    """Number words without spaces: "foursevenonesix"."""
    for word in _LONG_WORD.finditer(text):
        rest, said = word.group().lower(), ""
        while rest:
            known = next((name for name in _BY_LENGTH if rest.startswith(name)), None)
            if known is None:
                break
            rest, said = rest[len(known) :], said + _NUMBERS[known]
        if not rest and len(said) >= LEAST:
            yield Edit(word.start(), word.end(), said)


_MONTHS = "january february march april may june july august september october november december".split()
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
_DAYS = "|".join(sorted((day.replace("-", "[- ]") for day in _ORDINALS), key=len, reverse=True))
_YEAR = (
    r"(?:19|20)\d\d|(?:nineteen|twenty)(?:[- ](?:hundred|oh|and|[a-z]{3,9}teen|ten|eleven|twelve|"
    r"[a-z]{3,5}ty|[a-z]{3,5})){1,3}"
)
_MONTH_NAME = re.compile(rf"(?:{'|'.join(_MONTHS)})[, ]", re.IGNORECASE)
_DATE = re.compile(
    rf"(?<!\w)(?:(?P<day>{_DAYS}),?(?: of)? (?P<month>{'|'.join(_MONTHS)})"
    rf"|(?P<month2>{'|'.join(_MONTHS)})(?: the)? (?P<day2>{_DAYS})),?(?: in)? (?P<year>{_YEAR})(?!\w)",
    re.IGNORECASE,
)


def dates_in_words(text: str) -> Iterator[Edit]:
    """ "the third of May nineteen seventy-one" as 1971-05-03."""
    if _MONTH_NAME.search(text) is None:
        return
    for date in _DATE.finditer(text):
        day = (date["day"] or date["day2"]).lower().replace(" ", "-")
        month = (date["month"] or date["month2"]).lower()
        words = [word for word in re.split("[- ]", date["year"].lower()) if word not in ("and", "hundred", "oh")]
        year = date["year"] if date["year"].isdigit() else "".join([_said(words[:1]), f"{_said(words[1:]):0>2}"])
        if len(year) == 4 and year.isdigit():
            yield Edit(
                date.start(), date.end(), f"{year}-{_MONTHS.index(month) + 1:02d}-{_ORDINALS.index(day) + 1:02d}"
            )


_BRAILLE = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", "abcdefghijklmnopqrstuvwxyz", strict=True))
_BRAILLE |= {"⠲": ".", "⠤": "-", "⠈": "@"}
_BRAILLE_RUN = re.compile("[\u2801-\u28ff0-9@._+-]{4,400}")
_BRAILLE_NUMBER = re.compile("⠼([⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚]+)")


def braille(text: str) -> Iterator[Edit]:
    """Braille of grade one: letters, and the first ten of them behind the sign of numbers."""
    for run in _BRAILLE_RUN.finditer(text):
        if max(run.group()) <= "\u2800":
            continue
        said = _BRAILLE_NUMBER.sub(lambda m: "".join(str("⠚⠁⠃⠉⠙⠑⠋⠛⠓⠊".index(c)) for c in m[1]), run.group())
        yield Edit(run.start(), run.end(), "".join(_BRAILLE.get(c, c) for c in said))


def morse(text: str) -> Iterator[Edit]:
    """Morse code; a stroke parts words."""
    if "." not in text or "-" not in text:
        return
    for run in _MORSE_RUN.finditer(text):
        written = run.group().split()
        if written[-1] not in _MORSE:  # a full stop behind it
            written[-1] = written[-1].removesuffix(".")
        signs = [_MORSE.get(sign, " " if sign == "/" else "") for sign in written]
        if all(signs):
            yield Edit(run.start(), run.end(), "".join(signs))

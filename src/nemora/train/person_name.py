"""A person's whole name taken apart into given names and surnames, and a street address into its parts."""

from __future__ import annotations

import re

from nemora.train.span_labels import UNKNOWN
from nemora.train.span_text import Piece


def words_of(line: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(line.split())


PARTICLES = words_of(
    "van von de der den del della di da do dos das du des la le el al bin bint ibn abu ben ter ten tot zu zum zur af av"
    " y e i st san santa mac mc o' ap na ní ó mac nic"
)
TITLES = words_of(
    "mr mrs ms miss mx dr prof professor sir dame lord lady rev fr sr sra srta don doña dona herr frau hr fru madame "
    " mme"
    " m mlle monsieur dott dottoressa ing avv sig signora pan pani mevr dhr capt captain lt sgt gen col major judge"
    " sister uncle aunt nurse coach father mother hon shri smt bay bayan г-н г-жа dra eng"
)
SUFFIXES = words_of("jr jr. sr. jun. sen. junior ii iii iv phd ph.d. md m.d. esq esq. rn mba dds")
_WORD = re.compile(r"[^\s,]+")
_HAN = re.compile(r"[一-鿿々]{2,4}\Z")
_HANGUL = re.compile(r"[가-힣]{2,4}\Z")
_DOUBLE_SURNAMES = ("欧阳", "歐陽", "司马", "司馬", "上官", "诸葛", "諸葛", "남궁", "황보", "제갈", "선우")


def name_pieces(name: str) -> list[Piece]:
    """Typed pieces whose text together is `name`.

    Titles and suffixes have no type; the last word is the surname, with the particles before it ("van den Berg"); after
    a comma comes the given name ("Berg, Ada"); a name of two to four Han or Hangul letters begins with the surname. One
    word alone counts as a given name.
    """
    if _HAN.fullmatch(name) or _HANGUL.fullmatch(name):
        cut = 2 if name.startswith(_DOUBLE_SURNAMES) or (_HAN.fullmatch(name) and len(name) == 4) else 1
        return [(name[:cut], "SURNAME"), (name[cut:], "GIVEN_NAME")]
    words = [match.span() for match in _WORD.finditer(name)]
    plain = [name[start:end].lower().strip(".()\"'") for start, end in words]
    first = next((i for i, word in enumerate(plain) if word not in TITLES), len(words))
    if first == 1 and plain[0] == "m" and len(words) > 2 and len(plain[1]) == 1:
        first = 0  # "M. S. Nair" begins with an initial, "M. Dupont" with a title
    last = len(words)
    while last > first + 1 and name[slice(*words[last - 1])].lower() in SUFFIXES:
        last -= 1
    if first >= last:
        return [(name, None)]
    kinds: list[str | None] = [None] * first + _kinds(name, words, plain, first, last) + [None] * (len(words) - last)
    return _runs(name, words, kinds)


def _kinds(name: str, words: list[tuple[int, int]], plain: list[str], first: int, last: int) -> list[str | None]:
    comma = name.find(",", words[first][0], words[last - 1][0])
    if comma >= 0:
        return ["SURNAME" if words[i][0] < comma else "GIVEN_NAME" for i in range(first, last)]
    if last - first == 1:
        return ["SURNAME" if first else "GIVEN_NAME"]  # "Dr Berg", but "Ada"
    surname = last - 1
    while surname > first + 1 and plain[surname - 1] in PARTICLES:
        surname -= 1
    return ["GIVEN_NAME" if i < surname else "SURNAME" for i in range(first, last)]


def _runs(name: str, words: list[tuple[int, int]], kinds: list[str | None]) -> list[Piece]:
    """Neighbouring words of one type are one piece, unless a comma lies between them."""
    pieces: list[Piece] = []
    at = 0
    for (start, end), kind in zip(words, kinds, strict=True):
        gap = name[at:start]
        if pieces and pieces[-1][1] == kind and "," not in gap:
            pieces[-1] = (pieces[-1][0] + gap + name[start:end], kind)
        else:
            pieces += [(gap, None), (name[start:end], kind)]
        at = end
    return [piece for piece in (*pieces, (name[at:], None)) if piece[0]]


_NUMBER = r"\d{1,5}(?:[ -]?(?:bis|ter|[A-Za-z]))?(?:[/-]\d{1,4}[A-Za-z]?)?"
_NUMBER_FIRST = re.compile(rf"(?P<number>{_NUMBER})(?P<gap>,? )(?P<street>[^\d,#]{{3,}}?)(?P<rest>(?:[,#]| #).*)?\Z")
_NUMBER_LAST = re.compile(rf"(?P<street>[^\d,#]{{3,}}?)(?P<gap>,? (?:n[º°.] ?)?)(?P<number>{_NUMBER})(?P<rest>,.*)?\Z")
_AMERICAN = re.compile(r"(, )([^,\d]+)(, )([A-Z]{2})( )(\d{5}(?:-\d{4})?)\Z")
_TOWN_KINDS = (None, "CITY", None, "STATE", None, "ZIP_CODE")


def address_pieces(address: str) -> list[Piece]:
    """Typed pieces whose text together is `address`; what cannot be told apart is UNKNOWN."""
    for pattern in (_NUMBER_FIRST, _NUMBER_LAST):
        if match := pattern.fullmatch(address):
            kinds = {"number": "BUILDING_NUMBER", "street": "STREET_NAME", "gap": None}
            order = ("number", "gap", "street") if pattern is _NUMBER_FIRST else ("street", "gap", "number")
            rest = match["rest"] or ""
            town = _AMERICAN.fullmatch(rest)
            tail: list[Piece] = list(zip(town.groups(), _TOWN_KINDS, strict=True)) if town else [(rest, UNKNOWN)]
            return [piece for piece in (*((match[part], kinds[part]) for part in order), *tail) if piece[0]]
    return [(address, UNKNOWN)]

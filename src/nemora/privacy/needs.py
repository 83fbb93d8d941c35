"""What must stand in a text for a reader of disguises to find anything: a few passes of RE2 leave most readers out.

A pattern here is wider than what its reader looks for; a reader without one is always asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from nemora.privacy import (
    char_codes,
    code_strings,
    defanged,
    dumps,
    field_pieces,
    floats,
    glued_words,
    layouts,
    letter_numerals,
    markup,
    misread,
    noise,
    numbered_parts,
    rare_encodings,
    repeated_joints,
    shell_pipes,
    small_bases,
    spaced_out,
    spelled_out,
    told_dates,
    told_orders,
    transliterated,
    turned,
    value_pieces,
)
from nemora.privacy.ciphers import leet_words
from nemora.privacy.edits import Edit
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

Reader = Callable[[str], Iterable[Edit]]


Guard = Callable[[str], bool]
"""Says of a text in small letters whether a reader could find something in it: quicker than any pattern."""
Need = str | re.Pattern[str] | QuickPattern | Guard


def strings(*some: str) -> Guard:
    """Whether one of them stands in a text."""
    return lambda lowered: any(string in lowered for string in some)


def beyond_ascii(lowered: str) -> bool:
    """Whether there is any character beyond ASCII."""
    return not lowered.isascii()


AT_ONCE = 10
"""Patterns of one pass: the states of a pass grow as the product of what its patterns are in the midst of."""
_SINGLE = (
    r"\S(?:[ \t\u2009]{1,3}\S){6}",
    r"\S(?:\r?\n[ \t]{0,2}\S){6}",
    r"\S(?:[._*~|/-]\S){6}",
)
NEEDS: dict[Reader, tuple[Need, ...]] = {
    spelled_out.morse: (spelled_out.MORSE_RUN,),
    spelled_out.braille: ("[\u2801-\u28ff]",),
    spelled_out.run_together: (spelled_out.LONG_WORD,),
    spelled_out.dates_in_words: (spelled_out.DATE,),
    spelled_out.grouped_words: ("(?i:hundred|thousand)", spelled_out.HAN),
    spelled_out.named_characters: (r"[A-Z],[ ]?[A-Z]{3}", r"d(?:i[th]?|ah)[ ,/|-]"),
    dumps.dumps: ("begin ", r"[0-9a-fA-F]{6}:?[ \t]"),
    char_codes.character_codes: char_codes.PATTERNS,
    rare_encodings.rare_encodings: ("begin ", *rare_encodings.PATTERNS),
    code_strings.worked_out: (
        code_strings.REPLACED,
        code_strings.TURNED,
        r"(?i:replace|replaceall|substitute|sub|translate)\(\s?[\"']",
        r"[\"']\s?(?:\[\d{0,2}:|\.(?:slice|sub))",
    ),
    code_strings.named_parts: (
        r"[)}][$#%]?[({]",
        r"&[A-Za-z_]\w*;&",
        r"%[A-Za-z_]\w*%%",
        r"\$[A-Za-z_]\w*\$",
        r"\w[ ]?(?:\+|\.\.|<>|~|&)[ ]?[a-z]",
    ),
    code_strings.joined_lists: (code_strings.JOINS,),
    code_strings.glued_literals: (r"[\"'`][\s+.|&~<>^\\rbfuL]{0,60}[\"'`]",),
    spaced_out.single_characters: _SINGLE,
    spaced_out.single_characters_in_words: _SINGLE,
    spaced_out.roomy: (r"\S(?:[ \t\n]{1,4}\S){3}",),
    spaced_out.parted_digits: (r"\d(?:[ ]?[,;:|~*/_.\-–+=#'\"^][ ]?\d|[ ]\d){6}",),
    spaced_out.parted_groups: (r"\d[ ]?[~|*,;:/#_+=][ ]?\d",),
    leet_words: (r"[0-9@$!|][\w@$!|-]{0,24}[A-Za-z]", r"[A-Za-z][\w@$!|-]{0,24}[0-9@$!|]"),
    repeated_joints.repeated_literals: (r"[\"'][^\"']*[\"'][^\"']*[\"'][^\"']*[\"'][^\"']*[\"'][^\"']*[\"']",),
    repeated_joints.numbered_settings: (r"[\w-]\d{1,3}[ ]{0,2}[=:][^\n]",),
    repeated_joints.prefixed_lines: (repeated_joints.SHORT_LINES,),
    repeated_joints.repeated_signs: ("@", r"\d[\s\S]*?\d[\s\S]*?\d[\s\S]*?\d"),
    markup.marks: (markup.INSIDE, markup.TEX),
    markup.unwrapped: (markup.CALL,),
    misread.odd_addresses: (misread.ADDRESS, misread.TOLD_ADDRESS, misread.HOSTED, misread.LEET_DOMAIN),
    misread.misread: (r"[0-9][ .()/+-]{0,4}[OoQDIl|SsBZGb]", r"[OoQDIl|SsBZGb][ .()/+-]{0,4}[0-9]"),
    misread.misread_ibans: (misread.IBAN,),
    misread.odd_digits: (
        misread.SHIFTED,
        misread.DECOYS,
        misread.HEX_NUMBER,
        misread.TOLD_BASE,
        misread.SHIFTED_IBAN,
    ),
    misread.worked_digits: (
        "[çàèé]",
        r"\S{14}",
        misread.SUMS,
        misread.EACH,
        misread.EXPONENT,
        misread.PRODUCT,
        misread.PRICE,
        misread.HOST,
    ),
    misread.in_names: (misread.SNAKE, r"[A-Za-z]_\+?\d", r"\d_[A-Za-z]", r"\d\.[a-z]{3}"),
    value_pieces.wrapped_groups: value_pieces.WRAPPED,
    value_pieces.told_groups: (r"\d[^\d]{2,48}\d",),
    value_pieces.parted_signs: (
        r"\S(?:[ ]?[^\w\s][^\w\s ]{0,2}[ ]?\S){7}",
        r"\S(?:,?[ ](?:um|uh|er|then|and|lol)(?:,[ ]|[ ])\S){7}",
    ),
    value_pieces.behind_junk: (r"\d{6}", r"\d[-/.]\d\d[-/.]\d"),
    turned.turned_values: (r"[@\d]",),
    glued_words.glued_words: (r"[0-9@]\S{6}", r"\S{6}[0-9@]", r"[A-Za-zÀ-ÿ]{2}\+"),
    glued_words.unboxed: (
        r"\][ ,]{0,2}\[|\)[ ,]{0,2}\(|\}[ ,]{0,2}\{",
        r"(?:<[^<>\n]*>[^<>\n]{0,2}){3}",
        r"(?:\*[^*\n]+\*[ ,]{0,2}){3}",
        r"<ruby>|></(?:rt|span|b|i)>",
        r"\|[ ]{1,3}\S?[ ]{1,3}\|[ ]",
        r"(?:…|\.\.\.)[ ]?[^\s….]{1,6}(?:…|\.\.\.)",
    ),
    layouts.downwards: (r"\n[^\n]+\n[^\n]+\n[^\n]",),
    small_bases.small_bases: (
        r"[0-8]{2}[ ,]{1,2}[0-8]{2,}[ ,]{1,2}[0-8]{2}",
        r"0[xob][0-9A-Fa-f]+[ ,]{1,2}0[xob]",
    ),
    small_bases.counted_signs: (small_bases.COUNTS, small_bases.TAPS),
    small_bases.tapped_groups: (r"(?:(?:\d+|[^\w\s])[ ]{1,2}){6}",),
    small_bases.squared: (small_bases.SQUARE,),
    small_bases.tapped_keys: (r"(?:(?:\d+|[^\w\s])[ ]{1,2}){6}",),
    small_bases.letter_places: (*small_bases.PLACED, small_bases.PLACED_APART),
    shell_pipes.piped: (strings("echo", "printf"),),
    field_pieces.field_pieces: (strings("</", "cdata[", "%w"), r"\{\s*\"[\w$ -]+\":", r"(?<![\w-])set[ ]\w+[ =]"),
    noise.said_twice: (noise.has_repeats,),
    noise.pictures: (beyond_ascii,),
    noise.every_other: (noise.TWO_SIGNS,),
    noise.odd_spaces: noise.SPACES,
    transliterated.transliterated: (beyond_ascii,),
    transliterated.typed: (beyond_ascii,),
    letter_numerals.letter_numerals: (
        beyond_ascii,
        strings("1209", "1336", "1477"),
        letter_numerals.TWO_HOURS,
        letter_numerals.ORDERED,
        letter_numerals.TELLS_LETTERS,
        letter_numerals.THREE_SIGNALS,
        letter_numerals.ROMAN,
        letter_numerals.DOTTED,
    ),
    told_dates.told_dates: (told_dates.NAMED, beyond_ascii, told_dates.DAY_OF_YEAR, told_dates.HALVES),
    told_orders.parts_told: (told_orders.COMES,),
    dumps.pushed: (strings("push"),),
    defanged.defanged: (r"[\[({] ?(?:[-./_:@ ]|[dD][oO][tT]|[aA][tT]) ?[\])}]", r"\d dot \d"),
    floats.card_floats: (floats.CARD,),
    floats.whole_floats: (floats.WHOLE,),
    numbered_parts.told_otherwise: (
        numbered_parts.GROUP_SUMS,
        r"\d[ ]?[(\[{][^()\[\]{}\n]+[)\]}][ ,]{0,2}\d",
        r"\d[ ]?&[ ]?\d",
        rf"{numbered_parts.LIKE}[ ,;.-]{{1,3}}\w[ ,;.-]",
        r"\d[ ]?[x×*][ ]?\d[ ,]{1,2}\d",
        r"\d[-+*]\d{1,2}[ ,]{1,2}\d{1,2}[-+*]\d",
        r"(?:one|two|three|four|five|six|seven|eight|nine)[ ](?:zero|one|two|three|four|five|six|seven|eight|nine|oh)",
    ),
}
"""What a text must hold, any of it, for a reader to find something. Readers that are not here are always asked."""


class Needed:
    """Readers, of which those are asked for a text that could find something in it."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = tuple(readers)
        self._always = frozenset(number for number, reader in enumerate(readers) if reader not in NEEDS)
        self._guards: list[tuple[int, Guard]] = []
        of: dict[re.Pattern[str], set[int]] = {}  # several readers may need the same
        for number, reader in enumerate(readers):
            for need in NEEDS.get(reader, ()):
                if not isinstance(need, str | re.Pattern | QuickPattern):
                    self._guards.append((number, need))
                    continue
                pattern = need.plain if isinstance(need, QuickPattern) else re.compile(need)
                of.setdefault(pattern, set()).add(number)
        self._of = tuple(of.values())
        patterns = list(of)
        self._sets = tuple(
            (first, QuickSet(patterns[first : first + AT_ONCE])) for first in range(0, len(patterns), AT_ONCE)
        )

    def readers(self, text: str) -> list[Reader]:
        """In their order."""
        places = self._always.union(
            *(self._of[first + place] for first, each in self._sets for place in each.may(text))
        )
        if self._guards:
            lowered = text.lower()
            places = places.union(number for number, guard in self._guards if guard(lowered))
        return [self._readers[place] for place in sorted(places)]

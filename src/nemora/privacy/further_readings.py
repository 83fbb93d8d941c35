"""Further readings of a text: what it says once a disguise is taken off that leaves the characters readable.

Each reading is a few windows, as long together as the text at most, so the work stays linear. A weak disguise (digits
with signs between them, a value backwards) counts only near a word that announces an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.char_codes import character_codes
from nemora.privacy.ciphers import deciphered, leet_words
from nemora.privacy.code_strings import glued_literals, joined_lists, named_parts, variables, worked_out
from nemora.privacy.covered import Covered
from nemora.privacy.defanged import defanged
from nemora.privacy.dumps import dumps, pushed
from nemora.privacy.edits import rewritten
from nemora.privacy.field_pieces import field_pieces
from nemora.privacy.floats import card_floats, whole_floats
from nemora.privacy.glued_words import glued_words, unboxed
from nemora.privacy.keyed_ciphers import keyed
from nemora.privacy.label_hint import hinted
from nemora.privacy.layouts import downwards, stepped
from nemora.privacy.letter_numerals import letter_numerals
from nemora.privacy.literal_pieces import literal_pieces, word_lists
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.markup import marks, patterns, unwrapped
from nemora.privacy.misread import (
    in_names,
    misread,
    misread_ibans,
    odd_addresses,
    odd_digits,
    short_encodings,
    worked_digits,
)
from nemora.privacy.needs import Needed, Reader
from nemora.privacy.noise import every_other, odd_spaces, pictures, said_twice
from nemora.privacy.numbered_parts import numbered_groups, told_otherwise
from nemora.privacy.rare_encodings import rare_encodings
from nemora.privacy.repeated_joints import numbered_settings, prefixed_lines, repeated_literals, repeated_signs
from nemora.privacy.shell_pipes import piped
from nemora.privacy.small_bases import (
    counted_signs,
    letter_places,
    small_bases,
    squared,
    tapped_groups,
    tapped_keys,
)
from nemora.privacy.spaced_out import (
    broken_lines,
    parted_digits,
    parted_groups,
    roomy,
    single_characters,
    single_characters_in_words,
)
from nemora.privacy.spelled_out import (
    braille,
    dates_in_words,
    grouped_words,
    morse,
    named_characters,
    run_together,
    spelled_out,
)
from nemora.privacy.told_dates import told_dates
from nemora.privacy.told_orders import ordered_as_told, parts_told
from nemora.privacy.transliterated import transliterated, typed
from nemora.privacy.turned import turned_text, turned_values, words_turned
from nemora.privacy.value_pieces import (
    behind_junk,
    counted_lines,
    interleaved,
    parted_signs,
    told_groups,
    wrapped_groups,
)

_ENOUGH = re.compile(r"[0-9][^0-9]{0,30}[0-9]|@|[çàèé][&(-]|[A-Za-z0-9+/_-]{8}|[!#$%^&*()]{5}|[^\x00-\x7f]{7}")
"""Something that could be a number, also a misread or an encoded one, or an address."""
_STRONG: tuple[Reader, ...] = (
    morse,
    braille,
    named_characters,
    dumps,
    pushed,
    character_codes,
    rare_encodings,
    worked_out,
    single_characters_in_words,
    roomy,
    defanged,
    card_floats,
)
"""What these say could hardly be said by chance."""
_WEAK: tuple[Reader, ...] = (
    spelled_out,
    run_together,
    grouped_words,
    dates_in_words,
    single_characters,
    broken_lines,
    glued_literals,
    joined_lists,
    variables,
    named_parts,
    leet_words,
    repeated_literals,
    literal_pieces,
    word_lists,
    counted_lines,
    interleaved,
    odd_addresses,
    numbered_settings,
    prefixed_lines,
    marks,
    patterns,
    unwrapped,
    glued_words,
    unboxed,
    downwards,
    stepped,
    small_bases,
    counted_signs,
    tapped_keys,
    letter_places,
    tapped_groups,
    squared,
    piped,
    field_pieces,
    pictures,
    said_twice,
    transliterated,
    typed,
    letter_numerals,
    told_dates,
)
"""These may also make the word that announces what stands behind it."""
_NUMBERS: tuple[Reader, ...] = (
    parted_digits,
    parted_groups,
    repeated_signs,
    wrapped_groups,
    told_groups,
    parted_signs,
    behind_junk,
    turned_values,
    misread,
    misread_ibans,
    odd_digits,
    worked_digits,
    in_names,
    short_encodings,
    numbered_groups,
    told_otherwise,
    every_other,
    odd_spaces,
    parts_told,
    words_turned,
    whole_floats,
)
"""These make numbers, so the word must stand there already."""
_NEEDED_STRONG, _NEEDED_WEAK, _NEEDED_NUMBERS = Needed(_STRONG), Needed(_WEAK), Needed(_NUMBERS)


def further_readings(text: MappedText, covered: Covered) -> Iterator[MappedText]:
    """Readable copies of parts of `text`, mapped to the original; weak ones only outside of what is `covered`."""
    if len(text.text) < 8:
        return
    numbers = _NEEDED_NUMBERS.readers(text.text) if _ENOUGH.search(text.text) and hinted(text.text) else []
    for reader in _NEEDED_STRONG.readers(text.text):
        yield from rewritten(text, reader(text.text), weak=False, covered=covered)
    for reader in (*_NEEDED_WEAK.readers(text.text), *numbers):
        # `.0` hides nothing: such a number is read as it would be without, and no more.
        yield from rewritten(text, reader(text.text), weak=True, covered=covered, in_place=reader is whole_floats)
    yield from deciphered(text)
    yield from turned_text(text)
    yield from keyed(text)
    yield from ordered_as_told(text, covered)

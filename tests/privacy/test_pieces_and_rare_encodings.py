"""Values told in pieces, in rarer words and in rarer encodings are found; what only looks like them is not."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.compressed import MAX_INFLATED, TooLarge, inflated
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspector
from nemora.privacy.literal_pieces import literal_pieces, word_lists
from nemora.privacy.misread import odd_addresses, worked_digits
from nemora.privacy.number_words import MISTYPED, NUMBERS
from nemora.privacy.protocols import Segment
from nemora.privacy.rare_encodings import rare_encodings
from nemora.privacy.value_pieces import (
    behind_junk,
    counted_lines,
    interleaved,
    parted_signs,
    told_groups,
    wrapped_groups,
)

SECRET = "My SSN is 536-22-1234, please keep it."
HARMLESS = "Explain photosynthesis to a child in three sentences."
READERS = (
    *(literal_pieces, word_lists, odd_addresses, worked_digits, rare_encodings, behind_junk, counted_lines),
    *(interleaved, parted_signs, told_groups, wrapped_groups),
)


def kinds(text: str) -> set[Kind]:
    inspection = Inspector(None).inspect([Segment("/messages/0/content", text)])
    assert inspection.complete
    return {finding.kind for finding in inspection.findings if finding.confidence >= 0.5}


def zipped(text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("note.txt", text)
    return held.getvalue()


def letters(text: str) -> str:
    return "".join(chr(97 + byte // 16) + chr(97 + byte % 16) for byte in text.encode())


PACKED = {
    "bzip2": lambda text: base64.b64encode(bz2.compress(text.encode())).decode(),
    "xz": lambda text: base64.b64encode(lzma.compress(text.encode())).decode(),
    "lzma": lambda text: base64.b64encode(lzma.compress(text.encode(), lzma.FORMAT_ALONE)).decode(),
    "gzip twice": lambda text: base64.b64encode(gzip.compress(gzip.compress(text.encode()))).decode(),
    "zip": lambda text: base64.b64encode(zipped(text)).decode(),
    "EBCDIC": lambda text: text.encode("cp037").hex(),
    "half bytes": letters,
    "two signs": lambda text: " ".join(f"{b:08b}" for b in text.encode()).translate(str.maketrans("01", "ab")),
    "zero-width bits": lambda text: (
        "Hello." + "".join(f"{b:08b}" for b in text.encode()).translate(str.maketrans("01", "\u200b\u200c")) + " Bye."
    ),
    "base100": lambda text: "".join(chr(0x1F3F7 + b) for b in text.encode()),
}


@pytest.mark.parametrize("form", PACKED)
def test_what_is_packed_is_read_and_kept_only_if_it_is_sensitive(form: str) -> None:
    assert Kind.US_SSN in kinds(f"Please read this:\n{PACKED[form](SECRET)}\n")
    assert kinds(f"Please read this:\n{PACKED[form](HARMLESS)}\n") == set()


def test_an_archive_in_which_more_could_hide_is_not_read() -> None:
    whole = zipped(HARMLESS)
    assert inflated(whole) is not None
    assert inflated(whole[:-1]) is None
    assert inflated(whole + b"more") is None
    assert inflated(whole[:4] + b"x" + whole[4:]) is None


def test_an_archive_that_would_take_memory_without_limit_is_not_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("note", HARMLESS)
    assert inflated(file.getvalue()) is None


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress])
def test_what_inflates_beyond_the_limit_is_said(pack: object) -> None:
    assert callable(pack)
    with pytest.raises(TooLarge):
        inflated(pack(bytes(MAX_INFLATED + 1)))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"BZh9", b"\xfd7zXZ\0", b"]\0\0", b"PK\x03\x04", b"\x1f\x8b", b"\x78\x9c"]), st.binary(max_size=80)
)
def test_damaged_archives_raise_nothing(start: bytes, rest: bytes) -> None:
    inflated(start + rest)


@pytest.mark.parametrize(
    "text",
    [
        'medical record number String.Format("{0}{1}", "5820", "1462")',
        'The MRN: concat!("5820", "1462") was admitted.',
        "The MRN: '5820' // '1462' was admitted.",
        "The MRN: starts with 5820, then 1462, and ends with 11.",
        "The MRN: $5820$$1462$ was admitted.",
        "The MRN: 5!8!2!0!1!4!6!2 was admitted.",
        "medical record number scan_58201462.pdf",
        "The MRN: \na) 5820 b) 1462",
        "The MRN: 5th 8th 2nd 0th 1st 4th 6th 2nd",
        "The MRN: 2+3 4+4 1+1 0+0 0+1 2+2 3+3 1+1",
        "The MRN: V VIII II IV I IV VI II",
        "MRN: dva osam pet jedan četiri šest dva tri",
        "MRN: fünf acht zwei null vierzehn zweiundsechzig",
    ],
)
def test_a_number_told_in_pieces_is_found_behind_its_word(text: str) -> None:
    assert Kind.MEDICAL_RECORD in kinds(text)
    assert kinds(text.replace("MRN", "Order").replace("medical record", "order")) <= {Kind.PHONE_NUMBER}


@pytest.mark.parametrize(
    "address",
    [
        "rashid.weiss@gmail,com",
        "rashid.weiss*gmail*com",
        "user: rashid.weiss, domain: gmail.com",
        "gmail.com/rashid.weiss",
        "gmail.com!rashid",
    ],
)
def test_oddly_written_addresses_are_found(address: str) -> None:
    assert Kind.EMAIL_ADDRESS in kinds(f"my email: {address}")


@pytest.mark.parametrize(
    "link", ["github.com/someuser", "python.org/downloads", "example.org/index.html", "a-shop.com/contact-us"]
)
def test_links_without_a_scheme_are_no_addresses(link: str) -> None:
    assert kinds(f"contact us or see {link} for email and key data") == set()


def test_padded_numbers_in_a_row_break_nothing() -> None:
    assert kinds("Order number 04 07 01 06 02 00 09 03 05 has shipped.") == set()


def test_upside_down_letters_are_read_from_the_other_end() -> None:
    assert Kind.EMAIL_ADDRESS in kinds("my email is ɯoɔ˙ןıɐɯƃ@ssıǝʍ˙pıɥsɐɹ".replace("ן", "l"))


def test_a_mistyped_word_is_no_word_of_the_table() -> None:
    assert not MISTYPED.keys() & NUMBERS.keys()
    assert NUMBERS["vierundzwanzig"] == "24"
    assert NUMBERS["quarantuno"] == "41"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                '"47"',
                "'16'",
                ", ",
                "then ",
                "4716 ",
                "\n",
                "a[0] = ",
                "1+2 ",
                "||",
                "$",
                "ssn ",
                "4!",
                "ab",
                "aabab ",
                "@",
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_edits_lie_in_the_text_in_order(text: str) -> None:
    for reader in READERS:
        last = 0
        for edit in reader(text):
            assert last <= edit.start < edit.end <= len(text), reader.__name__
            last = edit.end

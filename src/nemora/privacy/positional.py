"""Less usual encodings of a run: base58, base62 and base36, base32hex, basE91, backwards, rot13, one byte of XOR.

Nearly any run is something in them, so what comes out must be text from end to end, and of XOR it must make words.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import re
import string
from collections.abc import Iterator

from nemora.privacy.encodings import from_base32, from_base64, from_hex
from nemora.privacy.label_hint import hinted

LEAST, LONGEST = 11, 600
"""Characters of a run."""
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ALPHABETS = (
    _BASE58,
    string.digits + string.ascii_uppercase + string.ascii_lowercase,
    string.digits + string.ascii_lowercase + string.ascii_uppercase,
    string.digits + string.ascii_lowercase,
    string.digits,
)
_VALUES = tuple({c: n for n, c in enumerate(alphabet)} for alphabet in _ALPHABETS)
_BASE91 = {
    c: n
    for n, c in enumerate(
        string.ascii_uppercase + string.ascii_lowercase + string.digits + '!#$%&()*+,./:;<=>?@[]^_`{|}~"'
    )
}
_PRINTED = re.compile(rb"(?:[\x20-\x7e\t\r\n]|(?<=[\x20-\x7e])[\xc3-\xc5][\x80-\xbf](?=[\x20-\x7e])){6,}")
"""ASCII, and single letters with accents among it."""
_RUN = re.compile(r"[A-Za-z0-9]+\Z")
_HEX = re.compile(r"[0-9a-f]+\Z|[0-9A-F]+\Z")
_BASE32HEX = re.compile(r"[0-9A-V]+={0,6}\Z")
_CROCKFORD_RUN = re.compile(r"[0-9A-HJKMNP-TV-Z]+\Z|[0-9a-hjkmnp-tv-z]+\Z")
_CROCKFORD = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", string.ascii_uppercase + "234567")


def from_unusual(run: str) -> str | None:
    """What an undecodable run of letters and digits says under one of them; None if nothing."""
    if not LEAST <= len(run.strip("=")) <= LONGEST:
        return None
    for data in _candidates(run):
        if _PRINTED.fullmatch(data):
            return data.decode("utf-8")
    return xored(run)


def _candidates(run: str) -> Iterator[bytes]:
    if not any(map(str.isdigit, run)):  # most runs are names; of random ones one in many has no digit
        return
    if _RUN.match(run) and (run.isdigit() or not _HEX.match(run)):
        for values in _VALUES:
            if values.keys() >= set(run):
                yield _number(run, values)
    if _BASE32HEX.match(run) and len(run) >= 16:
        with contextlib.suppress(binascii.Error):
            yield base64.b32hexdecode(run.rstrip("=") + "=" * (-len(run.rstrip("=")) % 8))
    if _CROCKFORD_RUN.match(run) and len(run) >= 16:
        data = from_base32(run.upper().translate(_CROCKFORD))
        if data is not None:
            yield data
    if run.isdigit() or _HEX.match(run):
        return
    for turned in (run[::-1].lstrip("="), codecs.encode(run, "rot13")):
        data = from_base64(turned)
        if data is not None:
            yield data


def _number(run: str, values: dict[str, int]) -> bytes:
    base, number = len(values), 0
    for character in run:
        number = number * base + values[character]
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def xored(run: str) -> str | None:
    """Text of which every byte was combined with one key: then the top bits of all bytes are equal."""
    if not LEAST <= len(run.strip("=")) <= LONGEST:
        return None
    data = from_hex(run) if _HEX.match(run) else from_base64(run)
    if data is None or len(data) < 12:
        return None
    high = sum(byte >> 7 for byte in data)
    if MOST_ACCENTED * min(high, len(data) - high) > len(data):
        return None
    keys = _ALL_KEYS
    for byte in set(data):
        keys &= _KEYS_TO_TEXT[byte]
    size, ways = len(data), []
    for key in range(1, 256) if keys else ():
        if keys >> key & 1 and size - len(data.translate(None, _PLAIN_UNDER[key])) > LEAST_PLAIN * size:
            ways.append((len(data.translate(None, _OFTEN_UNDER[key])), key))
    for _, key in sorted(ways)[:MOST_KEYS]:
        plain = data.translate(_XOR[key])
        if _PRINTED.fullmatch(plain) and hinted(text := plain.decode("utf-8")):
            return text
    return None


LEAST_PLAIN = 0.7
"""Share of letters, digits and spaces of what a key makes; other keys make signs of them."""
MOST_KEYS = 6
"""Of those by which the most common letters stand in it."""
_PLAIN = b" " + string.ascii_letters.encode() + string.digits.encode()
MOST_ACCENTED = 6
"""One of so many bytes may have another top bit, as those of accented letters have."""
_XOR = tuple(bytes(byte ^ key for byte in range(256)) for key in range(256))
_PLAIN_UNDER = tuple(bytes(byte ^ key for byte in _PLAIN) for key in range(256))
_OFTEN_UNDER = tuple(bytes(byte ^ key for byte in b" etaoinsrhldcm0123456789") for key in range(256))
_TEXT = frozenset([*range(0x20, 0x7F), *range(0x80, 0xC6), *b"\t\r\n"])
_KEYS_TO_TEXT = tuple(sum(1 << (byte ^ text) for text in _TEXT) for byte in range(256))
"""Of each byte the keys, as bits, that make a byte of text of it."""
_ALL_KEYS = (1 << 256) - 1


def from_base91(run: str) -> str | None:
    """basE91, by J. Henke: two digits are 13 or 14 bits."""
    held = bits = 0
    first = -1
    out = bytearray()
    for character in run:
        value = _BASE91.get(character)
        if value is None:
            return None
        if first < 0:
            first = value
            continue
        first += value * 91
        held |= first << bits
        bits += 13 if first & 8191 > 88 else 14
        first = -1
        while bits > 7:
            out.append(held & 255)
            held, bits = held >> 8, bits - 8
            if not 32 <= out[-1] < 127:  # nearly all runs end here
                return None
    if first >= 0:
        out.append((held | first << bits) & 255)
    return out.decode("ascii", "ignore") if _PRINTED.fullmatch(out) else None

"""Bytes that were compressed: gzip, zlib, bare deflate, bzip2, xz, lzma and ZIP archives, within a limit."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zipfile
import zlib

MAX_INFLATED = 256 * 1024
"""Bytes that one compressed run may inflate to."""
MAX_MEMBERS = 64
"""Files of an archive."""
DESCRIPTOR = 24
"""Bytes that may follow a file of a ZIP archive and say its size."""
MEMORY = 16 << 20
"""Bytes that xz may take for its window."""
DOCUMENTS = ("[Content_Types].xml", "mimetype")
GZIP, BZIP2, XZ, LZMA, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"]\0\0", b"PK\x03\x04"
_FIRST = frozenset([b"\x78", *(magic[:1] for magic in (GZIP, BZIP2, XZ, LZMA, ZIP))])
_ZLIB = b"\x01\x5e\x9c\xda"


class TooLarge(Exception):
    """A run inflates to more than is read."""


def is_packed(data: bytes) -> bool:
    """Whether the bytes begin like an archive: where it is damaged, a readable beginning says nothing of the rest."""
    return data.startswith((XZ, ZIP)) or (data.startswith(BZIP2) and data[4:10] == b"1AY&SY")


def inflated(data: bytes) -> bytes | None:
    """What `data` inflates to by the form that its first bytes name; None if they name none, or if it is damaged.

    Raises:
        TooLarge: it inflates beyond the limit.
    """
    if data[:1] not in _FIRST:
        return None
    if data[:2] == GZIP or (data[:1] == b"\x78" and data[1:2] in _ZLIB):
        return _members(data)
    try:
        if data.startswith(BZIP2):
            return _all_of(bz2.BZ2Decompressor(), data)
        if data.startswith((XZ, LZMA)):
            return _all_of(lzma.LZMADecompressor(memlimit=MEMORY), data)
        if data.startswith(ZIP):
            return _zipped(data)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, struct.error):
        return None
    except (NotImplementedError, RuntimeError):  # another method, or a password
        return None
    return None


def _all_of(stream: bz2.BZ2Decompressor | lzma.LZMADecompressor, data: bytes) -> bytes | None:
    plain = stream.decompress(data, MAX_INFLATED + 1)
    if len(plain) > MAX_INFLATED:
        raise TooLarge
    return plain + b"\n" * bool(stream.unused_data) + stream.unused_data if stream.eof else None


def _zipped(data: bytes) -> bytes | None:
    """Names and contents of all files, each in lines of its own.

    None for documents, where more could be hidden, and for lzma, which a few bytes make take 4 GiB for its window.
    """
    parts: list[bytes] = []
    left = MAX_INFLATED
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_MEMBERS:
            raise TooLarge
        if any(entry.filename in DOCUMENTS or entry.compress_type == zipfile.ZIP_LZMA for entry in entries):
            return None
        if not _is_all(archive, data):
            return None
        parts.append(archive.comment)
        for entry in entries:
            with archive.open(entry) as file:
                plain = file.read(left + 1)
            left -= len(plain)
            if left < 0:
                raise TooLarge
            parts += [entry.filename.encode("utf-8", "replace"), entry.comment, plain]
    return b"\n".join(part for part in parts if part)


def _is_all(archive: zipfile.ZipFile, data: bytes) -> bool:
    """Whether the files that the directory names lie side by side, with nothing before, between or behind them."""
    at = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        if not 0 <= entry.header_offset - at <= DESCRIPTOR:
            return False
        names = data[entry.header_offset + 26 : entry.header_offset + 30]
        at = entry.header_offset + 30 + sum(struct.unpack("<HH", names)) + entry.compress_size
    end = data.rfind(b"PK\x05\x06")
    return 0 <= archive.start_dir - at <= DESCRIPTOR and len(data) - end == 22 + len(archive.comment)


def _members(data: bytes) -> bytes | None:
    """All members of a gzip stream and what follows them, in lines of their own."""
    members: list[bytes] = []
    left = MAX_INFLATED
    while data[:2] == GZIP or not members:
        stream = zlib.decompressobj(47)
        try:
            members.append(stream.decompress(data, left + 1))
        except zlib.error:
            break
        left -= len(members[-1])
        if left < 0 or stream.unconsumed_tail:
            raise TooLarge
        data = stream.unused_data
    return b"\n".join([*members, data]) if members else None


def inflated_bare(data: bytes) -> bytes | None:
    """Deflate without a header. Anything may look like it, so only a stream that ends with the data counts."""
    if data and data[0] & 6 == 6:  # RFC 1951 keeps this kind of block for later
        return None
    if data and not data[0] & 6 and int.from_bytes(data[1:3], "little") ^ int.from_bytes(data[3:5], "little") != 0xFFFF:
        return None  # a stored block says its length twice
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(data, MAX_INFLATED + 1)
    except zlib.error:
        return None
    if len(plain) > MAX_INFLATED:
        raise TooLarge
    return plain if stream.eof and not stream.unused_data else None

"""Archives: zip, tar, and what gzip, bzip2 and xz packed. Members are files, read by their content."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zlib
from typing import Protocol

from nemora.documents.office import read_office
from nemora.documents.open_document import read_open_document
from nemora.documents.reading import Reading, Unreadable
from nemora.documents.zip_parts import ZipParts

_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"


def read_zip(data: bytes, reading: Reading) -> None:
    """An archive, or an office file, which is one with certain members."""
    reading.kind = "archive"
    parts = ZipParts(data, reading)
    first = parts.members[0] if parts.members else None
    if "[Content_Types].xml" in parts.names:
        read_office(parts, reading)
        return
    if first is not None and first.filename == "mimetype" and first.file_size < 200:
        declared = (parts.read(first) or b"").decode("ascii", "replace")
        if "opendocument" in declared:
            read_open_document(parts, reading, declared)
            return
    reading.add("names", "\n".join(parts.names))
    for info in parts.members:
        member = parts.read(info)
        if member:
            reading.file(member)
        else:
            reading.spend_member()


def read_packed(data: bytes, reading: Reading) -> None:
    """One file that is packed, or several one after the other, which count as one."""
    reading.kind = "archive"
    unpacked, rest = _unpack(data, reading)
    if rest.strip(b"\0"):
        reading.lack("polyglot")
    reading.file(unpacked)


def _unpack(data: bytes, reading: Reading) -> tuple[bytes, bytes]:
    """What is packed, within the limit, and the bytes behind it."""
    found = bytearray()
    while data:
        stream = _decompressor(data)
        if stream is None:
            break
        if data.startswith(_GZIP):
            _read_gzip_header(data, reading)
        rest = data
        try:
            while not stream.eof:
                piece = stream.decompress(rest, _CHUNK)
                rest = getattr(stream, "unconsumed_tail", b"")  # zlib hands back what it has not used; others keep it
                reading.spend_bytes(len(piece))
                found += piece
                if not piece and not rest and not stream.eof:
                    reading.lack("damaged")
                    return bytes(found), b""
        except (OSError, zlib.error, lzma.LZMAError, EOFError, ValueError):
            reading.lack("damaged")
            return bytes(found), b""
        data = stream.unused_data
    return bytes(found), data


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def _decompressor(data: bytes) -> _Decompressor | None:
    if data.startswith(_GZIP):
        return zlib.decompressobj(31)
    if data.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if data.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor(memlimit=256 * 1024 * 1024)
    return None


def _read_gzip_header(data: bytes, reading: Reading) -> None:
    """The name and the comment; more fields are not read."""
    flags, position = data[3] if len(data) > 3 else 0, 10
    if flags & 4:
        reading.lack("embedded")
        return
    for flag in (8, 16):
        if flags & flag:
            end = data.find(b"\0", position)
            reading.add("metadata", data[position : max(end, position)].decode("latin-1"), "name")
            position = end + 1


def read_tar(data: bytes, reading: Reading) -> None:
    reading.kind = "archive"
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            _read_members(archive, reading)
            end = archive.offset
    except (tarfile.TarError, OSError, EOFError, ValueError, struct.error) as error:
        raise Unreadable("damaged") from error
    if data[end:].strip(b"\0"):
        reading.lack("polyglot")
    if len(data) - end < tarfile.BLOCKSIZE:
        reading.lack("damaged")  # the end mark is missing: it was cut


def _read_members(archive: tarfile.TarFile, reading: Reading) -> None:
    for member in archive:
        headers = (member.name, member.linkname, member.uname, member.gname)
        reading.add("names", "\n".join(text for text in (*headers, *map(str, member.pax_headers.values())) if text))
        if not member.isreg():
            reading.spend_member()
            continue
        if member.size < 0:
            raise Unreadable("damaged")
        reading.spend_bytes(member.size)
        content = archive.extractfile(member)
        found = content.read() if content is not None else b""
        if len(found) < member.size:
            reading.lack("damaged")
        reading.file(found)

"""The members of a zip file, within limits, and whether the file holds anything beside them."""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from nemora.documents.reading import Reading, Unreadable

_ENTRY = b"PK\x01\x02"
_END = struct.Struct("<4s4H2LH")
_ZIP64_RECORDS = 76
_DESCRIPTORS = (0, 12, 16, 20, 24)
_READABLE = re.compile(rb"[ -~]{6,}")


class ZipParts:
    """An open zip file.

    Raises:
        Unreadable: it is no zip file, or has too many members.
    """

    def __init__(self, data: bytes, reading: Reading) -> None:
        self._data, self._reading = data, reading
        # Counted before the directory is read, since each entry of it takes memory.
        if data.count(_ENTRY) > reading.left.members:
            raise Unreadable("too_large")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise Unreadable("damaged") from error
        self.members = [info for info in self._zip.infolist() if not info.is_dir()]
        self.names = [info.orig_filename for info in self._zip.infolist()]  # `filename` ends at the first zero byte
        if not self._is_covered():
            reading.lack("polyglot")
        comments = [self._zip.comment, *(info.comment for info in self._zip.infolist())]
        reading.add("comments", "\n".join(comment.decode("utf-8", "replace") for comment in comments if comment))

    def read(self, info: zipfile.ZipInfo) -> bytes | None:
        """One member; None if it cannot be read, which is noted.

        Raises:
            Unreadable: the limit of unpacked bytes is reached.
        """
        if info.flag_bits & 1:
            self._reading.lack("encrypted")
            return None
        try:
            with self._zip.open(info) as member:
                found = member.read(self._reading.left.unpacked_bytes + 1)
        except NotImplementedError:  # a compression that Python has not
            self._reading.lack("unknown_kind")
            return None
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError):
            self._reading.lack("damaged")
            return None
        self._reading.spend_bytes(len(found))
        return found

    def _is_covered(self) -> bool:
        """Whether members, the directory and its end are all bytes of the file, and no space between holds text."""
        position = 0
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            if info.header_offset != position:
                return False
            header = self._data[position : position + 30]
            if len(header) < 30 or header[:4] != b"PK\x03\x04":
                return False
            name, extra = struct.unpack("<2H", header[26:])
            start = position + 30 + name
            if _READABLE.search(self._data[start : start + extra]) or _READABLE.search(info.extra):
                return False
            position = start + extra + info.compress_size
            if info.flag_bits & 8:
                position = next((p for p in self._after(position) if p is not None), position)
        return self._ends_at(position)

    def _after(self, position: int) -> Iterator[int | None]:
        """Where the next record may start behind a data descriptor."""
        for size in _DESCRIPTORS:
            signature = self._data[position + size : position + size + 4]
            yield position + size if signature in (b"PK\x03\x04", b"PK\x01\x02") else None

    def _ends_at(self, position: int) -> bool:
        """Whether the directory starts here, and the file ends right behind it."""
        end = len(self._data) - _END.size - len(self._zip.comment)
        if self._zip.start_dir != position or end < 0 or self._data[end : end + 4] != b"PK\x05\x06":
            return False
        size = _END.unpack_from(self._data, end)[5]
        return end - position in (size, size + _ZIP64_RECORDS) or size == 0xFFFFFFFF

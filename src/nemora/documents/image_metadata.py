"""What an image file says beside its pixels: EXIF with the place it was taken, XMP, IPTC, comments, text chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nemora.documents.charset import decode_text
from nemora.documents.reading import Reading, Unreadable
from nemora.documents.xml_file import read_part

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

WHERE = "metadata"
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_UTF16_TAGS = range(0x9C9B, 0x9CA0)  # XPTitle to XPSubject, of Windows
_NOT_TEXT = {"icc_profile", "exif", "photoshop", "transparency", "background", "srgb", "mp", "mpoffset"}
_LONGEST_BINARY = 65536


def read_metadata(image: ImageFile, reading: Reading) -> None:
    _read_exif(image, reading)
    for key, value in [*image.info.items(), *getattr(image, "text", {}).items()]:
        name = str(key).lower()
        if "xmp" in name:
            _read_xmp(value, reading)
        elif name not in _NOT_TEXT:
            _add(reading, value, str(key))
    _read_iptc(image, reading)


def _read_exif(image: ImageFile, reading: Reading) -> None:
    from PIL import ExifTags

    exif = image.getexif()
    parts: list[tuple[Mapping[int, Any], Mapping[int, str]]] = [(exif, ExifTags.TAGS)]
    parts += [(exif.get_ifd(ifd), ExifTags.TAGS) for ifd in (_EXIF, _INTEROPERABILITY)]
    gps = exif.get_ifd(_GPS)
    parts.append((gps, ExifTags.GPSTAGS))
    for tags, names in parts:
        for tag, value in tags.items():
            if tag in _UTF16_TAGS and isinstance(value, bytes | tuple):
                value = bytes(value).decode("utf-16-le", "replace")
            _add(reading, value, names.get(tag, str(tag)))
    place = [_degrees(gps.get(reference), gps.get(reference + 1)) for reference in (1, 3)]
    if None not in place:
        reading.add(WHERE, f"{place[0]:.6f}, {place[1]:.6f}", "GPSPosition")


def _degrees(reference: object, value: object) -> float | None:
    """Degrees, minutes and seconds as one number; south and west are negative."""
    try:
        degrees, minutes, seconds = (float(part) for part in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    found = degrees + minutes / 60 + seconds / 3600
    return -found if str(reference).strip("\0 ").upper() in ("S", "W") else found


def _read_xmp(value: object, reading: Reading) -> None:
    source = value.encode() if isinstance(value, str) else value
    if not isinstance(source, bytes):
        return
    _add(reading, source, "xmp")
    try:
        read_part(source.strip(b"\0 \r\n\t"), reading.inside(WHERE), "xmp", set())
    except Unreadable as error:
        reading.lack(error.code)


def _read_iptc(image: ImageFile, reading: Reading) -> None:
    from PIL import IptcImagePlugin

    found = IptcImagePlugin.getiptcinfo(image)
    for key, value in (found or {}).items():
        for item in value if isinstance(value, list) else [value]:
            _add(reading, item, "iptc " + " ".join(str(part) for part in key))


def _add(reading: Reading, value: object, label: str) -> None:
    """Text, or numbers as text. Bytes only if they are text: pixels keep the image incomplete anyway."""
    if isinstance(value, bytes):
        value = value.removeprefix(b"ASCII\0\0\0").removeprefix(b"UNICODE\0").strip(b"\0")[:_LONGEST_BINARY]
        decoded = decode_text(value)
        value = decoded.text if decoded is not None else ""
    if isinstance(value, tuple | list):
        value = " ".join(str(part) for part in value[:64])
    if isinstance(value, dict):
        return
    reading.add(WHERE, str(value).strip("\0"), label)

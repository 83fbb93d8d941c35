"""What a client says of a document, and whether that agrees with its bytes: a provider may go by what is said."""

from __future__ import annotations

import re

from nemora.core import InlineData, OpaquePart

_OFFICE = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
_KINDS: dict[str, dict[str, str]] = {
    "pdf": {"pdf": "application/pdf"},
    "docx": {"docx": f"{_OFFICE}.wordprocessingml.document"},
    "xlsx": {"xlsx": f"{_OFFICE}.spreadsheetml.sheet"},
    "pptx": {"pptx": f"{_OFFICE}.presentationml.presentation"},
    "odf": {"odt": f"{_ODF}.text", "ods": f"{_ODF}.spreadsheet", "odp": f"{_ODF}.presentation"},
    "rtf": {"rtf": "application/rtf"},
    "email": {"eml": "message/rfc822"},
    "svg": {"svg": "image/svg+xml"},
    "image": {
        **{ending: f"image/{ending}" for ending in ("png", "jpeg", "gif", "webp", "bmp", "tiff")},
        "jpg": "image/jpeg",
        "tif": "image/tiff",
    },
    "archive": {
        "zip": "application/zip",
        "gz": "application/gzip",
        "tar": "application/x-tar",
        "tgz": "application/gzip",
    },
    "unknown": dict.fromkeys(
        ("doc", "xls", "ppt", "docm", "xlsm", "pptm", "7z", "rar", "wav", "mp3", "mp4", "heic", "exe"),
        "application/octet-stream",
    ),
}
"""By what documents of each kind are known: the endings of their names, and the media type that each goes with."""
_SAYS_NOTHING = ("", "application/octet-stream")
_TEXTS = frozenset({"text", "html", "xml", "svg", "email", "rtf"})
"""Kinds that are text throughout, and may be called any text."""
_TEXT_TYPE = re.compile(
    r"text/[a-z0-9.+-]+|application/(?:[a-z0-9.-]+\+)?(?:json|xml)"
    r"|application/(?:x-)?(?:yaml|toml|sql|ndjson|javascript|sh)"
)
_ENDING = re.compile(r"\.([A-Za-z0-9]{1,8})\Z")


def agrees(part: OpaquePart, inline: InlineData, kind: str) -> bool:
    """Whether the kind of part, the media type and the ending of the file's name fit bytes of `kind`."""
    if part.kind == "input_audio" or (part.kind == "image_url" and kind not in ("image", "svg")):
        return False
    said = {"image/jpg": "image/jpeg"}.get(inline.media_type, inline.media_type)
    is_text = kind in _TEXTS and _TEXT_TYPE.fullmatch(said) is not None
    if not is_text and said not in (*_SAYS_NOTHING, *_KINDS.get(kind, {}).values()):
        return False
    holder = part.raw[part.kind]
    ending = _ending(str(holder.get("filename", ""))) if isinstance(holder, dict) else ""
    return all(known == kind or ending not in endings for known, endings in _KINDS.items())


def media_type_of(name: str, data: bytes) -> str:
    """The media type of a file by the ending of its name; without a known one, plain text if it is UTF-8."""
    for endings in _KINDS.values():
        if (known := endings.get(_ending(name))) is not None:
            return known
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def _ending(name: str) -> str:
    found = _ENDING.search(name)
    return found[1].lower() if found is not None else ""

"""Files of the command line as parts of a message."""

from __future__ import annotations

import base64
from pathlib import Path

from nemora.cli.unicode_text import is_unicode
from nemora.core import Message, OpaquePart, TextPart
from nemora.errors import UsageError
from nemora.server.declared import media_type_of

MAX_BYTES = 20 * 1024 * 1024


def with_files(text: str, files: list[Path]) -> Message:
    """The user's message: the text, and each file as a part.

    Raises:
        UsageError: a file cannot be read, is empty or too large.
    """
    return Message("user", (TextPart(text), *map(_part, files)) if files else text)


def _part(file: Path) -> OpaquePart:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"A file given with --file cannot be read ({error.strerror}); name a readable file.") from None
    if not data or len(data) > MAX_BYTES:
        raise UsageError(f"A file given with --file must hold 1 to {MAX_BYTES} bytes.")
    name = file.name
    if not is_unicode(name):
        raise UsageError("The name of a file given with --file is not valid UTF-8; rename it first.")
    media_type = media_type_of(name, data)
    url = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    if media_type.startswith("image/") and media_type != "image/svg+xml":
        return OpaquePart("image_url", {"type": "image_url", "image_url": {"url": url}})
    return OpaquePart("file", {"type": "file", "file": {"filename": name, "file_data": url}})

"""Images: what is written beside the pixels, and what text readers and barcode readers find in them.

An image is never complete, since it may show what they do not read: a face, a signature, handwriting.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from nemora.documents import ocr
from nemora.documents.image_metadata import read_metadata
from nemora.documents.reading import Reading, Unreadable
from nemora.documents.sniff import image_format

if TYPE_CHECKING:
    from PIL.Image import Image

_SMALLEST = 8  # pixels; nothing less high or wide shows letters


def read_image(data: bytes, reading: Reading) -> None:
    reading.kind = "image"
    reading.lack("image")
    from PIL import Image, UnidentifiedImageError

    name = image_format(data)
    if not _ends(data, str(name)):
        reading.lack("polyglot")
    formats = [name, "MPO"] if name == "JPEG" else [str(name)]
    try:
        # Pillow's own warning of many pixels is not needed: they are counted before they are made.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=formats) as image:
            if image.width * image.height > reading.left.pixels:
                raise Unreadable("too_large")
            read_metadata(image, reading)
            _read_frames(image, reading)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise Unreadable("damaged" if not isinstance(error, Image.DecompressionBombError) else "too_large") from error


def _ends(data: bytes, name: str) -> bool:
    """Whether the image ends where the file does, as far as its format says so without reading all of it."""
    if b"PK\x05\x06" in data[-65_600:]:
        return False
    if name == "WEBP":
        return len(data) in (size := int.from_bytes(data[4:8], "little") + 8, size + 1)
    if name == "BMP":
        return len(data) == int.from_bytes(data[2:6], "little")
    endings = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b";"}
    return data.rstrip(b"\0").endswith(endings.get(name, b"")) and (name != "PNG" or data.count(endings[name]) == 1)


def _read_frames(image: Image, reading: Reading) -> None:
    number = 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return
        reading.spend_page()
        reading.spend_pixels(image.width * image.height)
        number += 1
        for frame in _visible(image):
            read_pixels(frame, reading, f"frame/{number}")


def _visible(image: Image) -> list[Image]:
    """As shown, upright; what is transparent, on white and on black."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright is None or not upright.has_transparency_data:
        return [(upright or image).convert("RGB")]
    layer = upright.convert("RGBA")
    shown = []
    for colour in ("white", "black"):
        ground = Image.new("RGBA", layer.size, colour)
        shown.append(Image.alpha_composite(ground, layer).convert("RGB"))
    return shown


def read_pixels(image: Image, reading: Reading, where: str) -> None:
    """Text and barcodes of an RGB image, unless an equal one was read before.

    A reader that is missing is noted, and the other still used.
    """
    if min(image.size) < _SMALLEST or not reading.is_new(image.tobytes()):
        return
    try:
        reading.add(where, "\n".join(ocr.read_lines(image)))
    except ImportError:
        reading.lack("missing_reader")
    try:
        for name, text in ocr.read_barcodes(image):
            reading.add(f"{where}/barcode", text, name)
    except ImportError:
        reading.lack("missing_reader")

"""Images: metadata with the place, text in pixels, barcodes, all frames. Never complete."""

from __future__ import annotations

import io
import socket
from typing import Any

import pytest
from document_files import TINY_PNG, pack, text_of

from nemora.documents import ocr
from nemora.documents.read import read_document

Image = pytest.importorskip("PIL.Image", reason="images are not read without Pillow")
SECRET = "Zyx-4716-Q"


def saved(image: Any, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def drawn(text: str, colour: str = "black", ground: str | tuple[int, ...] = "white", mode: str = "RGB") -> Any:
    from PIL import ImageDraw, ImageFont

    image = Image.new(mode, (460, 90), ground)
    ImageDraw.Draw(image).text((20, 20), text, fill=colour, font=ImageFont.load_default(40))
    return image


def plain() -> Any:
    return Image.new("RGB", (16, 16), "red")


@pytest.fixture
def no_ocr(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of what would have been read."""
    sizes: list[tuple[int, int]] = []
    monkeypatch.setattr("nemora.documents.ocr.read_lines", lambda image: sizes.append(image.size) or [])
    return sizes


@pytest.mark.usefixtures("no_ocr")
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_an_image_is_never_complete(name: str) -> None:
    document = read_document(saved(plain(), name))
    assert (document.kind, document.complete, document.unread) == ("image", False, ("image",))


@pytest.mark.usefixtures("no_ocr")
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_exif_is_read_with_its_names(name: str) -> None:
    exif = Image.Exif()
    exif[0x013B] = SECRET
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a comment"
    exif[0x9C9B] = "Tïtle".encode("utf-16-le") + b"\0\0"
    gps = exif.get_ifd(0x8825)
    gps.update({1: "N", 2: (48.0, 51.0, 30.0), 3: "W", 4: (2.0, 17.0, 40.0)})
    labelled = {p.label: p.text for p in read_document(saved(plain(), name, exif=exif)).passages}
    assert labelled["Artist"] == SECRET
    assert labelled["UserComment"] == "a comment"
    assert labelled["XPTitle"].strip("\0") == "Tïtle"
    assert labelled["GPSPosition"] == "48.858333, -2.294444"


@pytest.mark.usefixtures("no_ocr")
def test_text_beside_the_pixels_is_read() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Patient", SECRET)
    info.add_itxt("Note", "Grüße", zip=True)
    text = text_of(read_document(saved(plain(), "PNG", pnginfo=info)))
    assert f"Patient: {SECRET}" in text
    assert "Note: Grüße" in text
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><c>{SECRET}</c></x:xmpmeta>'.encode()
    for data in (
        saved(plain(), "JPEG", comment=SECRET),
        saved(plain(), "GIF", comment=SECRET),
        saved(plain(), "WEBP", xmp=xmp),
    ):
        assert SECRET in text_of(read_document(data))


def test_every_frame_is_looked_at_and_equal_ones_once(no_ocr: list[tuple[int, int]]) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "red", "blue")]
    for name in ("GIF", "TIFF", "WEBP"):
        no_ocr.clear()
        options = {"lossless": True} if name == "WEBP" else {}
        read_document(saved(frames[0], name, save_all=True, append_images=frames[1:], **options))
        assert len(no_ocr) == 3, name


def test_what_is_transparent_is_looked_at_on_white_and_on_black(no_ocr: list[tuple[int, int]]) -> None:
    image = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    image.putpixel((3, 3), (255, 255, 255, 255))
    read_document(saved(image, "PNG"))
    assert len(no_ocr) == 2


def test_large_images_are_read_in_pieces_that_overlap() -> None:
    tiles = list(ocr._tiles(Image.new("L", (4100, 300))))
    assert all(tile.width <= 2000 for tile in tiles)
    assert sum(tile.width for tile in tiles) >= 4100 + 200 * (len(tiles) - 1)
    assert ocr._reduced(Image.new("L", (4000, 3000))).size == (2667, 2000)
    assert ocr._reduced(Image.new("L", (900, 9000))).size == (900, 9000)


@pytest.mark.usefixtures("no_ocr")
def test_barcodes_are_read() -> None:
    zxingcpp = pytest.importorskip("zxingcpp", reason="barcodes are not read without zxing-cpp")
    import numpy as np

    code = zxingcpp.create_barcode(SECRET, zxingcpp.BarcodeFormat.QRCode)
    document = read_document(saved(Image.fromarray(np.array(code.to_image(scale=4))).convert("RGB"), "PNG"))
    assert any((p.text, p.where) == (SECRET, "frame/1/barcode") for p in document.passages)


def test_text_in_pixels_is_read_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidocr", reason="*** TEXT IN IMAGES IS NOT READ: rapidocr is missing ***")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    ocr._engine.cache_clear()
    document = read_document(saved(drawn("Jane Roe 4716"), "PNG"))
    assert "JaneRoe4716" in text_of(document).replace(" ", "")


@pytest.mark.usefixtures("no_ocr")
def test_a_library_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    assert read_document(TINY_PNG).unread == ("image",)  # too small for any barcode
    assert read_document(saved(plain(), "PNG")).unread == ("image", "missing_reader")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert read_document(TINY_PNG).unread == ("image", "missing_reader")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    assert read_document(b"%PDF-1.7\n%%EOF").unread == ("missing_reader",)


@pytest.mark.usefixtures("no_ocr")
def test_tags_of_tiff_are_read() -> None:
    exif = Image.Exif()
    exif[0x013B] = SECRET
    assert f"Artist: {SECRET}" in text_of(read_document(saved(plain(), "TIFF", exif=exif)))


def test_words_of_a_line_are_joined_in_their_order() -> None:
    from nemora.documents.ocr import _in_lines, _Word

    words = [_Word(200, 12, 30, "Roe"), _Word(10, 10, 31, "Jane"), _Word(10, 50, 70, "4716"), _Word(90, 48, 69, "2093")]
    assert _in_lines(words) == ["Jane Roe", "4716 2093"]


@pytest.mark.usefixtures("no_ocr")
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_what_follows_an_image_is_noticed(name: str) -> None:
    assert read_document(saved(plain(), name) + pack({"a": SECRET})).unread == ("image", "polyglot")


def test_an_image_that_is_cut_is_damaged(no_ocr: list[tuple[int, int]]) -> None:
    image = Image.effect_noise((64, 64), 50).convert("RGB")
    for name in ("PNG", "JPEG", "GIF"):
        data = saved(image, name)
        assert "damaged" in read_document(data[: len(data) // 2]).unread

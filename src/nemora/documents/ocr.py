"""Text in pixels, with rapidocr and the PP-OCR models inside its package, and barcodes with zxing-cpp.

Nothing is downloaded: the models' files are named, so that rapidocr does not look for others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_MODELS = {
    "Det.model_path": "PP-OCRv6_det_small.onnx",
    "Rec.model_path": "PP-OCRv6_rec_small.onnx",
    "Cls.model_path": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
_TILE = 2000  # rapidocr shrinks what is larger
_OVERLAP = 200
_LEAST_SIDE = 736  # rapidocr enlarges what is smaller, by any factor: slow, and it takes lines apart
_LARGEST_ZOOM = 2
_LEAST_SCORE = 0.3
_SURE_SCORE = 0.9
_MARGIN = 6  # pixels around a line that is read again


@dataclass(frozen=True, slots=True)
class _Word:
    """What was recognised in one box, in pixels: usually a line, or a piece of it."""

    left: float
    top: float
    bottom: float
    text: str


def read_lines(image: Image) -> list[str]:
    """The lines of text in an RGB image, from top to bottom.

    Raises:
        ImportError: rapidocr is not installed, or another version without these models.
    """
    return [line for tile in _tiles(_reduced(image)) for line in _in_lines(_words(_enlarged(tile)))]


def _words(image: Image) -> list[_Word]:
    """A box that was not read surely is read again with some ground around it, which often helps."""
    found = _recognise(image, use_det=True)
    words: list[_Word] = []
    for index, text in enumerate(found.txts or ()):
        box = found.boxes[index]  # [corner, (x, y)]
        (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
        texts = {text: found.scores[index]}
        if found.scores[index] < _SURE_SCORE:
            around = (int(left) - _MARGIN, int(top) - _MARGIN, int(right) + _MARGIN, int(bottom) + _MARGIN)
            again = _recognise(image.crop(around), use_det=False)
            texts.update(zip(again.txts or (), again.scores or (), strict=True))
        best = max(texts, key=lambda text: texts[text])
        kept = [best] if texts[best] >= _SURE_SCORE else texts
        words.extend(_Word(left, top, bottom, text) for text in kept)
    return words


def _recognise(image: Image, use_det: bool) -> Any:
    import numpy as np

    pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # [height, width, BGR]
    return _engine()(pixels, use_det=use_det, use_cls=use_det, use_rec=True, text_score=_LEAST_SCORE)


def _in_lines(words: list[_Word]) -> list[str]:
    """Words whose middle lies within the height of the first of their line, from left to right."""
    lines: list[list[_Word]] = []
    for word in sorted(words, key=lambda word: word.top):
        middle = (word.top + word.bottom) / 2
        if lines and lines[-1][0].top <= middle <= lines[-1][0].bottom:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [" ".join(word.text for word in sorted(line, key=lambda word: word.left)) for line in lines]


def _reduced(image: Image) -> Image:
    """Photographs and fine scans at the size of one tile in their shorter side; long screenshots stay as they are."""
    factor = _TILE / min(image.size)
    return image if factor >= 1 else image.resize((round(image.width * factor), round(image.height * factor)))


def _enlarged(image: Image) -> Image:
    """At most twice as large, on a ground of the colour of its corner, so that rapidocr takes it as it is."""
    from PIL import Image as Pillow

    zoom = min(_LARGEST_ZOOM, _LEAST_SIDE / min(image.size))
    if zoom <= 1:
        return image
    larger = image.resize((round(image.width * zoom), round(image.height * zoom)))
    corner = larger.getpixel((0, 0))
    ground = Pillow.new("RGB", (max(larger.width, _LEAST_SIDE), max(larger.height, _LEAST_SIDE)), corner)
    ground.paste(larger)
    return ground


def read_barcodes(image: Image) -> list[tuple[str, str]]:
    """(format, content) of each QR code and barcode.

    Raises:
        ImportError: zxing-cpp is not installed.
    """
    import numpy as np
    import zxingcpp

    return [(str(found.format), found.text) for found in zxingcpp.read_barcodes(np.asarray(image))]


def _tiles(image: Image) -> Iterator[Image]:
    """The image, or pieces of it that overlap by more than a line."""
    for top in _starts(image.height):
        for left in _starts(image.width):
            yield image.crop((left, top, min(left + _TILE, image.width), min(top + _TILE, image.height)))


def _starts(length: int) -> range:
    return range(0, max(1, length - _OVERLAP), _TILE - _OVERLAP) if length > _TILE else range(1)


@lru_cache(maxsize=1)
def _engine() -> Any:
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    missing = [name for name in _MODELS.values() if not (folder / name).is_file()]
    if missing:
        raise ImportError("This version of rapidocr comes without the models that are used.")
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    settings: dict[str, object] = {key: str(folder / name) for key, name in _MODELS.items()}
    return rapidocr.RapidOCR(params={**settings, "Global.log_level": "critical"})

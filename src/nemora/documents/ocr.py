"""Text in pixels, with rapidocr and the PP-OCR models inside its package, and barcodes with zxing-cpp.

Nothing is downloaded: the models' files are named, so that rapidocr does not look for others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
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
_LEAST_SCORE = 0.3


def read_lines(image: Image) -> list[str]:
    """The lines of text in an RGB image, from top to bottom.

    Raises:
        ImportError: rapidocr is not installed, or another version without these models.
    """
    import numpy as np

    lines: list[str] = []
    for tile in _tiles(image):
        pixels = np.ascontiguousarray(np.asarray(tile)[:, :, ::-1])  # [height, width, BGR]
        lines.extend(_engine()(pixels, text_score=_LEAST_SCORE).txts or ())
    return lines


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

"""From a name of the family to a repository at one precision, whether or not that runs here. Loads no torch."""

from __future__ import annotations

from nemora.errors import UnsupportedCheckpoint
from nemora.weights.catalog import CATALOG
from nemora.weights.family import split_precision
from nemora.weights.family_model import FamilyModel, Precision


def published(text: str) -> str:
    """As `reference_of`, for looking only: whatever it is and wherever it would fit, by default its first precision.

    Raises:
        UnsupportedCheckpoint: it is not published in that precision.
    """
    model, precision = split_precision(text)
    if model is None or text in CATALOG:
        return text
    return named(model, precision or model.precisions[0])


def named(model: FamilyModel, precision: Precision) -> str:
    """`hub:OWNER/REPO` of a model at a precision. Raises `UnsupportedCheckpoint`: it is not published in that."""
    repository = model.repository(precision)
    if repository is None:
        raise UnsupportedCheckpoint(
            f"{model.title} is not published in {precision}; there is {', '.join(model.precisions)}."
        )
    return f"hub:{repository.id}"

"""From a name of the family to the repository that is meant: at the named precision, or the best that fits here."""

from __future__ import annotations

from pathlib import Path

from nemora.errors import UnsupportedCheckpoint
from nemora.weights import fit
from nemora.weights.architectures import HUGGING_FACE
from nemora.weights.catalog import CATALOG
from nemora.weights.family import split_precision
from nemora.weights.family_model import FamilyModel
from nemora.weights.family_repository import named
from nemora.weights.fetch import known_here


def reference_of(text: str, *, context: int, device: str = "cpu", cache: Path | None = None) -> str:
    """What `text` means to `fetch.resolve`: for `name` or `name:precision` of the family `hub:OWNER/REPO`, else itself.

    Args:
        context: tokens of a sequence for which there must be room, where no precision is named.
        cache: where pulled models lie. A precision that fits and was pulled before is meant rather than a more exact
            one: the memory that is free changes, and what was copied here may come from a smaller machine.

    Raises:
        UnsupportedCheckpoint: it cannot be run here, is not published in that precision, or does not fit in any.
    """
    model, precision = split_precision(text)
    if model is None or text in CATALOG:
        return text
    if model.model_type not in HUGGING_FACE:
        raise UnsupportedCheckpoint(f"{model.title} cannot be run here yet: {fit.why_not_runnable(model)}.")
    if precision is not None:
        return named(model, precision)
    if not fit.is_sized(model):
        raise UnsupportedCheckpoint(
            f"How large {model.title} is cannot be reckoned here; name a precision, as in {model.name}:"
            f"{model.precisions[-1]}."
        )
    return _best(model, context, device, cache)


def _best(model: FamilyModel, context: int, device: str, cache: Path | None) -> str:
    found = (fit.at_precision(model, precision, context=context, device=device) for precision in model.precisions)
    fitting = [f"hub:{one.repository.id}" for one in found if one is not None and one.fits]
    if not fitting:
        raise UnsupportedCheckpoint(
            f"{model.title} does not fit into the memory that is free; `nemora models {model.name}` shows the sum, and "
            f"{model.name}:{model.precisions[-1]} loads it nevertheless."
        )
    pulled = [name for name in fitting if cache is not None and known_here(name, cache=cache) is not None]
    return (pulled or fitting)[0]

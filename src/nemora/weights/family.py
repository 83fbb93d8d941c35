"""The whole Nemotron family by name. The data lie in the `family_*` files beside this one, one for each generation."""

from __future__ import annotations

from nemora.weights import family_llama_nemotron, family_nemotron_3, family_nemotron_h, family_omni
from nemora.weights.family_model import PRECISIONS, FamilyModel, Precision, Repository

FAMILY: dict[str, FamilyModel] = {
    model.name: model
    for model in (
        *family_nemotron_3.MODELS,
        *family_nemotron_h.MODELS,
        *family_llama_nemotron.MODELS,
        *family_omni.MODELS,
    )
}
"""Every known model of the family, by its name here."""

USUAL_CONTEXT = 32_768
"""Tokens of a sequence for which a model must have room to count as fitting, where nobody says how many."""


def find(text: str) -> FamilyModel | None:
    """The model of that name here, or with that repository (`owner/name`, in any case)."""
    if text in FAMILY:
        return FAMILY[text]
    found = find_repository(text)
    return None if found is None else found[0]


def find_repository(id: str) -> tuple[FamilyModel, Repository] | None:
    """The model and the repository of a hub id, in any case."""
    for model in FAMILY.values():
        for repository in model.repositories:
            if repository.id.lower() == id.lower():
                return model, repository
    return None


def split_precision(text: str) -> tuple[FamilyModel | None, Precision | None]:
    """`name` or `name:precision` as the model and the precision; (None, None) if no such model is known."""
    if text in FAMILY:
        return FAMILY[text], None
    name, _, asked = text.rpartition(":")
    for precision in PRECISIONS:
        if name in FAMILY and asked == precision:
            return FAMILY[name], precision
    return None, None

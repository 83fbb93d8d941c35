"""A repository of the hub as a model like those of the catalog: which files are taken, and the note that pins them.

The note, `hub.json` in the model's folder, holds the commit and the hashes that the hub named when the model was
first pulled. From then on the model is what the note says: an interrupted pull goes on with the same commit, whatever
has been pushed since, and a start without a network finds the model and can verify it. It holds no address or token.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nemora.errors import CorruptCheckpoint, FetchError, NemoraError, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.weights import cache as store
from nemora.weights import catalog
from nemora.weights.catalog import Entry, Licence, ModelFile
from nemora.weights.hub import LicenceTag, Listing, Reference, parse_reference, read_listing
from nemora.weights.strict_json import parse_object

log = logging.getLogger("nemora.weights")

NOTE = "hub.json"
NOTE_FORMAT = 1
MAX_NOTE_BYTES = 16 * 1024 * 1024

INDEX = "model.safetensors.index.json"
SETTINGS = ("config.json", "hf_quant_config.json", INDEX)
TEXT_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
)
_LICENCE_TEXT = re.compile(r"(licen[cs]e|notice|copying|readme)([._ -][\w. -]*)?", re.IGNORECASE | re.ASCII)
_LICENCE_ENDINGS = {"", ".md", ".txt"}
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """A repository of which it is known what would be, or has been, pulled."""

    reference: Reference
    commit: str
    files: tuple[ModelFile, ...]
    licence: LicenceTag
    gated: bool

    @property
    def page(self) -> str:
        """Where people read about it."""
        return f"{catalog.HUB}/{self.reference.repo}"

    @property
    def licence_files(self) -> tuple[str, ...]:
        """Those of the files that are the terms."""
        return tuple(file.name for file in self.files if _is_licence_text(file.name))

    @property
    def entry(self) -> Entry:
        """The model as the machinery of pulling takes it."""
        reference = self.reference
        return Entry(
            name=reference.cache_name,
            kind="chat",
            summary=f"{reference.repo} of the Hugging Face hub at commit {self.commit}",
            files=self.files,
            licence=Licence(
                spdx=str(self.licence),
                holder=reference.repo.split("/")[0],
                homepage=self.licence.link if self.licence.link.startswith("https://") else self.page,
                text_file="",
            ),
            main=reference.file,
            reference=str(reference),
        )


def hub_model(listing: Listing, reference: Reference) -> HubModel:
    """What is taken of a repository: settings, tokenizer, templates, weights and terms; never pickles or code.

    Raises:
        FetchError: it has no weights that are read, or not the file that `reference` names.
        UnsupportedCheckpoint: the file is one part of several.
    """
    chosen = _gguf(listing, reference) if reference.file is not None else _folder(listing, reference)
    terms = [file for file in listing.files if _is_licence_text(file.name)]
    return HubModel(
        reference=reference,
        commit=listing.commit,
        files=(*sorted(terms + chosen, key=lambda file: (file.size, file.name)),),  # what fails, fails early
        licence=listing.licence,
        gated=listing.gated,
    )


def _gguf(listing: Listing, reference: Reference) -> list[ModelFile]:
    assert reference.file is not None
    if _SPLIT.search(reference.file):
        raise UnsupportedCheckpoint(
            "That GGUF file is one part of several, which is not implemented; take a whole one."
        )
    file = listing.file(reference.file)
    if file is None:
        raise FetchError(f"{listing.repo} has no file of that name; {_gguf_names(listing)}.")
    return [file]


def _folder(listing: Listing, reference: Reference) -> list[ModelFile]:
    named = {*SETTINGS, *TEXT_FILES}
    weights = [file for file in listing.files if is_weights_name(file.name)]
    if not weights or listing.file("config.json") is None:
        raise FetchError(
            f"{listing.repo} is no model that can be read: it has no config.json with safetensors files; "
            f"{_gguf_names(listing)}."
        )
    return [file for file in listing.files if file.name in named] + weights


def is_weights_name(name: str) -> bool:
    """Whether a file of a repository is one of its safetensors files. Only the top folder's are read."""
    return name.endswith(".safetensors") and "/" not in name and not name.startswith(".")


def _gguf_names(listing: Listing) -> str:
    names = [file.name for file in listing.files if file.name.endswith(".gguf") and not _SPLIT.search(file.name)]
    if not names:
        return "it has no GGUF file"
    return f"name one of its GGUF files as hub:{listing.repo}:FILE, such as {', '.join(map(shown, names[:20]))}"


def _is_licence_text(name: str) -> bool:
    own = name == "LICENCE.txt"  # the notice that is written beside every model
    ending = PurePosixPath(name).suffix.lower()
    return not own and ending in _LICENCE_ENDINGS and _LICENCE_TEXT.fullmatch(name) is not None


def write_note(cache: Path, model: HubModel) -> None:
    """Pin the model: write its note. Call with the lock held.

    Raises:
        FetchError: the cache cannot be written.
    """
    folder = store.model_folder(cache, model.reference.cache_name)
    licence = model.licence
    table = {
        "format": NOTE_FORMAT,
        "reference": str(model.reference),
        "sha": model.commit,
        "gated": model.gated,
        "cardData": {"license": licence.tag, "license_name": licence.name, "license_link": licence.link},
        "siblings": [_sibling(file) for file in model.files],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store.write_atomically(folder / NOTE, (json.dumps(table, indent=1) + "\n").encode())
    except OSError as error:
        raise FetchError(f"The model folder {folder} cannot be written ({error.strerror}).") from None


def _sibling(file: ModelFile) -> dict[str, Any]:
    common = {"rfilename": file.name, "size": file.size}
    return common | ({"blobId": file.git_blob} if file.git_blob else {"lfs": {"sha256": file.sha256}})


def drop_unlisted(cache: Path, model: HubModel) -> None:
    """Delete weights that the model's folder has left of another commit: they would be read beside the right ones.

    Raises:
        FetchError: they cannot be deleted.
    """
    folder, named = store.model_folder(cache, model.reference.cache_name), {file.name for file in model.files}
    try:
        for path in [*folder.glob("*.safetensors"), folder / INDEX]:
            if path.name not in named:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise FetchError(f"The model folder {folder} cannot be written ({error.strerror}).") from None


def read_note(folder: Path) -> HubModel | None:
    """The model that a folder's note pins, checked like the hub's answer; None if there is none, or it is damaged."""
    path = folder / NOTE
    try:
        if path.stat().st_size > MAX_NOTE_BYTES:
            raise CorruptCheckpoint("too large")
        text = path.read_bytes()
        table = parse_object(text, NOTE)
        if table.get("format") != NOTE_FORMAT or not isinstance(table.get("reference"), str):
            raise CorruptCheckpoint("another format")
        reference = parse_reference(table["reference"])
        return hub_model(read_listing(text, reference.repo, catalog.HUB), reference)
    except FileNotFoundError:
        return None
    except (OSError, NemoraError) as error:
        log.warning("the note of a model from the hub is unreadable (%s); the hub is asked again", type(error).__name__)
        return None


def pinned(cache: Path, reference: Reference) -> HubModel | None:
    """The model in the cache that `reference` names, whole or not; None if it was never pulled.

    Raises:
        FetchError: its folder holds another repository, whose name differs only in capitals.
    """
    name = reference.cache_name
    model = read_note(store.model_folder(cache, name))
    if model is not None and model.reference != reference:
        raise FetchError(
            f"The cache's folder {name} holds {model.reference}, not {reference}; write it as it was, or remove it "
            f"with `nemora rm {name}`."
        )
    return model

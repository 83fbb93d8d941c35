"""Repositories on the Hugging Face hub: how one is written, and what one holds at a revision.

The hub is asked once, for the commit that a revision means and for the names, sizes and hashes of its files. Nothing in
its answer is used unchecked: a name must stay inside the model's folder, a hash must look like one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nemora.errors import CorruptCheckpoint, FetchError, UnknownModel
from nemora.models.config_reader import shown
from nemora.weights import catalog
from nemora.weights.catalog import HubFile, ModelFile, is_inside, is_name
from nemora.weights.fetch_part import AccessRefused, SourceFailed
from nemora.weights.sources_read import Reader
from nemora.weights.strict_json import parse_object

PREFIX = "hub:"
DEFAULT_REVISION = "main"
MAX_LISTING_BYTES = 16 * 1024 * 1024
MAX_FILES = 20_000
MAX_FILE_BYTES = 1 << 50
MAX_NAME = 255

_WORD = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPO = re.compile(f"{_WORD}/{_WORD}")
_REVISION = re.compile("[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,198}[A-Za-z0-9])?")
_REFERENCE = re.compile(r"(?:hub:)?([^@:]+)(?:@([^@:]+))?(?::(.+))?", re.DOTALL)
_SHA256, _SHA1 = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{40}")

PERMISSIVE = frozenset(
    ["apache-2.0", "mit", "isc", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "unlicense"]
)
"""Licences, by the hub's tags, that ask for no more than that they and the authors are named."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository at a revision, and of a GGUF repository the one file that is meant."""

    repo: str
    revision: str = DEFAULT_REVISION
    file: str | None = None

    def __str__(self) -> str:
        revision = "" if self.revision == DEFAULT_REVISION else f"@{self.revision}"
        return f"{PREFIX}{self.repo}{revision}{f':{self.file}' if self.file else ''}"

    @property
    def cache_name(self) -> str:
        """Its folder's name in the cache: `owner--repo`, with a hash where that would not say all or not fit."""
        plain = self.repo.replace("/", "--").lower()
        if self.revision == DEFAULT_REVISION and self.file is None and is_name(plain):
            return plain
        return f"{plain[:53]}-{hashlib.sha256(str(self).encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceTag:
    """What the hub says of a licence: its tag ("other" for one's own), and where given its name and address."""

    tag: str = ""
    name: str = ""
    link: str = ""

    @property
    def is_permissive(self) -> bool:
        """Whether it is one that is known to ask for nothing but to be named."""
        return self.tag in PERMISSIVE

    def __str__(self) -> str:
        return (self.name if self.tag in ("", "other") else "") or self.tag or "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A repository at a commit: all its files, and the terms."""

    repo: str
    commit: str
    files: tuple[ModelFile, ...]
    licence: LicenceTag
    gated: bool

    def file(self, name: str) -> ModelFile | None:
        """The file of that name."""
        return next((file for file in self.files if file.name == name), None)


def is_reference(model: str) -> bool:
    """Whether `model` says that it means the hub."""
    return model.startswith(PREFIX)


def parse_reference(text: str) -> Reference:
    """`hub:OWNER/REPO[@REVISION][:FILE.gguf]`; the prefix may be left out.

    Raises:
        UnknownModel: it is not of that form.
    """
    match = _REFERENCE.fullmatch(text)
    if match is not None:
        repo, revision, file = match[1], match[2] or DEFAULT_REVISION, match[3]
        if is_repo(repo) and is_revision(revision) and (file is None or is_gguf_name(file)):
            return Reference(repo, revision, file)
    raise UnknownModel(
        "That is not a repository of the hub: one is written hub:OWNER/REPO, hub:OWNER/REPO@REVISION or "
        "hub:OWNER/REPO:FILE.gguf."
    )


def is_repo(text: str) -> bool:
    """Whether `text` could be OWNER/REPO. The hub has no names with two dashes or dots in a row."""
    return _REPO.fullmatch(text) is not None and "--" not in text and ".." not in text


def is_revision(text: str) -> bool:
    """Whether `text` could be a branch, tag, commit or `refs/pr/1`."""
    return _REVISION.fullmatch(text) is not None and ".." not in text and "//" not in text


def is_gguf_name(text: str) -> bool:
    """Whether `text` could be a GGUF file inside a repository."""
    return text.endswith(".gguf") and _is_file_name(text)


def list_repo(
    repo: str,
    revision: str = DEFAULT_REVISION,
    *,
    token: str | None = None,
    endpoint: str | None = None,
    pause_seconds: float = 1.0,
) -> Listing:
    """Ask the hub what a repository holds at a revision. `token` goes to `endpoint` (the hub) and nowhere else.

    Raises:
        UnknownModel: `repo` or `revision` is not well-formed.
        FetchError: the hub cannot be reached, has no such repository, refuses, or answers nonsense.
    """
    if not is_repo(repo) or not is_revision(revision):
        raise UnknownModel("That is not a repository and revision of the hub: OWNER/REPO and a branch, tag or commit.")
    home = endpoint or catalog.HUB
    url = f"{home}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        with Reader(token, pause_seconds=pause_seconds) as reader:
            answer = reader.whole(url, MAX_LISTING_BYTES)
    except AccessRefused:
        raise refused_by_hub(repo) from None
    except SourceFailed as failure:
        known = " (no such repository or revision)" if str(failure) == "HTTP 404" else ""
        raise FetchError(
            f"The hub does not say what {repo} at {revision} holds: {failure}{known}; check the name and the network."
        ) from None
    return read_listing(answer, repo, home)


def refused_by_hub(repo: str) -> FetchError:
    """The error of a repository that is gated or private, or that the hub does not admit to have."""
    return FetchError(
        f"The hub does not give out {repo}: if the name is right, accept the model's licence at {catalog.HUB}/{repo} "
        "and set HF_TOKEN to a token of that account."
    )


def read_listing(answer: bytes, repo: str, endpoint: str) -> Listing:
    """Check the hub's answer and turn it into a listing whose files are pinned to the commit.

    Raises:
        FetchError: it is not such an answer, or names files that do not stay in their folder.
    """
    try:
        values = parse_object(answer, "the hub's answer")
        commit = _text(values, "sha", _SHA1)
        siblings = values.get("siblings")
        if not isinstance(siblings, list) or len(siblings) > MAX_FILES:
            raise _Nonsense(f"siblings is not a list of at most {MAX_FILES}")
        files = tuple(_file(sibling, repo, commit, endpoint) for sibling in siblings)
        if len({file.name for file in files}) != len(files):
            raise _Nonsense("it names a file twice")
        return Listing(
            repo=repo,
            commit=commit,
            files=files,
            licence=_licence(values),
            gated=values.get("gated", False) is not False,
        )
    except CorruptCheckpoint as error:
        raise FetchError(f"The hub's answer about {repo} cannot be used: {error}") from None
    except _Nonsense as error:
        raise FetchError(f"The hub's answer about {repo} cannot be used: {error}.") from None


class _Nonsense(ValueError):
    """Its text is ours."""


def _file(sibling: Any, repo: str, commit: str, endpoint: str) -> ModelFile:
    if not isinstance(sibling, dict):
        raise _Nonsense("a file is not described by an object")
    name = sibling.get("rfilename")
    if not isinstance(name, str) or not _is_file_name(name):
        raise _Nonsense("it names a file that does not stay inside its folder")
    large = sibling.get("lfs")
    if large is None:
        sha256, git_blob, size = "", _text(sibling, "blobId", _SHA1), sibling.get("size")
    elif isinstance(large, dict):  # blobId and perhaps size are then those of a pointer to the content
        sha256, git_blob, size = _text(large, "sha256", _SHA256), "", large.get("size", sibling.get("size"))
    else:
        raise _Nonsense(f"lfs of {shown(name)!r} is not an object")
    if type(size) is not int or not 0 <= size <= MAX_FILE_BYTES:
        raise _Nonsense(f"the size of {shown(name)!r} is not a number of bytes")
    return ModelFile(name, sha256, size, (HubFile(repo, commit, name, endpoint),), git_blob)


def _is_file_name(name: str) -> bool:
    return is_inside(name) and name.isprintable() and max(map(len, name.split("/"))) <= MAX_NAME and len(name) <= 1024


def _text(values: dict[str, Any], key: str, form: re.Pattern[str]) -> str:
    value = values.get(key)
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise _Nonsense(f"{key} is not a hash")
    return value


def _licence(values: dict[str, Any]) -> LicenceTag:
    """From the model card's settings, else from the tags. Words for people: anything odd in them is left out."""
    card = values.get("cardData")
    card = card if isinstance(card, dict) else {}
    tags = values.get("tags")
    tagged = (
        [tag for tag in tags if isinstance(tag, str) and tag.startswith("license:")] if isinstance(tags, list) else []
    )
    tag = card.get("license")
    if isinstance(tag, list):
        tag = tag[0] if len(tag) == 1 else None
    if not isinstance(tag, str):
        tag = tagged[0].removeprefix("license:") if len(tagged) == 1 else ""
    return LicenceTag(
        tag=shown(tag.lower()), name=_words(card.get("license_name")), link=_words(card.get("license_link"))
    )


def _words(value: Any) -> str:
    return shown(value, 200) if isinstance(value, str) else ""

"""Texts to learn a language from: the sets that a recipe names, as documents, each learned from or held out."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemora.errors import UsageError
from nemora.train.authored import filled, is_held_out, read_authored, windows

FILE_LINE = re.compile(r"^##### FILE .*\n", re.MULTILINE)
ROLES = {"user": "user", "assistant": "assistant", "tool_call": "assistant", "tool_result": "user"}
PIECE = 1600
"""Characters, about, of a document: long texts are cut, so that a batch has parts of many, and short ones joined."""
HELD_OUT = 0.02
FORMS = ("files", "rows", "turns", "requests")

Turn = tuple[str, str]  # role, text


@dataclass(frozen=True, slots=True)
class Document:
    """A text on its own, or, where there are `turns`, a conversation. `source` is the name of its set."""

    source: str
    held_out: bool
    text: str = ""
    turns: tuple[Turn, ...] = ()

    @property
    def length(self) -> int:
        """In characters."""
        return len(self.text) + sum(len(text) for _, text in self.turns)

    def strings(self) -> Iterator[str]:
        """All its text, to learn a vocabulary from."""
        yield from (text for _, text in self.turns) if self.turns else (self.text,)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSet:
    """One set of a recipe: where it lies under a data folder, in what form, and under which licence it may be used.

    Forms: `files`, texts one after the other, each after a line `##### FILE name`; `rows`, JSON lines with a `text`,
    short ones joined; `turns`, the same, but each text is a dialogue whose lines begin with a role; `requests`, a
    folder of labelled requests as `authored.py` reads them, each said by a user.
    """

    path: str
    form: str
    licence: str

    @property
    def name(self) -> str:
        return Path(self.path).name.split(".")[0]


def read_sets(entries: Iterable[Mapping[str, Any]]) -> list[TextSet]:
    """The sets that a recipe's `[[sets]]` name.

    Raises:
        UsageError: one lacks a key, or has a form that is not known.
    """
    sets = []
    for entry in entries:
        if set(entry) != {"path", "form", "licence"} or entry["form"] not in FORMS:
            raise UsageError(f"Each set of a recipe needs path, licence and form, which is one of {', '.join(FORMS)}.")
        sets.append(TextSet(**{key: str(value) for key, value in entry.items()}))
    return sets


def read_corpus(folders: Sequence[Path], sets: Sequence[TextSet], seed: int) -> tuple[list[Document], list[str]]:
    """Every document of the sets that lie in one of the folders, and the names of the sets that lie in none.

    Raises:
        UsageError: no set was found, or a file has not the form that the recipe says.
    """
    documents: list[Document] = []
    missing: list[str] = []
    for text_set in sets:
        found = [folder / text_set.path for folder in folders if (folder / text_set.path).exists()]
        if not found:
            missing.append(text_set.name)
            continue
        documents += _read(found[0], text_set, random.Random(f"{seed} {text_set.name}"))
    if not documents:
        raise UsageError(f"None of the recipe's sets is there; --data must name a folder that holds {sets[0].path}.")
    return documents, missing


def _read(path: Path, text_set: TextSet, draw: random.Random) -> list[Document]:
    name = text_set.name
    match text_set.form:
        case "requests":
            return _requests(path, name, draw)
        case "files":
            texts = [text for text in FILE_LINE.split(_text(path)) if text.strip()]
        case "rows":
            texts = list(_joined(_rows(path)))
        case _:
            return [
                Document(name, _held_out(name, number), turns=turns)
                for number, text in enumerate(_rows(path))
                if (turns := _turns(text))
            ]
    return [
        Document(name, _held_out(name, number), piece)
        for number, text in enumerate(texts)
        for piece in windows(text, PIECE)
    ]


def _held_out(name: str, number: int) -> bool:
    return is_held_out(f"{name}:{number}", HELD_OUT)


def _requests(folder: Path, name: str, draw: random.Random) -> list[Document]:
    """Held out are the groups that the topic model holds out, so that both are measured on the same texts."""
    return [
        Document(name, is_held_out(example.group), turns=(("user", filled(example.text, draw)),))
        for example in read_authored(folder)
    ]


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
        raise UsageError(f"{path.name} is damaged; a UTF-8 text, gzipped if its name ends so, was expected.") from None


def _rows(path: Path) -> Iterator[str]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError):
                text = None
            if not isinstance(text, str):
                raise UsageError(f"{path.name}, line {number} is not a JSON object with a text.")
            yield text


def _joined(texts: Iterable[str]) -> Iterator[str]:
    """Neighbours together, a line each, up to about PIECE characters; longer ones alone."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        if waiting and length + len(text) > PIECE:
            yield "\n".join(waiting)
            waiting, length = [], 0
        waiting.append(text)
        length += len(text) + 1
    if waiting:
        yield "\n".join(waiting)


def _turns(text: str) -> tuple[Turn, ...]:
    """The turns of a dialogue, one a line; neighbours of one role are one turn, and tools speak in tags."""
    turns: list[Turn] = []
    for line in text.split("\n"):
        kind, _, said = line.partition(": ")
        if kind not in ROLES or not said:
            continue
        role = ROLES[kind]
        if kind.startswith("tool"):
            tag = "tool_call" if kind == "tool_call" else "tool_response"
            said = f"<{tag}>\n{said}\n</{tag}>"
        if turns and turns[-1][0] == role:
            said = f"{turns.pop()[1]}\n{said}"
        turns.append((role, said))
    return tuple(turns)

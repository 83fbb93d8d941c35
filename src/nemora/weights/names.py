"""What tensors are called in each kind of file, as data. Left are the names in `models/`.

In both, `{n}` is a layer's number; on the right, `{e}` is an expert's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one of a model's tensors lies in a kind of file.

    `names` are its possible names there; the first that a file has counts. `fits` says whether a small tensor's shape
    in the file can be the model's (by default: is), `convert` makes of its numbers what the model wants, and `restore`
    undoes that, where files are written too. The rows of
    an `interleaved` matrix pair up for RoPE as (2i, 2i + 1) in each head of that many rows; models want pairs
    (i, i + head_dim / 2).
    """

    names: tuple[str, ...]
    fits: Callable[[Shape, Shape], bool] = tuple.__eq__
    convert: Callable[[Tensor], Tensor] | None = None
    restore: Callable[[Tensor], Tensor] | None = None
    interleaved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one architecture lies in one kind of file.

    `ignored` are tensors that a file may have and a model does not need.
    """

    places: Mapping[str, Place]
    ignored: tuple[str, ...] = ()

    def place(self, name: str) -> Place:
        """Where the model's tensor `name` lies; names still hold `{n}` and `{e}`."""
        return self.places[split_number(name)[0]]

    def file_name(self, name: str, there: Collection[str], expert: int | None = None) -> str:
        """The name of the model's tensor `name` in a file that has the tensors `there`.

        Where the file has none of the possible names, the first of them. With an `expert` it is that one's matrix; a
        name without `{e}` is that of all experts' together.
        """
        pattern, number = split_number(name)
        names = self.places[pattern].names
        for candidate in names:
            filled = _filled(candidate, number, expert)
            if filled in there:
                return filled
        return _filled(names[0], number, expert)

    def is_ignored(self, file_name: str) -> bool:
        return split_number(file_name)[0] in self.ignored


@lru_cache(maxsize=1 << 13)  # a layer's name is asked for once for each of its experts
def split_number(name: str) -> tuple[str, str]:
    """A name as its pattern and the layer's number in it: ("layers.{n}.mlp.up", "7")."""
    number = re.search(r"(?<=\.)\d+(?=\.)", name)
    if number is None:
        return name, ""
    return f"{name[: number.start()]}{{n}}{name[number.end() :]}", number.group()


def _filled(pattern: str, number: str, expert: int | None) -> str:
    return pattern.replace("{n}", number).replace("{e}", "" if expert is None else str(expert))


def without_ones(found: Shape, wanted: Shape) -> bool:
    """Whether two shapes are one but for dimensions of size 1, as a convolution's [channels, 1, kernel]."""
    return [size for size in found if size != 1] == [size for size in wanted if size != 1]


def flattened(found: Shape, wanted: Shape) -> bool:
    """Whether two shapes hold as many numbers."""
    return torch.Size(found).numel() == torch.Size(wanted).numel()


def plain(names: Mapping[str, str]) -> dict[str, Place]:
    """Places of tensors that lie as the model wants them, each under one name."""
    return {ours: Place(names=(theirs,)) for ours, theirs in names.items()}

"""The process that fetches models, with one more in its catalog: `pulling_child.py NAME URL SHA256 SIZE`."""

from __future__ import annotations

import sys

from nemora.weights import pull_process
from nemora.weights.catalog import CATALOG, Entry, Licence, ModelFile, UrlFile


def entry(name: str, url: str, sha256: str, size: int) -> Entry:
    """A chat model of one file at `url`."""
    file = ModelFile(name="model.gguf", sha256=sha256, size=size, sources=(UrlFile(url),))
    licence = Licence(spdx="Apache-2.0", holder="nobody", homepage="https://nobody.example", text_file="Apache-2.0.txt")
    return Entry(name=name, kind="chat", summary="a model", files=(file,), licence=licence, main="model.gguf")


if __name__ == "__main__":
    CATALOG[sys.argv[1]] = entry(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
    sys.exit(pull_process.main())

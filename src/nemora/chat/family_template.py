"""Nemora's own chat templates, for checkpoints of the family that carry none. A checkpoint's own always comes first.

They are written from what NVIDIA documents, and compared with published ones in tests/chat/test_family_templates.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from nemora.chat.families import llama_nemotron_v1, llama_nemotron_v1_5, nemotron_3, nemotron_nano_v2
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.family import FAMILY

V1 = llama_nemotron_v1.NAME
TEMPLATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **{m.NAME: (m.TEMPLATE, m.MARKUP) for m in (llama_nemotron_v1, llama_nemotron_v1_5, nemotron_nano_v2)},
    **{name: (source, nemotron_3.MARKUP) for name, source in nemotron_3.TEMPLATES.items()},
}
"""By the name of a chat format: the template, and the tokens that a vocabulary must have for it."""


def chat_format_of(name: str, checkpoint: Checkpoint) -> str | None:
    """The chat format of the family's model that a checkpoint is, by what it is called; None for others and bases."""
    names = [name, checkpoint.path.name, *_written_names(checkpoint.metadata)]
    if any("base" in re.split(r"[^a-z0-9]", one.lower()) for one in names):
        return None
    found = [model for one in names for model in FAMILY.values() if _squeezed(model.name) in _squeezed(one)]
    return max(found, key=lambda model: len(model.name)).chat_format if found else None


def family_template(chat_format: str | None, vocabulary: Collection[str]) -> str | None:
    """Our template of a format, if the vocabulary has its markup."""
    source, markup = TEMPLATES.get(chat_format or "", (None, ()))
    return source if all(token in vocabulary for token in markup) else None


def _written_names(metadata: Mapping[str, object]) -> Iterator[str]:
    for key in ("general.name", "general.basename", "_name_or_path"):
        value = metadata.get(key)
        if isinstance(value, str):
            yield value


def _squeezed(name: str) -> str:
    """A name without what its spellings differ in."""
    return re.sub(r"[^a-z0-9]", "", name.lower())

"""The tokenizer of a model folder: tokenizer.json, as the `tokenizers` library writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import tokenizers

from nemora.chat.tokenizer import END_OF_TURN, SpecialTokens, Tokenizer, is_markup, symbol_bytes
from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.weights.safetensors import read_json_object

MAX_ID = 1 << 22


def json_tokenizer(files: Mapping[str, Path], name: str) -> Tokenizer:
    """The tokenizer of the folder `name`; `files` has its files by name.

    Raises:
        UnsupportedCheckpoint: no tokenizer.json, or one that is not byte-level BPE.
        CorruptCheckpoint: a file is damaged.
    """
    if "tokenizer.json" not in files:
        raise UnsupportedCheckpoint(f"{name} has no tokenizer.json; only token ids can be used with it.")
    table = _read(files["tokenizer.json"])
    settings = read_json_object(files["tokenizer_config.json"]) if "tokenizer_config.json" in files else {}
    generation = read_json_object(files["generation_config.json"]) if "generation_config.json" in files else {}
    try:
        return _build(table, settings, generation, name)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        _corrupt(name, f"it has not the form that was expected ({type(error).__name__})")


def _build(table: dict[str, Any], settings: Mapping[str, Any], generation: Mapping[str, Any], name: str) -> Tokenizer:
    _refuse_other_kinds(table, name)
    vocabulary: dict[str, int] = table["model"]["vocab"]
    added: list[dict[str, Any]] = table.get("added_tokens") or []
    special = {entry["content"]: entry["id"] for entry in added if entry["special"] or is_markup(entry["content"])}
    hidden = frozenset(entry["id"] for entry in added if entry["special"])
    bos_id = special.get(_content(settings.get("bos_token")) or "")
    template_bos = _leading_special(table.get("post_processor"))
    pieces = _pieces(vocabulary, added, name)
    table["model"]["vocab"] = {token: i for token, i in vocabulary.items() if token not in special}
    table["added_tokens"] = [entry for entry in added if entry["content"] not in special]
    table["post_processor"] = table["truncation"] = table["padding"] = None
    try:
        backend = tokenizers.Tokenizer.from_str(json.dumps(table))
    except Exception as error:  # noqa: BLE001 - the library raises bare Exception
        _corrupt(name, f"the tokenizers library refuses it ({type(error).__name__})")
    return Tokenizer(
        backend,
        pieces,
        SpecialTokens(
            ids=special,
            hidden=hidden,
            bos_id=bos_id if bos_id is not None else special.get(template_bos or ""),
            eos_ids=frozenset(_eos_ids(settings, generation, special))
            | {special[t] for t in END_OF_TURN if special.get(t) in hidden},
            add_bos=template_bos is not None,
        ),
    )


def _refuse_other_kinds(table: Mapping[str, Any], name: str) -> None:
    kind = table["model"].get("type", "BPE" if "merges" in table["model"] else None)
    decoder = (table.get("decoder") or {}).get("type")
    if kind != "BPE" or decoder != "ByteLevel":
        raise UnsupportedCheckpoint(
            f"{name} has a tokenizer of the kind {shown(str(kind))} with the decoder {shown(str(decoder))}; "
            "only byte-level BPE is implemented."
        )
    for entry in table.get("added_tokens") or []:
        if entry.get("lstrip") or entry.get("rstrip") or entry.get("single_word"):
            raise UnsupportedCheckpoint(
                f"{name} has an added token (id {entry['id']}) that swallows white space or wants whole words, "
                "which is not implemented."
            )


def _pieces(vocabulary: Mapping[str, int], added: list[dict[str, Any]], name: str) -> list[bytes]:
    literal = {entry["id"]: entry["content"] for entry in added}
    highest = max([*vocabulary.values(), *literal], default=-1)
    if highest > MAX_ID or min([*vocabulary.values(), *literal], default=0) < 0:
        _corrupt(name, "an id is out of all bounds")
    pieces = [b""] * (highest + 1)
    for token, token_id in vocabulary.items():
        if token_id not in literal:
            try:
                pieces[token_id] = symbol_bytes(token)
            except KeyError:
                _corrupt(name, f"token {token_id} has a character that stands for no byte")
    for token_id, content in literal.items():
        pieces[token_id] = content.encode("utf-8")
    return pieces


def _eos_ids(settings: Mapping[str, Any], generation: Mapping[str, Any], special: Mapping[str, int]) -> Iterator[int]:
    ids = generation.get("eos_token_id")
    yield from ids if isinstance(ids, list) else [] if ids is None else [ids]
    named = _content(settings.get("eos_token"))
    if named is not None and named in special:
        yield special[named]


def _content(token: Any) -> str | None:
    """A token as tokenizer_config.json spells it: a string, or an object with `content`."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _leading_special(post_processor: Any) -> str | None:
    """The special token that the post-processor puts before a text, if it puts one."""
    if not isinstance(post_processor, dict):
        return None
    for inner in post_processor.get("processors") or []:
        if found := _leading_special(inner):
            return found
    single = post_processor.get("single") or []
    first = single[0].get("SpecialToken") if single and isinstance(single[0], dict) else None
    return first["id"] if isinstance(first, dict) and isinstance(first.get("id"), str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        _corrupt(path.parent.name, "tokenizer.json is not JSON")
    if not isinstance(table, dict):
        _corrupt(path.parent.name, "tokenizer.json is not an object")
    return table


def _corrupt(name: str, what: str) -> NoReturn:
    raise CorruptCheckpoint(f"The tokenizer of {name} is damaged: {what}.") from None

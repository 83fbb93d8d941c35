"""`nemora models`: the models in the cache and its catalog, and the whole Nemotron family with what of it fits here.

With --json an object: "cached" are the models that can be opened by name, "family" is the Nemotron family, "packed" are
the packed copies of models that lie elsewhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from nemora.core import Json
from nemora.errors import HashMismatch, UnknownModel, UsageError
from nemora.settings import load_settings
from nemora.weights import cache as store
from nemora.weights.catalog import CATALOG, Entry
from nemora.weights.family import FAMILY, USUAL_CONTEXT, find, split_precision
from nemora.weights.family_model import PRECISIONS, FamilyModel
from nemora.weights.fetch import LICENCE_FILE, opened_path
from nemora.weights.hub_entry import read_note
from nemora.weights.packed_place import keys_elsewhere, named_place, packed_bytes
from nemora.weights.progress import megabytes

if TYPE_CHECKING:
    from nemora.cli.family_view import Place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="one model, in detail; also a repository of the family, or NAME:PRECISION",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--context", type=int, metavar="N", help="tokens of a sequence that must fit (default: 32768)")
    parser.add_argument("--verify", action="store_true", help="hash every file, also those that look unchanged")


def run(args: argparse.Namespace) -> int:
    """Print a table, or the details of one model.

    Raises:
        UsageError: --context is no number of tokens.
        UnknownModel: neither the catalog nor the family nor the cache has that name.
        HashMismatch: a cached file is damaged; after everything is printed.
    """
    if args.context is not None and args.context < 1:
        raise UsageError("--context must be 1 or more.")
    settings = load_settings(args.config)
    cache, device = settings.paths.cache, settings.local.device
    if args.name is not None and args.name not in CATALOG and (model := _of_family(args.name)) is not None:
        _show_family_model(model, args, device)
        return 0
    if args.name is not None:
        described = [_describe(cache, args.name, full=args.verify)]
    else:
        names = dict.fromkeys([*CATALOG, *store.model_names(cache)])
        described = [_describe(cache, name, full=args.verify) for name in names]
    if args.name is None:
        _show_all(described, _packed_elsewhere(cache), args, device)
    elif args.json:
        _print_json(described[0])
    else:
        _print_detail(described[0])
    damaged = [str(row["name"]) for row in described if row["damaged"]]
    if damaged:
        raise HashMismatch(
            f"Files of {', '.join(damaged)} are damaged; run `nemora pull {' '.join(damaged)}` to fetch them again."
        )
    return 0


def _of_family(name: str) -> FamilyModel | None:
    """The family's model of that name, or with that repository. A precision, as in NAME:fp8, changes nothing here:
    all of them are shown."""
    found = find(name) or split_precision(name)[0]
    known, colon, _ = name.rpartition(":")
    if found is None and colon and known in FAMILY:
        raise UnknownModel(f"{known} is known, and that precision is not; expected one of {', '.join(PRECISIONS)}.")
    return found


def _show_family_model(model: FamilyModel, args: argparse.Namespace, device: str) -> None:
    from nemora.cli import family_view as view  # loads torch, which the other details do not need

    row = view.describe_fully(model, _place(args, device))
    if args.json:
        _print_json(row)
    else:
        view.print_model(row)


def _show_all(
    described: list[dict[str, Json]], packed: list[dict[str, Json]], args: argparse.Namespace, device: str
) -> None:
    from nemora.cli import family_view as view

    place = _place(args, device)
    family = view.describe_family(place)
    if args.json:
        cached: list[Json] = [*described]
        _print_json({"cached": cached, "family": [*family], "packed": [*packed], **dataclasses.asdict(place)})
    else:
        _print_table(described)
        print()
        for row in packed:
            print(f"packed copy {row['key']} of {row['model']}, elsewhere: {megabytes(_number(row['size']))}")
        if packed:
            print()
        view.print_family(family, place)


def _place(args: argparse.Namespace, device: str) -> Place:
    from nemora.cli import family_view as view
    from nemora.weights.memory import available_memory

    context = args.context or USUAL_CONTEXT
    return view.Place(context=context, device=device, available=available_memory(device))


def _print_json(value: Json) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _describe(cache: Path, name: str, *, full: bool) -> dict[str, Json]:
    folder = store.model_folder(cache, name)
    noted = read_note(folder)
    entry = CATALOG.get(name) or (noted.entry if noted is not None else None)
    if entry is None:
        if not folder.is_dir():
            raise UnknownModel("No model of that name is known or cached; `nemora models` lists all.")
        size = store.folder_bytes(folder)
        row: dict[str, Json] = {"name": name, "kind": "", "summary": "not in the catalog", "state": "unknown"}
        row |= {"size": size, "cached_bytes": size, "packed_bytes": packed_bytes(named_place(cache, name))}
        return row | {"path": str(folder), "damaged": [], "missing": []}
    status = store.status(cache, entry, full=full)
    return {
        "name": name,
        "kind": entry.kind,
        "summary": entry.summary,
        "state": str(status.state),
        "size": entry.size,
        "cached_bytes": status.bytes,
        "packed_bytes": packed_bytes(named_place(cache, name)),
        "path": str(opened_path(cache, entry)),
        "missing": list(status.missing),
        "damaged": list(status.damaged),
        "licence": _describe_licence(cache, entry),
        "files": _describe_files(folder, entry),
    }


def _packed_elsewhere(cache: Path) -> list[dict[str, Json]]:
    """The packed copies of models that are not in the cache, with what those were called."""
    keys = list(keys_elsewhere(cache))
    if not keys:
        return []
    from nemora.weights.packed_copy import noted_model  # loads torch

    places = {key: named_place(cache, key) for key in keys}
    return [
        {"key": key, "model": noted_model(place.file), "size": packed_bytes(place), "path": str(place.file)}
        for key, place in places.items()
    ]


def _describe_licence(cache: Path, entry: Entry) -> dict[str, Json]:
    kept = store.model_folder(cache, entry.name) / LICENCE_FILE
    shipped = (
        resources.files("nemora.weights") / "licenses" / entry.licence.text_file if entry.licence.text_file else ""
    )
    return {
        "spdx": entry.licence.spdx,
        "holder": entry.licence.holder,
        "homepage": entry.licence.homepage,
        "changes": entry.licence.changes,
        "text": str(kept if kept.is_file() else shipped),
    }


def _describe_files(folder: Path, entry: Entry) -> list[Json]:
    """The catalog's files, then those that were made from them here."""
    records = store.read_manifest(folder).files
    rows: list[Json] = []
    for file in entry.files:
        record = records.get(file.name)
        sources: list[Json] = [source.place for source in file.sources]
        origin = record.origin if record else None
        rows.append(
            {"name": file.name, "size": file.size, "sha256": file.sha256, "sources": sources, "fetched_from": origin}
        )
    for name, record in records.items():
        if record.derived_from is not None:
            made = f"converted here from {record.derived_from[:12]}"
            rows.append(
                {"name": name, "size": record.size, "sha256": record.sha256, "sources": [], "fetched_from": made}
            )
    return rows


def _print_table(rows: Sequence[dict[str, Json]]) -> None:
    table = [("NAME", "KIND", "STATE", "SIZE", "LICENCE")]
    for row in rows:
        licence = row.get("licence")
        spdx = str(licence["spdx"]) if isinstance(licence, dict) else ""
        size = row["cached_bytes"] or row["size"]
        state = f"{row['state']}, packed" if row["packed_bytes"] else str(row["state"])
        table.append((str(row["name"]), str(row["kind"]), state, megabytes(_number(size)), spdx))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_detail(row: dict[str, Json]) -> None:
    print(f"{row['name']}: {row['summary']}")
    print(f"state    {row['state']}, {megabytes(_number(row['cached_bytes']))} in the cache")
    if row["packed_bytes"]:
        print(f"packed   {megabytes(_number(row['packed_bytes']))} of that are its packed copy")
    print(f"path     {row['path']}")
    licence, files = row.get("licence"), row.get("files")
    if isinstance(licence, dict):
        print(f"licence  {licence['spdx']}, by {licence['holder']}, {licence['homepage']}")
        if licence["changes"]:
            print(f"changes  {licence['changes']}")
        print(f"text     {licence['text']}")
    for file in files if isinstance(files, list) else []:
        assert isinstance(file, dict) and isinstance(file["sources"], list)
        proof = f"sha256 {file['sha256']}" if file["sha256"] else "verified by git's id"
        print(f"file     {file['name']}  {_number(file['size']):,} bytes  {proof}")
        origins = [f"from {', else '.join(str(source) for source in file['sources'])}"] if file["sources"] else []
        print(f"         {(origins or [str(file['fetched_from'])])[0]}")
    for label in ("missing", "damaged"):
        names = row[label]
        if isinstance(names, list) and names:
            print(f"{label}  {', '.join(str(name) for name in names)}")


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0

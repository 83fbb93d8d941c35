"""`nemora models`: the models that are known by name, what of them is in the cache, and under which licence."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from nemora.core import Json
from nemora.errors import HashMismatch, UnknownModel
from nemora.settings import load_settings
from nemora.weights import cache as store
from nemora.weights.catalog import CATALOG, Entry
from nemora.weights.fetch import LICENCE_FILE, opened_path
from nemora.weights.progress import megabytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="one model, in detail: files, sources, licence")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--verify", action="store_true", help="hash every file, also those that look unchanged")


def run(args: argparse.Namespace) -> int:
    """Print a table, or the details of one model.

    Raises:
        UnknownModel: neither the catalog nor the cache has that name.
        HashMismatch: a cached file is damaged; after everything is printed.
    """
    cache = load_settings(args.config).paths.cache
    if args.name is not None:
        described = [_describe(cache, args.name, full=args.verify)]
    else:
        names = dict.fromkeys([*CATALOG, *store.model_names(cache)])
        described = [_describe(cache, name, full=args.verify) for name in names]
    if args.json:
        print(json.dumps(described[0] if args.name else described, indent=2, ensure_ascii=False))
    elif args.name is not None:
        _print_detail(described[0])
    else:
        _print_table(described)
    damaged = [str(row["name"]) for row in described if row["damaged"]]
    if damaged:
        raise HashMismatch(
            f"Files of {', '.join(damaged)} are damaged; run `nemora pull {' '.join(damaged)}` to fetch them again."
        )
    return 0


def _describe(cache: Path, name: str, *, full: bool) -> dict[str, Json]:
    folder = store.model_folder(cache, name)
    entry = CATALOG.get(name)
    if entry is None:
        if not folder.is_dir():
            raise UnknownModel(f"No model of that name is known or cached; known: {', '.join(CATALOG)}.")
        size = store.folder_bytes(folder)
        row: dict[str, Json] = {"name": name, "kind": "", "summary": "not in the catalog", "state": "unknown"}
        return row | {"size": size, "cached_bytes": size, "path": str(folder), "damaged": [], "missing": []}
    status = store.status(cache, entry, full=full)
    return {
        "name": name,
        "kind": entry.kind,
        "summary": entry.summary,
        "state": str(status.state),
        "size": entry.size,
        "cached_bytes": status.bytes,
        "path": str(opened_path(cache, entry)),
        "missing": list(status.missing),
        "damaged": list(status.damaged),
        "licence": _describe_licence(cache, entry),
        "files": _describe_files(folder, entry),
    }


def _describe_licence(cache: Path, entry: Entry) -> dict[str, Json]:
    kept = store.model_folder(cache, entry.name) / LICENCE_FILE
    shipped = resources.files("nemora.weights") / "licenses" / entry.licence.text_file
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
        table.append((str(row["name"]), str(row["kind"]), str(row["state"]), megabytes(_number(size)), spdx))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_detail(row: dict[str, Json]) -> None:
    print(f"{row['name']}: {row['summary']}")
    print(f"state    {row['state']}, {megabytes(_number(row['cached_bytes']))} in the cache")
    print(f"path     {row['path']}")
    licence, files = row.get("licence"), row.get("files")
    if isinstance(licence, dict):
        print(f"licence  {licence['spdx']}, by {licence['holder']}, {licence['homepage']}")
        if licence["changes"]:
            print(f"changes  {licence['changes']}")
        print(f"text     {licence['text']}")
    for file in files if isinstance(files, list) else []:
        assert isinstance(file, dict) and isinstance(file["sources"], list)
        print(f"file     {file['name']}  {_number(file['size']):,} bytes  sha256 {file['sha256']}")
        origins = [f"from {', else '.join(str(source) for source in file['sources'])}"] if file["sources"] else []
        print(f"         {(origins or [str(file['fetched_from'])])[0]}")
    for label in ("missing", "damaged"):
        names = row[label]
        if isinstance(names, list) and names:
            print(f"{label}  {', '.join(str(name) for name in names)}")


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0

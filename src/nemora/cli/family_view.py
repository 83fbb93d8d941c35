"""The Nemotron family for people and as JSON: a table of all models, or one in full with its fit sum."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nemora.core import Json, Sampling
from nemora.weights import fit
from nemora.weights.architectures import HUGGING_FACE
from nemora.weights.family import FAMILY
from nemora.weights.family_model import FamilyModel

UNKNOWN = "unknown"
WIDTH = 110
"""Columns in which one model's facts are written."""

Row = dict[str, Json]

KINDS = {"nemotron_h": "hybrid", "llama": "Llama", "nemotron-nas": "Llama NAS", "nemotron_h_puzzle": "hybrid MoE"}

# Heading, and the least width of the table from which the column is shown.
COLUMNS = (
    ("NAME", 0), ("PARAMETERS", 0), ("KIND", 112), ("BF16", 0), ("FP8", 0), ("NVFP4", 0), ("TOKEN", 96),
    ("SEQUENCE", 112), ("FITS", 0),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model is to fit: on a device with so many free bytes, with one sequence of `context` tokens."""

    context: int
    device: str
    available: int


def describe_family(place: Place) -> list[Row]:
    """All models of the family."""
    return [describe(model, place) for model in FAMILY.values()]


def describe(model: FamilyModel, place: Place) -> Row:
    """What is known and computed of one model. Sizes in bytes; what is not known is null."""
    counted = fit.parameters(model)
    best = fit.best_fit(model, context=place.context, device=place.device, available=place.available)
    return {
        "name": model.name,
        "title": model.title,
        "generation": model.generation,
        "architecture": model.architecture,
        "model_type": model.model_type,
        "kind": kind_of(model),
        "implemented": model.model_type in HUGGING_FACE,
        "runnable": not fit.why_not_runnable(model),
        "not_runnable": fit.why_not_runnable(model),
        "parameters": None if counted is None else dict(dataclasses.asdict(counted)),
        "published": dict(dataclasses.asdict(model.published)),
        "context": model.context,
        "claimed_context": model.claimed_context,
        "cache_per_token": fit.cache_per_token(model, device=place.device),
        "cache_per_sequence": fit.cache_per_sequence(model, device=place.device),
        "precisions": [_precision(model, name, place) for name in model.precisions],
        "repositories": [_repository(model, index) for index in range(len(model.repositories))],
        "fits_at": None if best is None else best.repository.precision,
        "licences": [{**dataclasses.asdict(terms), "line": terms.line()} for terms in model.licences],
        "sampling": {
            "thinking": _sampling(model.sampling.thinking),
            "plain": _sampling(model.sampling.plain),
            "tools": _sampling(model.sampling.tools),
        },
        "chat_format": model.chat_format,
        "parsers": [dict(dataclasses.asdict(parsers)) for parsers in model.parsers],
        "launch": [{"engine": launch.engine, "settings": list(launch.settings)} for launch in model.launch],
        "minimum_vram_gb": dict(dataclasses.asdict(model.vram)),
        "notes": list(model.notes),
    }


def describe_fully(model: FamilyModel, place: Place) -> Row:
    """As `describe`, with the config and the fit sum at the best precision that fits, else at the smallest."""
    shown = fit.best_fit(model, context=place.context, device=place.device, available=place.available) or _smallest(
        model, place
    )
    return {
        **describe(model, place),
        "fit": None if shown is None else describe_fit(shown),
        "config": None if model.config is None else dict(model.config),
    }


def describe_fit(found: fit.Fit) -> Row:
    """The sum with its summands."""
    return {
        "precision": found.repository.precision,
        "repository": found.repository.id,
        "context": found.context,
        "sequences": found.sequences,
        "lines": [{"label": line.label, "how": line.how, "bytes": line.bytes} for line in found.lines],
        "needed": found.needed,
        "available": found.available,
        "fits": found.fits,
    }


def kind_of(model: FamilyModel) -> str:
    """A word or two for the architecture."""
    if model.generation == "Omni":
        return "omni"
    mixture = " MoE" if "n_routed_experts" in (model.config or {}) else ""
    return KINDS[model.model_type] + mixture


def print_family(rows: Sequence[Row], place: Place) -> None:
    """The table, in at most 120 columns, and what its columns mean."""
    console = _console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    shown = [(index, heading) for index, (heading, least) in enumerate(COLUMNS) if console.width >= least]
    for index, heading in shown:
        table.add_column(heading, no_wrap=True, justify="right" if 2 < index < 8 else "left", overflow="ellipsis")
    for row in rows:
        cells = _cells(row)
        table.add_row(*(Text(cells[index]) for index, _ in shown))
    _print(console, table)
    told = (
        "Sizes in GB; TOKEN and SEQUENCE are what its cache takes. FITS: the most exact precision whose weights, "
        f"workspace and cache of one sequence of {place.context:,} tokens fit into the {gigabytes(place.available)} GB "
        "that are free here; `nemora models NAME` shows the sum."
    )
    _print(console, Text(told))


def print_model(row: Row) -> None:
    """One model in full."""
    print(f"{row['name']}: {row['title']}, {row['generation']}")
    for label, text in _facts(row):
        _print_fact(label, text)
    for repository in _rows(row["repositories"]):
        size = f"{gigabytes(repository['bytes'])} GB" if repository["bytes"] else f"size {UNKNOWN}"
        extra = [str(repository[key]) for key in ("note", "rule") if repository[key]]
        said = "; ".join([*([] if repository["kind"] == "chat" else [str(repository["kind"])]), size, *extra])
        _print_fact(str(repository["precision"]), str(repository["id"]))
        _print_fact("", said + (" (assumed)" if repository["assumed"] else ""))
    for note in _list(row["notes"]):
        _print_fact("note", str(note))
    print_fit(row.get("fit"))


def print_fit(found: Json) -> None:
    """The sum, a summand a line."""
    if not isinstance(found, dict):
        print("Its sizes are not known, so whether it fits is not known either.")
        return
    print(f"\nAt {found['precision']}, one sequence of {_number(found['context']):,} tokens:")
    for line in _rows(found["lines"]):
        print(f"{_number(line['bytes']):>19,}  {line['label']}: {line['how']}")
    print(f"{_number(found['needed']):>19,}  bytes in all")
    verdict = "it fits" if found["fits"] else "it does not fit"
    print(f"{_number(found['available']):>19,}  bytes are free here: {verdict}")


def _print_fact(label: str, text: str) -> None:
    """A label and its text, which goes on below itself where it is long. Addresses stay whole."""
    indent = " " * 14
    lines = textwrap.wrap(text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    print(f"{label:<13} " + f"\n{indent}".join(lines))


def gigabytes(count: Json) -> str:
    """Bytes in decimal GB: "7.9", "1,121"."""
    number = _number(count) / 1e9
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _precision(model: FamilyModel, name: str, place: Place) -> Row:
    repository = next(r for r in (model.repository(p) for p in model.precisions) if r and r.precision == name)
    found = fit.fit(model, repository, context=place.context, device=place.device, available=place.available)
    return {
        "precision": name,
        "repository": repository.id,
        "bytes": fit.checkpoint_bytes(model, repository),
        "needed": None if found is None else found.needed,
        "fits": None if found is None else found.fits,
    }


def _repository(model: FamilyModel, index: int) -> Row:
    repository = model.repositories[index]
    sized = repository.kind in ("chat", "base", "reward")
    storage = repository.storage
    return {
        "id": repository.id,
        "precision": repository.precision,
        "kind": repository.kind,
        "bytes": fit.checkpoint_bytes(model, repository) if sized else None,
        "listed_bytes": repository.listed_bytes,
        "rule": "" if storage is None or not storage.stored else storage.rule,
        "assumed": storage is not None and storage.assumed,
        "note": repository.note,
    }


def _smallest(model: FamilyModel, place: Place) -> fit.Fit | None:
    sums = [
        fit.at_precision(model, name, context=place.context, device=place.device, available=place.available)
        for name in model.precisions
    ]
    return min((found for found in sums if found is not None), key=lambda found: found.needed, default=None)


def _sampling(sampling: Sampling | None) -> Json:
    if sampling is None:
        return None
    return {key: value for key, value in dataclasses.asdict(sampling).items() if value not in (None, ())}


def _cells(row: Row) -> list[str]:
    sizes = {str(entry["precision"]): entry["bytes"] for entry in _rows(row["precisions"])}
    fits = str(row["fits_at"] or "no") if row["runnable"] else "unknown" if row["implemented"] else "not yet"
    return [
        str(row["name"]),
        _parameter_cell(row),
        str(row["kind"]),
        *(_size_cell(sizes, precision) for precision in ("bf16", "fp8", "nvfp4")),
        _small(row["cache_per_token"]),
        _small(row["cache_per_sequence"]),
        fits,
    ]


def _parameter_cell(row: Row) -> str:
    """Counted ones, else the published ones behind a "~": "31.6B, 3.6B active"."""
    counted, published = row["parameters"], row["published"]
    if isinstance(counted, dict):
        total, active = _number(counted["total"]), _number(counted["active"])
        return f"{total / 1e9:.1f}B" + (f", A{active / 1e9:.1f}B" if active < total else "")
    if isinstance(published, dict) and published["total"]:
        return f"~{published['total']}" + (f", A{published['active']}" if published["active"] else "")
    return UNKNOWN


def _size_cell(sizes: Mapping[str, Json], precision: str) -> str:
    if precision not in sizes:
        return ""
    return gigabytes(sizes[precision]) if sizes[precision] else "?"


def _small(count: Json) -> str:
    """Bytes for people: "6.1 kB", "49.1 MB"."""
    if count is None:
        return UNKNOWN
    number = _number(count)
    if number == 0:
        return "none"
    return f"{number / 1e6:,.1f} MB" if number >= 1_000_000 else f"{number / 1e3:,.1f} kB"


def _facts(row: Row) -> list[tuple[str, str]]:
    """Labels and texts of what is known of a model as a whole."""
    facts = [
        ("architecture", f"{row['architecture']} ({row['model_type']}), {row['kind']}"),
        ("parameters", _parameter_text(row)),
        ("context", _context_text(row)),
        ("cache", f"{_small(row['cache_per_token'])} a token, {_small(row['cache_per_sequence'])} a sequence"),
    ]
    facts += [("licence", str(terms["line"])) for terms in _rows(row["licences"])]
    if not row["licences"]:
        facts.append(("licence", f"{UNKNOWN} here; its repository says"))
    sampling = row["sampling"]
    for mode, values in sampling.items() if isinstance(sampling, dict) else ():
        said = ", ".join(f"{key} {value}" for key, value in values.items()) if isinstance(values, dict) else UNKNOWN
        facts.append((f"  {mode}", said))
    facts.append(("chat format", str(row["chat_format"] or UNKNOWN)))
    for parsers in _rows(row["parsers"]):
        facts.append((str(parsers["engine"]), f"reasoning {parsers['reasoning'] or UNKNOWN}, tools {parsers['tools']}"))
    for launch in _rows(row["launch"]):
        facts.append((str(launch["engine"]), "; ".join(str(setting) for setting in _list(launch["settings"]))))
    vram = row["minimum_vram_gb"]
    if isinstance(vram, dict) and any(vram.values()):
        facts.append(("VRAM", ", ".join(f"{key} {value or UNKNOWN}" for key, value in vram.items()) + " (GB, NVIDIA)"))
    if not row["runnable"]:
        facts.append(("not sized" if row["implemented"] else "not runnable", str(row["not_runnable"])))
    return facts


def _parameter_text(row: Row) -> str:
    counted = row["parameters"]
    if not isinstance(counted, dict):
        return f"{_parameter_cell(row)}, not counted here"
    said = f"{_number(counted['total']):,}"
    if counted["active"] != counted["total"]:
        said += f"; {_number(counted['active']):,} read for a token"
    said += f"; {_number(counted['active_without_embedding']):,} of these without the input embedding"
    if counted["predictor"]:
        said += f"; {_number(counted['predictor']):,} more in the predictor (MTP)"
    return said


def _context_text(row: Row) -> str:
    if row["context"] is None:
        return UNKNOWN
    claimed = f"; {_number(row['claimed_context']):,} claimed" if row["claimed_context"] else ""
    return f"{_number(row['context']):,} tokens{claimed}"


def _console() -> Console:
    """A console on stdout of 80 to 120 columns; 120 where it is no terminal."""
    console = Console(file=sys.stdout, highlight=False, markup=False)
    return Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        width=min(max(console.width, 80), 120) if console.is_terminal else 120,
    )


def _print(console: Console, what: Table | Text) -> None:
    """Print without the spaces with which rich fills lines."""
    with console.capture() as captured:
        console.print(what)
    sys.stdout.write("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def _rows(value: Json) -> list[Row]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0

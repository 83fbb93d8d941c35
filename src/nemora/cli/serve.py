"""nemora serve: start the server."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from nemora.cli.asking import add_cloud_arguments, settings_of
from nemora.cli.offer import asking, with_chosen_model
from nemora.cli.threads import add_threads_argument, check_threads
from nemora.errors import UsageError
from nemora.server.listen import base_url
from nemora.settings import Settings, load_settings
from nemora.weights.progress import progress_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to bind (default: loopback only)")
    parser.add_argument("--port", type=int, help="port to bind; 0 lets the system choose (default: 8484)")
    parser.add_argument(
        "--model", help="the local model: a name that `nemora models` lists, hub:OWNER/REPO, a folder or a GGUF file"
    )
    parser.add_argument("--yes", action="store_true", help="without a model: take the largest that fits, do not ask")
    add_threads_argument(parser, "threads for the local model (default: one per core)")
    parser.add_argument("--device", metavar="NAME", help="where the local model runs: cpu, cuda, cuda:1, mps")
    parser.add_argument("--offline", action="store_true", help="never fetch anything")
    add_cloud_arguments(parser)


def run(args: argparse.Namespace) -> int:
    settings = with_chosen_model(_settings(args), asking(args.yes))

    usual = load_settings(args.config).server
    # `localhost` is bound as its address, which says the same.
    asked_at = base_url("127.0.0.1" if usual.host == "localhost" else usual.host, usual.port)

    from nemora.server.run import serve  # takes seconds: a wrong setting is said before

    serve(settings, progress=progress_on(sys.stderr), config=args.config, asked_at=asked_at)
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    settings = settings_of(args)
    if args.port is not None and not 0 <= args.port <= 65535:
        raise UsageError("--port must be between 0 and 65535.")
    check_threads(args.threads)
    if args.model is not None and any(server.trust == "local" for server in settings.servers):
        raise UsageError('--model has no effect beside a server with trust = "local" in nemora.toml; leave one out.')
    server = {key: value for key in ("host", "port") if (value := getattr(args, key)) is not None}
    local = {key: value for key in ("model", "threads") if (value := getattr(args, key)) is not None}
    return dataclasses.replace(
        settings,
        server=dataclasses.replace(settings.server, **server),
        local=dataclasses.replace(settings.local, **local),
        offline=settings.offline or args.offline,
    )

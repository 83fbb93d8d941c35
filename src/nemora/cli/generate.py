"""`nemora generate`: continue a text or token ids with a local model, for scripts and for comparing models."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from nemora.cli.unicode_text import unicode_text
from nemora.core import ChatRequest, Message, Sampling
from nemora.errors import RequestError, UsageError
from nemora.settings import load_settings

if TYPE_CHECKING:
    from nemora.backends.local_model import LocalModel, PreparedAnswer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="a name that `nemora models` lists, hub:OWNER/REPO, a folder or a GGUF file"
    )
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="text to continue, as it is")
    parser.add_argument("--prompt-ids", metavar="1,2,3", help="token ids to continue, instead of PROMPT")
    parser.add_argument("--chat", action="store_true", help="put PROMPT as a user's message into the chat template")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="most new tokens (default: what the context holds)")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 always takes the likeliest token")
    parser.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens")
    parser.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest tokens that reach P together")
    parser.add_argument("--min-p", type=float, metavar="P", help="leave out what is less likely than P times the best")
    parser.add_argument("--seed", type=int, metavar="N", help="repeat a draw")
    parser.add_argument("--device", metavar="NAME", help="where the model runs: cpu, cuda, cuda:1, mps")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end instead of text")


def run(args: argparse.Namespace) -> int:
    """Load the model, print the continuation.

    Raises:
        UsageError: neither or both of PROMPT and --prompt-ids, or one of them or an option is wrong.
        NemoraError: the model cannot be loaded or run.
    """
    ids = _prompt_ids(args.prompt_ids)
    if (args.prompt is None) == (ids is None):
        raise UsageError("Give either PROMPT or --prompt-ids.")
    if ids is not None and args.chat:
        raise UsageError("--chat needs PROMPT: token ids do not go through a chat template.")

    if args.prompt is not None:
        unicode_text(args.prompt, "PROMPT")
    _check_options(args)

    from nemora.backends.local_model import LocalModel
    from nemora.weights.progress import progress_on

    settings = load_settings(args.config)
    with LocalModel.load(
        args.model,
        device=args.device or settings.local.device,
        cache=settings.paths.cache,
        offline=settings.offline,
        context=settings.local.context,
        allow_longer_context=settings.local.allow_longer_context,
        kv_cache=settings.local.kv_cache,
        threads=settings.local.threads,
        memory=settings.local.memory_bytes,
        prefix_cache=False,  # there is one prompt
        token=settings.hub_token,
        progress=progress_on(sys.stderr),
    ) as model:
        _generate(model, _prepared(model, args, ids), as_json=args.json)
    return 0


def _check_options(args: argparse.Namespace) -> None:
    """As the engine would, but before a model is loaded."""
    from nemora.engine.request import GenerationParams

    given: dict[str, Any] = {"max_tokens": 1}
    for name in ("max_tokens", "temperature", "top_k", "top_p", "min_p"):
        if (value := getattr(args, name)) is not None:
            given[name] = value
    try:
        GenerationParams(**given)
    except RequestError as error:
        name = error.param or ""
        raise UsageError(error.message.replace(name, f"--{name.replace('_', '-')}", 1)) from None


def _prompt_ids(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError("--prompt-ids must be token ids separated by commas, such as 1,2,3.") from None


def _prepared(model: LocalModel, args: argparse.Namespace, ids: list[int] | None) -> PreparedAnswer:
    sampling = Sampling(
        temperature=args.temperature, top_p=args.top_p, top_k=args.top_k, min_p=args.min_p, seed=args.seed
    )
    if ids is not None:
        return model.prepare_ids(ids, sampling=sampling, max_tokens=args.max_tokens)
    if args.chat:
        message = Message("user", args.prompt)
        return model.prepare(
            ChatRequest(model=model.name, messages=(message,), sampling=sampling, max_tokens=args.max_tokens)
        )
    return model.prepare_completion(args.prompt, sampling=sampling, max_tokens=args.max_tokens)


def _generate(model: LocalModel, prepared: PreparedAnswer, *, as_json: bool) -> None:
    generation = model.engine.submit(prepared.ids, prepared.params)
    token_ids: list[int] = []
    text: list[str] = []
    for tokens in generation:
        token_ids += tokens.ids
        deltas = prepared.reader.feed(tokens.ids)
        if tokens.finish is not None:
            deltas += prepared.reader.finish(tokens.finish)
        for delta in deltas:
            text.append(delta.text)
            if not as_json:
                print(delta.text, end="", flush=True)
    if not as_json:
        # A checkpoint without a vocabulary, such as a random one, answers in ids only.
        print("" if any(text) else ",".join(map(str, token_ids)))
        return
    timings = generation.timings()
    answer = {
        "text": "".join(text),
        "token_ids": token_ids,
        "prompt_tokens": timings.prompt_tokens,
        "prefill_tokens_per_second": round(timings.prefill_tokens_per_second, 2),
        "decode_tokens_per_second": round(timings.decode_tokens_per_second, 2),
    }
    print(json.dumps(answer, ensure_ascii=False))

"""What drafting by looking up brings: tokens a second with it and without, where an answer repeats its prompt or not.

    python bench/speculation.py [--model smollm2-135m] [--tokens 96] [--rounds 3]

Greedy, one answer at a time, both sides in turns; medians of the decoding alone, with the share of drafts that were
right. The answers are compared as well: rounding may make them part, and the table says how many tokens are alike.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nemora.backends.local_model import LocalModel
from nemora.core import Sampling
from nemora.engine.engine import Engine
from nemora.settings import load_settings

ROOT = Path(__file__).parent.parent
CODE = (ROOT / "src" / "nemora" / "core.py").read_text(encoding="utf-8")[:2400]
TASKS = {
    "repeat code": f"Here is a file:\n\n{CODE}\n\nThe same file again:\n\n{CODE[:400]}",
    "a story": "Once upon a time, in a village by the sea, there lived an old clockmaker who",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Tokens a second with and without drafts.")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    table = Table(title=f"{Path(args.model).name}: tokens a second while decoding")
    for column in ("task", "plain", "drafts", "ratio", "drafts right", "alike"):
        table.add_column(column, justify="right")
    with LocalModel.load(args.model, cache=load_settings().paths.cache, offline=True) as local:
        engines = {mode: Engine(local._model, context=2048, speculation=mode) for mode in ("off", "auto")}
        for name, prompt in TASKS.items():
            table.add_row(name, *compared(local, engines, prompt, args.tokens, args.rounds))
        for engine in engines.values():
            engine.close()
    Console().print(table)
    return 0


def compared(local: LocalModel, engines: dict[str, Engine], prompt: str, tokens: int, rounds: int) -> list[str]:
    prepared = local.prepare_completion(prompt, sampling=Sampling(temperature=0), max_tokens=tokens)
    speeds: dict[str, list[float]] = {mode: [] for mode in engines}
    said: dict[str, list[int]] = {}
    drafted = accepted = 0
    for _ in range(rounds):
        for mode, engine in engines.items():
            generation = engine.submit(prepared.ids, prepared.params)
            said[mode] = [i for delta in generation for i in delta.ids]
            timings = generation.timings()
            speeds[mode].append(timings.decode_tokens_per_second)
            drafted, accepted = drafted + timings.drafted_tokens, accepted + timings.accepted_tokens
    plain, fast = (statistics.median(speeds[mode]) for mode in ("off", "auto"))
    alike = next((n for n, (a, b) in enumerate(zip(said["off"], said["auto"], strict=False)) if a != b), tokens)
    right = f"{accepted / drafted:.0%} of {drafted}" if drafted else "none made"
    return [f"{plain:.1f}", f"{fast:.1f}", f"{fast / plain:.2f}", right, f"{alike} of {tokens}"]


if __name__ == "__main__":
    raise SystemExit(main())

"""Run by torchrun in `test_loop.py`: trains a tiny hybrid in FOLDER, and writes its losses there.

Usage: sharded_run.py FOLDER ROWS NAME
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tiny_run import trainer

from nemora.train.shard import Processes, leave, processes, shard_parameters


def losses(folder: Path, rows: int, here: Processes) -> list[dict[str, float]]:
    shard = shard_parameters if here.world > 1 else None
    made = trainer(folder, rows=rows, steps=4, here=here, shard=shard)
    found = [made.step().losses for _ in range(2)]
    made.save()
    again = trainer(folder, rows=rows, steps=4, here=here, shard=shard)
    again.resume()
    return [*found, *(again.step().losses for _ in range(2))]


if __name__ == "__main__":
    folder, rows, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with processes() as here:
        found = losses(folder, rows, here)
        if here.rank == 0:
            (folder / name).write_text(json.dumps(found), encoding="utf-8")
    leave(here)

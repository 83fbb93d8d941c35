"""The library that runs the model has telemetry of its own; none of it may run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

READ = "from nemora.tagger.reader import load_reader; print(len(load_reader().read(['Where is the station?'])))"


def test_reading_leaves_no_file_and_no_identifier_in_the_home_folder(tmp_path: Path) -> None:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", READ], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "1\n", done.stderr
    assert not list(tmp_path.rglob("*"))

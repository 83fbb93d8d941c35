"""The starter model, for tests that want real weights. Without it they are skipped, and say so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nemora"
STARTER = CACHE / "models" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"

needs_starter = pytest.mark.skipif(
    not STARTER.is_file(), reason="the starter model is not in the cache: run `nemora pull smollm2-135m`"
)

"""Shared by all tests. pytest puts this folder on the path, so `fake_model` and `starter` can be imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from starter import CACHE, STARTER

if TYPE_CHECKING:
    from nemora.backends.local_model import LocalModel
    from nemora.weights.checkpoint import Checkpoint

# How fast this machine is just now says nothing about what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def starter_checkpoint() -> Checkpoint:
    """The starter model's file, opened. For tests marked `needs_starter`."""
    from nemora.weights.checkpoint import open_checkpoint

    return open_checkpoint(STARTER)


@pytest.fixture(scope="session")
def starter_model() -> Iterator[LocalModel]:
    """The starter model, loaded once. For tests marked `needs_starter`."""
    from nemora.backends.local_model import LocalModel

    with LocalModel.load("smollm2-135m", cache=CACHE, offline=True) as model:
        yield model

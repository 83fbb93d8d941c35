"""The policy file is taken whole or not at all, and what is wrong with it is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nemora.errors import SettingsError
from nemora.privacy.finding import Sensitivity
from nemora.privacy.policy import Action, Policy, load_policy
from nemora.privacy.policy_file import POLL_SECONDS, PolicyFile

STRICT = "[actions]\npublic = 'local'\npersonal = 'local'\n"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "policy.toml") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def looked_at(file: PolicyFile, clock: Clock, times: int = 2) -> Policy:
    for _ in range(times):
        clock.now += POLL_SECONDS
        assert file.due()
        file.refresh()
    return file.in_force.policy


def test_a_new_file_takes_over_and_what_was_pinned_stays(write: Callable[..., Path], clock: Clock) -> None:
    file = PolicyFile(write("version = 1"), clock=clock)
    pinned = file.in_force
    write(STRICT)
    assert looked_at(file, clock).action_for(Sensitivity.PUBLIC) is Action.LOCAL
    assert pinned.policy == Policy() and file.health()["policy"] == file.in_force.policy.id != Policy().id


@pytest.mark.parametrize(
    "broken", ["", "[actions", "[actions]\npublic = 'perhaps'", "[actions]\nsecret = 'cloud'", "\0"]
)
def test_a_broken_file_changes_nothing_and_is_said_once(
    broken: str, write: Callable[..., Path], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    file = PolicyFile(write(STRICT), clock=clock)
    before = file.in_force
    path = write(broken)
    looked_at(file, clock, 6)
    assert file.in_force is before and file.health()["status"] == "outdated"
    assert str(path) in file.health()["problem"] and caplog.text.count("stays in force") == 1
    write("version = 1")
    assert looked_at(file, clock) == Policy() and file.health()["problem"] is None


def test_a_file_that_is_still_being_written_is_not_taken(write: Callable[..., Path], clock: Clock) -> None:
    file = PolicyFile(write(STRICT), clock=clock)
    for number in range(20):  # each look finds another one
        write("# " + "x" * number)
        assert looked_at(file, clock, 1).action_for(Sensitivity.PUBLIC) is Action.LOCAL
    assert looked_at(file, clock, 1) == Policy()


def test_a_deleted_file_changes_nothing(write: Callable[..., Path], clock: Clock) -> None:
    path = write(STRICT)
    file = PolicyFile(path, clock=clock)
    path.unlink()
    assert looked_at(file, clock).action_for(Sensitivity.PUBLIC) is Action.LOCAL
    assert "does not exist" in file.health()["problem"]


def test_a_file_of_the_same_size_and_time_in_its_place_is_seen(write: Callable[..., Path], clock: Clock) -> None:
    path = write("[taint]\ndays = 10")
    file = PolicyFile(path, clock=clock)
    stamp = path.stat().st_mtime_ns
    other = write("[taint]\ndays = 20", "other.toml")
    os.utime(other, ns=(stamp, stamp))
    other.replace(path)
    assert looked_at(file, clock).taint_days == 20


def test_at_the_start_a_wrong_or_missing_file_is_an_error_and_an_optional_one_may_come_later(
    write: Callable[..., Path], clock: Clock, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        PolicyFile(tmp_path / "policy.toml")
    file = PolicyFile(tmp_path / "policy.toml", optional=True, clock=clock)
    assert file.in_force.policy == Policy() and looked_at(file, clock) == Policy()
    write(STRICT)
    assert looked_at(file, clock) == load_policy(tmp_path / "policy.toml")
    write("[actions")
    with pytest.raises(SettingsError):
        PolicyFile(tmp_path / "policy.toml", optional=True)
    fixed = PolicyFile(None, clock=clock)
    clock.now += 100
    assert not fixed.due() and fixed.refresh().policy == Policy()


def test_the_shadow_is_watched_too_and_a_broken_one_is_none(write: Callable[..., Path], clock: Clock) -> None:
    write(STRICT, "next.toml")
    file = PolicyFile(write("shadow = 'next.toml'"), clock=clock)
    assert file.in_force.shadow is not None
    assert file.in_force.shadow.action_for(Sensitivity.PUBLIC) is Action.LOCAL
    write("[actions", "next.toml")
    policy = looked_at(file, clock)
    assert file.in_force.shadow is None and policy.shadow == "next.toml"
    assert file.health()["status"] == "current" and "next.toml" in file.health()["shadow_problem"]
    write("[taint]\ndays = 3", "next.toml")
    looked_at(file, clock)
    assert file.in_force.shadow is not None and file.in_force.shadow.taint_days == 3
    write("version = 1")
    looked_at(file, clock)
    assert file.in_force.shadow is None and file.health()["shadow_problem"] is None

"""The policy file on the disk, watched: a good new one takes over whole, a broken one changes nothing and is said.

A file is taken when it has looked the same for `SETTLE_SECONDS`, so that one that an editor is still writing is not
read in half. The policy in force is one object, replaced at once: a request keeps the one that it was decided by.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemora.errors import SettingsError
from nemora.privacy.policy import Policy, load_policy

logger = logging.getLogger("nemora.policy")

POLL_SECONDS = 1.0
SETTLE_SECONDS = 0.5
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, and the candidate that is evaluated beside it, if there is one."""

    policy: Policy
    shadow: Policy | None = None


class PolicyFile:
    """The policy in force. Thread-safe.

    Args:
        path: the file; None: the built-in default for ever.
        optional: the file may be missing, which means the default until it appears.
        clock: seconds, for tests.

    Raises:
        SettingsError: the file is wrong, or missing and not optional. Later on, that changes nothing.
    """

    def __init__(
        self, path: Path | None, *, optional: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._main = None if path is None else _Watched(path)
        self._candidate: _Watched | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._since = time.time()
        self._problem = self._shadow_problem = ""
        there = self._main is not None and (self._main.take() or not optional)
        self._in_force = InForce(load_policy(path if there else None))
        self._load_shadow(self._in_force.policy)

    @classmethod
    def fixed(cls, policy: Policy) -> PolicyFile:
        """A policy without a file, which never changes."""
        made = cls(None)
        made._in_force = InForce(policy)
        return made

    @property
    def in_force(self) -> InForce:
        """What the next request is decided by."""
        return self._in_force

    def due(self) -> bool:
        """Whether it is time to look at the file again."""
        return self._main is not None and self._clock() - self._looked >= POLL_SECONDS

    def refresh(self) -> InForce:
        """Look at the files, and take what has changed and is right. Blocking, and never raises for a wrong file."""
        with self._lock:
            now = self._looked = self._clock()
            if self._main is not None and self._main.changed(now):
                self._take_main(self._main)
            elif self._candidate is not None and self._candidate.changed(now):
                self._load_shadow(self._in_force.policy)
            return self._in_force

    def health(self) -> dict[str, Any]:
        """For people and monitors: ids, since when, and what is wrong with a file that was not taken."""
        state = self._in_force
        return {
            "status": "outdated" if self._problem else "current",
            "policy": state.policy.id,
            "since": round(self._since),
            "problem": self._problem or None,
            "shadow": None if state.shadow is None else state.shadow.id,
            "shadow_problem": self._shadow_problem or None,
        }

    def _take_main(self, watched: _Watched) -> None:
        try:
            watched.take()
            policy = load_policy(watched.path)
            if watched.differs():  # while it was read; the next look settles it
                return
        except SettingsError as error:
            self._problem = error.message
            logger.error("the policy file was not taken, the old policy stays in force: %s", error.message)
            return
        self._problem = ""
        if policy != self._in_force.policy:
            self._in_force, self._since = InForce(policy), time.time()
            logger.warning("the policy file was read again; in force is now the policy %s", policy.id)
        self._load_shadow(policy)

    def _load_shadow(self, policy: Policy) -> None:
        """The candidate beside `policy`. A wrong one is said, and is none; it never keeps the server from working."""
        self._shadow_problem = ""
        shadow = None
        if policy.shadow is None or self._main is None:
            self._candidate = None
        else:
            path = self._main.path.parent / policy.shadow
            if self._candidate is None or self._candidate.path != path:
                self._candidate = _Watched(path)
            try:
                self._candidate.take()
                shadow = load_policy(path)
            except SettingsError as error:
                self._shadow_problem = error.message
                logger.error("the shadow policy is not evaluated: %s", error.message)
        self._in_force = InForce(policy, shadow)


class _Watched:
    """One file and how it looked when it was last read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._taken: _Stamp = None
        self._seen: tuple[_Stamp, float] | None = None

    def take(self) -> bool:
        """Note how it looks, before it is read: a change during the reading is then seen. Whether it is there."""
        self._taken, self._seen = self._stamp(), None
        return self._taken is not None

    def differs(self) -> bool:
        """Whether it looks otherwise than when it was taken."""
        return self._stamp() != self._taken

    def changed(self, now: float) -> bool:
        """Whether it looks otherwise than when it was taken, and has done so for a while."""
        stamp = self._stamp()
        if stamp == self._taken:
            self._seen = None
        elif self._seen is None or self._seen[0] != stamp:
            self._seen = stamp, now
        else:
            return now - self._seen[1] >= SETTLE_SECONDS
        return False

    def _stamp(self) -> _Stamp:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

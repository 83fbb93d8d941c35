"""What a check found: each comparison with its bound, each measurement, and one sentence for what is wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. It holds if `value` is at most `bound`; `wrong` says what it means if not."""

    section: str
    name: str
    value: float
    bound: float
    wrong: str

    @property
    def ok(self) -> bool:
        return math.isfinite(self.value) and self.value <= self.bound

    def line(self) -> str:
        """As it is printed."""
        verdict = "ok" if self.ok else f"WRONG: {self.wrong}"
        return f"{self.section:<8} {self.name:<52} {self.value:>9.2e} <= {self.bound:<8.0e} {verdict}"


@dataclass(slots=True)
class Report:
    """Collects and prints. `end` is when no new measurement should begin, as `time.monotonic` counts."""

    end: float
    checks: list[Check] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def check(self, section: str, name: str, value: float, bound: float, wrong: str) -> None:
        """Note a comparison."""
        self.checks.append(Check(section, name, float(value), bound, wrong))
        print(self.checks[-1].line(), flush=True)

    def attempt(self, section: str, name: str, work: Callable[[], None]) -> None:
        """Do `work`, which may not be possible on every device: if it raises, that is a failed comparison."""
        if not self.has_time(f"{section}: {name}"):
            return
        try:
            work()
        except Exception as error:  # noqa: BLE001 - one thing that fails must not hide what the others say
            said = " ".join(str(error).split())[:200]
            self.check(section, name, math.inf, 0.0, f"it raised {type(error).__name__}: {said}")

    def measure(self, line: str, **values: Any) -> None:
        """Note a measurement."""
        self.measurements.append(values)
        print(line, flush=True)

    def has_time(self, what: str) -> bool:
        """Whether something new may begin; what may not is noted."""
        if time.monotonic() < self.end:
            return True
        self.leave_out(f"{what} (no time left)")
        return False

    def leave_out(self, what: str) -> None:
        """Note what is not done, and why."""
        self.left_out.append(what)
        print(f"left out: {what}", flush=True)

    @property
    def wrong(self) -> list[Check]:
        return [check for check in self.checks if not check.ok]

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "ok": not self.wrong,
            "checks": [asdict(check) | {"ok": check.ok, "value": _finite(check.value)} for check in self.checks],
            "measurements": self.measurements,
            "left_out": self.left_out,
        }


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)

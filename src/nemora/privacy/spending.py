"""What a tenant has spent today, read from the ledger: what was paid, and the most that open ones may cost."""

from __future__ import annotations

import threading
from typing import Protocol

from nemora.privacy.ledger_rows import LedgerRow

DAY_SECONDS = 86_400


class Rows(Protocol):
    """The ledger, and its clock (seconds since 1970)."""

    def rows_after(self, seq: int, since_ms: int = 0) -> list[LedgerRow]: ...
    def clock(self) -> float: ...


class Spending:
    """Sums of the running day (UTC) by tenant. Thread-safe; it sees what other processes record as well.

    A request counts on the day on which it was decided: with the most that it may cost until it has ended, then with
    what it cost. One whose end was never recorded keeps counting with the most.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._day = -1
        self._seen = 0
        self._costs: dict[int, tuple[str, int]] = {}
        self._totals: dict[str, int] = {}

    def today(self, tenant: str) -> int:
        """Micro-dollars. Raises `LedgerError`: then nothing may be spent."""
        with self._lock:
            day = int(self._rows.clock() // DAY_SECONDS)
            if day != self._day:
                self._day, self._seen, self._costs, self._totals = day, 0, {}, {}
            for row in self._rows.rows_after(self._seen, day * DAY_SECONDS * 1000):
                self._take(row)
            return self._totals.get(tenant, 0)

    def _take(self, row: LedgerRow) -> None:
        self._seen = row.seq
        if row.kind == "decision" and row.route == "cloud":
            self._count(row.seq, row.tenant, int(row.details().get("reserved", 0)))
        elif row.kind == "completion" and row.decision_seq in self._costs:
            tenant, reserved = self._costs[row.decision_seq]
            self._totals[tenant] -= reserved
            self._count(row.decision_seq, tenant, int(row.details().get("micro_usd", 0)))

    def _count(self, decision: int, tenant: str, cost: int) -> None:
        self._costs[decision] = tenant, cost
        self._totals[tenant] = self._totals.get(tenant, 0) + cost

"""One row of the ledger. It holds no content: times, codes, kinds, counts, names from the configuration, digests."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row. Its fields are the table's columns, in this order; None where a kind of row has no such value."""

    seq: int
    """1, 2, 3 … without gaps."""
    kind: Literal["decision", "completion", "shadow"]
    time_ms: int
    """Milliseconds since 1970, UTC, by this machine's clock."""
    request_id: str
    tenant: str
    endpoint: str | None = None
    action: str | None = None
    """What the policy said: cloud, redact, ask, local or block."""
    route: str | None = None
    """What was done: cloud, local or refuse."""
    destination: str | None = None
    """The configured server's name, or "local". Of a completion: who got the bytes."""
    model: str | None = None
    sensitivity: str | None = None
    reasons: str | None = None
    """A JSON list of reason codes."""
    kinds: str | None = None
    """A JSON object: how many findings of each kind (or `entity:NAME`)."""
    policy_id: str | None = None
    body_digest: str | None = None
    """Keyed digest of the exact body that left; None where nothing left."""
    decision_seq: int | None = None
    """Of a completion or shadow: the row of its decision."""
    status: str | None = None
    bytes_sent: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    prev_mac: str
    mac: str
    detail: str | None = None
    """A JSON object; None in rows of older versions. Of a decision: `confidence` (the highest of each kind),
    `complete`, `taint`, `bytes` of the body, `reserved` micro-dollars, `override`. Of a completion: `micro_usd` and
    `estimated`, where there is a price."""

    def details(self) -> dict[str, Any]:
        """`detail` as an object, empty where there is none."""
        found: dict[str, Any] = json.loads(self.detail or "{}")
        return found

    def listed_reasons(self) -> list[str]:
        """`reasons` as a list, empty where there are none."""
        found: list[str] = json.loads(self.reasons or "[]")
        return found

    def counted_kinds(self) -> dict[str, int]:
        """`kinds` as an object, empty where there is none."""
        found: dict[str, int] = json.loads(self.kinds or "{}")
        return found


COLUMNS = tuple(f.name for f in dataclasses.fields(LedgerRow))

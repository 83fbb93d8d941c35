"""A decision is found by an index, also in a ledger that was written before there was one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from nemora.privacy.decide import Decision
from nemora.privacy.finding import Sensitivity
from nemora.privacy.keys import LEDGER_FILE
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import Action

KEY = bytes(range(32))


def record(ledger: Ledger, request_id: str) -> int:
    decision = Decision(
        action=Action.LOCAL, sensitivity=Sensitivity.SECRET, reasons=("x",), findings=(), scores={}, policy_id="p"
    )
    return ledger.record_decision(
        request_id=request_id, endpoint="/v1", decision=decision, route="local", destination="local", model="m"
    )


def test_an_old_ledger_gets_the_index_and_its_chain_still_holds(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, KEY)) as ledger:
        for name in ("req_a", "req_b", "req_a"):
            record(ledger, name)
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as old:
        old.execute("DROP INDEX decisions")
        old.commit()
    with closing(Ledger(tmp_path, KEY)) as ledger:
        newest = ledger.decision_of("req_a")
        assert newest is not None and newest.seq == 3
        assert ledger.decision_of("req_c") is None
        assert ledger.verify().intact and ledger.verify().rows == 3
        record(ledger, "req_c")
        found = ledger.decision_of("req_c")
        assert found is not None and found.seq == 4
        assert ledger.verify().intact


def test_a_decision_is_not_looked_for_row_by_row(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, KEY)) as ledger:
        record(ledger, "req_a")
        asked: list[str] = []
        with ledger._database.read() as connection:
            connection.set_trace_callback(asked.append)
        ledger.decision_of("req_a")
        query = next(statement for statement in asked if "request_id" in statement)
        with ledger._database.read() as connection:
            plan = " ".join(str(row) for row in connection.execute("EXPLAIN QUERY PLAN " + query))
    assert "USING INDEX decisions" in plan and "TEMP B-TREE" not in plan

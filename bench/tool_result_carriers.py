"""What tools return, as text: a fact's records in the formats of APIs, databases, shells and documents."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import random
from collections.abc import Callable, Sequence

from tool_result_facts import Fact

Carrier = Callable[[random.Random, Sequence[Fact]], str]


def _columns(facts: Sequence[Fact]) -> tuple[list[str], list[list[str]]]:
    return list(facts[0].record), [list(fact.record.values()) for fact in facts]


def json_reply(rng: random.Random, facts: Sequence[Fact]) -> str:
    items = [{"id": n, "type": "record", "attributes": fact.record} for n, fact in enumerate(facts, 1)]
    return json.dumps({"status": "ok", "data": {"items": items, "total": len(items)}, "took_ms": rng.randint(2, 90)})


def json_pretty(rng: random.Random, facts: Sequence[Fact]) -> str:
    return json.dumps([fact.record for fact in facts], indent=2, ensure_ascii=False)


def json_in_json(rng: random.Random, facts: Sequence[Fact]) -> str:
    inner = json.dumps({"rows": [fact.record for fact in facts]})
    return json.dumps({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": inner})


def name_value_pairs(rng: random.Random, facts: Sequence[Fact]) -> str:
    users = [{"Attributes": [{"Name": k, "Value": v} for k, v in f.record.items()], "Enabled": True} for f in facts]
    return json.dumps({"Users": users, "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}, indent=4)


def sql_rows(rng: random.Random, facts: Sequence[Fact]) -> str:
    names, rows = _columns(facts)
    widths = [max(len(name), *(len(row[n]) for row in rows)) for n, name in enumerate(names)]
    lines = [" | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in (names, *rows)]
    lines.insert(1, "-+-".join("-" * w for w in widths))
    return "\n".join(f" {line}" for line in lines) + f"\n({len(rows)} rows)\n"


def csv_rows(rng: random.Random, facts: Sequence[Fact]) -> str:
    out = io.StringIO()
    names, rows = _columns(facts)
    csv.writer(out).writerows([names, *rows])
    return out.getvalue()


def yaml_list(rng: random.Random, facts: Sequence[Fact]) -> str:
    return "".join(
        "".join(f"{'- ' if n == 0 else '  '}{k}: {json.dumps(v)}\n" for n, (k, v) in enumerate(fact.record.items()))
        for fact in facts
    )


def xml_reply(rng: random.Random, facts: Sequence[Fact]) -> str:
    rows = ("".join(f"<{k}>{html.escape(v)}</{k}>" for k, v in fact.record.items()) for fact in facts)
    return f'<?xml version="1.0"?><result>{"".join(f"<row>{row}</row>" for row in rows)}</result>'


def html_page(rng: random.Random, facts: Sequence[Fact]) -> str:
    names, rows = _columns(facts)
    head = "".join(f"<th>{name.replace('_', ' ').title()}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>\n" for row in rows)
    return f"<html><body><h1>Results</h1><table><tr>{head}</tr>\n{body}</table><p>Page 1 of 1</p></body></html>"


def markdown_table(rng: random.Random, facts: Sequence[Fact]) -> str:
    names, rows = _columns(facts)
    lines = ["| " + " | ".join(cells) + " |" for cells in (names, ["---"] * len(names), *rows)]
    return "## Results\n\n" + "\n".join(lines) + "\n"


def crm_card(rng: random.Random, facts: Sequence[Fact]) -> str:
    cards = ("\n".join(f"{k.replace('_', ' ').title()}: {v}" for k, v in f.record.items()) for f in facts)
    return "\n\n".join(f"Record {n}\n{card}" for n, card in enumerate(cards, 1))


def log_lines(rng: random.Random, facts: Sequence[Fact]) -> str:
    lines = []
    for fact in facts:
        fields = " ".join(f"{k}={v if ' ' not in v else json.dumps(v)}" for k, v in fact.record.items())
        lines.append(f"2025-05-{rng.randint(10, 28)}T09:{rng.randint(10, 59)}:07Z INFO api.handler saved {fields}")
    quiet = "2025-05-09T08:00:00Z DEBUG api.pool idle connections=4"
    return "\n".join((quiet, *lines, quiet))


def shell_output(rng: random.Random, facts: Sequence[Fact]) -> str:
    return "$ cat notes.txt\n" + "\n".join(fact.sentence for fact in facts) + "\n$ echo $?\n0\n"


def stack_trace(rng: random.Random, facts: Sequence[Fact]) -> str:
    shown = repr(facts[0].record)
    return (
        'Traceback (most recent call last):\n  File "/app/handlers.py", line 88, in handle\n    save(record)\n'
        f'  File "/app/store.py", line 41, in save\n    raise ValueError(f"cannot save {{record}}")\n'
        f"ValueError: cannot save {shown}\n"
    )


def search_hits(rng: random.Random, facts: Sequence[Fact]) -> str:
    hits = [{"title": f"Note {n}", "score": round(rng.random(), 3), "snippet": f.sentence} for n, f in enumerate(facts)]
    return json.dumps({"query": "notes", "hits": hits}, ensure_ascii=False)


def calendar(rng: random.Random, facts: Sequence[Fact]) -> str:
    events = "".join(
        f"BEGIN:VEVENT\nUID:{rng.randint(10**6, 10**7)}\nDTSTART:20250514T090000Z\nSUMMARY:Call back\n"
        f"DESCRIPTION:{fact.sentence}\nEND:VEVENT\n"
        for fact in facts
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n"


def mail(rng: random.Random, facts: Sequence[Fact]) -> str:
    body = "\n".join(fact.sentence for fact in facts)
    return f"Subject: as discussed\nDate: Wed, 14 May 2025 09:12:44 +0000\n\nHello,\n\n{body}\n\nBest regards\n"


def terraform(rng: random.Random, facts: Sequence[Fact]) -> str:
    blocks = []
    for n, fact in enumerate(facts):
        lines = "\n".join(f"  {k:16} = {json.dumps(v)}" for k, v in fact.record.items())
        blocks.append(f'resource "app_record" "r{n}" {{\n{lines}\n}}')
    return "Terraform will perform the following actions:\n\n" + "\n\n".join(blocks) + "\n\nPlan: 1 to add.\n"


def environment(rng: random.Random, facts: Sequence[Fact]) -> str:
    pairs = [f"      {k.upper()}:  {v}" for k, v in facts[0].record.items()]
    lines = ("Name:  worker-6f7b9", "Namespace:  default", "Containers:", "  app:", "    Environment:")
    return "\n".join((*lines, *pairs, "    Mounts:  <none>", "Status:  Running"))


def kubernetes_secret(rng: random.Random, facts: Sequence[Fact]) -> str:
    data = "".join(f"  {k}: {base64.b64encode(v.encode()).decode()}\n" for k, v in facts[0].record.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ndata:\n{data}type: Opaque\n"


def diff(rng: random.Random, facts: Sequence[Fact]) -> str:
    lines = "".join(f"+    {json.dumps(k)}: {json.dumps(v)},\n" for f in facts for k, v in f.record.items())
    return f"diff --git a/fixtures.py b/fixtures.py\n@@ -10,3 +10,9 @@\n RECORDS = [{{\n{lines} }}]\n"


CARRIERS: tuple[Carrier, ...] = (
    json_reply, json_pretty, json_in_json, name_value_pairs, sql_rows, csv_rows, yaml_list, xml_reply, html_page,
    markdown_table, crm_card, log_lines, shell_output, stack_trace, search_hits, calendar, mail, terraform,
    environment, kubernetes_secret, diff,
)  # fmt: skip


def file_listing(rng: random.Random, facts: Sequence[Fact]) -> str:
    """Names of files that tell of a person; only for facts with a person's name."""
    names = [f"{fact.values[0].replace(' ', '_')}_{fact.kind}_{rng.randint(2019, 2025)}.pdf" for fact in facts]
    rows = "\n".join(
        f"-rw-r--r-- 1 app app {rng.randint(900, 90000):6} May 14 09:12 {n}" for n in ("readme.md", *names)
    )
    return f"total {len(names) + 1}\n{rows}\n"

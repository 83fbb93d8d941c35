"""Harmless tool results, invented: public code, documentation, weather, package metadata, public companies."""

# ruff: noqa: E501 - the text of a tool reads better whole
from __future__ import annotations

import json
import random
from collections.abc import Callable

_CITIES = ("Lisbon", "Oslo", "Chicago", "Nairobi", "Kyoto", "Toronto", "Vienna", "Lima")
_PACKAGES = ("requests", "numpy", "flask", "httpx", "rich", "attrs", "pillow", "pytest")
_COMPANIES = (("NVDA", "NVIDIA Corporation"), ("SAP", "SAP SE"), ("SIE.DE", "Siemens AG"), ("TM", "Toyota Motor"))
_VERBS = ("parse", "load", "merge", "render", "encode", "validate")
_NOUNS = ("config", "tree", "header", "matrix", "token", "route")


def _version(rng: random.Random) -> str:
    return f"{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 12)}"


def weather(rng: random.Random) -> str:
    days = [
        {"date": f"2025-06-{d:02d}", "t_max": rng.randint(12, 33), "rain_mm": round(rng.random() * 9, 1)}
        for d in range(1, 6)
    ]
    lat, lon = round(rng.uniform(-50, 60), 2), round(rng.uniform(-120, 140), 2)
    return json.dumps({"city": rng.choice(_CITIES), "latitude": lat, "longitude": lon, "daily": days})


def package_metadata(rng: random.Random) -> str:
    name = rng.choice(_PACKAGES)
    digest = rng.randbytes(32).hex()
    url = f"https://files.pythonhosted.org/packages/{digest[:2]}/{name}-{_version(rng)}.tar.gz"
    info = {
        "name": name,
        "version": _version(rng),
        "license": "MIT",
        "requires_python": ">=3.10",
        "summary": "A library.",
    }
    return json.dumps(
        {"info": info, "urls": [{"url": url, "digests": {"sha256": digest}, "size": rng.randint(10**4, 10**7)}]}
    )


def npm_list(rng: random.Random) -> str:
    lines = "\n".join(
        f"├── {n}@{_version(rng)}" for n in ("express", "lodash", "react", "vite", "typescript", "eslint")
    )
    return f"demo@1.0.0 /usr/src/app\n{lines}\n└── zod@{_version(rng)}\n"


def quote(rng: random.Random) -> str:
    symbol, company = rng.choice(_COMPANIES)
    price = round(rng.uniform(40, 900), 2)
    return json.dumps(
        {"symbol": symbol, "name": company, "price": price, "currency": "USD", "volume": rng.randint(10**6, 10**8)}
    )


def annual_report(rng: random.Random) -> str:
    symbol, company = rng.choice(_COMPANIES)
    return (
        f"{company} ({symbol}), annual report 2023, consolidated statement of income as published: revenue "
        f"{rng.randint(20, 90)}.{rng.randint(0, 9)} billion, cost of sales {rng.randint(9, 19)}.1 billion, net income "
        f"{rng.randint(3, 9)}.4 billion. Source: form 10-K, filed with the Securities and Exchange Commission."
    )


def python_source(rng: random.Random) -> str:
    verb, noun = rng.choice(_VERBS), rng.choice(_NOUNS)
    return (
        f'import json\nfrom pathlib import Path\n\n\ndef {verb}_{noun}(path: Path) -> dict[str, int]:\n    """The {noun} '
        f'in a file.\n\n    Raises:\n        ValueError: it is none.\n    """\n    data = json.loads(path.read_text())\n'
        f'    if not isinstance(data, dict):\n        raise ValueError("no {noun}")\n    return {{key: len(str(value)) '
        f"for key, value in data.items()}}\n\n\nclass {noun.title()}:\n    def __init__(self, size: int = "
        f"{rng.randint(2, 64)}) -> None:\n        self.size = size\n"
    )


def go_source(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS).title()
    return (
        f'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\ntype {noun} struct {{\n\tID   int    `json:"id"`\n\tName string '
        f'`json:"name"`\n}}\n\nfunc main() {{\n\tfor i, arg := range os.Args[1:] {{\n\t\tfmt.Println(i, arg)\n\t}}\n}}\n'
    )


def html_documentation(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    return (
        f"<html><head><title>{noun} reference</title></head><body><nav><a href='/docs'>Docs</a></nav><h1>{noun}</h1><p>"
        f"Use <code>{noun}()</code> to create a {noun}. The default timeout is {rng.randint(5, 90)} seconds.</p><ul><li>"
        "Raises an error if the input is empty.</li><li>Thread-safe since version 2.</li></ul></body></html>"
    )


def grep_hits(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    files = ("src/app.py", "src/util/io.py", "tests/test_app.py", "docs/index.md")
    return "\n".join(f"{f}:{rng.randint(3, 400)}:    {noun} = make_{noun}(size={rng.randint(1, 99)})" for f in files)


def directory(rng: random.Random) -> str:
    names = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "src", "tests", "uv.lock")
    rows = "\n".join(
        f"-rw-r--r--  1 root root {rng.randint(200, 99999):6} Jan {rng.randint(10, 28)} 10:02 {n}" for n in names
    )
    return f"total {rng.randint(40, 400)}\n{rows}\n"


def test_run(rng: random.Random) -> str:
    count = rng.randint(20, 400)
    return (
        f"============ test session starts ============\nplatform linux -- Python 3.12.3, pytest-8.2.0\ncollected {count} "
        f"items\n\ntests/test_{rng.choice(_NOUNS)}.py {'.' * 40} [100%]\n\n====== {count} passed in {rng.random() * 9:.2f}s ======"
    )


def failing_test(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    return (
        f"    def test_{noun}_is_sorted():\n>       assert {noun}([3, 1, 2]) == [1, 2, 3]\nE       assert [3, 1, 2] == "
        f"[1, 2, 3]\nE         At index 0 diff: 3 != 1\n\ntests/test_{noun}.py:{rng.randint(9, 99)}: AssertionError"
    )


def library_trace(rng: random.Random) -> str:
    return (
        'Traceback (most recent call last):\n  File "/usr/lib/python3.12/asyncio/runners.py", line 194, in run\n    '
        'return runner.run(main)\n  File "/usr/local/lib/python3.12/site-packages/httpx/_client.py", line '
        f"{rng.randint(100, 1900)}, in send\n    raise exc\nhttpx.ConnectTimeout: timed out\n"
    )


def git_status(rng: random.Random) -> str:
    return (
        f"On branch feature/{rng.choice(_NOUNS)}\nChanges not staged for commit:\n\tmodified:   src/{rng.choice(_NOUNS)}.py\n"
        f"\nUntracked files:\n\tnotes/{rng.choice(_NOUNS)}.md\n\nno changes added to commit\n"
    )


def git_log(rng: random.Random) -> str:
    return "\n".join(
        f"{rng.randbytes(4).hex()[:7]} {v.title()} the {n} once" for v, n in zip(_VERBS, _NOUNS, strict=True)
    )


def disks(rng: random.Random) -> str:
    return (
        "Filesystem      Size  Used Avail Use% Mounted on\n"
        f"/dev/sda1        98G   {rng.randint(10, 90)}G   41G  57% /\ntmpfs           7.8G     0  7.8G   0% /dev/shm\n"
    )


def processes(rng: random.Random) -> str:
    rows = "\n".join(
        f"root {rng.randint(100, 9999):7} {rng.random() * 9:4.1f} {rng.random() * 5:4.1f} {c}"
        for c in ("/sbin/init", "python3 app.py", "nginx: worker process", "node server.js")
    )
    return f"USER     PID %CPU %MEM COMMAND\n{rows}\n"


def pods(rng: random.Random) -> str:
    rows = "\n".join(
        f"{n}-{rng.randbytes(5).hex()[:9]}-x{rng.randint(10, 99)}z   1/1   Running   0   {rng.randint(1, 40)}d"
        for n in ("nginx", "redis", "hello-world")
    )
    return f"NAME                     READY STATUS    RESTARTS AGE\n{rows}\n"


def terraform_plan(rng: random.Random) -> str:
    return (
        "Terraform will perform the following actions:\n\n  # aws_s3_bucket.example will be created\n  + resource "
        '"aws_s3_bucket" "example" {\n      + bucket = "my-example-bucket"\n      + tags   = {\n          + "Name" = '
        f'"My bucket"\n        }}\n    }}\n\nPlan: {rng.randint(1, 4)} to add, 0 to change, 0 to destroy.\n'
    )


def products(rng: random.Random) -> str:
    rows = "\n".join(
        f" {n:3} | {p:14} | {rng.randint(3, 90):5}.{rng.randint(10, 99)} | {rng.randint(0, 500):5}"
        for n, p in enumerate(("garden hose", "desk lamp", "water bottle", "wool socks"), 1)
    )
    return f"  id | product        |    price | stock\n-----+----------------+----------+------\n{rows}\n(4 rows)\n"


def countries(rng: random.Random) -> str:
    rows = "".join(
        f"{c},{a},{rng.randint(1, 300)}\n"
        for c, a in (("France", "FR"), ("Japan", "JP"), ("Kenya", "KE"), ("Peru", "PE"))
    )
    return f"country,code,population_millions\n{rows}"


def flowers(rng: random.Random) -> str:
    rows = "\n".join(
        f"{rng.uniform(4, 8):.1f},{rng.uniform(2, 4):.1f},{rng.uniform(1, 7):.1f},setosa" for _ in range(8)
    )
    return f"sepal_length,sepal_width,petal_length,species\n{rows}\n"


def exchange_rates(rng: random.Random) -> str:
    rates = {code: round(rng.uniform(0.5, 160), 4) for code in ("EUR", "GBP", "JPY", "CHF", "BRL")}
    return json.dumps({"base": "USD", "date": "2025-05-14", "rates": rates})


def recipe(rng: random.Random) -> str:
    return json.dumps(
        {
            "title": "Lentil soup",
            "servings": rng.randint(2, 8),
            "ingredients": [f"{rng.randint(100, 400)} g lentils", "2 carrots", "1 onion", "salt"],
            "steps": ["Chop the vegetables.", "Simmer for 40 minutes.", "Season and serve."],
        }
    )


def encyclopedia(rng: random.Random) -> str:
    return rng.choice(
        (
            "# Marie Curie\n\nMarie Curie (7 November 1867 - 4 July 1934) was a physicist and chemist who did pioneering "
            "research on radioactivity. She was the first woman to win a Nobel Prize.\n",
            "# Photosynthesis\n\nPhotosynthesis is the process by which plants make sugar from water and carbon dioxide, "
            "driven by light. Oxygen is given off.\n",
            "# Abraham Lincoln\n\nAbraham Lincoln was the 16th president of the United States, in office from 1861 until "
            "his death in 1865.\n",
            "# Metformin\n\nMetformin is a medication for type 2 diabetes. It lowers the glucose that the liver makes. "
            "Common side effects are nausea and diarrhoea.\n",
        )
    )


def search_page(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    hits = [
        {
            "title": f"How to {v} a {noun} in Rust",
            "url": f"https://docs.rs/{noun}/latest/{v}",
            "snippet": f"Call {v}() first.",
        }
        for v in _VERBS
    ]
    return json.dumps({"results": hits})


def news(rng: random.Random) -> str:
    city = rng.choice(_CITIES)
    return (
        f"{city} opens a new tram line. The city council of {city} said on Monday that the line has {rng.randint(8, 30)} stops "
        "and runs every ten minutes. Tickets cost as much as before."
    )


def headers(rng: random.Random) -> str:
    return (
        "HTTP/2 200\ncontent-type: application/json; charset=utf-8\ncache-control: max-age=600\n"
        f'etag: "{rng.randbytes(8).hex()}"\nx-request-id: {rng.randbytes(16).hex()}\nserver: cloudflare\n'
    )


def openapi(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "email": {"type": "string", "format": "email"}},
    }
    paths = {f"/{noun}s": {"get": {"summary": f"List {noun}s", "responses": {"200": {"description": "OK"}}}}}
    return json.dumps({"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"User": schema}}}, indent=2)


def dockerfile(rng: random.Random) -> str:
    return (
        f"FROM python:3.{rng.randint(10, 13)}-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r "
        f'requirements.txt\nCOPY . .\nEXPOSE 8000\nENV DB_PASSWORD=changeme\nCMD ["python", "app.py"]\n'
    )


def env_example(rng: random.Random) -> str:
    return f"# copy to .env\nPORT={rng.randint(3000, 9000)}\nDATABASE_URL=postgresql://user:password@localhost:5432/app\nAPI_KEY=your-api-key-here\n"


def compiler(rng: random.Random) -> str:
    return (
        f"src/main.rs:{rng.randint(3, 300)}:17: error[E0382]: borrow of moved value: `{rng.choice(_NOUNS)}`\nhelp: consider "
        "cloning the value if the performance cost is acceptable\nerror: could not compile due to 1 previous error\n"
    )


def build_log(rng: random.Random) -> str:
    return "\n".join(
        f"2025-05-14T10:{m:02d}:11Z INFO build step {m}/5: {v} {rng.choice(_NOUNS)} ({rng.randint(20, 900)} ms)"
        for m, v in enumerate(_VERBS[:5], 1)
    )


def access_log(rng: random.Random) -> str:
    return "\n".join(
        f'127.0.0.1 - - [14/May/2025:10:{m}:07 +0000] "GET /static/{rng.choice(_NOUNS)}.js HTTP/1.1" 200 {rng.randint(90, 9999)}'
        for m in range(11, 16)
    )


def metrics(rng: random.Random) -> str:
    return "".join(
        f'http_requests_total{{method="{m}",code="200"}} {rng.randint(10, 10**6)}\n' for m in ("GET", "POST", "PUT")
    )


def issue(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    body = f"When the {noun} is empty, the command exits with 0. Expected: an error. Version {_version(rng)} on Linux."
    return json.dumps(
        {"number": rng.randint(10, 9000), "title": f"Empty {noun} is not an error", "state": "open", "body": body}
    )


def schema_rows(rng: random.Random) -> str:
    columns = (
        ("id", "bigint"),
        ("name", "text"),
        ("email", "text"),
        ("created_at", "timestamptz"),
        ("active", "boolean"),
    )
    return " column     | type\n------------+------------\n" + "".join(f" {c:10} | {t}\n" for c, t in columns)


def explain_plan(rng: random.Random) -> str:
    return (
        f"Seq Scan on orders  (cost=0.00..{rng.randint(100, 9999)}.50 rows={rng.randint(10, 9999)} width=36)\n  Filter: "
        "(status = 'open'::text)\nPlanning Time: 0.113 ms\nExecution Time: 4.204 ms\n"
    )


def film(rng: random.Random) -> str:
    return json.dumps({"title": "The Long Harbour", "year": rng.randint(1960, 2024), "genre": "drama", "rating": 7.4})


def timetable(rng: random.Random) -> str:
    return "\n".join(
        f"{rng.choice(_CITIES)} - {rng.choice(_CITIES)}  dep {h:02d}:15  arr {h + 3:02d}:40  2nd class"
        for h in range(6, 12)
    )


def done(rng: random.Random) -> str:
    return rng.choice(("File written successfully.", "ok", '{"success": true}', "No results found.", "null", "[]"))


HARMLESS: tuple[Callable[[random.Random], str], ...] = (
    weather, package_metadata, npm_list, quote, annual_report, python_source, go_source, html_documentation, grep_hits,
    directory, test_run, failing_test, library_trace, git_status, git_log, disks, processes, pods, terraform_plan,
    products, countries, flowers, exchange_rates, recipe, encyclopedia, search_page, news, headers, openapi, dockerfile,
    env_example, compiler, build_log, access_log, metrics, issue, schema_rows, explain_plan, film, timetable, done,
)  # fmt: skip

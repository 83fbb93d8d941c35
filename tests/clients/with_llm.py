"""The `llm` command line, with its OpenAI-compatible models in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import BASE, CITY, FORECAST, HELLO, MODEL, NO_MODEL, NUMBER, TOO_LONG, run, same

FOLDER = Path(tempfile.mkdtemp(prefix="llm-client-"))
LLM = [str(Path(sys.executable).with_name("llm"))]
WEATHER = f'''
def weather(city: str) -> str:
    """The weather."""
    return "rain, 12 degrees" if city == "{CITY}" else ""
'''
HEAD = "supports_schema: true\n  supports_tools: true\n"
(FOLDER / "extra-openai-models.yaml").write_text(
    "".join(
        f"- model_id: {name}\n  model_name: {model}\n  api_base: {BASE}/v1\n  api_key_name: nemora\n  {HEAD}"
        for name, model in (("here", MODEL), ("nowhere", NO_MODEL))
    )
)
(FOLDER / "keys.json").write_text('{"nemora": "none"}')


def _llm(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LLM_USER_PATH": str(FOLDER)}
    return subprocess.run(
        [*LLM, *arguments], check=False, capture_output=True, text=True, env=environment, input=given, timeout=120
    )


def _said(*arguments: str) -> str:
    done = _llm(*arguments)
    if done.returncode:
        raise AssertionError((done.stderr or done.stdout)[-400:])
    return done.stdout.strip()


def chat() -> None:
    same(_said("-m", "here", "Hi", "--no-stream"), HELLO)


def stream() -> None:
    same(_said("-m", "here", "Hi"), HELLO)


def tools() -> None:
    told = _said("-m", "here", "Hi", "--functions", WEATHER)
    assert told.endswith("The tool said: rain, 12 degrees"), told


def structured() -> None:
    told = json.loads(_said("-m", "here", "Hi", "--schema", json.dumps(FORECAST)))
    same(told, {"city": CITY, "days": NUMBER})


def error() -> None:
    unknown = _llm("-m", "nowhere", "Hi")
    assert unknown.returncode and "no model of that name" in unknown.stderr, unknown.stderr
    long = _llm("-m", "here", given=TOO_LONG)
    assert long.returncode and "shorten the prompt" in long.stderr, long.stderr[-400:]


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)

"""A server as `nemora serve` runs one, whose model says what a request calls for: calls a tool that is offered, repeats
what a tool answered, writes JSON of the form that is asked for, and else says hello.

Everything but the weights is the real thing: template, engine, grammars, parsers, the privacy boundary, the socket.

    python talking_server.py DATA_FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from nemora.backends.local import LocalBackend
from nemora.backends.local_model import LocalModel, PreparedAnswer
from nemora.core import ChatRequest, Tool
from nemora.models.state import State
from nemora.server.app import build_app
from nemora.server.gateway import Gateway
from nemora.server.listen import base_url, bind, run
from nemora.server.run import build_gateway
from nemora.settings import Paths, ServerSettings, Settings
from scripted_model import ScriptedModel, scripted
from small_family import keys

NAME = "nemotron-3-nano-30b-a3b"
HELLO = "Hello from Nemora, said in small pieces."
THOUGHT = "Let me see."
CITY = "Bonn"
NUMBER = 7


def build(data: Path, **local: Any) -> Gateway:
    """The gateway of a talking model, whose stores lie in `data`."""
    paths = Paths(config=data / "config", cache=data / "cache", data=data)
    settings = Settings(paths=paths, server=ServerSettings(port=0), offline=True)
    return build_gateway(settings, local=[LocalBackend(talking())], **local)


def talking() -> LocalModel:
    """A model of the family that answers by what it is asked. One request at a time."""
    model = scripted(NAME, keys("chatml"))
    inner = model._model
    assert isinstance(inner, ScriptedModel)
    prepare, forward = model.prepare, inner.forward

    def prepared(request: ChatRequest, tenant: str = "") -> PreparedAnswer:
        found = prepare(request, tenant)
        inner.start, inner.script = len(found.ids), _ids(model, _words(request))
        return found

    def certain(ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        return forward(ids, state, last_only=last_only) * torch.tensor(1000.0)

    model.prepare = prepared  # type: ignore[method-assign]
    inner.forward = certain  # type: ignore[method-assign]
    return model


def _ids(model: LocalModel, text: str) -> list[int]:
    pieces = model.tokenizer.split_special(text)
    return [i for piece in pieces for i in ([piece] if isinstance(piece, int) else model.tokenizer.encode(piece))]


def _words(request: ChatRequest) -> str:
    if request.raw:
        return " and so on"
    answer = _answer(request)
    # A grammar begins right behind the tag.
    gap = "" if answer.startswith(("{", "<tool_call>")) else "\n\n"
    return answer if request.thinking.wanted is False else f"{THOUGHT}\n</think>{gap}{answer}"


def _answer(request: ChatRequest) -> str:
    choice, last, form = request.tool_choice, request.messages[-1], request.response_format
    offered = () if choice is not None and choice.mode == "none" else request.tools
    if choice is not None and choice.name is not None:
        offered = tuple(tool for tool in offered if tool.name == choice.name)
    if offered and last.role != "tool":
        return _call(offered[0])
    if form is not None:
        return json.dumps(_example(form.schema or {"type": "object"}, form.schema or {}))
    return f"The tool said: {last.text()}" if last.role == "tool" else HELLO


def _call(tool: Tool) -> str:
    arguments = _example(tool.parameters or {"type": "object"}, tool.parameters or {})
    written = "".join(
        f"<parameter={name}>\n{value if isinstance(value, str) else json.dumps(value)}\n</parameter>\n"
        for name, value in arguments.items()
    )
    return f"<tool_call>\n<function={tool.name}>\n{written}</function>\n</tool_call>"


def _example(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A value that a simple schema describes."""
    if "$ref" in schema:
        inner: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            inner = inner[step]
        return _example(inner, root)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], root)
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: _example(each, root) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [_example(schema.get("items", {}), root)]
    return {"string": CITY, "integer": NUMBER, "number": NUMBER, "boolean": True}.get(kind)


def main() -> None:
    data = Path(sys.argv[1])
    data.mkdir(parents=True, exist_ok=True)
    with bind(ServerSettings(port=0)) as listening:
        host, port = listening.getsockname()[:2]
        app = build_app(build(data), ServerSettings(port=port), bound=host)
        run(app, listening, banner=f"{base_url(host, port)}\n")


if __name__ == "__main__":
    main()

"""What the clients of the boundary campaign ask: chat completions, and everything else that has an address."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass, field
from typing import Any

from campaign_documents import Document
from campaign_needles import DISGUISES, HARMLESS, MAKERS, Needle, letters
from campaign_policies import Entity, entity_needle

PLACES = (
    "user", "system", "part", "assistant", "tool_result", "arguments", "description", "schema", "stop", "unsent",
    "metadata", "last",
)  # fmt: skip
MODELS = (*("auto",) * 12, "far-model", "eu-model", "claude-model", "local")
UNKNOWN = (
    "/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/completions", "/v1/moderations", "/v1/files", "/v1/batches",
    "/v1/audio/speech", "/v1/images/generations", "/v1/realtime", "/api/chat", "/api/generate",
    "/v1/chat/completions/x",
    "//v1/chat/completions", "/v1/nemora/decisions", "/",
)  # fmt: skip
SESSION_HEADERS = (
    "x-session-id",
    "x-conversation-id",
    "x-nemora-session",
    "x-nemora-class",
    "x-nemora-route",
    "x-nemora-tenant",
)
OUTSIDE = ("description", "schema", "stop", "unsent", "metadata")
"""Places that are no message."""


@dataclass
class Asked:
    """A request for a completion, and every needle that is anywhere in it."""

    body: dict[str, Any]
    needles: frozenset[Needle] = frozenset()
    place: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    outside: frozenset[Needle] = frozenset()
    """Those that stand in other fields than the messages, which a later turn does not repeat."""

    def data(self) -> bytes:
        return json.dumps(self.body, ensure_ascii=len(self.needles) % 2 == 0).encode()


@dataclass
class Conversation:
    """What a client remembers: the turns, with the needles in them, and the last answer."""

    messages: list[dict[str, Any]]
    needles: frozenset[Needle]
    answer: str
    in_answer: frozenset[Needle]


def sensitive(rng: random.Random, entities: tuple[Entity, ...]) -> Needle:
    if entities and rng.random() < 0.35:
        return entity_needle(rng, rng.choice(entities))
    return rng.choice(MAKERS)(rng)


def tool(description: str = "Looks things up.", **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": "lookup", "description": description, "parameters": parameters}}


def called(arguments: str, result: str) -> list[dict[str, Any]]:
    call = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": arguments}}
    return [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    ]


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def placed(place: str, text: str, last: str) -> dict[str, Any]:
    """The fields of a body with `text` at a place."""
    before: dict[str, list[dict[str, Any]]] = {
        "user": [user(text), {"role": "assistant", "content": "I see."}],
        "system": [{"role": "system", "content": text}],
        "part": [user([{"type": "text", "text": "Note: "}, {"type": "text", "text": text}])],
        "assistant": [user("Hi."), {"role": "assistant", "content": text}],
        "tool_result": called("{}", text),
        "arguments": called(json.dumps({"note": text}), "ok"),
    }
    ending = user(f"{text}\n{last}") if place == "last" else user(last)
    fields: dict[str, Any] = {"messages": [*before.get(place, []), ending]}
    if place == "description":
        fields["tools"] = [tool(text)]
    elif place == "schema":
        fields["tools"] = [tool(a={"type": "string", "default": text})]
    elif place == "stop":
        fields["stop"] = [text]
    elif place == "unsent":
        fields |= {"user": text, "safety_identifier": text}
    elif place == "metadata":
        fields["metadata"] = {"note": text}
    return fields


def first_turn(rng: random.Random, entities: tuple[Entity, ...], documents: list[Document]) -> Asked:
    """A new conversation: harmless, with a needle in disguise, or with a document."""
    last = rng.choice(HARMLESS)
    if rng.random() < 0.4:
        asked = Asked({"messages": [user(last)]}, place="harmless")
    else:
        needle = sensitive(rng, entities)
        name, place = rng.choice(["plain", "plain", *DISGUISES]), rng.choice(PLACES)
        asked = Asked(placed(place, DISGUISES[name](needle.sentence), last), frozenset([needle]), place)
        asked.outside = asked.needles if place in OUTSIDE else frozenset()
    if rng.random() < 0.12:
        document = rng.choice(documents)
        messages = asked.body["messages"]
        text = {"type": "text", "text": messages[-1]["content"]}
        messages[-1] = user([text, copy.deepcopy(document.part)])
        asked.needles |= set(document.needles)
        asked.place = "document"
    return asked


def later_turn(rng: random.Random, past: Conversation, entities: tuple[Entity, ...]) -> Asked:
    """One more turn: with all of the history, with a needle more, or with little more than the last answer."""
    messages, needles = copy.deepcopy(past.messages), past.needles | past.in_answer
    messages.append({"role": "assistant", "content": past.answer})
    place = "later"
    if rng.random() < 0.35:
        messages, needles, place = messages[-1:], past.in_answer, "trimmed"
    text = rng.choice(HARMLESS)
    if rng.random() < 0.25:
        needle = sensitive(rng, entities)
        text, needles = f"{needle.sentence} {text}", needles | {needle}
    return Asked({"messages": [*messages, user(text)]}, frozenset(needles), place)


def some_request(
    rng: random.Random, past: list[Conversation], entities: tuple[Entity, ...], documents: list[Document]
) -> Asked:
    """A first or a later turn, with a model's name, streamed or not, and headers that claim something."""
    asked = (
        later_turn(rng, rng.choice(past), entities)
        if past and rng.random() < 0.35
        else first_turn(rng, entities, documents)
    )
    asked.body["model"] = rng.choice(MODELS)
    asked.body["stream"] = rng.random() < 0.6
    if rng.random() < 0.2:
        asked.body["max_tokens"] = rng.choice([1, 64, 4000])
    if rng.random() < 0.2:
        asked.headers[rng.choice(SESSION_HEADERS)] = rng.choice(["public", letters(rng, 16), "cloud"])
    return asked


@dataclass(frozen=True)
class Visit:
    """A request that is no completion, or a broken one."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""


def some_visit(rng: random.Random, asked: Asked, decision_ids: list[str], value: str) -> Visit:
    """Any other endpoint, an unknown one, or a completion that must be refused; `value` is a needle's."""
    data = asked.data()
    plain = "".join(c for c in value if c.isalnum())
    chat, known = "/v1/chat/completions", rng.choice([*decision_ids[-20:], plain])
    invented = {"x-nemora-override": "A" * 43, "x-nemora-reason": "false_alarm"}
    unread = Asked({**asked.body, "previous_response_id": value}, asked.needles).data()
    return rng.choice(
        [
            Visit("GET", "/health/live", endpoint="/health/live"),
            Visit("GET", "/health/ready", endpoint="/health/ready"),
            Visit("GET", "/health/policy", endpoint="/health/policy"),
            Visit("GET", "/metrics", endpoint="/metrics"),
            Visit("GET", "/v1/models", endpoint="/v1/models"),
            Visit("GET", f"/v1/models/{plain}", endpoint="/v1/models/{name}"),
            Visit("GET", "/v1/models/far-model", endpoint="/v1/models/{name}"),
            Visit("GET", f"/v1/nemora/decisions/{known}", endpoint="/v1/nemora/decisions/{id}"),
            Visit("POST", rng.choice(UNKNOWN), data, endpoint="unknown path"),
            Visit(rng.choice(["PUT", "DELETE", "PATCH", "GET"]), chat, data, endpoint="wrong method"),
            Visit("POST", chat, data[:-3], endpoint="broken JSON"),
            Visit("POST", chat, data[:-1] + b', "model": "auto"}', endpoint="key twice"),
            Visit("POST", chat, unread, endpoint="unknown field"),
            Visit("POST", chat, data, {"content-type": "text/plain"}, "wrong content type"),
            Visit("POST", chat, data, {"host": "evil.example"}, "foreign host"),
            Visit("POST", chat, data, {"origin": "https://evil.example"}, "foreign origin"),
            Visit("POST", chat, data, invented, "invented token"),
            Visit("POST", chat + f"?note={plain}", data, {"x-note": plain, "cookie": f"s={plain}"}, "side channels"),
        ]
    )  # fmt: skip

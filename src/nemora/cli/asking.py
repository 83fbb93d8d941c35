"""How `ask` and `chat` reach an answer: through the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Protocol

import httpx2

from nemora.backends.sse import EventDecoder
from nemora.core import ChatRequest, Delta, Json
from nemora.errors import BackendError, NemoraError, UsageError
from nemora.privacy.decide import explain
from nemora.server.gateway import Gateway
from nemora.settings import Settings, load_settings, with_cloud

READ_SECONDS = 600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """Where an answer comes from, and what decided."""

    route: str
    model: str
    decision: str
    reason: str
    recorded: bool = True

    def line(self) -> str:
        """The one line that stands before an answer."""
        if self.reason == "no_cloud":
            why = "no cloud is configured; this request would have been allowed to leave"
        elif self.route == "local" and self.decision in ("redact", "ask"):
            why = f"{explain(self.reason)} ({self.decision} by policy, which keeps it here in this version)"
        else:
            why = explain(self.reason)
        ledger = "" if self.recorded else "; the ledger could not be written"
        return f"[{self.route}: {self.model}] {why}{ledger}"


class Door(Protocol):
    """Something that answers requests."""

    def answer(self, request: ChatRequest) -> tuple[Notice, Iterator[str]]:
        """The notice, and the answer's text as it comes. Raises NemoraError."""
        ...

    def close(self) -> None: ...


def add_cloud_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that configure a cloud for one command."""
    parser.add_argument("--cloud-url", metavar="URL", help="an OpenAI-compatible server, up to and including /v1")
    parser.add_argument("--cloud-model", metavar="NAME", help="the model's name there")
    parser.add_argument("--cloud-key-env", metavar="VARIABLE", help="the environment variable that holds the key")


def settings_of(args: argparse.Namespace) -> Settings:
    """Settings with the command line's cloud, if it names one."""
    settings = load_settings(args.config)
    if args.cloud_url is None and args.cloud_model is None and args.cloud_key_env is None:
        return settings
    if args.cloud_url is None or args.cloud_model is None:
        raise UsageError("--cloud-url and --cloud-model go together.")
    return with_cloud(settings, args.cloud_url, args.cloud_model, args.cloud_key_env)


def open_door(args: argparse.Namespace) -> Door:
    """The running server, unless flags ask for another set-up than it has; else a gateway in this process."""
    settings = settings_of(args)
    if args.cloud_url is None:
        base = _running(settings)
        if base is not None:
            return ServerDoor(base, settings.server.api_key)
    return GatewayDoor(settings)


def _running(settings: Settings) -> str | None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104 - compared
    base = f"http://[{host}]:{settings.server.port}" if ":" in host else f"http://{host}:{settings.server.port}"
    try:
        with httpx2.Client(trust_env=False, timeout=1.0) as client:
            response = client.get(f"{base}/health/live")
        live = response.status_code == 200 and response.headers.get("x-request-id", "").startswith("req_")
    except (httpx2.HTTPError, OSError):
        live = False
    return base if live else None


class ServerDoor:
    """Asks the running server, as any client does."""

    def __init__(self, base: str, api_key: str | None) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx2.Timeout(READ_SECONDS, connect=5.0)
        self._client = httpx2.Client(base_url=base, headers=headers, trust_env=False, timeout=timeout)

    def answer(self, request: ChatRequest) -> tuple[Notice, Iterator[str]]:
        call = self._client.build_request("POST", "/v1/chat/completions", json=_body(request))
        try:
            response = self._client.send(call, stream=True)
            if response.status_code != 200:
                response.read()
                raise _refusal(response)
        except httpx2.HTTPError as error:
            raise BackendError(f"The running server did not answer ({type(error).__name__}); see its output.") from None
        events = _events(response)
        first = next(events, None)
        said = response.headers
        notice = Notice(
            route=said.get("x-nemora-route", "local"),
            model=str((first or {}).get("model", "")),
            decision=said.get("x-nemora-decision", ""),
            reason=said.get("x-nemora-reason", ""),
            recorded=said.get("x-nemora-ledger") is None,
        )
        return notice, _texts(first, events)

    def close(self) -> None:
        self._client.close()


def _refusal(response: httpx2.Response) -> NemoraError:
    try:
        message = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"The running server answered with status {response.status_code}."
    return NemoraError(str(message))


def _events(response: httpx2.Response) -> Iterator[dict[str, Any]]:
    parser = EventDecoder()
    try:
        for piece in response.iter_bytes():
            for data in parser.feed(piece):
                if data != "[DONE]":
                    yield json.loads(data)
    except (httpx2.HTTPError, ValueError):
        raise BackendError("The running server broke off in the middle of its answer; see its output.") from None
    finally:
        response.close()


def _texts(first: dict[str, Any] | None, rest: Iterator[dict[str, Any]]) -> Iterator[str]:
    for event in [first, *()] if first is not None else []:
        yield _text(event)
    for event in rest:
        yield _text(event)


def _text(event: dict[str, Any]) -> str:
    if "error" in event:
        raise BackendError(str(event["error"].get("message", "The answer broke off.")))
    return "".join(choice.get("delta", {}).get("content") or "" for choice in event.get("choices", []))


def _body(request: ChatRequest) -> dict[str, Json]:
    body: dict[str, Json] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.text()} for message in request.messages],
        "stream": True,
    }
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.sampling.temperature is not None:
        body["temperature"] = request.sampling.temperature
    return body


class GatewayDoor:
    """Answers in this process, by the same gateway that the server uses."""

    def __init__(self, settings: Settings) -> None:
        from nemora.server.run import build_gateway

        self._loop = asyncio.new_event_loop()
        try:
            self._gateway: Gateway = build_gateway(settings)
        except BaseException:
            self._loop.close()
            raise

    def answer(self, request: ChatRequest) -> tuple[Notice, Iterator[str]]:
        answer = self._loop.run_until_complete(self._gateway.answer(request))
        notice = Notice(
            route=answer.destination.side,
            model=answer.model,
            decision=answer.decision.action.value,
            reason=answer.destination.reasons[0],
            recorded=answer.recorded,
        )
        return notice, self._pieces(answer.deltas)

    def _pieces(self, deltas: AsyncGenerator[Delta, None]) -> Iterator[str]:
        try:
            while (delta := self._loop.run_until_complete(anext(deltas, None))) is not None:
                yield delta.text
        finally:
            self._loop.run_until_complete(deltas.aclose())

    def close(self) -> None:
        try:
            self._loop.run_until_complete(self._gateway.close())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

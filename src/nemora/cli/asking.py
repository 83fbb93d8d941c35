"""How `ask` and `chat` reach an answer: through the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import io
import json
import re
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import httpx2

from nemora.backends.openai_body import content_of
from nemora.backends.sse import EventDecoder
from nemora.core import ChatRequest, Delta, Json, StopReason, Thinking
from nemora.errors import BackendError, NemoraError, OverrideNeeded, Unauthorized, UnknownModel, UsageError
from nemora.net_guard import guard_network, is_loopback
from nemora.privacy.reasons import explain
from nemora.server.listen import base_url, quiet_logs
from nemora.server.local_side import names_to_ask_for
from nemora.server.overrides import REASON_HEADER, TOKEN_HEADER, Override
from nemora.settings import CLIENT_KEY, MAX_PORT, Settings, load_settings, with_cloud
from nemora.weights.progress import progress_on

if TYPE_CHECKING:
    from nemora.server.gateway import Gateway  # which takes seconds to import, and is for answers in this process only

READ_SECONDS = 600.0
THINKING = {
    "on": Thinking(enabled=True),
    "off": Thinking(enabled=False),
    "low": Thinking(effort="low"),
    "medium": Thinking(effort="medium"),
    "high": Thinking(effort="high"),
}
"""What --think may say."""
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What could move the cursor, set the title or fill the clipboard of a terminal. Line feed and tab stay."""


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
        elif self.reason == "asked_local":
            why = f"{explain(self.reason)}; this request would have been allowed to leave"
        elif self.reason in ("no_destination", "no_such_part", "cap"):
            why = f"{explain(self.reason)}; otherwise this request could have left"
        elif self.route == "local" and self.decision == "redact":
            why = f"{explain(self.reason)}; it may leave redacted only"
        elif self.route == "local" and self.decision == "ask":
            why = f"{explain(self.reason)} (ask by policy, and nobody was asked: it cannot leave now)"
        elif self.route == "local" and self.decision == "local":
            why = f"{explain(self.reason)}; this request may not leave"
        else:
            why = explain(self.reason)
        ledger = "" if self.recorded or self.reason == "ledger_unavailable" else "; the ledger could not be written"
        return CONTROLS.sub("", f"[{self.route}: {self.model}] {why}{ledger}").replace("\n", " ")


class Door(Protocol):
    """Something that answers requests."""

    def answer(self, request: ChatRequest, override: Override | None = None) -> tuple[Notice, Generator[str]]:
        """The notice, and the answer's text as it comes; closing it cancels the work. Both raise NemoraError.

        `override` answers an `OverrideNeeded` that an earlier call with the same request has raised.
        """
        ...

    def close(self) -> None: ...


def show(notice: Notice, pieces: Generator[str]) -> str:
    """Print the notice to stderr and the answer, as it comes, to stdout; returns the answer."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter must not end the answer
    on_terminal = sys.stdout.isatty()
    said: list[str] = []
    with closing(pieces):
        sys.stderr.write(notice.line() + "\n")
        sys.stderr.flush()
        for piece in pieces:
            said.append(piece)
            sys.stdout.write(CONTROLS.sub("", piece) if on_terminal else piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        sys.stdout.flush()
    return "".join(said)


def add_thinking_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--think", choices=THINKING, help="whether, or how much, to reason first (the model's default)")


def thinking_of(args: argparse.Namespace) -> Thinking:
    """What --think asks for."""
    return THINKING.get(args.think, Thinking())


def add_cloud_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that configure a cloud for one command."""
    parser.add_argument("--cloud-url", metavar="URL", help="an OpenAI-compatible server, up to and including /v1")
    parser.add_argument("--cloud-model", metavar="NAME", help="the model's name there")
    parser.add_argument("--cloud-key-env", metavar="VARIABLE", help="the environment variable that holds the key")


def add_door_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of who asks: where the local model runs, how it thinks, where the running server is, and a cloud."""
    parser.add_argument("--device", metavar="NAME", help="where the local model runs: cpu, cuda, cuda:1, mps")
    add_thinking_argument(parser)
    parser.add_argument("--host", help="address of the running server on this machine (default: as the settings say)")
    parser.add_argument("--port", type=int, help="port of the running server (default: as the settings say)")
    add_cloud_arguments(parser)


def settings_of(args: argparse.Namespace) -> Settings:
    """Settings with the command line's device and cloud, if it names any."""
    settings = load_settings(args.config)
    if getattr(args, "device", None) is not None:  # not every verb has it
        if any(server.trust == "local" for server in settings.servers):
            raise UsageError(
                '--device has no effect beside a server with trust = "local" in nemora.toml; leave it out.'
            )
        settings = dataclasses.replace(settings, local=dataclasses.replace(settings.local, device=args.device))
    if args.cloud_url is None and args.cloud_model is None and args.cloud_key_env is None:
        return settings
    if args.cloud_url is None or args.cloud_model is None:
        raise UsageError("--cloud-url and --cloud-model go together.")
    return with_cloud(settings, args.cloud_url, args.cloud_model, args.cloud_key_env)


def open_door(args: argparse.Namespace) -> Door:
    """The running server, unless flags ask for another set-up than it has; else a gateway in this process.

    Raises:
        UsageError: flags name a server, and another set-up than it may have.
        BackendError: flags name a server, and none is there.
    """
    settings = settings_of(args)
    given = {key: value for key in ("host", "port") if (value := getattr(args, key, None)) is not None}
    in_process = args.cloud_url is not None or getattr(args, "device", None) is not None
    if given:
        _check_address(args, in_process=in_process)
        settings = dataclasses.replace(settings, server=dataclasses.replace(settings.server, **given))
    base = None if in_process else _running(settings)
    if base is not None:
        return ServerDoor(base, _key(settings))
    if given:
        raise BackendError("No server of this machine answers there; start one with nemora serve, or leave it out.")
    check_name(getattr(args, "model", "auto"), settings)
    return GatewayDoor(settings)


def _check_address(args: argparse.Namespace, *, in_process: bool) -> None:
    if in_process:
        raise UsageError("--host and --port ask a running server, --device and --cloud-url none; leave one out.")
    if args.port is not None and not 1 <= args.port <= MAX_PORT:
        raise UsageError(f"--port must be between 1 and {MAX_PORT}.")


def check_name(model: str, settings: Settings) -> None:
    """Raise `UnknownModel` if a gateway in this process will know no such name: loading a model takes long."""
    names = names_to_ask_for(settings)
    if names is not None and model not in names:
        raise UnknownModel(f"There is no model of that name; --model takes {', '.join(names)}.", param="/model")


def _key(settings: Settings) -> str | None:
    """The key of who asks, or else the owner's, if this installation has one."""
    key = settings.client_key
    if key is not None and not re.fullmatch(r"[!-~]+", key):  # more cannot stand in a header
        raise UsageError(f"{CLIENT_KEY} holds no API key: spaces or letters that no key has; set it to the key alone.")
    return key or settings.server.api_key


def _running(settings: Settings) -> str | None:
    base = base_url(settings.server.host, settings.server.port)
    if not _is_this_machine(settings.server.host):
        return None
    try:
        with httpx2.Client(trust_env=False, timeout=1.0) as client:
            response = client.get(f"{base}/health/live")
        ours = response.headers.get("x-request-id", "").startswith("req_")
        live = response.status_code == 200 and ours and response.json() == {"status": "live"}
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
        live = False
    return base if live else None


def _is_this_machine(host: str) -> bool:
    """Whether an address is one that a server here could have: what is not yet decided on goes to no other machine."""
    if is_loopback(host):
        return True
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            tried.bind((host, 0))
    except OSError:
        return False
    return True


class ServerDoor:
    """Asks the running server, as any client does."""

    def __init__(self, base: str, api_key: str | None) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx2.Timeout(READ_SECONDS, connect=5.0)
        self._client = httpx2.Client(base_url=base, headers=headers, trust_env=False, timeout=timeout)

    def answer(self, request: ChatRequest, override: Override | None = None) -> tuple[Notice, Generator[str]]:
        headers = {} if override is None else {TOKEN_HEADER: override.token, REASON_HEADER: override.reason}
        call = self._client.build_request("POST", "/v1/chat/completions", json=_body(request), headers=headers)
        try:
            response = self._client.send(call, stream=True)
            if response.status_code != 200:
                response.read()
                raise _refusal(response)
        except httpx2.HTTPError as error:
            raise BackendError(f"The running server did not answer ({type(error).__name__}); see its output.") from None
        said = response.headers
        if "x-nemora-route" not in said:
            response.close()
            raise BackendError("What answers at the configured address is not Nemora; stop it, or set server.port.")
        events = _events(response)
        first = next(events, None)
        if first is None:
            raise BackendError("The running server sent an answer without a beginning; see its output.")
        notice = Notice(
            route=said["x-nemora-route"],
            model=str(first.get("model", "")),
            decision=said.get("x-nemora-decision", ""),
            reason=said.get("x-nemora-reason", ""),
            recorded=said.get("x-nemora-ledger") is None,
        )
        return notice, _texts(first, events)

    def close(self) -> None:
        self._client.close()


def _refusal(response: httpx2.Response) -> NemoraError:
    try:
        error = response.json()["error"]
        message = str(error["message"])
        if error.get("code") == Unauthorized.code:
            message += f" Here that is the key in the variable {CLIENT_KEY}."
        if error.get("code") == OverrideNeeded.code:
            asked = error["override"]
            reasons = tuple(map(str, asked["reasons"]))
            return OverrideNeeded(message, token=str(asked["token"]), reasons=reasons, seconds=int(asked["expires_in"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"The running server answered with status {response.status_code}."
    return NemoraError(message)


def _events(response: httpx2.Response) -> Generator[dict[str, Any]]:
    """The events before `[DONE]`. A stream that ends without it has broken off."""
    broken_off = BackendError("The running server broke off in the middle of its answer; see its output.")
    parser = EventDecoder()
    try:
        for piece in response.iter_bytes():
            for data in parser.feed(piece):
                if data == "[DONE]":
                    return
                event = json.loads(data)
                if not isinstance(event, dict):
                    raise broken_off
                yield event
                if "error" in event:
                    return
    except (httpx2.HTTPError, ValueError):
        raise broken_off from None
    finally:
        response.close()
    raise broken_off


def _texts(first: dict[str, Any], rest: Generator[dict[str, Any]]) -> Generator[str]:
    with closing(rest):
        yield _text(first)
        for event in rest:
            yield _text(event)


def _text(event: dict[str, Any]) -> str:
    if "error" in event:
        raise BackendError(str(event["error"].get("message", "The answer broke off.")))
    return "".join(choice.get("delta", {}).get("content") or "" for choice in event.get("choices", []))


def _body(request: ChatRequest) -> dict[str, Json]:
    body: dict[str, Json] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": content_of(message)} for message in request.messages],
        "stream": True,
    }
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.sampling.temperature is not None:
        body["temperature"] = request.sampling.temperature
    if request.thinking.effort is not None:
        body["reasoning_effort"] = request.thinking.effort
    if request.thinking.enabled is not None:
        body["chat_template_kwargs"] = {"enable_thinking": request.thinking.enabled}
    return body


class GatewayDoor:
    """Answers in this process, by the same gateway that the server uses."""

    def __init__(self, settings: Settings) -> None:
        from nemora.server.run import build_gateway, reachable

        quiet_logs()
        self._gateway: Gateway = build_gateway(settings, progress=progress_on(sys.stderr))
        # As in the server: from here on only the configured servers may be reached.
        guard_network(air_gapped=settings.air_gapped, hosts=reachable(settings))
        self._runner = asyncio.Runner()  # turns Ctrl-C into a cancellation, which the gateway cleans up after

    def answer(self, request: ChatRequest, override: Override | None = None) -> tuple[Notice, Generator[str]]:
        answer = self._runner.run(self._gateway.answer(request, override=override))
        notice = Notice(
            route=answer.destination.side,
            model=answer.model,
            decision=answer.decision.action.value,
            reason=answer.destination.reasons[0],
            recorded=answer.recorded,
        )
        return notice, self._pieces(answer.deltas)

    def _pieces(self, deltas: AsyncGenerator[Delta]) -> Generator[str]:
        finish: StopReason | None = None
        try:
            while (delta := self._runner.run(_next(deltas))) is not None:
                finish = delta.finish or finish
                yield delta.text
        finally:
            self._runner.run(_close(deltas))
        if finish is None:
            raise BackendError("The model's answer broke off before its end; ask again.")

    def close(self) -> None:
        with self._runner:
            self._runner.run(self._gateway.close())


async def _next(deltas: AsyncGenerator[Delta]) -> Delta | None:
    return await anext(deltas, None)


async def _close(deltas: AsyncGenerator[Delta]) -> None:
    await deltas.aclose()

"""Who asks: known by the key that was sent, and put beside the request for everything behind the guards."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from nemora.errors import KeyNotAllowed
from nemora.privacy.policy import DEFAULT_TENANT
from nemora.server.api_keys import ApiKey


@dataclass(frozen=True, slots=True)
class Caller:
    """A client. `key` is None for the owner: who sent the server's own key, or needed none."""

    tenant: str = DEFAULT_TENANT
    key: ApiKey | None = None

    @property
    def may_ask(self) -> bool:
        """Whether models answer it: an administrator's key opens nothing else than what is administered."""
        return self.key is None or not self.key.admin

    @property
    def administers(self) -> bool:
        """Whether it sees what only the owner may see, and says which model is loaded."""
        return self.key is None or self.key.admin


OWNER = Caller()


def caller_of(request: Request) -> Caller:
    """The caller that the guards found."""
    found = getattr(request.state, "caller", OWNER)
    assert isinstance(found, Caller)
    return found


def asking_caller(request: Request) -> Caller:
    """The caller, of whom models may be asked. Raises `KeyNotAllowed`: one who only administers."""
    caller = caller_of(request)
    if not caller.may_ask:
        raise KeyNotAllowed("This API key administers the server and asks no model; use another key.")
    return caller

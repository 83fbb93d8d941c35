"""Every error that Nemora raises on purpose, in one tree.

    NemoraError
    ├── UsageError                   a wrong command line                       exit 2
    │   └── SettingsError            a wrong nemora.toml, policy.toml or variable
    ├── RequestError                 the client's mistake                       400
    │   ├── UnsupportedField         a field we know, and cannot honour         400
    │   ├── ContextLengthExceeded    the prompt does not fit                    400
    │   ├── Unauthorized             no or wrong API key                        401
    │   ├── PrivacyRefused           the policy keeps this request here         403
    │   ├── ForeignOrigin            wrong Host or Origin                       403
    │   ├── OverrideNeeded           the policy asks the user; has a token      409
    │   ├── ModelNotLoaded           its tokens are asked for, and swap none in 409
    │   ├── CapReached               the day's costs are spent                  429
    │   ├── UnknownModel             no such model                              404
    │   ├── UnknownEndpoint          no such path; never forwarded              404
    │   ├── UnknownDecision          the ledger holds no such decision          404
    │   ├── UnknownResponse          no stored response of that id              404
    │   ├── MethodNotAllowed                                                    405
    │   ├── SlowRequest              the body came too slowly                   408
    │   ├── BodyTooLarge                                                        413
    │   ├── NotJson                  a body that is not application/json        415
    │   └── Overloaded               too many requests; has `retry_after`       429
    ├── ModelError                   a local model cannot be used               503
    │   ├── CorruptCheckpoint        a damaged or hostile file
    │   ├── UnsupportedCheckpoint    a sound file that we do not implement
    │   ├── TemplateError            a chat template that fails, loops or is too large
    │   ├── FetchError               a download failed
    │   │   ├── NotCached            offline, and not in the cache
    │   │   └── HashMismatch         the bytes are not the published ones
    │   ├── ModelReplaced            it was unloaded for another one before its answer was whole
    │   └── LocalModelDown           the local model is missing or stopped
    ├── BackendError                 a remote server failed                     502
    │   ├── BackendRefused           it answered with a client error            4xx, as it came
    │   ├── BackendUnreachable       no connection                              503
    │   └── BackendTimeout           too slow                                   504
    ├── EgressRefused                a host that is not on the list             503
    ├── ShuttingDown                 the server is stopping                     503
    ├── WorkerFailed                 a worker process crashed or was killed     500
    └── LedgerError                  the ledger cannot be written or is broken  500

A message is one sentence: what was wrong, what was expected, what to do. It never holds
content of a request: names of fields, numbers and kinds only.
"""

from __future__ import annotations

from typing import Any


class NemoraError(Exception):
    """Root of the tree. `status`, `type` and `code` are the public shape; `str(error)` is the sentence."""

    status = 500
    type = "server_error"
    code = "internal_error"
    request_id: str | None = None
    """Of the request that it answers, once it is on its way out."""

    def __init__(self, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after

    def public(self) -> dict[str, Any]:
        """The error as OpenAI's envelope holds it under `error`."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}


class UsageError(NemoraError):
    status, type, code = 400, "invalid_request_error", "usage"


class SettingsError(UsageError):
    code = "settings"


class RequestError(NemoraError):
    status, type, code = 400, "invalid_request_error", "invalid_request"


class UnsupportedField(RequestError):
    code = "unsupported_field"


class ContextLengthExceeded(RequestError):
    code = "context_length_exceeded"


class Unauthorized(RequestError):
    status, type, code = 401, "authentication_error", "invalid_api_key"


class KeyNotAllowed(RequestError):
    """The API key is known, and not for this."""

    status, type, code = 403, "permission_error", "key_not_allowed"


class PrivacyRefused(RequestError):
    status, type, code = 403, "permission_error", "privacy_refused"


class OverrideNeeded(RequestError):
    """The user may let this very request out, once: with `token`, and one of `reasons`, within `seconds`."""

    status, type, code = 409, "permission_error", "override_needed"

    def __init__(self, message: str, *, token: str, reasons: tuple[str, ...], seconds: int) -> None:
        super().__init__(message)
        self.token, self.reasons, self.seconds = token, reasons, seconds

    def public(self) -> dict[str, Any]:
        override = {"token": self.token, "reasons": list(self.reasons), "expires_in": self.seconds}
        return {**super().public(), "override": override}


class ModelNotLoaded(RequestError):
    """A model's tokens were asked for while another is loaded: for that none is unloaded."""

    status, code = 409, "model_not_loaded"


class CapReached(RequestError):
    status, type, code = 429, "rate_limit_error", "cap_reached"


class ForeignOrigin(RequestError):
    status, type, code = 403, "permission_error", "foreign_origin"


class UnknownModel(RequestError):
    status, code = 404, "model_not_found"


class UnknownEndpoint(RequestError):
    status, code = 404, "unknown_endpoint"


class UnknownDecision(RequestError):
    status, code = 404, "unknown_decision"


class UnknownResponse(RequestError):
    status, code = 404, "response_not_found"


class MethodNotAllowed(RequestError):
    status, code = 405, "method_not_allowed"


class SlowRequest(RequestError):
    status, code = 408, "request_timeout"


class BodyTooLarge(RequestError):
    status, code = 413, "body_too_large"


class NotJson(RequestError):
    status, code = 415, "unsupported_media_type"


class Overloaded(RequestError):
    status, type, code = 429, "rate_limit_error", "overloaded"


class ModelError(NemoraError):
    status, code = 503, "model_unavailable"


class CorruptCheckpoint(ModelError):
    code = "corrupt_checkpoint"


class UnsupportedCheckpoint(ModelError):
    code = "unsupported_checkpoint"


class TemplateError(ModelError):
    code = "chat_template"


class FetchError(ModelError):
    code = "fetch_failed"


class NotCached(FetchError):
    code = "not_cached"


class HashMismatch(FetchError):
    code = "hash_mismatch"


class LocalModelDown(ModelError):
    code = "local_model_down"


class ModelReplaced(ModelError):
    code = "model_replaced"


class BackendError(NemoraError):
    status, type, code = 502, "upstream_error", "upstream_error"


class BackendRefused(BackendError):
    """The remote server answered 4xx. `status` is what it said; its message is not repeated, it may echo content."""

    code = "upstream_refused"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class BackendUnreachable(BackendError):
    status, code = 503, "upstream_unreachable"


class BackendTimeout(BackendError):
    status, code = 504, "upstream_timeout"


class EgressRefused(NemoraError, PermissionError):
    """Also an OSError, so that a library takes it for a connection that failed."""

    status, code = 503, "egress_refused"


class ShuttingDown(NemoraError):
    status, code = 503, "shutting_down"


class WorkerFailed(NemoraError):
    code = "worker_failed"


class LedgerError(NemoraError):
    code = "ledger_failed"

"""Prompts that come as token ids, told as text by the model that will continue them, before anything is decided.

So the privacy boundary reads every prompt. The model is then given these very ids, and looks itself whether they say
what was read. They go nowhere else: no other server continues a prompt as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nemora.backends.base import Backend, Tokenizes
from nemora.core import Message
from nemora.errors import RequestError, UnsupportedField
from nemora.server.wire_format import ParsedRequest

UNREADABLE = "\ufffd"
"""What a decoder writes where bytes are no UTF-8."""


async def with_texts(parsed: ParsedRequest, local: Sequence[Backend]) -> ParsedRequest:
    """The request with the text of each of its prompts. One of texts, or of a model that is not here, as it came.

    Raises:
        UnsupportedField: the model is another server's, and cannot tell them.
        RequestError: an id is none of the vocabulary, or they say no text that somebody could read.
        ModelError: the model cannot be loaded.
    """
    request = parsed.request
    if not request.prompt_ids:
        return parsed
    backend = next((one for one in local if request.model in ("auto", "local", one.name, one.model)), None)
    if backend is None:  # and so the gateway refuses it
        return parsed
    if not isinstance(backend, Tokenizes):
        raise UnsupportedField(
            "/prompt holds token ids, which only a model in this process can tell; send text.",
            param="/prompt",
        )
    try:
        texts = await backend.detokenize(request.prompt_ids, swap=True)  # all at once: they may cost one swap
    except RequestError as error:
        error.param = "/prompt"
        raise
    if any(UNREADABLE in text for text in texts):
        raise RequestError(
            "/prompt holds token ids that are no whole text, so that nobody could read it; send text.", param="/prompt"
        )
    return replace(parsed, request=replace(request, messages=tuple(Message("user", text) for text in texts)))

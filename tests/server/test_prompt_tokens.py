"""Prompts of token ids, told as text before anything is decided: by one use of the model, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from nemora.backends.held_model import HeldModel
from nemora.backends.model_slot import ModelSlot
from nemora.core import ChatRequest, Message
from nemora.engine.figures import Totals
from nemora.errors import NemoraError, RequestError
from nemora.server.prompt_tokens import UNREADABLE, with_texts
from nemora.server.wire_format import ParsedRequest

PROMPTS = tuple((97 + number % 26, 98) for number in range(64))


class Letters:
    """Whose tokens are code points; there is none above 127, and 0 is no text."""

    async def detokenize(self, prompts: Sequence[Sequence[int]], *, swap: bool = False) -> list[str]:
        if any(token_id > 127 for ids in prompts for token_id in ids):
            raise RequestError("Each token must be an id from 0 to 127.", param="/tokens")
        return ["".join(chr(token_id) if token_id else UNREADABLE for token_id in ids) for ids in prompts]

    async def close(self) -> None:
        pass


def asked(prompts: tuple[tuple[int, ...], ...]) -> ParsedRequest:
    empty = tuple(Message("user", "") for _ in prompts)
    return ParsedRequest(ChatRequest(model="one", messages=empty, raw=True, prompt_ids=prompts))


def shared(loaded: list[str]) -> tuple[ModelSlot[Letters], list[HeldModel]]:
    """A slot, and two models that share it; `loaded` hears which are loaded."""

    def load(name: str) -> Letters:
        loaded.append(name)
        return Letters()

    slot: ModelSlot[Letters] = ModelSlot(load, swap_seconds=0.01)
    return slot, [HeldModel(name, slot, Totals()) for name in ("one", "two")]  # type: ignore[arg-type]


def test_many_prompts_of_one_request_load_their_model_once_while_others_ask_for_another() -> None:
    loaded: list[str] = []

    async def play() -> None:
        slot, models = shared(loaded)

        async def others() -> None:
            while True:
                with suppress(NemoraError):
                    await models[1].load()
                await asyncio.sleep(0)

        await models[1].load()
        beside = asyncio.create_task(others())
        told = await with_texts(asked(PROMPTS), models)
        beside.cancel()
        await asyncio.wait({beside})
        assert [message.text() for message in told.request.messages] == [f"{chr(a)}{chr(b)}" for a, b in PROMPTS]
        assert told.request.prompt_ids == PROMPTS
        await slot.close()

    asyncio.run(play())
    assert loaded.count("one") == 1


@pytest.mark.parametrize(("last", "said"), [((128,), "id from 0 to 127"), ((0,), "nobody could read")])
def test_one_prompt_among_many_that_is_no_text_refuses_the_request(last: tuple[int, ...], said: str) -> None:
    async def play() -> None:
        slot, models = shared([])
        with pytest.raises(RequestError, match=said) as raised:
            await with_texts(asked((*PROMPTS, last)), models)
        assert raised.value.param == "/prompt"
        await slot.close()

    asyncio.run(play())

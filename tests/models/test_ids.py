from __future__ import annotations

import pytest
import torch

from nemora.models.ids import ids_on
from nemora.models.llama import Llama
from nemora.models.llama_config import llama_config_from_hugging_face
from nemora.weights.random_weights import RandomWeights
from tiny_llama import CONFIG


@pytest.mark.parametrize("wrong", [-1, CONFIG["vocab_size"], 1 << 40])
def test_an_id_outside_the_vocabulary_is_refused_before_any_device_sees_it(wrong: int) -> None:
    text = torch.tensor([[3, wrong, 5]])
    for device in ("cpu", "meta"):
        with pytest.raises(IndexError, match="vocabulary"):
            ids_on(torch.device(device), text, CONFIG["vocab_size"])
    model = Llama(llama_config_from_hugging_face(CONFIG), RandomWeights("BF16"))
    state = model.new_state(8)
    with pytest.raises(IndexError, match="vocabulary"):
        model.forward(text, state)
    assert state.length == 0


def test_ids_from_first_to_last_are_moved() -> None:
    text = torch.arange(CONFIG["vocab_size"])[None]
    assert torch.equal(ids_on(torch.device("cpu"), text, CONFIG["vocab_size"]), text)
    assert ids_on(torch.device("meta"), text, CONFIG["vocab_size"]).is_meta

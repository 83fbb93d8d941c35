"""The family's code with trained weights: the project's own hybrid reads, writes, drafts, and bears being quantised."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nemora.backends.local_model import LocalModel
from nemora.backends.perplexity import perplexity
from nemora.cli.main import main
from nemora.core import StopReason
from nemora.models.attention import AttentionSpec
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.moe import MoESpec
from nemora.ops.texts import Texts
from nemora.train.bigram import Bigram
from nemora.train.load import load_parameters
from nemora.train.trainable import Trainable
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from own_hybrid import FOLDER, conversations, own_model, own_tokenizer, requests, unseen_text

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="its weights are not here: recipes/hybrid makes them")

MOST_BYTES = 12_000_000
CONTEXT = 256
MOST_LOST = {"nvfp4": 0.05, "q8_0": 0.005}  # of perplexity, by weights alone
LEAST_ACCEPTED = 0.3


def unseen_ids(count: int) -> list[int]:
    ids = own_tokenizer().encode(unseen_text(6 * count))
    assert len(ids) >= count
    return ids[:count]


def close(ours: Tensor, expected: Tensor) -> None:
    assert (ours - expected).abs().max() <= 1e-4 * expected.abs().max()


def greedy(prompt: list[int], count: int) -> tuple[list[int], Tensor]:
    """The likeliest continuation, and the logits on the way."""
    model, seen = own_model(), []
    state = model.new_state(len(prompt) + count)
    logits = model.forward(torch.tensor([prompt]), state, last_only=True)[0, -1]
    ids = []
    for _ in range(count):
        seen.append(logits)
        ids.append(int(logits.argmax()))
        logits = model.forward(torch.tensor([ids[-1:]]), state)[0, -1]
    return ids, torch.stack(seen)


def test_it_is_the_family_in_small() -> None:
    config = own_model().config
    assert {type(spec) for spec in config.layers} == {Mamba2Spec, AttentionSpec, MoESpec}
    assert own_model().mtp is not None
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES


def test_nothing_is_wrong_with_its_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(FOLDER)]) == 0


@torch.inference_mode()
def test_unseen_requests_are_foreseen_better_than_by_counting_pairs() -> None:
    """And far below the vocabulary's size, which guessing would reach. The pairs are counted in requests too that were
    written after it was trained, more than it has seen, so it need not be better by much."""
    model, vocabulary = own_model(), own_model().config.vocab_size
    unseen = [ids[:CONTEXT] for ids in conversations(held_out=True)[:150]]
    loss = 0.0
    for ids in unseen:
        logits = model.forward(torch.tensor([ids[:-1]]), model.new_state(CONTEXT))[0]
        loss += float(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum"))
    ours = math.exp(loss / sum(len(ids) - 1 for ids in unseen))
    counted = Bigram(conversations(held_out=False), vocabulary).perplexity(unseen)
    assert ours < vocabulary / 20
    assert ours < counted


@torch.inference_mode()
def test_order_matters_to_it() -> None:
    """The same tokens in another order are foreseen far worse."""
    ids = torch.tensor(unseen_ids(1024))
    mixed = ids[torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))]
    in_order, out_of_order = (perplexity(own_model(), text.tolist(), context=CONTEXT).value for text in (ids, mixed))
    assert out_of_order > 5 * in_order


@torch.inference_mode()
def test_generation_is_the_same_each_time_and_finite() -> None:
    prompt = own_tokenizer().encode("Return a new list")
    ids, logits = greedy(prompt, 200)
    again, _ = greedy(prompt, 200)
    assert ids == again
    assert bool(logits.isfinite().all())
    assert len(set(ids)) > 10


@torch.inference_mode()
def test_reading_in_chunks_is_reading_at_once() -> None:
    model, text = own_model(), torch.tensor([unseen_ids(700)])
    whole = model.forward(text, model.new_state(700))
    state = model.new_state(700)
    parts = [model.forward(part, state) for part in text.split([1, 130, 128, 3, 64, 374], dim=1)]
    close(torch.cat(parts, dim=1), whole)


@torch.inference_mode()
def test_a_snapshot_brings_the_same_continuation_back() -> None:
    model, text = own_model(), torch.tensor([unseen_ids(300)])
    state = model.new_state(400)
    model.forward(text[:, :200], state)
    snapshot = state.snapshot()
    first = model.forward(text[:, 200:], state)
    state.restore(snapshot)
    assert torch.equal(model.forward(text[:, 200:], state), first)


@torch.inference_mode()
def test_drafts_are_accepted_far_more_often_than_by_chance() -> None:
    """Greedy speculation takes a draft where it is what the trunk would say. By chance: drafts of other positions."""
    model, text = own_model(), torch.tensor([unseen_ids(3000)])
    hidden = model.read(text, model.new_state(3000))
    wanted = model.logits(hidden)[0].argmax(-1)[1:]
    drafted = model.logits(model.draft(text[:, 1:], hidden[:, :-1], model.new_draft_state(3000)))[0].argmax(-1)
    accepted = float((drafted == wanted).float().mean())
    by_chance = float((drafted.roll(500) == wanted).float().mean())
    assert accepted > LEAST_ACCEPTED
    assert accepted > 4 * by_chance


@torch.inference_mode()
def test_texts_in_one_row_do_not_hear_of_each_other() -> None:
    tokenizer = own_tokenizer()
    texts = [tokenizer.encode(text)[:200] for text in requests(held_out=True)[:4]]
    trainable = Trainable(load_parameters(open_checkpoint(FOLDER), mtp=True))
    numbers = torch.repeat_interleave(torch.arange(len(texts)), torch.tensor([len(text) for text in texts]))
    opened = trainable.open()
    packed = opened.logits(
        opened.hidden(torch.tensor([[token for text in texts for token in text]]), Texts(numbers[None]))
    )
    model = own_model()
    alone = [model.forward(torch.tensor([text]), model.new_state(len(text))) for text in texts]
    close(packed, torch.cat(alone, dim=1))


@torch.inference_mode()
def test_the_experts_share_the_work() -> None:
    """No expert is idle on unseen text, and none has more than four times its part: balancing worked."""
    trainable = Trainable(load_parameters(open_checkpoint(FOLDER), mtp=True))
    opened = trainable.open()
    row = torch.tensor([unseen_ids(4000)])
    opened.draft(row, opened.hidden(row))
    mixtures = [spec for spec in own_model().config.layers if isinstance(spec, MoESpec)]
    assert len(opened.chosen) == len(mixtures) + 1
    for chosen in opened.chosen.values():
        even = chosen.numel() / mixtures[0].experts
        load = torch.bincount(chosen.flatten(), minlength=mixtures[0].experts)
        assert load.min() > 0 and load.max() < 4 * even


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(own_tokenizer().decode(unseen_ids(2000)), encoding="utf-8")
    return path


@pytest.mark.parametrize("format", MOST_LOST)
def test_quantising_loses_little(
    format: str, tmp_path: Path, text_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ("small.gguf" if format == "q8_0" else "small")
    assert main(["quantize", str(FOLDER), str(out), "--format", format]) == 0
    capsys.readouterr()
    ids = own_tokenizer().encode(text_file.read_text(encoding="utf-8"))
    before, after = (
        perplexity(model, ids, context=CONTEXT).value for model in (own_model(), load_model(open_checkpoint(out)))
    )
    assert after / before - 1 < MOST_LOST[format]
    assert after != before


def test_quantize_measures_it_itself(tmp_path: Path, text_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["quantize", str(FOLDER), str(tmp_path / "small"), "--format", "nvfp4", "--context", str(CONTEXT)]
    assert main([*arguments, "--text", str(text_file), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["perplexity"]
    assert measured["after"] / measured["before"] - 1 < 2 * MOST_LOST["nvfp4"]  # inputs are rounded too


@pytest.fixture(scope="module")
def local() -> Iterator[LocalModel]:
    with LocalModel.load(str(FOLDER)) as model:
        yield model


def test_it_answers_through_the_chat_path(local: LocalModel) -> None:
    """Turns, the closed thought and the end of the turn are learned: the answer has no markup, and ends by itself."""
    asked = [{"role": "user", "content": "what kind of drinks do you have?"}]
    first, again = (list(local.generate(asked, max_tokens=300, temperature=0.0)) for _ in range(2))
    text = "".join(delta.text for delta in first)
    assert text and text == "".join(delta.text for delta in again)
    assert "<|" not in text and "think>" not in text
    assert first[-1].finish is StopReason.STOP


@torch.inference_mode()
def test_transformers_computes_the_same() -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, time_step_min=0.0).eval()
    text = torch.tensor([unseen_ids(300)])
    close(own_model().forward(text, own_model().new_state(300)), theirs(text, use_cache=False).logits)

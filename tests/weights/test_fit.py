"""The fit sums: counted from the models themselves, equal to what is published and to plain arithmetic."""

from __future__ import annotations

import counted_by_hand
import pytest

from nemora.engine.engine import PREFILL_CHUNK
from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.ops.blocks import BF16, FP8_E4M3, MODELOPT_NVFP4, BlockFormat
from nemora.weights import fit
from nemora.weights.architectures import HUGGING_FACE
from nemora.weights.family import FAMILY
from nemora.weights.family_model import FamilyModel, Repository
from nemora.weights.fit import CHUNK, MARGIN, matrix_bytes

HUGE = 1 << 50
sized = [model for model in FAMILY.values() if fit.is_sized(model)]
every_sized = pytest.mark.parametrize("model", sized, ids=lambda model: model.name)
every_repository = pytest.mark.parametrize(
    ("model", "repository"),
    [(model, repository) for model in sized for repository in model.repositories if repository.storage],
    ids=lambda value: value.id if isinstance(value, Repository) else "",
)


@every_sized
def test_parameters_that_the_model_asks_for_are_those_of_plain_arithmetic(model: FamilyModel) -> None:
    config, counted = model.config, fit.parameters(model)
    assert config is not None and counted is not None
    embedding = config["vocab_size"] * config["hidden_size"]
    assert counted.total == counted_by_hand.trunk(config)
    assert counted.predictor == counted_by_hand.predictor(config)
    assert counted.active == counted_by_hand.active(config)
    assert counted.active_without_embedding == counted.active - embedding


@pytest.mark.parametrize("name", FAMILY)
def test_every_config_is_read_strictly_by_its_architectures_reader(name: str) -> None:
    model = FAMILY[name]
    if not fit.is_sized(model):
        assert fit.why_not_runnable(model)
        return
    assert model.config is not None
    read = HUGGING_FACE[model.model_type].read_config
    assert read(dict(model.config)).context_length == model.context
    with pytest.raises(UnsupportedCheckpoint, match="surprise"):
        read({**model.config, "surprise": 1})
    with pytest.raises(CorruptCheckpoint, match="hidden_size"):
        read({key: value for key, value in model.config.items() if key != "hidden_size"})


CACHES = {  # bytes a token with BF16 keys and values; MiB of fp32 SSM states a sequence, where published
    "nemotron-3-nano-30b-a3b": (6144, 46),
    "nemotron-3-super-120b-a12b": (8192, 160),
    "nemotron-3-ultra-550b-a55b": (12288, 384),
    "nemotron-3-nano-4b": (16384, 79),
    "nemotron-nano-9b-v2": (16384, 135),
    "nemotron-nano-12b-v2": (24576, 140),
    "nemotron-h-8b-base-8k": (16384, 96),
    "nemotron-h-47b-base-8k": (20480, 720),
    "nemotron-h-56b-base-8k": (40960, 864),
    "llama-3.3-nemotron-super-49b-v1": (49 * 2 * 8 * 128 * 2, 0),
    "llama-3.1-nemotron-ultra-253b-v1": (64 * 2 * 8 * 128 * 2, 0),
}


@pytest.mark.parametrize("name", CACHES)
def test_cache_is_the_published_one(name: str) -> None:
    model = FAMILY[name]
    if not fit.is_sized(model):
        pytest.skip(fit.why_not_runnable(model))
    per_token, ssm_mebibytes = CACHES[name]
    assert fit.cache_per_token(model, device="cuda") == per_token
    assert fit.cache_per_token(model) == 2 * per_token, "a CPU computes in fp32"
    config = model.config or {}
    layers = counted_by_hand.pattern(config).count("M") if model.model_type == "nemotron_h" else 0
    if layers:
        inner = config["mamba_num_heads"] * config["mamba_head_dim"]
        assert round(layers * inner * config["ssm_state_size"] * 4 / 2**20) == ssm_mebibytes
        channels = inner + 2 * config["n_groups"] * config["ssm_state_size"]
        ssm = layers * inner * config["ssm_state_size"] * 4
        assert fit.cache_per_sequence(model, device="cuda") == ssm + layers * channels * 3 * 2
        assert fit.cache_per_sequence(model) == ssm + layers * channels * 3 * 4
    else:
        assert fit.cache_per_sequence(model) == 0


@every_repository
def test_sum_adds_up_and_fits_exactly_when_there_is_that_much(model: FamilyModel, repository: Repository) -> None:
    found = fit.fit(model, repository, context=4096, available=HUGE)
    assert found is not None and found.fits
    assert found.needed == sum(line.bytes for line in found.lines) and all(line.bytes > 0 for line in found.lines)
    counted = sum(line.bytes for line in (*found.weights, *found.cache))
    assert found.margin.bytes == int(MARGIN * counted)
    for available, fits in ((found.needed, True), (found.needed - 1, False)):
        again = fit.fit(model, repository, context=4096, available=available)
        assert again is not None and again.fits == fits


@every_repository
def test_numbers_in_the_lines_are_all_numbers_of_the_trunk(model: FamilyModel, repository: Repository) -> None:
    found, counted = fit.fit(model, repository, context=1, available=HUGE), fit.parameters(model)
    assert found is not None and counted is not None
    assert sum(int(line.how.split()[0].replace(",", "")) for line in found.weights) == counted.total


@every_repository
def test_checkpoint_has_the_size_that_the_hub_lists(model: FamilyModel, repository: Repository) -> None:
    """The difference is the header of the files and small scales."""
    size = fit.checkpoint_bytes(model, repository)
    assert size is not None
    if repository.listed_bytes is not None:
        assert 0 <= repository.listed_bytes - size < 0.001 * repository.listed_bytes
    if repository.precision == "bf16":
        counted = fit.parameters(model)
        assert counted is not None and size == 2 * (counted.total + counted.predictor)


def test_more_context_or_sequences_cost_what_their_cache_takes() -> None:
    model = FAMILY["nemotron-3-nano-4b"]
    per_token, per_sequence = fit.cache_per_token(model), fit.cache_per_sequence(model)
    assert per_token and per_sequence

    def cache(context: int, sequences: int) -> int:
        found = fit.at_precision(model, "bf16", context=context, sequences=sequences, available=HUGE)
        assert found is not None
        return sum(line.bytes for line in found.cache)

    assert cache(1000, 1) == 1000 * per_token + per_sequence
    assert cache(1000, 3) == 3 * cache(1000, 1)
    assert cache(2000, 1) - cache(1000, 1) == 1000 * per_token


def test_context_is_at_most_what_the_model_was_made_for() -> None:
    found = fit.at_precision(FAMILY["nemotron-h-8b-base-8k"], "bf16", context=1 << 20, available=HUGE)
    assert found is not None and found.context == 8192


def test_the_most_exact_precision_that_fits_is_taken() -> None:
    model = FAMILY["nemotron-3-nano-30b-a3b"]
    needs = {p: fit.at_precision(model, p, context=8192, available=HUGE) for p in model.precisions}
    sizes = {precision: found.needed for precision, found in needs.items() if found is not None}
    assert list(sizes) == ["bf16", "fp8", "nvfp4"] == sorted(sizes, key=sizes.__getitem__, reverse=True)
    for precision, size in sizes.items():
        best = fit.best_fit(model, context=8192, available=size)
        assert best is not None and best.repository.precision == precision
    assert fit.best_fit(model, context=8192, available=min(sizes.values()) - 1) is None


def test_largest_that_fits_converses_runs_and_has_no_larger_rival() -> None:
    assert fit.largest_that_fits(context=8192, available=10**9) is None
    previous = 0
    for available in (7 * 10**9, 14 * 10**9, 24 * 10**9, 100 * 10**9, 10**13):
        found = fit.largest_that_fits(context=8192, available=available)
        assert found is not None and found.fits and found.available == available
        assert found.model.converses and not fit.why_not_runnable(found.model) and found.model.licences
        counted = fit.parameters(found.model)
        assert counted is not None and counted.total >= previous
        previous = counted.total
        for rival in sized:
            size = fit.parameters(rival)
            if rival.converses and size is not None and size.total > counted.total:
                assert fit.best_fit(rival, context=8192, available=available) is None
    largest = fit.largest_that_fits(context=8192, available=10**13)
    assert largest is not None and largest.model.name == "nemotron-3-ultra-550b-a55b"
    assert largest.repository.precision == "bf16"


def test_what_is_not_known_is_none() -> None:
    puzzle = FAMILY["nemotron-labs-3-puzzle-75b-a9b"]
    assert fit.parameters(puzzle) is None and fit.cache_per_token(puzzle) is None
    assert fit.best_fit(puzzle, context=1, available=HUGE) is None
    small = FAMILY["nemotron-3-nano-4b"]
    gguf = small.repository("gguf")
    assert gguf is not None and fit.checkpoint_bytes(small, gguf) is None
    assert fit.fit(small, gguf, context=1, available=HUGE) is None
    assert fit.at_precision(small, "nvfp4", context=1, available=HUGE) is None


@pytest.mark.parametrize(
    ("format", "rows", "columns", "bytes"),
    [("bf16", 3, 5, 30), ("fp8", 3, 5, 19), ("nvfp4", 3, 32, 3 * 16 + 3 * 2 + 4)],
)
def test_matrix_takes_its_numbers_and_scales(format: str, rows: int, columns: int, bytes: int) -> None:
    assert matrix_bytes(format, rows, columns) == bytes


def test_chunk_is_the_engines() -> None:
    assert CHUNK == PREFILL_CHUNK


@pytest.mark.parametrize(("name", "format"), [("bf16", BF16), ("fp8", FP8_E4M3), ("nvfp4", MODELOPT_NVFP4)])
def test_matrix_takes_what_its_stored_blocks_take(name: str, format: BlockFormat) -> None:
    rows, columns = 6, 64
    per_row = format.row_bytes(columns) + format.blocks(columns) * format.scale_bytes
    assert matrix_bytes(name, rows, columns) == rows * per_row + (0 if name == "bf16" else 4)

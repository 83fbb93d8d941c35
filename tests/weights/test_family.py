"""The family's data are sound: names, repositories, configs, and the published totals that follow from them."""

from __future__ import annotations

import dataclasses
import json
import re

import counted_by_hand
import pytest

from nemora.weights.catalog import CATALOG, is_name
from nemora.weights.family import FAMILY, find, find_repository
from nemora.weights.family_llama_nemotron import expand_blocks
from nemora.weights.family_model import FamilyModel, Storage, Stored

every_model = pytest.mark.parametrize("model", FAMILY.values(), ids=FAMILY)
with_config = pytest.mark.parametrize("model", [m for m in FAMILY.values() if m.config], ids=lambda m: m.name)


def same(computed: int, published: str) -> bool:
    """Whether a count rounds to what is published, to its digits: "12.310B"."""
    digits = published.removesuffix("B")
    return f"{computed / 1e9:.{len(digits.partition('.')[2])}f}" == digits


def test_names_are_catalog_names_and_nobody_elses() -> None:
    assert all(is_name(name) for name in FAMILY)
    assert not FAMILY.keys() & CATALOG.keys()
    ids = [repository.id.lower() for model in FAMILY.values() for repository in model.repositories]
    assert len(ids) == len(set(ids)) and not set(ids) & set(FAMILY)


@every_model
def test_hub_ids_are_well_formed_and_say_their_precision(model: FamilyModel) -> None:
    assert model.repositories
    for repository in model.repositories:
        assert re.fullmatch(r"nvidia/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", repository.id)
        said = re.findall(r"(BF16|FP8|NVFP4|GGUF)", repository.id)
        assert said in ([], [repository.precision.upper()])
        assert (repository.kind == "base") == ("-Base" in repository.id)
        assert repository.precision == "bf16" or repository.storage is None or repository.storage.stored
    assert model.precisions and all(model.repository(precision) for precision in model.precisions)


@every_model
def test_a_model_is_found_by_its_name_and_by_each_repository_in_any_case(model: FamilyModel) -> None:
    assert find(model.name) is model
    for repository in model.repositories:
        assert find_repository(repository.id.upper()) == (model, repository)
        assert find(repository.id.lower()) is model
    assert find(model.name + "x") is None and find("") is None


@every_model
def test_entries_are_frozen_and_can_be_written_as_json(model: FamilyModel) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.name = "other"  # type: ignore[misc]
    assert json.loads(json.dumps(model.config)) == model.config


@every_model
def test_licences_have_an_address_and_unrunnable_models_a_reason(model: FamilyModel) -> None:
    for terms in model.licences:
        assert terms.name and re.fullmatch(r"https://[a-z0-9./_-]+", terms.url)
    assert bool(model.config) != bool(model.not_runnable)
    assert model.licences or model.not_runnable, "a model that is offered must say under which licence"


@every_model
def test_sampling_and_context_are_possible_values(model: FamilyModel) -> None:
    for sampling in (model.sampling.thinking, model.sampling.plain, model.sampling.tools):
        assert sampling is None or (0 <= (sampling.temperature or 0) <= 2 and 0 < (sampling.top_p or 1) <= 1)
    if model.config is not None:
        assert model.context == model.config["max_position_embeddings"]
    assert model.claimed_context is None or (model.context or 0) < model.claimed_context
    assert model.converses or model.chat_format is None


@with_config
def test_config_gives_the_published_numbers_of_parameters(model: FamilyModel) -> None:
    assert model.config is not None
    embedding = model.config["vocab_size"] * model.config["hidden_size"]
    counts = {
        "total": counted_by_hand.trunk(model.config),
        "mtp": counted_by_hand.predictor(model.config),
        "active": counted_by_hand.active(model.config),
        "active_without_embedding": counted_by_hand.active(model.config) - embedding,
    }
    assert model.published.total
    for what, published in dataclasses.asdict(model.published).items():
        assert published is None or same(counts[what], published), (what, counts[what], published)
    assert bool(counts["mtp"]) == bool(model.published.mtp)


@with_config
def test_layers_are_as_many_as_the_config_says(model: FamilyModel) -> None:
    config = model.config
    assert config is not None and config["architectures"] == [model.architecture]
    assert config["model_type"] == model.model_type
    layers = config.get("block_configs") or config.get("layers_block_type") or config.get("hybrid_override_pattern")
    assert model.model_type == "llama" or len(layers) == config["num_hidden_layers"]


def test_only_ultra_and_lightning_write_their_layers_as_a_list() -> None:
    lists = {name for name, model in FAMILY.items() if "layers_block_type" in (model.config or {})}
    assert lists == {"nemotron-3-ultra-550b-a55b", "nemotron-3.5-lightning-30b-a3b"}


@pytest.mark.parametrize(
    ("name", "attention", "ffns"),
    [("llama-3.3-nemotron-super-49b-v1", 49, 80), ("llama-3.1-nemotron-ultra-253b-v1", 64, 81)],
)
def test_chosen_layers_have_the_published_counts(name: str, attention: int, ffns: int) -> None:
    blocks = (FAMILY[name].config or {})["block_configs"]
    assert sum(not block["attention"]["no_op"] for block in blocks) == attention
    assert sum(not block["ffn"]["no_op"] for block in blocks) == ffns
    for block in blocks:
        assert block["attention"]["no_op"] == (block["attention"]["n_heads_in_group"] is None)
        assert block["ffn"]["no_op"] == (block["ffn"]["ffn_mult"] is None)


def test_block_map_with_a_gap_is_refused() -> None:
    assert len(expand_blocks("0-2 A/1.5, 3 -/1.5, 4 x", 8)) == 5
    with pytest.raises(ValueError, match="layer 4 follows layer 2"):
        expand_blocks("0-2 A/1.5, 4 x", 8)


@pytest.mark.parametrize(
    ("part", "fp8", "nvfp4"),
    [
        ("mamba_in", 28, 0), ("mamba_out", 29, 0), ("shared_up", 39, 0), ("shared_down", 37, 1), ("latent_down", 3, 0),
        ("latent_up", 1, 0), ("output", 2, 0), ("experts", 0, 40), ("qkv", 0, 0),
    ],
)  # fmt: skip
def test_super_nvfp4_has_the_published_counts_of_quantised_matrices(part: str, fp8: int, nvfp4: int) -> None:
    model = FAMILY["nemotron-3-super-120b-a12b"]
    repository = model.repository("nvfp4")
    assert repository is not None and repository.storage is not None
    letter = {"mamba_in": "M", "mamba_out": "M", "qkv": "*", "output": "*"}.get(part, "E")
    pattern = (model.config or {})["hybrid_override_pattern"]
    layers = [index for index, other in enumerate(pattern) if other == letter]
    formats = [repository.storage.format_of(part, layer) for layer in layers]
    assert (formats.count("fp8"), formats.count("nvfp4")) == (fp8, nvfp4)


def test_quantised_layers_are_layers_that_have_such_a_matrix() -> None:
    letters = {"mamba_in": "M", "mamba_out": "M", "qkv": "*", "output": "*", "mlp": "-"}
    for model in FAMILY.values():
        if model.config is None or model.model_type != "nemotron_h":
            continue
        pattern = counted_by_hand.pattern(model.config)
        for repository in model.repositories:
            for entry in repository.storage.stored if repository.storage else ():
                assert all(pattern[layer] == letters.get(entry.part, "E") for layer in entry.layers or ())


def test_what_a_storage_does_not_name_is_bf16() -> None:
    storage = Storage(stored=(Stored(format="fp8", part="mlp", layers=frozenset({3})),), rule="")
    assert [storage.format_of("mlp", 3), storage.format_of("mlp", 4), storage.format_of("head", None)] == [
        "fp8",
        "bf16",
        "bf16",
    ]

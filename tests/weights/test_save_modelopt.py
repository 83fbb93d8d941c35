"""Folders in ModelOpt's layout: they load, and are exactly what quantising in memory gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.errors import ModelError, NemoraError, UnsupportedCheckpoint, UsageError
from nemora.ops.blocks import StoredMatrix
from nemora.ops.quantise import QUANTISERS
from nemora.weights import save_safetensors, save_tensors
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.progress import NoProgress
from nemora.weights.save_calibration import load_watched
from nemora.weights.save_modelopt import save_modelopt
from tiny_llama import write_folder

IDS = torch.arange(3, 60)[None]
HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT | tiny_nemotron_h.MTP
LLAMA = tiny_llama.CONFIG
DENSE = tiny_nemotron_h.CONFIG | {"hybrid_override_pattern": "M-M*-MM-"}
FUSED = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


def source(path: Path, config: dict[str, Any], **changes: Any) -> Path:
    """A random checkpoint in BF16."""
    make = tiny_llama.random_tensors if config["model_type"] == "llama" else tiny_nemotron_h.random_tensors
    tensors = {name: tensor.bfloat16() for name, tensor in make(config).items()}
    return write_folder(path, config, changes.pop("shape", dict)(tensors), **changes)


def inputs_of(folder: Path) -> dict[tuple[str, int | None], float]:
    model, inputs = load_watched(open_checkpoint(folder))
    logits_of(model)
    return inputs


@torch.inference_mode()
def logits_of(model: Any) -> Tensor:
    return model.forward(IDS, model.new_state(IDS.shape[1]))


def stored_names(folder: Path) -> dict[str, Any]:
    return dict(open_checkpoint(folder).file.tensors)


def quantised_modules(folder: Path) -> set[str]:
    names = stored_names(folder)
    return {name.removesuffix(".weight_scale") for name in names if name.endswith(".weight_scale")}


def in_memory(tensors: dict[str, Tensor], modules: set[str], format: str) -> dict[str, Tensor]:
    """The checkpoint with those modules quantised and decoded; what is fused gets one scale."""
    answer = dict(tensors)
    for module in modules:
        last = module.rsplit(".", 1)[1]
        group = next((parts for parts in FUSED if last in parts), (last,))
        names = [f"{module.removesuffix(last)}{part}.weight" for part in group]
        names = [name for name in names if name in tensors]
        quantise = QUANTISERS[format]
        whole = quantise(torch.cat([tensors[name] for name in names])).decode()
        pieces = whole.split([len(tensors[name]) for name in names])
        answer |= dict(zip(names, pieces, strict=True))
    return {name: tensor.float() for name, tensor in answer.items()}


@pytest.mark.parametrize("config", [LLAMA, HYBRID], ids=["llama", "hybrid"])
@pytest.mark.parametrize("format", ["nvfp4", "fp8"])
def test_what_is_written_is_the_model_quantised_in_memory(tmp_path: Path, config: dict[str, Any], format: Any) -> None:
    folder = source(tmp_path / "source", config)
    save_modelopt(open_checkpoint(folder), tmp_path / "out", format, inputs=inputs_of(folder))
    make = tiny_llama.random_tensors if config is LLAMA else tiny_nemotron_h.random_tensors
    plain = {name: tensor.bfloat16() for name, tensor in make(config).items()}
    modules = quantised_modules(tmp_path / "out")
    twin = write_folder(tmp_path / "twin", config, in_memory(plain, modules, format))
    ours, theirs = load_model(open_checkpoint(tmp_path / "out")), load_model(open_checkpoint(twin))
    assert torch.equal(logits_of(ours), logits_of(theirs))
    assert not torch.equal(logits_of(ours), logits_of(load_model(open_checkpoint(folder))))


def test_the_recipe_for_hybrids_is_the_published_one(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", HYBRID)  # M-M*E-ME
    experts = {f"{layer}.mixer.experts.{e}" for layer in (4, 7) for e in range(8)}
    networks = {"1.mixer", "5.mixer", *experts, "4.mixer.shared_experts", "7.mixer.shared_experts"}
    expected = {f"backbone.layers.{name}.{side}_proj" for name in networks for side in ("up", "down")}
    mamba = {f"backbone.layers.{layer}.mixer.{side}_proj" for layer in (0, 2, 6) for side in ("in", "out")}
    save_modelopt(open_checkpoint(folder), tmp_path / "fp8", "fp8", inputs=inputs_of(folder))
    assert quantised_modules(tmp_path / "fp8") == expected | mamba
    save_modelopt(open_checkpoint(folder), tmp_path / "nvfp4", "nvfp4")
    before_attention = {name for name in mamba if ".2." in name}
    assert quantised_modules(tmp_path / "nvfp4") == expected | mamba - before_attention


def test_all_linear_modules_of_a_dense_model_but_the_head_are_quantised(tmp_path: Path) -> None:
    save_modelopt(open_checkpoint(source(tmp_path / "source", LLAMA)), tmp_path / "out", "nvfp4")
    matrices = {name.removesuffix(".weight") for name in stored_names(tmp_path / "source") if "_proj" in name}
    assert quantised_modules(tmp_path / "out") == matrices
    assert json.loads((tmp_path / "out/hf_quant_config.json").read_text())["quantization"]["exclude_modules"] == [
        "lm_head",
        "model.embed_tokens",
    ]


@pytest.mark.parametrize("config", [LLAMA, HYBRID], ids=["llama", "hybrid"])
def test_every_linear_module_is_either_quantised_or_named_as_excluded(tmp_path: Path, config: dict[str, Any]) -> None:
    save_modelopt(open_checkpoint(source(tmp_path / "source", config)), tmp_path / "out", "nvfp4")
    checkpoint = open_checkpoint(tmp_path / "out")
    plain = ("embed", "norm", "conv1d.bias", "A_log", "mixer.D", "dt_bias", "correction_bias", "_scale", "_scale_2")
    for name in checkpoint.file.tensors:
        if not name.startswith("mtp.") and not any(part in name for part in plain):
            module = name.removesuffix(".weight")
            declared = checkpoint.quantisation.algorithm(module)
            assert declared == ("W4A16_NVFP4" if f"{module}.weight_scale" in checkpoint.file.tensors else None), name


def test_what_is_not_quantised_is_copied_to_the_byte(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", HYBRID)
    save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4")
    before, after = open_checkpoint(folder).file, open_checkpoint(tmp_path / "out").file
    modules = quantised_modules(tmp_path / "out")
    for name, info in before.tensors.items():
        if name.removesuffix(".weight") not in modules:
            assert after.tensors[name] == info
            assert torch.equal(after.read(name).data, before.read(name).data)


def test_a_model_that_transformers_saved_again_is_written_under_the_published_names(tmp_path: Path) -> None:
    config = tiny_nemotron_h.CONFIG
    first = source(tmp_path / "first", config)
    again = source(tmp_path / "again", config, shape=tiny_nemotron_h.saved_again)
    for name, folder in (("a", first), ("b", again)):
        save_modelopt(open_checkpoint(folder), tmp_path / name, "nvfp4")
    a, b = open_checkpoint(tmp_path / "a").file, open_checkpoint(tmp_path / "b").file
    assert a.tensors == b.tensors
    assert all(torch.equal(a.read(name).data, b.read(name).data) for name in a.tensors)


@pytest.mark.parametrize("config", [LLAMA, HYBRID, DENSE], ids=["llama", "experts", "dense hybrid"])
def test_a_gguf_file_becomes_the_folder_that_its_own_source_becomes(tmp_path: Path, config: dict[str, Any]) -> None:
    module: Any = tiny_llama if config is LLAMA else tiny_nemotron_h
    tensors = module.random_tensors(config)
    path = module.write_gguf(tmp_path / "m.gguf", config, tensors)
    folder = write_folder(tmp_path / "source", config, tensors)
    save_modelopt(open_checkpoint(path), tmp_path / "a", "nvfp4", tokenizer={"tokenizer.json": "{}"})
    save_modelopt(open_checkpoint(folder), tmp_path / "b", "nvfp4")
    a, b = open_checkpoint(tmp_path / "a"), open_checkpoint(tmp_path / "b")
    assert a.file.tensors == b.file.tensors
    for name in b.file.tensors:
        mine, theirs = a.file.read(name), b.file.read(name)
        if name.endswith("A_log"):
            torch.testing.assert_close(mine.decode(), theirs.decode())
        else:
            assert torch.equal(mine.data, theirs.data), name
    assert plan_loading(a).config == plan_loading(b).config
    assert a.quantisation == b.quantisation
    assert set(a.tokenizer_files) == {"tokenizer.json"}


def test_of_a_gguf_file_in_blocks_what_is_not_quantised_becomes_bf16(tmp_path: Path) -> None:
    path = tiny_llama.write_gguf(tmp_path / "m.gguf", LLAMA, tiny_llama.random_tensors(LLAMA), type="Q8_0")
    save_modelopt(open_checkpoint(path), tmp_path / "out", "nvfp4")
    file, source = open_checkpoint(tmp_path / "out").file, open_checkpoint(path).file
    assert file.tensors["lm_head.weight"].format.name == "BF16"
    assert torch.equal(file.read("lm_head.weight").decode(), source.read("output.weight").decode().bfloat16().float())
    assert torch.isfinite(logits_of(load_model(open_checkpoint(tmp_path / "out")))).all()


def test_both_declarations_say_the_same_in_modelopts_words(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", LLAMA)
    inputs = inputs_of(folder)
    algorithms = {}
    for name, format, given in (("w4a16", "nvfp4", None), ("w4a4", "nvfp4", inputs), ("w8a8", "fp8", inputs)):
        save_modelopt(open_checkpoint(folder), tmp_path / name, format, inputs=given)  # type: ignore[arg-type]
        outer = json.loads((tmp_path / name / "hf_quant_config.json").read_text())
        inner = json.loads((tmp_path / name / "config.json").read_text())["quantization_config"]
        assert outer["producer"]["name"] == inner["producer"]["name"] == "modelopt"
        assert inner["quant_method"] == "modelopt"
        assert inner["ignore"] == outer["quantization"]["exclude_modules"]
        assert inner["quant_algo"] == outer["quantization"]["quant_algo"]
        group = inner["config_groups"]["group_0"]
        assert ("input_activations" in group) == (given is not None)
        assert any(part.endswith("input_scale") for part in stored_names(tmp_path / name)) == (given is not None)
        algorithms[name] = (inner["quant_algo"], group["weights"]["num_bits"], outer["quantization"].get("group_size"))
    assert algorithms == {"w4a16": ("W4A16_NVFP4", 4, 16), "w4a4": ("NVFP4", 4, 16), "w8a8": ("FP8", 8, None)}
    config = json.loads((tmp_path / "w8a8/config.json").read_text())
    assert {key: value for key, value in config.items() if key != "quantization_config"} == LLAMA


def test_scales_of_inputs_are_their_largest_by_the_formats_range(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", HYBRID)
    inputs = inputs_of(folder)
    unreached = ("layers.4.moe.experts.down", 3)
    inputs.pop(unreached, None)
    save_modelopt(open_checkpoint(folder), tmp_path / "out", "fp8", inputs=inputs)
    file = open_checkpoint(tmp_path / "out").file

    def scale(module: str) -> float:
        return float(file.read(f"backbone.layers.{module}.input_scale").decode())

    assert scale("1.mixer.up_proj") == pytest.approx(inputs["layers.1.mlp.up", None] / 448)
    fellows = [value for (name, _), value in inputs.items() if name == unreached[0]]
    assert scale("4.mixer.experts.3.down_proj") == pytest.approx(max(fellows) / 448)


def test_watching_changes_no_logit_and_finds_the_largest_input(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", LLAMA)
    model, inputs = load_watched(open_checkpoint(folder))
    plain = load_model(open_checkpoint(folder))
    assert torch.equal(logits_of(model), logits_of(plain))
    seen: list[Tensor] = []
    down = plain.layers[1].mlp.down  # type: ignore[attr-defined]
    plain.layers[1].mlp.down = type("Spy", (), {"matmul": lambda _, x: (seen.append(x), down.matmul(x))[1]})()  # type: ignore[attr-defined]
    logits_of(plain)
    assert inputs["layers.1.mlp.down", None] == float(seen[0].abs().max())
    assert inputs["layers.1.attention.q", None] == inputs["layers.1.attention.v", None] > 0


def test_shards_hold_the_same_and_their_index_names_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = source(tmp_path / "source", HYBRID)
    save_modelopt(open_checkpoint(folder), tmp_path / "one", "nvfp4")
    monkeypatch.setattr(save_safetensors, "MAX_SHARD_BYTES", 50_000)
    save_modelopt(open_checkpoint(folder), tmp_path / "many", "nvfp4")
    shards = sorted((tmp_path / "many").glob("model-*.safetensors"))
    assert len(shards) > 3 and shards[0].name == f"model-00001-of-{len(shards):05}.safetensors"
    assert all(path.stat().st_size < 70_000 for path in shards)
    one, many = open_checkpoint(tmp_path / "one").file, open_checkpoint(tmp_path / "many").file
    assert one.tensors == many.tensors
    assert all(torch.equal(one.read(name).data, many.read(name).data) for name in one.tensors)
    index = json.loads((tmp_path / "many/model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(info.stored_bytes for info in one.tensors.values())


def test_each_tensor_begins_where_its_type_may(tmp_path: Path) -> None:
    config = LLAMA | {"hidden_size": 48, "intermediate_size": 33}  # 33 · 3 block scales: an odd number of bytes
    save_modelopt(open_checkpoint(source(tmp_path / "source", config)), tmp_path / "out", "nvfp4")
    data = (tmp_path / "out/model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    width = {"F32": 4, "BF16": 2, "U8": 1, "F8_E4M3": 1}
    del header["__metadata__"]
    assert all((8 + size + entry["data_offsets"][0]) % width[entry["dtype"]] == 0 for entry in header.values())


def test_settings_and_tokenizer_come_along_but_no_old_weights_or_index(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", LLAMA, shards=2)
    kept = ["generation_config.json", "tokenizer.json", "chat_template.jinja", "LICENSE", "merges.txt"]
    left = ["pytorch_model.bin", ".hidden.json", "model.gguf"]
    for name in kept + left:
        (folder / name).write_text("{}")
    save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {*kept, "config.json", "hf_quant_config.json", "model.safetensors"}


def test_a_matrix_is_made_once_though_several_tensors_come_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, ...]] = []

    def counted(x: Tensor) -> StoredMatrix:
        made.append(tuple(x.shape))
        return quantise(x)

    quantise = QUANTISERS["nvfp4"]
    monkeypatch.setattr("nemora.weights.save_modelopt.QUANTISERS", {"nvfp4": counted})
    errors = save_modelopt(open_checkpoint(source(tmp_path / "source", LLAMA)), tmp_path / "out", "nvfp4")
    assert len(made) == 2 * 4  # q k v, o, gate up, down in each layer
    assert sum(kind.matrices for kind in errors.kinds.values()) == 2 * 7


def test_errors_are_those_of_the_decoded_folder(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", LLAMA)
    errors = save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4")
    plain = {name: tensor.bfloat16() for name, tensor in tiny_llama.random_tensors(LLAMA).items()}
    decoded = in_memory(plain, quantised_modules(tmp_path / "out"), "nvfp4")
    names = [f"model.layers.{layer}.self_attn.v_proj.weight" for layer in range(2)]
    lost = [float((decoded[name] - plain[name].float()).square().sum()) for name in names]
    whole = [float(plain[name].float().square().sum()) for name in names]
    kind = errors.kinds["attention v", "MODELOPT_NVFP4"]
    assert kind.matrices == 2
    assert kind.relative == pytest.approx(sum(lost) / sum(whole), rel=1e-4)
    assert kind.largest == pytest.approx(max(a / b for a, b in zip(lost, whole, strict=True)), rel=1e-4)


class Interrupts(NoProgress):
    """Stops the work when some of it is done."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def advance(self, done: int) -> None:
        if done > 20_000:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    folder = source(tmp_path / "source", LLAMA)
    with pytest.raises((KeyboardInterrupt, ModelError)):
        save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4", progress=Interrupts(error))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_never_written_over(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    {"folder": out.mkdir, "file": out.touch, "dangling link": lambda: out.symlink_to("gone")}[kind]()
    with pytest.raises(UsageError, match="exists already"):
        save_modelopt(open_checkpoint(source(tmp_path / "source", LLAMA)), out, "nvfp4")
    assert not out.is_dir() or not list(out.iterdir())


def refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = source(tmp_path / "source", LLAMA)
    match name:
        case "fp8 without inputs":
            save_modelopt(open_checkpoint(folder), tmp_path / "out", "fp8")
        case "quantised twice":
            save_modelopt(open_checkpoint(folder), tmp_path / "once", "nvfp4")
            save_modelopt(open_checkpoint(tmp_path / "once"), tmp_path / "out", "nvfp4")
        case "no disk space":
            usage = shutil.disk_usage(tmp_path)._replace(free=1000)
            monkeypatch.setattr(save_tensors.shutil, "disk_usage", lambda path: usage)
            save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4")
        case "no folder":
            save_modelopt(open_checkpoint(folder), tmp_path / "gone" / "out", "nvfp4")
        case "not finite":
            tensors = tiny_llama.random_tensors(LLAMA)
            tensors["model.layers.1.mlp.up_proj.weight"][3, 4] = torch.nan
            save_modelopt(open_checkpoint(write_folder(tmp_path / "nan", LLAMA, tensors)), tmp_path / "out", "nvfp4")
        case "gguf":
            factors = [1.0 + n for n in range(16)]
            path = tiny_llama.write_gguf(tmp_path / "m", LLAMA, tiny_llama.random_tensors(LLAMA), factors=factors)
            save_modelopt(open_checkpoint(path), tmp_path / "out", "nvfp4")
        case "infinite inputs":
            inputs = dict.fromkeys(inputs_of(folder), float("inf"))
            save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4", inputs=inputs)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("fp8 without inputs", "--text"),
        ("quantised twice", "quantised already"),
        ("no disk space", "1,000 free"),
        ("no folder", "no folder"),
        ("not finite", r"layers\.1\.mlp\.gate cannot be quantised|layers\.1\.mlp\.up cannot be quantised"),
        ("gguf", "RoPE scaling"),
        ("infinite inputs", "not finite"),
    ],
)
def test_every_refusal_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NemoraError, match=match) as caught:
        refused(tmp_path, name, monkeypatch)
    assert caught.value.message.endswith(".") and ". " not in caught.value.message
    assert isinstance(caught.value, ModelError | UsageError)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_a_problem_in_the_checkpoint_is_found_before_anything_is_written(tmp_path: Path) -> None:
    tensors = tiny_llama.random_tensors(LLAMA) | {"extra.weight": torch.zeros(3, 3)}
    folder = write_folder(tmp_path / "source", LLAMA, tensors)
    with pytest.raises(UnsupportedCheckpoint, match=r"extra\.weight"):
        save_modelopt(open_checkpoint(folder), tmp_path / "out", "nvfp4")

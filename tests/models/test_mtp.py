"""The draft head and latent experts, against a slow twin written from the formulas; transformers has no such head.

The twin shares no code with the model: plain loops over tokens and experts, and the published names.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nemora.models.nemotron_h import NemotronH
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import write_folder
from tiny_nemotron_h import CONFIG, LATENT, MTP, random_tensors

EPS = CONFIG["layer_norm_epsilon"]


@pytest.fixture(scope="module", params=[{}, LATENT], ids=["experts", "latent experts"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[NemotronH, Twin]:
    config = CONFIG | MTP | request.param
    tensors = random_tensors(config, seed=3)
    model = load_model(open_checkpoint(write_folder(tmp_path_factory.mktemp("mtp"), config, tensors)), mtp=True)
    assert isinstance(model, NemotronH)
    return model, Twin(tensors)


class Twin:
    """The draft head in double precision."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = {name: tensor.double() for name, tensor in tensors.items()}

    def draft(self, ids: list[int], hidden: Tensor) -> Tensor:
        """hidden [seq, hidden] to what the head makes of it and the next tokens `ids`."""
        embedded = self.tensors["backbone.embeddings.weight"][ids]
        rows = []
        for said, meant in zip(embedded, hidden.double(), strict=True):
            both = torch.cat((self.norm(said, "mtp.layers.0.enorm"), self.norm(meant, "mtp.layers.0.hnorm")))
            rows.append(self.linear(both, "mtp.layers.0.eh_proj"))
        rows = [row + mixed for row, mixed in zip(rows, self.attention(rows), strict=True)]
        rows = [row + self.moe(self.norm(row, "mtp.layers.1.norm")) for row in rows]
        return torch.stack([self.norm(row, "mtp.layers.1.final_layernorm") for row in rows])

    def attention(self, rows: list[Tensor]) -> list[Tensor]:
        normed = [self.norm(row, "mtp.layers.0.norm") for row in rows]
        heads, kv_heads, size = (CONFIG[key] for key in ("num_attention_heads", "num_key_value_heads", "head_dim"))
        q, k, v = ([self.linear(x, f"mtp.layers.0.mixer.{p}_proj") for x in normed] for p in "qkv")
        outputs = []
        for t in range(len(rows)):
            parts = []
            for head in range(heads):
                shared = head // (heads // kv_heads)
                query = q[t][head * size : (head + 1) * size]
                scores = [
                    float(query @ k[s][shared * size : (shared + 1) * size]) / math.sqrt(size) for s in range(t + 1)
                ]
                weights = torch.softmax(torch.tensor(scores, dtype=torch.float64), 0)
                parts.append(sum(w * v[s][shared * size : (shared + 1) * size] for s, w in enumerate(weights)))
            outputs.append(self.linear(torch.cat(parts), "mtp.layers.0.mixer.o_proj"))
        return outputs

    def moe(self, x: Tensor) -> Tensor:
        name = "mtp.layers.1.mixer"
        scores = torch.sigmoid(self.linear(x, f"{name}.gate"))
        biased = scores + self.tensors[f"{name}.gate.e_score_correction_bias"]
        chosen = sorted(range(len(biased)), key=lambda e: -float(biased[e]))[: CONFIG["num_experts_per_tok"]]
        total = sum(float(scores[e]) for e in chosen)
        latent = f"{name}.fc1_latent_proj.weight" in self.tensors
        inside = self.linear(x, f"{name}.fc1_latent_proj") if latent else x
        routed = sum(
            float(scores[e]) / total * CONFIG["routed_scaling_factor"] * self.mlp(inside, f"{name}.experts.{e}")
            for e in chosen
        )
        assert isinstance(routed, Tensor)
        if latent:
            routed = self.linear(routed, f"{name}.fc2_latent_proj")
        return routed + self.mlp(x, f"{name}.shared_experts")

    def mlp(self, x: Tensor, name: str) -> Tensor:
        inner = self.linear(x, f"{name}.up_proj")
        return self.linear(torch.where(inner > 0, inner * inner, 0.0), f"{name}.down_proj")

    def norm(self, x: Tensor, name: str) -> Tensor:
        return x / math.sqrt(float((x * x).mean()) + EPS) * self.tensors[f"{name}.weight"]

    def linear(self, x: Tensor, name: str) -> Tensor:
        return self.tensors[f"{name}.weight"] @ x


def ids(length: int) -> Tensor:
    return torch.randint(3, CONFIG["vocab_size"], (1, length), generator=torch.Generator().manual_seed(length))


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_the_draft_head_equals_its_twin(pair: tuple[NemotronH, Twin]) -> None:
    model, twin = pair
    text = ids(14)
    hidden = model.read(text[:, :-1], model.new_state(14))
    drafted = model.draft(text[:, 1:], hidden, model.new_draft_state(14))
    close(drafted[0], twin.draft(text[0, 1:].tolist(), hidden[0]))


def test_drafting_in_pieces_equals_drafting_at_once(pair: tuple[NemotronH, Twin]) -> None:
    model, _ = pair
    text = ids(14)
    hidden = model.read(text[:, :-1], model.new_state(14))
    state = model.new_draft_state(14)
    parts = [model.draft(text[:, t + 1 : t + 2], hidden[:, t : t + 1], state) for t in range(13)]
    whole = model.draft(text[:, 1:], hidden, model.new_draft_state(14))
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-4, atol=1e-4 * float(whole.abs().max()))


def test_a_draft_goes_through_the_trunks_own_head(pair: tuple[NemotronH, Twin]) -> None:
    model, twin = pair
    hidden = model.read(ids(5), model.new_state(5))
    expected = hidden.double() @ twin.tensors["lm_head.weight"].T
    close(model.logits(hidden), expected)


def test_a_draft_depends_on_both_the_token_and_what_came_before(pair: tuple[NemotronH, Twin]) -> None:
    model, _ = pair
    hidden = model.read(ids(2), model.new_state(2))
    one, other = (model.draft(torch.tensor([[t]]), hidden[:, :1], model.new_draft_state(1)) for t in (5, 6))
    further = model.draft(torch.tensor([[5]]), hidden[:, 1:], model.new_draft_state(1))
    assert (one - other).abs().max() > 1e-2 and (one - further).abs().max() > 1e-2

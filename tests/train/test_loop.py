"""A run does the same whether its batches are cut up, stopped and resumed, or shared by processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_run import trainer

from nemora.errors import CorruptCheckpoint, UsageError
from nemora.train.checkpoint import checkpoints
from nemora.train.curve import draw_curve
from nemora.train.loop import Settings, evaluate, history
from nemora.train.loss import NextToken, cross_entropy

HERE = Path(__file__).parent


def test_training_lowers_the_loss_and_a_resumed_run_is_bit_for_bit_the_whole_one(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.run()
    steps = history(tmp_path / "whole" / "run")
    assert steps[-1].losses["next"] < steps[0].losses["next"] - 0.1

    stopped = trainer(tmp_path / "stopped")
    for _ in range(3):
        stopped._note(stopped.step())
    stopped.save()
    stopped._note(stopped.step())  # lost: it is not in the checkpoint
    torch.manual_seed(99)
    resumed = trainer(tmp_path / "stopped")
    assert resumed.resume() and resumed.done == 3
    resumed.run()
    assert [step.losses for step in history(tmp_path / "stopped" / "run")] == [step.losses for step in steps]
    for (name, one), (_, other) in zip(
        whole.trainable.state_dict().items(), resumed.trainable.state_dict().items(), strict=True
    ):
        assert torch.equal(one, other), name


def test_accumulated_batches_give_the_gradient_of_one_big_batch(tmp_path: Path) -> None:
    """Though texts end at different places, so each batch has another number of tokens to learn."""
    big, small = trainer(tmp_path / "big", rows=6), trainer(tmp_path / "small", rows=2, accumulate=3)
    one, other = big.step(), small.step()
    assert one.losses == pytest.approx(other.losses, rel=1e-6)
    assert one.norm == pytest.approx(other.norm, rel=1e-5)
    for (name, a), (_, b) in zip(big.trainable.weights.named(), small.trainable.weights.named(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-5 * max(1, float(a.grad.abs().max())), msg=name)


def test_two_processes_train_as_one_with_twice_the_rows(tmp_path: Path) -> None:
    """And their checkpoint, gathered and shared out again, is what they go on from."""
    run = [str(HERE / "sharded_run.py"), str(tmp_path)]
    (tmp_path / "alone").mkdir()
    alone = trainer(tmp_path / "alone", rows=4, steps=4)
    expected = [alone.step().losses for _ in range(4)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {"PYTHONPATH": ":".join([*sys.path, str(HERE), str(HERE.parent)]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *run, "2", "losses.json"], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    losses = json.loads((tmp_path / "losses.json").read_text(encoding="utf-8"))
    for ours, theirs in zip(losses, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_only_the_last_checkpoints_stay_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    assert not run.resume()
    for run.done in (1, 2, 3):
        run.save()
    folder = tmp_path / "run"
    assert [path.name for path in checkpoints(folder)] == ["step-2", "step-3"]
    assert not list(folder.glob(".*"))
    path = folder / "step-3" / "optimiser.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CorruptCheckpoint, match="step-3 cannot be read"):
        run.resume()


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_loss_does_not_depend_on_how_it_is_cut(chunk: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(2, 20, 8, generator=generator, requires_grad=True)
    head = torch.randn(50, 8, generator=generator, requires_grad=True)
    labels = torch.randint(0, 50, (2, 20), generator=generator)
    labels[0, :5] = labels[1, -1] = -100
    ours = cross_entropy(lambda x: x @ head.T, hidden, labels, chunk)
    whole = torch.nn.functional.cross_entropy(
        (hidden @ head.T).flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
    )
    torch.testing.assert_close(ours, whole)
    pairs = zip(torch.autograd.grad(ours, (hidden, head)), torch.autograd.grad(whole, (hidden, head)), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_nothing_to_learn_is_a_loss_of_zero_with_a_gradient() -> None:
    hidden = torch.randn(1, 4, 8, requires_grad=True)
    loss = cross_entropy(lambda x: x, hidden, torch.full((1, 4), -100))
    loss.backward()
    assert float(loss.detach()) == 0.0 and hidden.grad is not None and not hidden.grad.any()


def test_an_evaluation_is_the_mean_over_all_tokens_and_changes_nothing(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    batches = [run.rows.batch(1), run.rows.batch(3)]
    before = {name: tensor.clone() for name, tensor in run.trainable.state_dict().items()}
    objective = NextToken(0.3)
    together = evaluate(run.trainable, objective, batches)
    parts = [evaluate(run.trainable, objective, [batch]) for batch in batches]
    counts = [objective.counts(batch) for batch in batches]
    for name in ("next", "draft"):
        mean = sum(part[name] * count[name] for part, count in zip(parts, counts, strict=True))
        assert together[name] == pytest.approx(mean / sum(count[name] for count in counts), rel=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in run.trainable.state_dict().items())


def test_a_curve_is_a_picture_and_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer(tmp_path, steps=4, held_out=[trainer(tmp_path / "other").rows.batch(1)])
    run.run()
    steps = history(tmp_path / "run")
    assert steps[-1].evaluation is not None
    draw_curve(steps, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="no steps"):
        draw_curve([], tmp_path / "none.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="pip install matplotlib"):
        draw_curve(steps, tmp_path / "none.png")


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(UsageError, match="above zero"):
        Settings(steps=0, rows=1, rate=0.1)

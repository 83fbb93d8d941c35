"""`nemora train sft`: fine-tune a chat model on conversations, as a whole or with LoRA adapters."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemora.cli.stopped import stopped_run
from nemora.cli.threads import add_threads_argument, check_threads
from nemora.errors import UsageError
from nemora.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from nemora.chat.template import ChatTemplate
    from nemora.train.chat_data import Rendered
    from nemora.train.chat_file import Chat
    from nemora.train.loop import Step, Trainer
    from nemora.train.lora import Lora
    from nemora.train.sft import Plan
    from nemora.train.shard import Processes
    from nemora.weights.checkpoint import Checkpoint
    from nemora.weights.load import LoadPlan

RATE, LORA_RATE = 2e-5, 2e-4
LENGTH = 1024
RUN, ADAPTER, MODEL, CURVE, REPORT, SETTINGS = "run", "adapter", "model", "curve.png", "report.json", "settings.json"
MAY_CHANGE = ("config", "verb", "what", "out", "resume", "threads", "json", "device", "save_every", "evaluate_every")
"""Arguments that a run may be resumed without or with others."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `nemora train sft`."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a name that `nemora models` lists, a folder or a GGUF file, with a chat template",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="conversations, one JSON object a line"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new folder for the run and its result"
    )
    held = parser.add_mutually_exclusive_group()
    held.add_argument("--held-out", type=Path, metavar="FILE", help="conversations to measure on")
    held.add_argument("--held-out-share", type=float, default=0.1, metavar="S", help="part of FILE held out (0.1)")
    parser.add_argument("--lora", type=int, metavar="R", help="train adapters of this rank; without it the whole model")
    parser.add_argument("--alpha", type=float, metavar="A", help="weight of the adapters: A / R times (2 R)")
    parser.add_argument("--dropout", type=float, default=0.0, metavar="P", help="of the adapters' inputs (0)")
    parser.add_argument(
        "--targets", metavar="NAMES", help="which matrices get one, as q_proj,v_proj (all linear layers)"
    )
    parser.add_argument("--merge", action="store_true", help="write the whole model with its adapters added, too")
    parser.add_argument("--epochs", type=int, default=3, metavar="N", help="times that all conversations are read (3)")
    parser.add_argument("--steps", type=int, metavar="N", help="steps in all, instead of epochs")
    parser.add_argument("--rate", type=float, metavar="X", help=f"learning rate ({LORA_RATE:g}; whole model {RATE:g})")
    parser.add_argument("--length", type=int, metavar="N", help=f"tokens of a row ({LENGTH}, or the model's context)")
    parser.add_argument("--rows", type=int, default=1, metavar="N", help="rows of a pass (1)")
    parser.add_argument("--accumulate", type=int, default=1, metavar="N", help="passes of a step (1)")
    parser.add_argument("--recompute", action="store_true", help="less memory, a third more time")
    parser.add_argument("--evaluate-every", type=int, default=0, metavar="N", help="steps (0: at the end)")
    parser.add_argument("--save-every", type=int, default=0, metavar="N", help="steps (0: at the end)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR from its last checkpoint")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--device", metavar="NAME", help="where to train: cpu, cuda, cuda:1")
    add_threads_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Check the data, then the memory, then train and write.

    Raises:
        UsageError: an argument or a line of the data is wrong, or DIR is there already.
        NemoraError: the model cannot be read or trained, or DIR not be written.
        Stopped: Ctrl-C, while it trained.
    """
    _check(args)
    from nemora.train.chat_file import read_chats

    settings = load_settings(args.config)
    chats = read_chats(args.data)  # before anything heavy
    held_out = None if args.held_out is None else read_chats(args.held_out)
    from nemora.train.shard import leave, processes  # loads torch

    with processes(args.device or settings.local.device) as part:
        job = _prepared(args, settings, chats, held_out, part)
        _begin(job)
        try:
            _trained(job)
        except KeyboardInterrupt:
            raise (stopped_run(args.out / RUN) if job.first else KeyboardInterrupt) from None
        report = _written(job)
    if part.rank == 0:
        print(json.dumps(report, indent=1) if args.json else _summary(report, args.out))
    leave(part)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.out.exists() and not args.resume:
        raise UsageError("--out names something that exists already; a new folder was expected, or --resume.")
    if args.resume and not (args.out / SETTINGS).is_file():
        raise UsageError("--resume needs --out to name the folder of a run that was begun before.")
    if not args.out.parent.is_dir():
        raise UsageError("The folder that --out is to lie in does not exist; make it first.")
    for_lora = [args.alpha is not None, args.dropout > 0, args.targets is not None, args.merge]
    if args.lora is None and any(for_lora):
        raise UsageError("--alpha, --dropout, --targets and --merge belong to --lora R; give it, or leave them out.")
    if not 0 < args.held_out_share < 1:
        raise UsageError("--held-out-share must be above 0 and below 1.")
    check_threads(args.threads)


@dataclass
class _Job:
    """All that was found out before training."""

    args: argparse.Namespace
    checkpoint: Checkpoint
    plan: Plan
    loading: LoadPlan
    lora: Lora | None
    learned: Rendered
    held_out: Rendered
    steps: int
    device: str
    part: Processes
    before: float = 0.0
    trainer: Trainer | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.part.rank == 0


def _prepared(
    args: argparse.Namespace, settings: Settings, chats: list[Chat], held_out: list[Chat] | None, part: Processes
) -> _Job:
    import torch

    from nemora.train.chat_data import render_chats
    from nemora.train.sft import hold_out, steps_of
    from nemora.weights.load import plan_loading
    from nemora.weights.save_folder import folder_form
    from nemora.weights.save_source import Source

    if args.threads or settings.local.threads:
        torch.set_num_threads(args.threads or settings.local.threads)
    checkpoint = _opened(args.model, settings)
    loading = plan_loading(checkpoint)
    for problem in loading.problems():
        raise problem.error()
    plan = _plan(args, loading.config.context_length)
    if held_out is None:
        chats, held_out = hold_out(chats, args.held_out_share, args.seed)
    template, tokenizer = _template(checkpoint)
    try:
        learned = render_chats(chats, template, tokenizer, longest=plan.length)
        held = render_chats(held_out, template, tokenizer, longest=plan.length)
    finally:
        template.close()
    if not learned.samples or not held.samples:
        raise UsageError(
            f"No conversation has anything to learn within {plan.length} tokens; give a larger --length or other data."
        )
    device = args.device or settings.local.device
    lora = _lora(args, checkpoint, loading)
    if lora is None or args.merge:
        folder_form(Source(checkpoint))  # refuses what could not be written in the end
    _check_memory(args, loading, lora, plan, device)
    steps = steps_of(learned.samples, plan, part)
    return _Job(args, checkpoint, plan, loading, lora, learned, held, steps, device, part)


def _opened(model: str, settings: Settings) -> Checkpoint:
    from nemora.cli.pull import meant
    from nemora.weights.checkpoint import open_checkpoint
    from nemora.weights.fetch import resolve
    from nemora.weights.progress import progress_on

    path = resolve(
        meant(model, settings),
        cache=settings.paths.cache,
        offline=settings.offline,
        progress=progress_on(sys.stderr),
        token=settings.hub_token,
    )
    return open_checkpoint(path)


def _plan(args: argparse.Namespace, context: int) -> Plan:
    from nemora.train.sft import Plan

    length = min(LENGTH, context) if args.length is None else args.length
    if length > context:
        raise UsageError(f"--length {length} is more than the model's context of {context} tokens.")
    return Plan(
        length=length,
        rows=args.rows,
        accumulate=args.accumulate,
        rate=args.rate if args.rate is not None else LORA_RATE if args.lora is not None else RATE,
        epochs=args.epochs,
        steps=args.steps,
        seed=args.seed,
    )


def _template(checkpoint: Checkpoint) -> tuple[ChatTemplate, Any]:
    from nemora.chat.template import ChatTemplate, no_template
    from nemora.chat.tokenizer_source import load_tokenizer

    if checkpoint.chat_template is None:
        raise no_template(checkpoint.path.name)
    tokenizer = load_tokenizer(checkpoint)
    return ChatTemplate(checkpoint.chat_template, tokenizer), tokenizer


def _lora(args: argparse.Namespace, checkpoint: Checkpoint, loading: LoadPlan) -> Lora | None:
    if args.lora is None:
        return None
    from nemora.train.lora import Lora, LoraSpec
    from nemora.weights.save_folder import published_layout

    spec = LoraSpec(
        rank=args.lora,
        alpha=2.0 * args.lora if args.alpha is None else args.alpha,
        dropout=args.dropout,
        targets=frozenset(args.targets.split(",")) if args.targets else frozenset(),
        seed=args.seed,
    )
    return Lora(spec, loading.inventory, published_layout(checkpoint, loading.config))


def _check_memory(args: argparse.Namespace, loading: LoadPlan, lora: Lora | None, plan: Plan, device: str) -> None:
    """Refuse before anything is loaded what would not fit."""
    from nemora.train.memory_need import memory_need, refuse_what_does_not_fit
    from nemora.weights.memory import available_memory

    need = memory_need(
        loading,
        trained_numbers=loading.inventory.parameters if lora is None else lora.parameters_of(loading.inventory),
        keeps_weights=lora is not None,
        tokens=plan.rows * plan.length,
        row=plan.length,
        recompute=args.recompute,
    )
    less = ["a shorter --length"] if args.rows == 1 else ["fewer --rows with more --accumulate"]
    less += [] if args.recompute else ["--recompute"]
    less += ["--lora 16"] if lora is None else []
    refuse_what_does_not_fit(need, available_memory(device), f"give {' or '.join(less)}")


def _begin(job: _Job) -> None:
    """Write down what the run was begun with, or hold a resumed one to it. All processes wait for that."""
    if job.first:
        _note_settings(job.args)
    _wait(job)


def _wait(job: _Job) -> None:
    """Until all processes have come here."""
    if job.part.world > 1:
        import torch.distributed

        torch.distributed.barrier()


def _note_settings(args: argparse.Namespace) -> None:
    said = {name: value for name, value in vars(args).items() if name not in MAY_CHANGE}
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in said.items()}
    for name in ("data", "held_out"):
        if said[name] is not None:
            settings[f"{name}_sha256"] = hashlib.sha256(said[name].read_bytes()).hexdigest()
            del settings[name]  # the same bytes may lie elsewhere now
    path = args.out / SETTINGS
    if args.resume:
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(name for name in {*before, *settings} if before.get(name) != settings.get(name))
        if changed:
            options = ", ".join(f"--{name.removesuffix('_sha256').replace('_', '-')}" for name in changed)
            raise UsageError(f"--resume needs what the run was begun with, and {options} differs.")
        return
    args.out.mkdir()
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _trained(job: _Job) -> None:
    import torch
    from rich.console import Console

    from nemora.train.load import load_parameters
    from nemora.train.loop import Trainer, evaluate
    from nemora.train.loss import NextToken
    from nemora.train.progress import progress
    from nemora.train.sft import batches_of, rows_of, schedule_of
    from nemora.train.shard import shard_parameters
    from nemora.train.trainable import Trainable

    args, lora, console = job.args, job.lora, Console(stderr=True, quiet=not job.first)
    how: dict[str, Any] = {} if lora is None else {"trained": lora.trained, "wrap": lora.wrap}
    how["dtype"] = torch.float32 if job.device == "cpu" else torch.bfloat16  # of activations
    trainable = Trainable(load_parameters(job.checkpoint, device=job.device, **how), recompute=args.recompute)
    if job.part.world > 1:
        shard_parameters(trainable)
    held_out = batches_of(job.held_out.samples, job.plan.length)
    job.trainer = trainer = Trainer(
        trainable,
        rows_of(job.learned.samples, job.plan, job.part),
        NextToken(),
        schedule_of(job.steps),
        job.plan.settings(job.steps, evaluate_every=args.evaluate_every, save_every=args.save_every),
        held_out=held_out,
        folder=args.out / RUN,
    )
    baseline = args.out / "before.json"
    if not baseline.exists():
        console.print("measuring what the model knows before training")
        loss = evaluate(trainable, trainer.objective, held_out)["next"]
        if job.first:
            baseline.write_text(json.dumps({"held_out_loss": loss}) + "\n", encoding="utf-8")
        _wait(job)
    job.before = json.loads(baseline.read_text(encoding="utf-8"))["held_out_loss"]
    if args.resume and trainer.resume():
        console.print(f"resumed after step {trainer.done} of {job.steps}")
    with progress(console, job.steps, done=trainer.done) as report:
        trainer.report = report
        trainer.run()


def _written(job: _Job) -> dict[str, Any]:
    """The adapter or the model, the curve and the report; gives the report."""
    from nemora.train.curve import draw_curve
    from nemora.train.loop import history
    from nemora.train.peft_adapter import adapter_config, adapter_tensors, save_adapter

    assert job.trainer is not None
    args, out, parameters = job.args, job.args.out, job.trainer.trainable.weights
    adapter = None if job.lora is None else adapter_tensors(job.lora)  # all processes have a part of them
    numbers = parameters.numbers if job.lora is None else job.lora.merged(parameters.numbers)
    whole = job.lora is None or args.merge
    if whole and job.part.world > 1:
        inventory = parameters.inventory
        kinds = (inventory.matrices, inventory.experts, inventory.tensors)
        gathered = {name: numbers(name) for kind in kinds for name in kind}
        numbers = gathered.__getitem__
    if not job.first:
        return {}
    steps = history(out / RUN)
    if job.lora is not None and adapter is not None and not (out / ADAPTER).exists():
        save_adapter(adapter, adapter_config(job.lora, args.model), out / ADAPTER)
    if whole and not (out / MODEL).exists():
        _write_model(job, numbers)
    report = _report(job, steps)
    try:
        draw_curve(steps, out / CURVE)
    except UsageError as error:
        sys.stderr.write(f"nemora: no curve: {error.message}\n")
    (out / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def _write_model(job: _Job, numbers: Callable[[str], Tensor | None]) -> None:
    """The whole model; a draft head was not loaded and is copied as it was."""
    from nemora.chat.tokenizer_to_json import folder_tokenizer_files
    from nemora.weights.progress import progress_on
    from nemora.weights.save_folder import save_folder

    assert job.trainer is not None
    inventory = job.trainer.trainable.weights.inventory
    known = {*inventory.matrices, *inventory.experts, *inventory.tensors}
    save_folder(
        job.checkpoint,
        job.args.out / MODEL,
        lambda name: numbers(name) if name in known else None,
        tokenizer=folder_tokenizer_files(job.checkpoint),
        progress=progress_on(sys.stderr, "writing"),
    )


def _report(job: _Job, steps: list[Step]) -> dict[str, Any]:
    lora = job.lora
    last = steps[-1].evaluation or {}
    return {
        "model": job.args.model,
        "lora": None if lora is None else {**asdict(lora.spec), "targets": lora.targets},
        "trained_numbers": sum(p.numel() for p in job.trainer.trainable.parameters()) if job.trainer else 0,
        "conversations": {"learned": job.learned.chats, "held_out": job.held_out.chats},
        "sequences": {"learned": len(job.learned.samples), "held_out": len(job.held_out.samples)},
        "learned_tokens": {"learned": job.learned.targets, "held_out": job.held_out.targets},
        "cut_at_the_end": job.learned.cut + job.held_out.cut,
        "dropped": job.learned.dropped + job.held_out.dropped,
        "steps": job.steps,
        "held_out_loss": {"before": job.before, "after": last.get("next")},
        "seconds": round(sum(step.seconds for step in steps), 1),
        "tokens_per_second": round(sum(step.tokens for step in steps) / max(1e-9, sum(s.seconds for s in steps)), 1),
    }


def _summary(report: dict[str, Any], out: Path) -> str:
    before, after = report["held_out_loss"]["before"], report["held_out_loss"]["after"]
    lines = [
        (
            "conversations",
            f"{report['conversations']['learned']} learned, {report['conversations']['held_out']} held out",
        ),
        ("cut, dropped", f"{report['cut_at_the_end']}, {report['dropped']}"),
        ("trained numbers", f"{report['trained_numbers']:,}"),
        ("steps", f"{report['steps']} in {report['seconds']:.0f} s, {report['tokens_per_second']:,.0f} tokens/s"),
        ("held-out loss", f"{before:.4f} before, {after:.4f} after ({after - before:+.4f} nats a token)"),
        ("written", str(out)),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)

"""Fine-tuning step by step, by the product's own loop and by TRL, PEFT and transformers, on the same samples."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch

from nemora.train.batch import IGNORED, Batch
from nemora.train.chat_data import Sample
from nemora.train.loop import Trainer
from nemora.train.loss import NextToken
from nemora.train.parameters import Parameters
from nemora.train.sft import Plan, batch_of
from nemora.train.trainable import Trainable

ONLY = "p"


class Given:
    """Batches of `size` samples, packed into one row each, in their order."""

    def __init__(self, samples: Sequence[Sample], size: int) -> None:
        self.samples, self.size, self.at = samples, size, 0

    def batch(self, rows: int) -> Batch:
        taken = self.samples[self.at : self.at + rows * self.size]
        self.at += len(taken)
        return batch_of(taken)


def our_losses(
    parameters: Parameters, samples: Sequence[Sample], *, steps: int, batch: int, rate: float, accumulate: int = 1
) -> list[float]:
    """The loss of each step at a constant rate."""
    plan = Plan(length=512, rows=1, accumulate=accumulate, rate=rate, epochs=1, steps=steps, seed=0)
    rows: Any = Given(samples, batch)
    settings = plan.settings(steps, evaluate_every=0, save_every=0)
    trainer = Trainer(Trainable(parameters), rows, NextToken(), lambda step: 1.0, settings)
    return [trainer.step().losses["next"] for _ in range(steps)]


def trl_losses(
    model: Path,
    samples: Sequence[Sample],
    out: Path,
    *,
    steps: int,
    batch: int,
    rate: float,
    clip: float = 1.0,
    accumulate: int = 1,
    adapter: Path | None = None,
    **settings: Any,
) -> list[float]:
    """The loss of each step of SFTTrainer in fp32 at a constant rate, in the order of `samples`, without packing.

    With an `adapter` its numbers are where training begins, and only they are trained.
    """
    datasets, peft, transformers, trl = map(importlib.import_module, ("datasets", "peft", "transformers", "trl"))
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, **settings)
        if adapter is not None:
            base = peft.PeftModel.from_pretrained(base, adapter, is_trainable=True)
        names = dict.fromkeys(("pad_token", "eos_token", "unk_token"), ONLY)
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=_no_tokenizer(), **names)
        rows = {
            "input_ids": [list(sample.ids) for sample in samples],
            "labels": [
                [token_id if wanted else IGNORED for token_id, wanted in zip(s.ids, s.learned, strict=True)]
                for s in samples
            ],
        }
        arguments = trl.SFTConfig(
            output_dir=str(out),
            max_steps=steps,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulate,
            learning_rate=rate,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=clip,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            bf16=False,
            fp16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            packing=False,
            shuffle_dataset=False,
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = trl.SFTTrainer(
            model=base, args=arguments, train_dataset=datasets.Dataset.from_dict(rows), processing_class=tokenizer
        )
        trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def _no_tokenizer() -> tokenizers.Tokenizer:
    """SFTTrainer wants a tokenizer, though the ids are there already."""
    return tokenizers.Tokenizer(tokenizers.models.WordLevel({ONLY: 0}, ONLY))

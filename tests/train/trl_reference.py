"""The same fine-tuning by TRL, PEFT and transformers, for comparison."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from nemora.train.chat_data import Sample

IGNORED = -100


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
    import datasets
    import peft
    import transformers
    import trl

    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, **settings)
        if adapter is not None:
            base = peft.PeftModel.from_pretrained(base, adapter, is_trainable=True)
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=_no_tokenizer(), pad_token="p", eos_token="p", unk_token="p"
        )
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


def _no_tokenizer() -> Any:
    """SFTTrainer wants a tokenizer, though the ids are there already."""
    import tokenizers

    return tokenizers.Tokenizer(tokenizers.models.WordLevel({"p": 0}, unk_token="p"))

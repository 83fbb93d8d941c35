"""A vocabulary of byte-level BPE learned from texts, and the files in which a model folder carries it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers

from nemora.chat.tokenizer import Tokenizer, byte_symbols
from nemora.chat.tokenizer_gguf import LLAMA3_PATTERN
from nemora.train.corpus import Document

PAD, BOS, EOS = "<unk>", "<s>", "</s>"
TURN, END_OF_TURN, THINK, THOUGHT = "<|im_start|>", "<|im_end|>", "<think>", "</think>"
SPECIAL = [PAD, BOS, EOS, *(f"<SPECIAL_{i}>" for i in range(3, 10)), TURN, END_OF_TURN, THINK, THOUGHT]
"""In the order of their ids, which are those of Nemotron 3."""
MARKUP = (THINK, THOUGHT)
THINKING_SHARE = 4  # of so many answers one is given after an empty thought, the others without

# Nemotron 3's, less tools, and without thinking unless it is asked for: no thoughts were learned.
TEMPLATE = """\
{%- if messages[0].role != 'system' -%}<|im_start|>system
<|im_end|>
{% endif -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' -}}
{%- if message.role == 'assistant' -%}
{%- if message.reasoning_content -%}{{- '<think>\\n' + message.reasoning_content + '\\n</think>' -}}
{%- else -%}{{- '<think></think>' -}}{%- endif -%}
{%- endif -%}
{{- message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' + ('<think>\\n' if enable_thinking else '<think></think>') -}}
{%- endif -%}
"""


def learn_vocabulary(documents: Sequence[Document], size: int) -> tokenizers.Tokenizer:
    """`size` tokens: SPECIAL, all bytes, and the merges that the texts ask for. Equal texts give equal tokens."""
    learned = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    learned.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[AddedToken(token, special=token not in MARKUP, normalized=False) for token in SPECIAL],
        initial_alphabet=list(byte_symbols()),
        show_progress=False,
    )
    learned.train_from_iterator((text for document in documents for text in document.strings()), trainer)
    return learned


def tokenizer_files(learned: tokenizers.Tokenizer) -> dict[str, str]:
    """Contents of the files beside a model's weights, by name."""
    settings = {
        "add_bos_token": False,
        "bos_token": BOS,
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": END_OF_TURN,
        "pad_token": PAD,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": PAD,
    }
    generation = {
        "bos_token_id": SPECIAL.index(BOS),
        "do_sample": True,
        "eos_token_id": [SPECIAL.index(EOS), SPECIAL.index(END_OF_TURN)],
        "pad_token_id": SPECIAL.index(PAD),
        "temperature": 0.6,
        "top_p": 0.95,
    }
    return {
        "tokenizer.json": learned.to_str(pretty=False),
        "tokenizer_config.json": json.dumps(settings, indent=2, ensure_ascii=False) + "\n",
        "generation_config.json": json.dumps(generation, indent=2) + "\n",
    }


def encoded(document: Document, tokenizer: Tokenizer) -> list[int]:
    """A document's ids, to its end: as the chat template writes a conversation, and without anything before a text."""
    special = tokenizer.special.ids
    if not document.turns:
        return [*tokenizer.encode(document.text), special[EOS]]
    return [*_turns(document, tokenizer), special[EOS]]


def _turns(document: Document, tokenizer: Tokenizer) -> Iterator[int]:
    special = tokenizer.special.ids
    newline = tokenizer.encode("\n")
    for number, (role, text) in enumerate((("system", ""), *document.turns)):
        yield special[TURN]
        if role == "assistant":
            yield from tokenizer.encode("assistant\n")
            yield special[THINK]
            yield from newline if number % THINKING_SHARE == 0 else ()
            yield special[THOUGHT]
            yield from tokenizer.encode(text)
        else:
            yield from tokenizer.encode(f"{role}\n{text}")
        yield special[END_OF_TURN]
        yield from newline

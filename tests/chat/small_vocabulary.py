"""A small vocabulary as a GGUF file describes it: all bytes, a few merges, ChatML's special tokens; and templates."""

from __future__ import annotations

from typing import Any

from nemora.chat.tokenizer import Tokenizer, byte_symbols
from nemora.chat.tokenizer_gguf import gguf_tokenizer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKUP = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "1 2"]

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Written for these tests. Does what real templates do to a client's text: trims, replaces, joins, makes tags of keys.
BUSY = """{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% for key, value in tool.function.parameters | default({}) | items %}<{{ key }}>{{ value | tojson(ensure_ascii=True) }}</{{ key }}>{% endfor %}
{% endfor %}Call: <tool_call>{"name": "x", "arguments": {}}</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.reasoning_content %}<think>{{ message.reasoning_content | trim }}</think>{% endif %}
{{- message.content.replace('/think', '').strip() }}
{%- for call in message.tool_calls or [] %}<tool_call>{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def metadata(pre: str = "gpt-2", **changes: Any) -> dict[str, Any]:
    symbols = list(byte_symbols())
    merged = ["".join(merge.split(" ")) for merge in MERGES]
    tokens = [*SPECIAL, *MARKUP, *symbols, *merged]
    types = [3] * len(SPECIAL) + [4] * len(MARKUP) + [1] * (len(symbols) + len(merged))
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": list(MERGES),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        **changes,
    }


def small_tokenizer(pre: str = "gpt-2") -> Tokenizer:
    return gguf_tokenizer(metadata(pre), "small.gguf")

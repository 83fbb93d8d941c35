"""Chat templates that do to answers what real ones do, written for the tests."""

from __future__ import annotations

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Drops the reasoning of all answers but the last, and writes the calls of tools.
THINKING = """{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.reasoning_content and loop.last %}<think>
{{ message.reasoning_content }}
</think>
{% endif %}{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}[call]{{ call.function | tojson }}{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

# Its generation prompt opens the tag that an answer without reasoning closes at once.
OPENED = """{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.role == 'assistant' %}{% if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>
{% else %}<think></think>{% endif %}{% endif %}{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
<think>
{% endif %}"""

# Begins an answer in other words than it renders one.
CONTRARY = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)

ENDLESS = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)

"""Nemotron 3 and 3.5: ChatML with a system turn always, answers that begin inside `<think>`, tools as XML.

What its sizes differ in is data: how reasoning is glued to the answer, which hints of effort they know, and whether
`/think` in the text counts. The tags are what the models were trained on; the sentences around them are ours.
Earlier reasoning is left out (`truncate_history_thinking`), but for the tool calls since the last user turn.
"""

from __future__ import annotations

from collections.abc import Mapping

MARKUP = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")

_TOOLS = r"""
{%- macro shown(value) -%}
{{- value | string if value is string or value is number or value is boolean or value is none else value | tojson -}}
{%- endmacro -%}
{%- macro further(table, known) -%}
{%- if table is mapping -%}
{%- for key, value in table | items if key not in known -%}
{{- '\n<' ~ key ~ '>' ~ shown(value) ~ '</' ~ key ~ '>' -}}
{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- macro parameter(name, fields) -%}
{{- '\n<parameter>\n<name>' ~ name ~ '</name>' -}}
{%- if fields.type is defined -%}{{- '\n<type>' ~ (fields.type | string) ~ '</type>' -}}{%- endif -%}
{%- if fields.description is defined -%}
{{- '\n<description>' ~ (fields.description | trim) ~ '</description>' -}}
{%- endif -%}
{%- if fields.enum is defined -%}{{- '\n<enum>' ~ (fields.enum | tojson) ~ '</enum>' -}}{%- endif -%}
{{- further(fields, ['name', 'type', 'description', 'enum']) ~ '\n</parameter>' -}}
{%- endmacro -%}
{%- macro described_tool(tool) -%}
{%- set parameters = tool.parameters | default({}, true) -%}
{{- '\n<function>\n<name>' ~ tool.name ~ '</name>' -}}
{%- if tool.description is defined -%}
{{- '\n<description>' ~ (tool.description | trim) ~ '</description>' -}}
{%- endif -%}
{{- '\n<parameters>' -}}
{%- if parameters.properties is mapping -%}
{%- for name, fields in parameters.properties | items -%}{{- parameter(name, fields) -}}{%- endfor -%}
{%- endif -%}
{{- further(parameters, ['type', 'properties', 'required']) -}}
{%- if parameters.required is defined -%}
{{- '\n<required>' ~ (parameters.required | tojson) ~ '</required>' -}}
{%- endif -%}
{{- '\n</parameters>\n</function>' -}}
{%- endmacro -%}
{%- macro described_tools(tools) -%}
{{- '# Tools\n\nThese functions can be called:\n\n<tools>' -}}
{%- for tool in tools -%}{{- described_tool(tool.function) -}}{%- endfor -%}
{{- '\n</tools>\n\nTo call one, end your answer with nothing but this form, once for each call:\n\n' -}}
{{- '<tool_call>\n<function=name_of_function>\n<parameter=name_of_parameter>\nvalue\n</parameter>\n' -}}
{{- '<parameter=name_of_another>\na value may\nhave several lines\n</parameter>\n</function>\n</tool_call>\n\n' -}}
{{- '<IMPORTANT>\nReminder:\n- A <function=...></function> block stands within <tool_call></tool_call> tags\n' -}}
{{- '- Every required parameter is given\n- You may say why you call before the call, never after it\n' -}}
{{- '- Where no function helps, answer as usual and do not speak of functions\n</IMPORTANT>' -}}
{%- endmacro -%}
{%- macro calls(message) -%}
{%- for call in message.tool_calls -%}
{{- '<tool_call>\n<function=' ~ call.function.name ~ '>\n' -}}
{%- if call.function.arguments is mapping -%}
{%- for key, value in call.function.arguments | items -%}
{{- '<parameter=' ~ key ~ '>\n' ~ shown(value) ~ '\n</parameter>\n' -}}
{%- endfor -%}
{%- endif -%}
{{- '</function>\n</tool_call>\n' -}}
{%- endfor -%}
{%- endmacro -%}
"""

_TURNS = r"""
{%- macro plain(text) -%}
{{- text.replace('/no_think', '').replace('/think', '') | trim if WORDS else text -}}
{%- endmacro -%}
{%- set truncate = truncate_history_thinking | default(true) -%}
{%- set ns = namespace(last=-1, thinking=enable_thinking | default(true), knobs='') -%}
{%- for message in messages if WORDS and message.role in ('system', 'user') -%}
  {%- if '/no_think' in message.content -%}{%- set ns.thinking = false -%}
  {%- elif '/think' in message.content -%}{%- set ns.thinking = true -%}{%- endif -%}
{%- endfor -%}
{%- if KNOBS and ns.thinking -%}{%- set ns.knobs = KNOBS -%}{%- endif -%}
{%- set system, turns = '', messages -%}
{%- if messages and messages[0].role == 'system' -%}
  {%- set system, turns = plain(messages[0].content), messages[1:] -%}
{%- endif -%}
{%- for message in turns -%}
  {%- if message.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{{- '<|im_start|>system\n' ~ system -}}
{%- if tools -%}{{- ('\n\n' if system else '') ~ described_tools(tools) -}}{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- for message in turns -%}
  {%- if message.role == 'assistant' -%}
    {%- set past = truncate and loop.index0 < ns.last -%}
    {%- set thought = message.reasoning_content if (message.reasoning_content | default('') | trim) else '' -%}
    {%- set content = message.content | trim if past and message.tool_calls else message.content -%}
    {%- set glue = AFTER if thought and not (past and message.tool_calls) else '' -%}
    {%- set thought = '<think>\n' ~ thought ~ BEFORE ~ '</think>' if thought and not past else '<think></think>' -%}
    {{- '<|im_start|>assistant\n' ~ (thought ~ glue ~ content) | trim -}}
    {%- if message.tool_calls -%}{{- '\n' ~ calls(message) -}}{%- endif -%}
    {{- '<|im_end|>\n' -}}
  {%- elif message.role == 'tool' -%}
    {%- if loop.first or loop.previtem.role != 'tool' -%}{{- '<|im_start|>user\n' -}}{%- endif -%}
    {{- '<tool_response>\n' ~ message.content ~ '\n</tool_response>\n' -}}
    {%- if loop.last or loop.nextitem.role != 'tool' -%}{{- '<|im_end|>\n' -}}{%- endif -%}
  {%- else -%}
    {{- '<|im_start|>' ~ message.role ~ '\n' ~ plain(message.content) -}}
    {%- if ns.knobs and loop.index0 == ns.last -%}{{- '\n\n' ~ ns.knobs -}}{%- endif -%}
    {{- '<|im_end|>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' ~ ('<think>\n' if ns.thinking else '<think></think>') -}}
{%- endif -%}
"""


def _template(*, glue: str = r"'\n'", words: bool = False, knobs: str = "''") -> str:
    """One size's template: `glue` is around `</think>`, `knobs` what the last user turn may end with, effort first."""
    source = _TURNS
    for name, value in (("BEFORE", glue), ("AFTER", glue), ("WORDS", str(words).lower()), ("KNOBS", knobs)):
        source = source.replace(name, value)
    return _TOOLS + source


_BUDGET = "('{thinking token budget: ' ~ reasoning_budget ~ '}' if reasoning_budget else '')"
_LOW = "'{reasoning effort: low}' if low_effort else "
_MEDIUM = "'{reasoning effort: efficient}' if medium_effort else "

TEMPLATES: Mapping[str, str] = {
    "nemotron-3": _template(),
    "nemotron-3-super": _template(knobs=f"({_LOW}{_BUDGET})"),
    "nemotron-3-ultra": _template(glue="''", knobs=f"({_MEDIUM}{_BUDGET})"),
    "nemotron-3-omni": _template(words=True, knobs=_BUDGET),
}
"""By the name of the format: Nano; Super; Ultra and Lightning; Omni's text part."""

"""Nemotron Nano v2 (9B, 12B, VL): turns between `<SPECIAL_…>`, thinking unless `/no_think` stands somewhere last."""

from __future__ import annotations

from nemora.chat.families.toolcall_list import MACROS

NAME = "nemotron-nano-v2"
MARKUP = ("<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>")

TEMPLATE = (
    MACROS
    + r"""
{%- macro plain(text) -%}{{- text.replace('/think', '').replace('/no_think', '') | trim -}}{%- endmacro -%}
{%- set ns = namespace(thinking=enable_thinking | default(true), system='') -%}
{%- for message in messages if message.role in ('user', 'system') -%}
  {%- if '/think' in message.content -%}{%- set ns.thinking = true -%}
  {%- elif '/no_think' in message.content -%}{%- set ns.thinking = false -%}{%- endif -%}
{%- endfor -%}
{%- set turns = messages -%}
{%- if messages and messages[0].role == 'system' -%}
  {%- set ns.system = plain(messages[0].content) -%}
  {%- set turns = messages[1:] -%}
{%- endif -%}
{{- '<SPECIAL_10>System\n' ~ ns.system -}}
{%- if tools -%}{{- ('\n\n' if ns.system else '') ~ described_tools(tools) -}}{%- endif -%}
{{- '\n\n' -}}
{%- for message in turns -%}
  {%- if message.role == 'user' -%}
    {{- '<SPECIAL_11>User\n' ~ plain(message.content) ~ '\n' -}}
  {%- elif message.role == 'assistant' -%}
    {%- set content = message.content | trim -%}
    {{- '<SPECIAL_11>Assistant\n' ~ content -}}
    {%- if message.tool_calls -%}{{- ('\n' if content else '') ~ calls(message) -}}{%- endif -%}
    {{- '\n<SPECIAL_12>\n' -}}
  {%- elif message.role == 'tool' -%}
    {%- if loop.first or loop.previtem.role != 'tool' -%}{{- '<SPECIAL_11>User\n<TOOL_RESPONSE>[' -}}{%- endif -%}
    {{- message.content -}}
    {%- if loop.last or loop.nextitem.role != 'tool' -%}{{- ']</TOOL_RESPONSE>' -}}{%- else -%}{{- ', ' -}}{%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<SPECIAL_11>Assistant\n' ~ ('<think>\n' if ns.thinking else '<think></think>') -}}
{%- endif -%}
"""
)

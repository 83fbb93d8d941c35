"""Llama-3.3-Nemotron-Super-49B v1.5: Llama 3's turns, thinking unless `/no_think` stands in the system turn."""

from __future__ import annotations

from nemora.chat.families.toolcall_list import MACROS

NAME = "llama-nemotron-v1.5"
MARKUP = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")

TEMPLATE = (
    MACROS
    + r"""
{%- macro header(role) -%}{{- '<|start_header_id|>' ~ role ~ '<|end_header_id|>\n\n' -}}{%- endmacro -%}
{%- set ns = namespace(thinking=enable_thinking | default(true), system='') -%}
{%- if messages and messages[0].role == 'system' -%}
  {%- set ns.system = messages[0].content -%}
  {%- if '/no_think' in ns.system -%}
    {%- set ns.thinking = false -%}
    {%- set ns.system = ns.system.replace('/no_think', '') | trim -%}
  {%- elif '/think' in ns.system -%}
    {%- set ns.thinking = true -%}
    {%- set ns.system = ns.system.replace('/think', '') | trim -%}
  {%- endif -%}
{%- endif -%}
{{- '<|begin_of_text|>' ~ header('system') -}}
{%- if messages and messages[0].role == 'system' and messages[0].content -%}{{- ns.system ~ '\n\n' -}}{%- endif -%}
{%- if tools -%}{{- described_tools(tools) -}}{%- endif -%}
{{- '<|eot_id|>' -}}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {{- header('user') ~ message.content ~ '<|eot_id|>' -}}
  {%- elif message.role == 'assistant' -%}
    {{- header('assistant') ~ message.content -}}
    {%- if message.tool_calls -%}{{- calls(message) -}}{%- endif -%}
    {{- '<|eot_id|>' -}}
  {%- elif message.role == 'tool' -%}
    {%- if loop.first or loop.previtem.role != 'tool' -%}{{- header('tool') ~ '<TOOL_RESPONSE>[' -}}{%- endif -%}
    {{- message.content -}}
    {%- if loop.last or loop.nextitem.role != 'tool' -%}{{- ']</TOOL_RESPONSE><|eot_id|>' -}}
    {%- else -%}{{- ', ' -}}{%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- header('assistant') -}}
  {%- if not ns.thinking -%}{{- '<think>\n\n</think>\n\n' -}}{%- endif -%}
{%- endif -%}
"""
)

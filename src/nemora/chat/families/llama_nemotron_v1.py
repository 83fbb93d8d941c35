"""Llama-Nemotron v1 (Nano 4B and 8B, Super 49B v1, Ultra 253B): Llama 3's turns.

The system turn is exactly `detailed thinking on` or `detailed thinking off`, so a client's own instructions go in
front of the first user turn. A client may write the system turn itself. How these models see tools is not published,
so they have none here.
"""

from __future__ import annotations

NAME = "llama-nemotron-v1"
MARKUP = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")

TEMPLATE = r"""
{%- macro turn(role, text) -%}
{{- '<|start_header_id|>' ~ role ~ '<|end_header_id|>\n\n' ~ (text | trim) ~ '<|eot_id|>' -}}
{%- endmacro -%}
{%- set enable_thinking = enable_thinking | default(true) -%}
{%- set switch = 'detailed thinking ' ~ ('on' if enable_thinking else 'off') -%}
{%- set ns = namespace(instructions='') -%}
{%- set turns = messages -%}
{%- if messages and messages[0].role == 'system' -%}
  {%- set turns = messages[1:] -%}
  {%- if messages[0].content | trim in ('detailed thinking on', 'detailed thinking off') -%}
    {%- set switch = messages[0].content | trim -%}
  {%- else -%}
    {%- set ns.instructions = messages[0].content | trim -%}
  {%- endif -%}
{%- endif -%}
{{- '<|begin_of_text|>' ~ turn('system', switch) -}}
{%- for message in turns -%}
  {%- if message.role == 'user' and ns.instructions -%}
    {{- turn('user', ns.instructions ~ '\n\n' ~ message.content) -}}
    {%- set ns.instructions = '' -%}
  {%- else -%}
    {{- turn(message.role, message.content) -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}{%- endif -%}
"""

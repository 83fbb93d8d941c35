"""How Super 49B v1.5 and Nano v2 see tools: a JSON list between tags in the system turn, and calls in the same form.

The tags and the form are what the models were trained on; the sentences around them are ours.
"""

from __future__ import annotations

MACROS = r"""
{%- macro described_tools(tools) -%}
{{- 'These tools can be used:\n<AVAILABLE_TOOLS>[' -}}
{%- for tool in tools -%}{{- tool.function | tojson -}}{{- ', ' if not loop.last -}}{%- endfor -%}
{{- ']</AVAILABLE_TOOLS>\n\nTo call one or more of them, write:\n' -}}
{{- '<TOOLCALL>[{"name": "first_tool", "arguments": {"key": "value"}}, ' -}}
{{- '{"name": "second_tool", "arguments": {}}]</TOOLCALL>\n\n' -}}
{{- 'What they return follows as:\n<TOOL_RESPONSE>[first_result, second_result]</TOOL_RESPONSE>\n\n' -}}
{{- 'Then call more tools, mend a call that failed, or answer.' -}}
{%- endmacro -%}
{%- macro calls(message) -%}
{{- '<TOOLCALL>[' -}}
{%- for call in message.tool_calls -%}
{%- set arguments = call.function.arguments -%}
{{- '{"name": "' ~ call.function.name ~ '", "arguments": ' -}}
{{- arguments if arguments is string else arguments | tojson -}}
{{- '}' ~ (', ' if not loop.last else '') -}}
{%- endfor -%}
{{- ']</TOOLCALL>' -}}
{%- endmacro -%}
"""

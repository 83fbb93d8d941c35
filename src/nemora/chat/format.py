"""How a family writes its answers: reasoning tags and tool calls. Found by what its chat template teaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from nemora.chat.family_template import V1
from nemora.chat.reasoning import ReasoningTags
from nemora.chat.template import ChatTemplate
from nemora.chat.thinking import ThinkingControl
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tool_calls import hermes, llama3_json, nemotron_json, nemotron_xml
from nemora.chat.tool_calls.call import Offered, ToolCallParser
from nemora.chat.tool_calls.call_rules import RulesOf
from nemora.core import ChatRequest
from nemora.errors import UnsupportedField

TOOL_FORMATS = (nemotron_xml, hermes, nemotron_json, llama3_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What an answer may hold beside text. The default is plain: all of it is text.

    `tool_parser` makes a parser for one answer from the offered tools; None where the template knows
    no tools, or in a way that is not implemented. `call_rules` makes the grammar of what it reads.
    `call_tags` open and close a call; None for calls without tags.
    `markup` are tokens that the parsers must see.
    """

    reasoning: ReasoningTags | None = None
    tool_parser: Callable[[Offered], ToolCallParser] | None = None
    call_rules: RulesOf | None = None
    call_tags: tuple[str, str] | None = None
    markup: tuple[str, ...] = ()
    thinking: ThinkingControl = field(default_factory=ThinkingControl)

    def visible_ids(self, tokenizer: Tokenizer) -> frozenset[int]:
        """Ids of the markup, which decoding would otherwise hide."""
        return frozenset(tokenizer.special.ids[text] for text in self.markup if text in tokenizer.special.ids)

    def check(self, request: ChatRequest) -> None:
        """Refuse what this model cannot be asked for.

        Raises:
            UnsupportedField: naming the field.
        """
        self.thinking.check(request.thinking, reasons=self.reasoning is not None)
        choice = request.tool_choice.mode if request.tool_choice is not None else "auto"
        if request.tools and choice != "none" and self.tool_parser is None:
            raise UnsupportedField(
                "The local model's chat template has no tools that Nemora can read; leave tools out.", param="tools"
            )


def format_of(template: ChatTemplate, *, chat_format: str | None = None) -> Format:
    """The format that a chat template teaches. `chat_format`: which of the family's it belongs to, if any.

    Raises:
        TemplateError: the template cannot be parsed.
    """
    variables = template.variables()
    # The templates of Llama-Nemotron say nothing of the tags in which these models think.
    tags = ReasoningTags() if "<think>" in template.source or chat_format is not None else None
    plain = Format(
        reasoning=tags,
        markup=(tags.open, tags.close) if tags is not None else (),
        thinking=ThinkingControl.of(template.source, variables, is_v1=chat_format == V1),
    )
    for tool_format in TOOL_FORMATS if "tools" in variables else ():
        if tool_format.recognises(template.source):
            return replace(
                plain,
                tool_parser=tool_format.parser,
                call_rules=tool_format.rules,
                call_tags=tool_format.TAGS,
                markup=(*plain.markup, *tool_format.MARKUP),
            )
    return plain

"""How a family writes its answers: reasoning tags and tool calls. Found by what its chat template teaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nemora.chat.reasoning import ReasoningTags
from nemora.chat.template import ChatTemplate
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tool_calls import hermes, llama3_json, nemotron_json, nemotron_xml
from nemora.chat.tool_calls.call import Offered, ToolCallParser
from nemora.core import ChatRequest
from nemora.errors import UnsupportedField

TOOL_FORMATS = (nemotron_xml, hermes, nemotron_json, llama3_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What an answer may hold beside text. The default is plain: all of it is text.

    `tool_parser` makes a parser for one answer from the offered tools; None where the template knows
    no tools, or in a way that is not implemented. `call_tags` open and close a call; None for calls without tags.
    `markup` are tokens that the parsers must see.
    """

    reasoning: ReasoningTags | None = None
    tool_parser: Callable[[Offered], ToolCallParser] | None = None
    call_tags: tuple[str, str] | None = None
    markup: tuple[str, ...] = ()

    def visible_ids(self, tokenizer: Tokenizer) -> frozenset[int]:
        """Ids of the markup, which decoding would otherwise hide."""
        return frozenset(tokenizer.special.ids[text] for text in self.markup if text in tokenizer.special.ids)

    def check(self, request: ChatRequest) -> None:
        """Refuse what this model cannot be asked for.

        Raises:
            UnsupportedField: naming the field.
        """
        choice = request.tool_choice.mode if request.tool_choice is not None else "auto"
        if request.tools and choice != "none" and self.tool_parser is None:
            raise UnsupportedField(
                "The local model's chat template has no tools that Nemora can read; leave tools out.", param="tools"
            )
        if choice in ("required", "named"):
            raise UnsupportedField(
                'The local model cannot be made to call a tool; tool_choice must be "auto" or "none".',
                param="tool_choice",
            )


def format_of(template: ChatTemplate) -> Format:
    """The format that a chat template teaches.

    Raises:
        TemplateError: the template cannot be parsed.
    """
    tags = ReasoningTags() if "<think>" in template.source else None
    markup = [tags.open, tags.close] if tags is not None else []
    if "tools" in template.variables():
        for tool_format in TOOL_FORMATS:
            if tool_format.recognises(template.source):
                return Format(
                    reasoning=tags,
                    tool_parser=tool_format.parser,
                    call_tags=tool_format.TAGS,
                    markup=(*markup, *tool_format.MARKUP),
                )
    return Format(reasoning=tags, markup=tuple(markup))

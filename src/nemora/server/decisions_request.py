"""`POST /v1/decisions`, read: an input and questions about it become a `ChatRequest` for the local model.

docs/decisions.md describes the body. Every field is read or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nemora.core import ChatRequest, FixedQuestion, Json, Message, Part, Role, TextPart
from nemora.errors import RequestError, UnsupportedField
from nemora.server.fields import a_list, an_object, flag, integer, named, only, text
from nemora.server.wire_format import ParsedRequest

PATH = "/v1/decisions"
MOST_QUESTIONS = 32
MOST_OPTIONS = 64
MOST_VALUES = 101
"""Of a score."""
MOST_ANSWERS = 512
"""Of all questions together."""
LONGEST_QUESTION = 4000
LONGEST_OPTION = 200
LONGEST_NAME = 256
MOST_MESSAGES = 1000
FARTHEST = 1000
YES, NO = "Yes", "No"
FIELDS = ("model", "input", "questions", "calibrate")
ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
UNSUPPORTED = ("stream", "temperature", "max_tokens", "tools", "messages", "logprobs", "seed")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its name in the answer, its type, and its answers in the order in which the model is asked."""

    id: str
    type: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedDecisions(ParsedRequest):
    """A request with what the answer's form needs."""

    asked: tuple[Asked, ...] = ()


def parse_decisions(body: Json) -> ParsedDecisions:
    """The request in a body.

    Raises:
        RequestError: a field is missing or has a wrong type, length or value; `param` points to it.
        UnsupportedField: a field is not known.
    """
    table = an_object(body, "")
    only(table, FIELDS, "", unsupported=UNSUPPORTED)
    model = text(table.get("model", "local"), "/model", empty=False, longest=LONGEST_NAME)
    messages = _input(table.get("input"))
    listed = a_list(table.get("questions"), "/questions")
    if not 1 <= len(listed) <= MOST_QUESTIONS:
        raise RequestError(f"/questions must have 1 to {MOST_QUESTIONS} questions.", param="/questions")
    found = [_question(each, f"/questions/{index}", str(index)) for index, each in enumerate(listed)]
    ids: set[str] = set()
    for index, (asked, _) in enumerate(found):
        if asked.id in ids:
            raise _wrong(f"/questions/{index}/id", "must differ from those of the other questions")
        ids.add(asked.id)
    if sum(len(asked.answers) for asked, _ in found) > MOST_ANSWERS:
        raise _wrong("/questions", f"must have at most {MOST_ANSWERS} answers together; ask in several requests")
    request = ChatRequest(
        model="local" if model == "auto" else model,
        messages=messages,
        questions=tuple(question for _, question in found),
        calibrate=flag(table.get("calibrate"), "/calibrate") or False,
        unsent={"ids": [asked.id for asked, _ in found]},
        endpoint=PATH,
    )
    return ParsedDecisions(request, asked=tuple(asked for asked, _ in found))


def _input(value: Json) -> tuple[Message, ...]:
    """A text, or a conversation whose contents are text."""
    if isinstance(value, str):
        return (Message("user", text(value, "/input", empty=False)),)
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_MESSAGES:
        raise _wrong("/input", f"must be a text, or a list of 1 to {MOST_MESSAGES} messages")
    return tuple(_message(each, f"/input/{index}") for index, each in enumerate(value))


def _message(value: Json, where: str) -> Message:
    table = an_object(value, where)
    only(table, ("role", "content"), where, unsupported=("tool_calls", "name", "tool_call_id"))
    role = ROLES.get(text(table.get("role"), f"{where}/role", longest=20))
    if role is None:
        raise _wrong(f"{where}/role", f"must be one of: {', '.join(ROLES)}")
    content = table.get("content")
    if isinstance(content, str):
        return Message(role, content)
    parts: tuple[Part, ...] = tuple(
        _part(part, f"{where}/content/{index}") for index, part in enumerate(a_list(content, f"{where}/content"))
    )
    return Message(role, parts)


def _part(value: Json, where: str) -> Part:
    table = an_object(value, where)
    if table.get("type") != "text":
        raise UnsupportedField(f"{where} must be a part of the type text; others are not supported.", param=where)
    only(table, ("type", "text"), where)
    return TextPart(text(table.get("text"), f"{where}/text"))


def _question(value: Json, where: str, number: str) -> tuple[Asked, FixedQuestion]:
    table = an_object(value, where)
    kind = text(table.get("type"), f"{where}/type", longest=20)
    if kind not in KINDS:
        raise _wrong(f"{where}/type", f"must be one of: {', '.join(KINDS)}")
    fields, answers_of = KINDS[kind]
    only(table, ("id", "type", "question", *fields), where)
    name = text(table.get("id", number), f"{where}/id", empty=False, longest=LONGEST_NAME)
    question = text(table.get("question"), f"{where}/question", longest=LONGEST_QUESTION)
    if not question.strip():
        raise _wrong(f"{where}/question", "must not be empty")
    answers, told = answers_of(table, where)
    return Asked(name, kind, answers), FixedQuestion(f"{question.strip()}\n\n{told}", answers)


def _yes_or_no(_table: Mapping[str, Json], _where: str) -> tuple[tuple[str, ...], str]:
    return (YES, NO), f"Answer {YES} or {NO}."


def _options(table: Mapping[str, Json], where: str) -> tuple[tuple[str, ...], str]:
    where = f"{where}/options"
    listed = a_list(table.get("options"), where)
    if not 2 <= len(listed) <= MOST_OPTIONS:
        raise _wrong(where, f"must have 2 to {MOST_OPTIONS} options")
    options: list[str] = []
    for index, value in enumerate(listed):
        at = f"{where}/{index}"
        option = text(value, at, longest=LONGEST_OPTION)
        # A model begins its answer with a word: white space around one, or a second line, could not be told apart.
        if not option.strip() or option != option.strip() or not option.isprintable():
            raise _wrong(at, "must be one line of printable text with no white space around it")
        if option in options:
            raise _wrong(at, "must differ from the other options")
        options.append(option)
    lines = "\n".join(options)
    return tuple(options), f"The possible answers, one on each line:\n{lines}\n\nAnswer with one of them."


def _values(table: Mapping[str, Json], where: str) -> tuple[tuple[str, ...], str]:
    lowest = integer(table.get("from"), f"{where}/from", -FARTHEST, FARTHEST)
    highest = integer(table.get("to"), f"{where}/to", -FARTHEST, FARTHEST)
    for field, given in (("from", lowest), ("to", highest)):
        if given is None:
            raise _wrong(f"{where}/{field}", "must be an integer")
    assert lowest is not None and highest is not None
    if not lowest < highest < lowest + MOST_VALUES:
        raise _wrong(f"{where}/to", f"must be above from, by at most {MOST_VALUES - 1}")
    answers = tuple(str(value) for value in range(lowest, highest + 1))
    return answers, f"Answer with a whole number from {lowest}, the lowest, to {highest}, the highest."


Answers = Callable[[Mapping[str, Json], str], tuple[tuple[str, ...], str]]
KINDS: Mapping[str, tuple[tuple[str, ...], Answers]] = {
    "predicate": ((), _yes_or_no),
    "choice": (("options",), _options),
    "score": (("from", "to"), _values),
}
"""Each type's own fields, and what makes its answers of them, with the words by which the model is told."""


def _wrong(where: str, what: str) -> RequestError:
    return RequestError(f"{named(where)} {what}.", param=where)

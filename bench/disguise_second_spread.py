"""A value cut into pieces that stand in different messages, arguments and results of one conversation.

Made without a look at the decoders. Each takes the sentence, the value in it, and gives the messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

from nemora.core import Message, ToolCall

Messages = tuple[Message, ...]
Spread = Callable[[str, str], Messages]


def cut(text: str, value: str, count: int = 2) -> list[str]:
    """The text in pieces cut inside the value."""
    at = text.index(value)
    inner = [at + len(value) * n // count for n in range(1, count)]
    return [text[a:b] for a, b in pairwise([0, *inner, len(text)])]


def called(number: int, name: str, arguments: object, result: str = "ok") -> Messages:
    call = ToolCall(f"c{number}", name, json.dumps(arguments, ensure_ascii=False))
    return (Message("assistant", tool_calls=(call,)), Message("tool", result, tool_call_id=f"c{number}"))


def turns(text: str, value: str, count: int, answer: str) -> Messages:
    pieces = cut(text, value, count)
    between = Message("assistant", answer)
    return tuple(m for piece in pieces for m in (Message("user", piece), between))[:-1]


def told_in_words(text: str, value: str) -> Messages:
    """The pieces announced as pieces, the sentence's words in the first."""
    first, second = cut(value, value)
    head = text[: text.index(value)]
    return (
        Message("user", f"{head}I will send it in two halves. The first half is {first}"),
        Message("assistant", "Got it, and the second half?"),
        Message("user", f"The second half is {second}"),
        Message("assistant", "Thanks."),
        Message("user", "Now put it into the form."),
    )


def argument_then_result(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    return (Message("user", "Look it up."), *called(1, "search", {"q": first}, second))


def two_arguments(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    call = ToolCall("c1", "fill", json.dumps({"field_a": first, "field_b": second}, ensure_ascii=False))
    return (Message("user", "Fill it in."), Message("assistant", tool_calls=(call,)))


def two_results(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    return (
        Message("user", "Read both files."),
        *called(1, "read", {"path": "a.txt"}, first),
        *called(2, "read", {"path": "b.txt"}, second),
    )


def user_then_tool(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    return (Message("user", first), *called(1, "read", {"path": "rest.txt"}, second))


def user_then_assistant(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    return (Message("user", first), Message("assistant", second), Message("user", "Exactly. Go on."))


def system_then_user(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    return (Message("system", f"Remember: {first}"), Message("user", second))


def far_apart(text: str, value: str) -> Messages:
    first, second = cut(text, value)
    chat = tuple(
        m
        for n in range(3)
        for m in (Message("user", f"And how do tides work, part {n}?"), Message("assistant", "The moon pulls."))
    )
    return (Message("user", first), Message("assistant", "I see."), *chat, Message("user", second))


def objects_in_list(text: str, value: str) -> Messages:
    pieces = [{"text": piece} for piece in cut(text, value, 3)]
    call = ToolCall("c1", "write_rows", json.dumps({"rows": pieces}, ensure_ascii=False))
    return (Message("user", "Write the rows."), Message("assistant", tool_calls=(call,)))


def edits(text: str, value: str) -> Messages:
    return tuple(
        m
        for n, piece in enumerate(cut(text, value, 3))
        for m in called(n, "append_to_file", {"path": "notes.txt", "text": piece}, "Appended.")
    )


SPREAD: dict[str, Spread] = {
    "halves of two turns": lambda t, v: turns(t, v, 2, "Go on."),
    "thirds of three turns": lambda t, v: turns(t, v, 3, "Yes?"),
    "quarters of four turns": lambda t, v: turns(t, v, 4, "Noted, please continue with the next one."),
    "halves told in words": told_in_words,
    "halves far apart": far_apart,
    "user, then assistant": user_then_assistant,
    "system, then user": system_then_user,
    "user, then a tool's result": user_then_tool,
    "argument, then result": argument_then_result,
    "two arguments of a call": two_arguments,
    "objects in a list": objects_in_list,
    "results of two calls": two_results,
    "three appends to a file": edits,
}

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.core import Message, ToolCall
from nemora.errors import UsageError
from nemora.train.chat_file import Chat, read_chats

USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}
CANARY = "zebra-4711"


def written(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def read(path: Path, *rows: Any) -> list[Chat]:
    return read_chats(written(path / "chat.jsonl", *rows))


def refused(path: Path, *rows: Any) -> str:
    with pytest.raises(UsageError) as error:
        read(path, *rows)
    assert CANARY not in error.value.message
    return error.value.message


def test_messages_are_read_in_order(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    (chat,) = read(tmp_path, {"messages": [system, USER, ANSWER]})
    assert chat.messages == (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello."))
    assert chat.learned_from == 0


def test_a_prompt_and_a_completion_are_a_question_and_its_answer(tmp_path: Path) -> None:
    short, long = read(
        tmp_path,
        {"prompt": "Hi", "completion": "Hello."},
        {"prompt": [USER, ANSWER, USER], "completion": [ANSWER]},
    )
    assert short.messages == (Message("user", "Hi"), Message("assistant", "Hello."))
    assert (short.learned_from, long.learned_from, len(long.messages)) == (1, 3, 4)


def test_tool_calls_and_reasoning_are_kept(tmp_path: Path) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
    asks = {"role": "assistant", "content": None, "reasoning_content": "Look.", "tool_calls": [call]}
    result = {"role": "tool", "content": "12:00", "tool_call_id": "a"}
    tool = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}
    (chat,) = read(tmp_path, {"messages": [USER, asks, result, ANSWER], "tools": [tool]})
    assert chat.messages[1].tool_calls == (ToolCall("a", "clock", '{"zone": "UTC"}'),)
    assert chat.messages[1].reasoning == "Look." and chat.messages[2].tool_call_id == "a"
    assert chat.tools[0].name == "clock"


def test_lines_end_at_newlines_only_and_empty_ones_are_passed_over(tmp_path: Path) -> None:
    separated = {"messages": [{"role": "user", "content": "a\u2028b\x85c"}, ANSWER]}
    chats = read(tmp_path, json.dumps(separated, ensure_ascii=False), "", {"messages": [USER, ANSWER]}, "")
    assert [chat.where for chat in chats] == ["chat.jsonl, line 1", "chat.jsonl, line 3"]


@pytest.mark.parametrize(
    "row",
    [
        CANARY,
        f"[{CANARY!r}",
        [CANARY],
        {},
        {CANARY: 1},
        {"messages": []},
        {"messages": CANARY},
        {"messages": [CANARY]},
        {"messages": [USER]},
        {"messages": [USER, ANSWER], CANARY: 1},
        {"messages": [USER, ANSWER | {CANARY: 1}]},
        {"messages": [USER, {"role": CANARY, "content": ""}]},
        {"messages": [USER, {"role": [CANARY], "content": ""}]},
        {"messages": [USER, {"role": "assistant", "content": [CANARY]}]},
        {"messages": [USER, {"role": "assistant"}]},
        {"messages": [USER | {"tool_calls": []}, ANSWER]},
        {"messages": [USER, ANSWER | {"tool_calls": CANARY}]},
        {"messages": [USER, ANSWER | {"tool_calls": [{"function": {"name": "x", "arguments": 1}}]}]},
        {"messages": [USER, ANSWER | {"tool_calls": [{"function": {"name": "x", CANARY: 1}}]}]},
        {"messages": [USER, ANSWER], "tools": CANARY},
        {"messages": [USER, ANSWER], "tools": [{"function": {"name": 1}}]},
        {"messages": [USER, ANSWER], "tools": [{"function": {"name": "a", "parameters": CANARY}}]},
        {"prompt": CANARY},
        {"prompt": "", "completion": CANARY},
        {"prompt": CANARY, "completion": ""},
        {"prompt": CANARY, "completion": [USER]},
        {"prompt": [ANSWER], "completion": [USER]},
        '{"messages": [{"role": "user", "content": "\\ud800"}, {"role": "assistant", "content": "x"}]}',
        '{"messages": NaN}',
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x", "content": "y"}]}',
        '{"prompt": "x", "completion": "y", "tools": [{"function": {"name": "a", "parameters": {"a": Infinity}}}]}',
        "[" * 100_000,
    ],
)
def test_a_wrong_line_is_named_and_not_repeated(tmp_path: Path, row: Any) -> None:
    message = refused(tmp_path, {"messages": [USER, ANSWER]}, "", row)
    assert message.startswith("chat.jsonl, line 3 cannot be used: ") and message.endswith(".")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_bytes(b'{"messages": "\xff"}')
    with pytest.raises(UsageError, match="line 1 cannot be used: it is not UTF-8"):
        read_chats(path)


def test_a_file_without_conversations_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    assert "holds no conversation" in refused(tmp_path, "", " ")
    with pytest.raises(UsageError, match="cannot be read"):
        read_chats(tmp_path / "none.jsonl")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["user", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "messages", "prompt", "completion", "tools", "tool_calls", "function", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_or_refused_in_one_sentence(tmp_path_factory: pytest.TempPathFactory, row: Any) -> None:
    path = written(tmp_path_factory.mktemp("fuzz") / "chat.jsonl", json.dumps(row))
    said = "chat.jsonl, line 1 cannot be used: it was read."
    try:
        assert all(chat.messages for chat in read_chats(path))
    except UsageError as error:
        said = error.message
    assert said.startswith("chat.jsonl, line 1 cannot be used: ") and "\n" not in said

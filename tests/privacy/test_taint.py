"""Once sensitive, a conversation stays sensitive; and what is common to all conversations ties none together."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import Message, TextPart, ToolCall
from nemora.errors import LedgerError
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.keys import TAINT_FILE
from nemora.privacy.policy import Action
from nemora.privacy.taint import MIN_CHARS, MIN_CHARS_HARMLESS, TaintStore

KEY = bytes(range(32))
PUBLIC, PERSONAL, CONFIDENTIAL, SECRET = Sensitivity

SYSTEM = Message(
    role="system",
    content="You are the assistant of a company, and you help everybody in every way you can, always politely.",
)
HARMLESS = Message(
    role="user",
    content="Tell me, in about ten sentences, how the tides of the sea come about and why there are two a day.",
)
CARD = Message(role="user", content="My card 4716 2093 8854 1728 was charged twice.")
ANSWER = Message(role="assistant", content="Dear bank, you charged this card two times.")
FOLLOW_UP = Message(role="user", content="Now say the same in French please")
LONG_FOLLOW_UP = Message(
    role="user",
    content="Now say the same in French please, and add that the shop was the one at the harbour of the old town.",
)


def decision(sensitivity: Sensitivity, *where: str, reasons: tuple[str, ...] = ()) -> Decision:
    found = tuple(Finding(Kind.PAYMENT_CARD, "test", pointer, 0, 4, 1.0) for pointer in where)
    return Decision(
        action=Action.LOCAL,
        sensitivity=sensitivity,
        reasons=reasons,
        findings=found,
        scores={},
        policy_id="",
        counted=found,
    )


def user(text: str) -> Message:
    return Message(role="user", content=text)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> TaintStore:
    return TaintStore.in_memory(KEY)


@pytest.fixture
def told(store) -> TaintStore:
    """A store after one conversation: harmless, then a card, and its answer."""
    store.remember([SYSTEM, HARMLESS, CARD], decision(SECRET, "/messages/2/content"))
    store.mark_answer(ANSWER, SECRET)
    return store


def test_a_later_request_with_the_sensitive_message_inherits_its_class(told):
    assert told.lookup([SYSTEM, HARMLESS, CARD, ANSWER, FOLLOW_UP]) is SECRET


def test_the_answer_alone_keeps_a_trimmed_conversation_here(told):
    assert told.lookup([SYSTEM, ANSWER, FOLLOW_UP]) is SECRET


def test_what_came_before_the_sensitive_message_is_free(told):
    assert told.lookup([SYSTEM, HARMLESS, FOLLOW_UP]) is PUBLIC


def test_rewritten_white_space_and_content_parts_change_nothing(told):
    assert told.lookup([user("  My card 4716 2093\n8854 1728   was charged twice.\r\n")]) is SECRET
    parts = (TextPart("My card 4716 2093 8854 1728 "), TextPart("was charged twice."))
    assert told.lookup([Message(role="user", content=parts)]) is SECRET


def test_the_role_that_a_client_gives_a_text_does_not_free_it(told):
    assert told.lookup([Message(role="tool", content=CARD.content, tool_call_id="1")]) is SECRET


def test_taint_goes_on_from_turn_to_turn(told):
    told.remember([ANSWER, LONG_FOLLOW_UP], decision(SECRET, reasons=("taint:secret", "class:secret")))
    assert told.lookup([LONG_FOLLOW_UP]) is SECRET


def test_system_and_developer_text_ties_no_conversations_together(store):
    for role in ("system", "developer"):
        instructions = Message(role=role, content=SYSTEM.content + role)
        store.remember([instructions, CARD], decision(SECRET, "/messages/0/content", "/messages/1/content"))
        assert store.lookup([instructions, HARMLESS]) is PUBLIC


@pytest.mark.parametrize(
    "text", ["thanks", "yes, go on", "Please continue with the next step.", "Now shorter, and as a list please"]
)
def test_common_phrases_tie_no_conversations_together(told, text):
    told.remember([CARD, ANSWER, user(text)], decision(SECRET, "/messages/0/content"))
    assert told.lookup([HARMLESS, user(text)]) is PUBLIC


def test_the_thresholds_are_what_they_say(store):
    with_finding, harmless = "ä" * MIN_CHARS, "b" * MIN_CHARS_HARMLESS
    messages = [user(with_finding), user(with_finding[1:]), user(harmless), user(harmless[1:])]
    store.remember(messages, decision(SECRET, "/messages/0/content", "/messages/1/content"))
    assert [store.lookup([message]) for message in messages] == [SECRET, PUBLIC, SECRET, PUBLIC]


def test_text_that_was_public_before_is_not_tainted_by_its_neighbours(store):
    boilerplate = user(
        "<environment> Debian 12, bash, the working directory is a git repository on branch main </environment>"
    )
    store.remember([boilerplate, HARMLESS], decision(PUBLIC))
    store.remember([CARD, boilerplate], decision(SECRET, "/messages/0/content"))
    assert store.lookup([boilerplate]) is PUBLIC and store.lookup([CARD]) is SECRET


def test_text_that_was_public_before_is_tainted_by_a_finding_of_its_own(store):
    store.remember([CARD], decision(PUBLIC))
    store.remember([CARD], decision(SECRET, "/messages/0/content"))
    assert store.lookup([CARD]) is SECRET


def test_tool_calls_and_results_carry_taint(store):
    arguments = '{"path": "/srv/payroll/2031/salaries-of-all-people-in-the-north.csv", "encoding": "latin-1"}'
    call = Message(role="assistant", tool_calls=(ToolCall("1", "read_file", arguments),))
    result = Message(
        role="tool",
        content="columns: name, grade, base, bonus; rows: 4127; first row of the file: hidden",
        tool_call_id="1",
    )
    store.remember([CARD, call, result], decision(CONFIDENTIAL, "/messages/0/content"))
    assert store.lookup([call]) is CONFIDENTIAL and store.lookup([result]) is CONFIDENTIAL
    store.mark_answer(Message(role="assistant", tool_calls=(ToolCall("2", "read_file", arguments + " "),)), SECRET)
    assert store.lookup([Message(role="assistant", tool_calls=(ToolCall("9", "other_name", arguments),))]) is SECRET


def test_reasoning_carries_taint(store):
    store.mark_answer(
        Message(role="assistant", content="ok", reasoning="The user's salary is mentioned, so I keep to it."),
        CONFIDENTIAL,
    )
    assert (
        store.lookup([Message(role="assistant", reasoning="The user's salary is mentioned, so I keep to it.")])
        is CONFIDENTIAL
    )


@pytest.mark.parametrize(
    "decided",
    [
        decision(CONFIDENTIAL, "/tools/0/function/description"),
        decision(CONFIDENTIAL, "/metadata/customer"),
        decision(CONFIDENTIAL, reasons=("incomplete", "class:confidential")),
        decision(CONFIDENTIAL, "/messages/1/content", reasons=("incomplete", "class:confidential")),
        decision(CONFIDENTIAL, reasons=("classifier:confidential", "class:confidential")),
    ],
)
def test_when_no_message_is_to_blame_all_are(store, decided):
    store.remember([FOLLOW_UP, HARMLESS], decided)
    assert store.lookup([FOLLOW_UP]) is CONFIDENTIAL and store.lookup([HARMLESS]) is CONFIDENTIAL


def test_pointers_of_other_messages_are_told_apart(store):
    messages = [
        user(f"This is message number {n} of a long conversation about nothing much at all, really.") for n in range(12)
    ]
    store.remember(messages, decision(SECRET, "/messages/10/content/0/text"))
    assert [store.lookup([m]) for m in messages] == [PUBLIC] * 10 + [SECRET] * 2


def test_a_class_rises_and_never_falls():
    clock = Clock()
    store = TaintStore(None, KEY, clock=clock)
    for sensitivity in (PERSONAL, SECRET, CONFIDENTIAL, PUBLIC):
        clock.now += 86_400
        store.remember([CARD], decision(sensitivity, "/messages/0/content"))
    assert store.lookup([CARD]) is SECRET
    assert store.lookup([HARMLESS, CARD]) is SECRET


@given(
    st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=6),
    st.integers(0, 5),
    st.sampled_from([PERSONAL, CONFIDENTIAL, SECRET]),
)
@settings(max_examples=60)
def test_any_long_enough_message_from_the_first_sensitive_on_is_remembered(texts, position, sensitivity):
    position = min(position, len(texts) - 1)
    messages = [user(f"{n}:" + text * 70) for n, text in enumerate(texts)]
    store = TaintStore.in_memory(KEY)
    store.remember(messages, decision(sensitivity, f"/messages/{position}/content"))
    for index, message in enumerate(messages):
        long_enough = len("".join(message.text().split())) >= MIN_CHARS_HARMLESS
        if index < position:
            assert store.lookup([message]) is PUBLIC
        elif long_enough:
            assert store.lookup([message]) is sensitivity


def test_taint_is_forgotten_some_days_after_it_was_last_seen():
    clock = Clock()
    store = TaintStore(None, KEY, days=30, clock=clock)
    store.remember([CARD], decision(SECRET, "/messages/0/content"))
    for _ in range(3):
        clock.now += 29 * 86_400
        assert store.lookup([CARD]) is SECRET
    clock.now += 31 * 86_400
    assert store.lookup([CARD]) is PUBLIC
    store.remember([CARD], decision(PUBLIC))
    assert store.lookup([CARD]) is PUBLIC


def test_the_least_recently_seen_goes_first_when_the_store_is_full():
    clock = Clock()
    store = TaintStore(None, KEY, max_tainted=10, max_public=5, clock=clock)
    messages = [
        user(f"This is message number {n} of a long conversation about nothing much at all, really.") for n in range(40)
    ]
    for message in messages[:20]:
        clock.now += 4000
        store.remember([message], decision(SECRET, "/messages/0/content"))
        assert store.lookup([messages[0]]) is SECRET  # seen every time, so kept
    for message in messages[20:]:
        clock.now += 4000
        store.remember([message], decision(PUBLIC))
    kept = [n for n in range(20) if store.lookup([messages[n]]) is SECRET]
    assert kept == [0, *range(11, 20)]


def test_the_store_is_shared_between_openers_and_survives_them(tmp_path):
    one, two = TaintStore.open(tmp_path / "data", KEY), TaintStore.open(tmp_path / "data", KEY)
    one.remember([CARD], decision(SECRET, "/messages/0/content"))
    assert two.lookup([CARD]) is SECRET
    one.close()
    two.close()
    assert TaintStore.open(tmp_path / "data", KEY).lookup([CARD]) is SECRET
    assert TaintStore.open(tmp_path / "data", bytes(32)).lookup([CARD]) is PUBLIC, "hashes mean nothing without the key"


def test_no_content_is_stored_and_the_files_are_private(tmp_path):
    canary = "zirkonvogel"
    store = TaintStore.open(tmp_path / "data", KEY)
    messages = [user(f"{canary} lives at the sea, and nobody must know it, so please keep it to yourself forever.")]
    store.remember(messages, decision(SECRET, "/messages/0/content"))
    store.mark_answer(Message(role="assistant", content=messages[0].text() + "!", reasoning=canary * 9), SECRET)
    store.remember([user(messages[0].text() + "?")], decision(PUBLIC))
    files = list((tmp_path / "data").iterdir())
    assert {p.name for p in files} >= {TAINT_FILE, TAINT_FILE + "-wal"}
    for path in files:
        assert canary.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_threads_can_use_one_store(tmp_path):
    store = TaintStore(tmp_path / "data", KEY, busy_seconds=60)
    messages = [
        user(f"This is message number {n} of a long conversation about nothing much at all, really.") for n in range(32)
    ]

    def work(part) -> None:
        for message in part:
            store.remember([message], decision(SECRET, "/messages/0/content"))
            assert store.lookup([message]) is SECRET

    threads = [threading.Thread(target=work, args=(messages[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(store.lookup([message]) is SECRET for message in messages)


def test_a_store_that_cannot_be_used_says_so_and_forgets_nothing_meanwhile(tmp_path):
    store = TaintStore(tmp_path / "data", KEY, busy_seconds=0.05)
    store.lookup([CARD])
    other = sqlite3.connect(tmp_path / "data" / TAINT_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError):
        store.remember([CARD], decision(SECRET, "/messages/0/content"))
    with pytest.raises(LedgerError):
        store.mark_answer(ANSWER, SECRET)
    with pytest.raises(LedgerError):
        store.lookup([FOLLOW_UP])
    other.execute("ROLLBACK")
    other.close()
    assert store.lookup([CARD]) is SECRET and store.lookup([ANSWER]) is SECRET


def test_a_damaged_store_is_an_error_and_never_a_clean_answer(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / TAINT_FILE).write_bytes(b"this is no database" * 500)
    store = TaintStore.open(data, KEY)
    with pytest.raises(LedgerError, match="damaged"):
        store.lookup([HARMLESS])


def test_a_store_that_failed_for_too_long_stays_failed(tmp_path, monkeypatch):
    monkeypatch.setattr("nemora.privacy.taint.MAX_PENDING", 1)
    (tmp_path / "file").write_bytes(b"")
    store = TaintStore.open(tmp_path / "file" / "data", KEY)
    with pytest.raises(LedgerError):
        store.remember([CARD, LONG_FOLLOW_UP], decision(SECRET, "/messages/0/content"))
    (tmp_path / "file").unlink()
    with pytest.raises(LedgerError, match="restart"):
        store.lookup([HARMLESS])

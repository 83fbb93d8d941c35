"""Small disclosures add up over turns, requests and tools; ordinary conversations are not kept for it."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.core import Message, ToolCall
from nemora.errors import LedgerError
from nemora.privacy.classify import classify
from nemora.privacy.decide import Decision, decide
from nemora.privacy.disclosures import (
    CONVERSATION_SECONDS,
    WINDOW_SECONDS,
    Disclosures,
    raised,
    told,
)
from nemora.privacy.finding import Sensitivity
from nemora.privacy.inspect import Inspection
from nemora.privacy.keys import DISCLOSURES_FILE
from nemora.privacy.policy import Action, Policy, parse_policy
from nemora.privacy.reasons import explain

KEY = bytes(range(32))
TURNS = {
    "given_name": "Hi there, my name is Zyxara, can you help me plan a weekend with the dog?",
    "employer": "Thanks. I work at Quillfeather Mills, so it has to be after six in the evening.",
    "town": "Good idea. I live in Harrowgate, what is near enough for an hour by train?",
    "birth_date": "One more thing: I was born on 14 March 1987, is there a discount for my age?",
}


def user(text: str) -> Message:
    return Message("user", text)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def makes(clock: Clock | None = None) -> Disclosures:
    return Disclosures(None, KEY, clock=clock or Clock())


def send(store: Disclosures, *messages: Message, tenant: str = "default") -> tuple[str, ...]:
    """What a server does: ask, and remember what then leaves."""
    kinds = store.together(messages, tenant)
    if not kinds:
        store.left(messages, tenant)
    return kinds


@pytest.mark.parametrize("order", list(itertools.permutations(list(TURNS)[:3])))
def test_three_harmless_turns_that_together_identify_stay_and_two_do_not(order: tuple[str, ...]) -> None:
    store, history = makes(), list[Message]()
    for kind in order[:2]:
        history.append(user(TURNS[kind]))
        assert send(store, *history) == ()
        history.append(Message("assistant", "Of course, here are some thoughts on that for you."))
    assert send(store, *history, user(TURNS[order[2]])) == tuple(sorted(order))


def test_a_history_that_the_client_cut_still_counts() -> None:
    store = makes()
    first, second, third = (user(text) for text in list(TURNS.values())[:3])
    assert send(store, first) == send(store, first, second) == ()
    assert send(store, second, third) == ("employer", "given_name", "town")


def test_a_new_session_within_the_hour_still_counts_and_a_day_later_not() -> None:
    clock = Clock()
    store = makes(clock)
    messages = [user(text) for text in TURNS.values()]
    assert [send(store, message) for message in messages[:3]] == [(), (), ()]
    clock.now += WINDOW_SECONDS - 1
    assert store.together([messages[3]], "default") == tuple(sorted(TURNS))
    assert store.together([messages[3]], "other") == (), "another tenant has disclosed nothing"
    clock.now += 2
    assert store.together([messages[3]], "default") == ()


def test_unconnected_requests_about_several_people_identify_none() -> None:
    store = makes()
    for name in ("Zyxara", "Thorwen"):
        assert send(store, user(f"Hello, my name is {name} and I have a question on tides.")) == ()
    assert [send(store, user(TURNS[kind])) for kind in ("employer", "town")] == [(), ()]
    assert send(store, user("By the way, I am the head gardener of")) == ()


def test_what_stayed_here_does_not_count_as_disclosed() -> None:
    store = makes()
    first, second, third = (user(text) for text in list(TURNS.values())[:3])
    assert store.together([first, second], "default") == ()  # asked, and then answered here
    assert send(store, third) == ()
    assert send(store, second) == (), "the name was never sent"


def test_records_that_tools_give_and_get_count() -> None:
    store = makes()
    call = ToolCall("1", "save", '{"first_name": "Zyxara", "city": "Harrowgate"}')
    asked = (user("Please look her up."), Message("assistant", None, tool_calls=(call,)))
    result = Message("tool", '{"employer": "Quillfeather Mills"}', tool_call_id="1")
    assert send(store, *asked) == ()
    assert send(store, *asked, result) == ("employer", "given_name", "town")


THEIRS = {
    "their_birth_date": "She was born on 3 May 1971.",
    "their_town": "He now lives in Harrowgate.",
    "their_employer": "My neighbour works for the harbour office.",
    "their_vehicle": "They drive a green Saab 900.",
}


@pytest.mark.parametrize("order", list(itertools.permutations(THEIRS)))
def test_four_facts_told_of_somebody_else_add_up_and_three_do_not(order: tuple[str, ...]) -> None:
    store = makes()
    sent = [send(store, user(f"A note for my story about somebody: {THEIRS[kind]}")) for kind in order]
    assert sent == [(), (), (), tuple(sorted(THEIRS))]


def test_facts_of_oneself_and_of_somebody_else_are_two_people() -> None:
    store = makes()
    for text in (*list(THEIRS.values())[:3], TURNS["employer"], TURNS["town"]):
        assert send(store, user(text)) == ()


def test_the_life_of_a_public_figure_is_no_disclosure() -> None:
    life = "Shorten: She was born on 7 November 1867 in Warsaw. She moved to Paris and worked at the Sorbonne."
    assert send(makes(), user(life)) == ()


@pytest.mark.parametrize(
    "text",
    [
        'Write a story in which Tom says "My name is Tom, I live in Leeds and I work at Acme".',
        "I live in a small flat and I work at night for the most part.",
        "I was born in the wrong century, my name is not important.",
        "What does it mean to live in Leeds, and who works at Acme?",
    ],
)
def test_what_tells_of_nobody_is_no_disclosure(text: str) -> None:
    assert len({kind for kind, _ in told(user(text))}) < 2


def test_a_models_own_words_disclose_nothing() -> None:
    assert list(told(Message("assistant", "My name is Nemo and I live in Harrowgate."))) == []


ASKS = (
    "Explain",
    "Summarise",
    "Compare",
    "Rewrite",
    "Translate into French",
    "List the steps of",
    "Give an example of",
)
ABOUT = ("binary search", "the tides", "a tomato soup", "the rules of chess", "a regular expression", "unit tests")
MORE = ("and keep it short.", "for a beginner.", "again, please.", "as a table.", "and say why.", "with two sources.")
SMALL = (*TURNS.values(), "I'm from Harrowgate originally, by the way.", "Please call me Zyxara.")


def test_harmless_follow_ups_are_kept_local_in_at_most_one_of_twenty() -> None:
    """400 conversations of one tenant, half of which hold one small disclosure, half none."""
    chance, clock, kept, turns = random.Random(7), Clock(), 0, 0
    store = makes(clock)
    for number in range(400):
        clock.now += chance.uniform(60, 1800)
        history = [user(chance.choice(SMALL))] if number % 2 else []
        for _ in range(4):
            history.append(user(f"{chance.choice(ASKS)} {chance.choice(ABOUT)} {chance.choice(MORE)}"))
            kept, turns = kept + bool(send(store, *history)), turns + 1
    assert turns == 1600 and kept <= 0.05 * turns


def plain(policy: Policy) -> Decision:
    inspection = Inspection(())
    return decide(inspection, classify(inspection), Sensitivity.PUBLIC, policy)


def test_the_class_is_raised_with_a_reason_and_never_lowered() -> None:
    policy = Policy()
    found = raised(plain(policy), ("given_name", "town"), policy)
    assert (found.sensitivity, found.action) == (Sensitivity.CONFIDENTIAL, Action.LOCAL)
    assert found.reasons == ("disclosures:given_name+town", "class:confidential")
    assert explain(found.reasons[0]) == "with what left before, these identify someone: given name, town"
    assert raised(plain(policy), (), policy) == plain(policy)
    strict = parse_policy(
        'version = 1\n[actions]\npublic = "block"\npersonal = "block"\nconfidential = "block"\nsecret = "block"\n'
    )
    assert raised(plain(strict), ("town",), strict).action is Action.BLOCK


def test_no_value_is_stored(tmp_path: Path) -> None:
    store = Disclosures(tmp_path, KEY)
    store.left([user(text) for text in TURNS.values()], "default")
    store.close()
    data = b"".join(file.read_bytes() for file in tmp_path.iterdir()).lower()
    for canary in (b"zyxara", b"quillfeather", b"harrowgate", b"march", b"1987"):
        assert canary not in data
    assert (tmp_path / DISCLOSURES_FILE).exists()


def test_a_store_that_cannot_be_read_raises(tmp_path: Path) -> None:
    (tmp_path / DISCLOSURES_FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError):
        Disclosures(tmp_path, KEY).together([user(TURNS["town"])], "default")


def test_a_conversation_is_forgotten_in_the_end() -> None:
    clock = Clock()
    store = makes(clock)
    first, second, third = (user(text) for text in list(TURNS.values())[:3])
    assert send(store, first) == send(store, first, second) == ()
    clock.now += CONVERSATION_SECONDS + 1
    assert store.together([second, third], "default") == ()


@given(st.text(max_size=200), st.sampled_from(["user", "tool", "system"]))
def test_reading_units_never_fails(text: str, role: str) -> None:
    list(told(Message(role, f"my name is {text} I work at {text} {text}")))  # type: ignore[arg-type]

"""Decisions: typed answers with probabilities, over real sockets, and what must hold of every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_fakes import SECRET, Setup, plays, served, setup

from nemora.backends import local
from nemora.backends.local import LocalBackend
from nemora.backends.local_model import LocalModel
from nemora.core import Delta, StopReason
from nemora.errors import RequestError
from nemora.privacy.policy import parse_policy
from nemora.server.api_keys import ApiKeys
from nemora.server.decisions_request import MOST_OPTIONS, MOST_QUESTIONS, parse_decisions
from own_hybrid import FOLDER
from starter import STARTER, needs_starter
from watched_model import WatchedModel

INPUT = "The printer on the second floor is on fire.\nPlease send somebody at once. Thanks, Ann."
PREDICATE = {"id": "urgent", "type": "predicate", "question": "Is it urgent?"}
CHOICE = {"id": "team", "type": "choice", "question": "Who takes it?", "options": ["IT", "IT support", "billing"]}
SCORE = {"id": "anger", "type": "score", "question": "How angry is the writer?", "from": 1, "to": 12}


class KeptBackend(LocalBackend):
    """Outlives the servers that close it."""

    async def close(self) -> None:
        return None


@pytest.fixture(scope="module")
def backend() -> Iterator[LocalBackend]:
    with LocalModel.load(str(FOLDER), context=2048) as model:
        yield KeptBackend(model)


@pytest.fixture
def server(backend: LocalBackend) -> Iterator[Setup]:
    made = setup()
    made.gateway.local = (backend,)
    with served(made) as running:
        yield running


def decide(server: Setup, *questions: dict[str, Any], model: str = "local", **more: Any) -> httpx2.Response:
    body = {"model": model, "input": INPUT, "questions": list(questions)} | more
    return httpx2.post(server.url + "/v1/decisions", json=body, timeout=60)


def by_id(answer: httpx2.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {each["id"]: each for each in answer.json()["answers"]}


def test_every_type_is_answered_and_recorded_without_the_input(server: Setup) -> None:
    answer = decide(server, PREDICATE, CHOICE, SCORE)
    found = by_id(answer)
    assert answer.json()["object"] == "decisions" and list(found) == ["urgent", "team", "anger"]
    assert found["urgent"]["answer"] == (found["urgent"]["probability"] >= 0.5)
    team, anger = found["team"]["probabilities"], found["anger"]["probabilities"]
    assert found["team"]["answer"] == max(team, key=team.__getitem__) and list(team) == CHOICE["options"]
    assert list(anger) == [str(n) for n in range(1, 13)]
    assert found["anger"]["mean"] == pytest.approx(sum(int(n) * p for n, p in anger.items()))
    for each in (team, anger):
        assert sum(each.values()) == pytest.approx(1) and all(0 <= p <= 1 for p in each.values())
    usage = answer.json()["usage"]
    assert usage["completion_tokens"] == 0 and usage["total_tokens"] == usage["prompt_tokens"] > len(INPUT.split())
    (row,) = [row for row in server.rows() if row.kind == "decision"]
    assert (row.endpoint, row.route, row.destination) == ("/v1/decisions", "local", "local")
    assert "printer" not in repr(server.rows()) and server.completions()[0].status == "stop"
    assert not server.cloud.requests


def test_answers_are_corrected_only_for_who_asks_for_it(server: Setup) -> None:
    plain, off, on = (
        by_id(decide(server, PREDICATE, CHOICE, **more)) for more in ({}, {"calibrate": False}, {"calibrate": True})
    )
    assert plain == off != on
    assert sum(on["team"]["probabilities"].values()) == pytest.approx(1)
    assert decide(server, PREDICATE, calibrate="yes").json()["error"]["param"] == "/calibrate"


def test_another_question_changes_no_answer(server: Setup) -> None:
    alone, together = by_id(decide(server, CHOICE)), by_id(decide(server, SCORE, CHOICE, PREDICATE))
    assert alone["team"]["probabilities"] == pytest.approx(together["team"]["probabilities"], abs=1e-4)


def test_the_input_is_read_once_however_many_questions_there_are(
    server: Setup, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [{**PREDICATE, "id": str(n), "question": f"{n} is a number in it?"} for n in range(8)]
    long_input = "A word after a word. " * 20
    length = len(backend.local.tokenizer.encode(long_input))
    read = []
    for count in (1, 8):
        watched = WatchedModel(backend.local._model)
        monkeypatch.setattr(backend.local.engine, "_model", watched)
        answer = decide(server, *questions[:count], input=long_input)
        read.append(sum(map(len, watched.passes)))
        # Further than the prompts only the answers are read, as far as they are the same.
        assert answer.json()["usage"]["prompt_tokens"] <= read[-1] + count
    assert length < read[0] and read[1] < 3 * length


def test_a_conversation_is_an_input_as_well(server: Setup) -> None:
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "It "}, {"type": "text", "text": "burns"}]},
        {"role": "assistant", "content": "What does?"},
    ]
    assert 0 < by_id(decide(server, PREDICATE, input=turns))["urgent"]["probability"] < 1


@pytest.mark.parametrize("model", ["auto", "local"])
def test_auto_means_the_local_model(server: Setup, backend: LocalBackend, model: str) -> None:
    assert decide(server, PREDICATE, model=model).json()["model"] == backend.model


def test_no_other_model_is_asked(server: Setup) -> None:
    refused = decide(server, PREDICATE, model="big")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "/model")
    assert decide(server, PREDICATE, model="nobody").status_code == 404
    assert not server.cloud.requests and not server.rows()


def test_what_the_policy_blocks_is_not_decided(backend: LocalBackend) -> None:
    made = setup(policy=parse_policy('[actions]\nsecret = "block"'))
    made.gateway.local = (backend,)
    with served(made) as running:
        for more in ({"input": SECRET}, {"questions": [{**CHOICE, "options": ["a", SECRET]}]}):
            answer = decide(running, PREDICATE, **more)
            assert answer.status_code == 403 and SECRET not in answer.text
        assert [row.route for row in running.rows()] == ["refuse", "refuse"]


def test_tenant_and_tokens_are_the_callers(backend: LocalBackend, tmp_path: Any) -> None:
    made, keys = setup(), ApiKeys(tmp_path / "data")
    made.gateway.local = (backend,)
    key = {"authorization": f"Bearer {keys.add('one', tenant='lab', tokens=20)}"}
    with served(made, keys=keys) as running:
        body = {"input": INPUT, "questions": [PREDICATE]}
        codes = [httpx2.post(running.url + "/v1/decisions", json=body, headers=key).status_code for _ in range(2)]
        assert codes == [200, 429] and {row.tenant for row in running.rows()} == {"lab"}


def test_a_model_that_is_too_slow_is_an_error_and_no_answer(server: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "QUESTIONS_SECONDS", 1e-9)
    assert decide(server, PREDICATE).status_code in (429, 503)


def test_a_backend_that_answers_in_words_gives_no_decision() -> None:
    made = setup()
    made.local.script = plays(Delta(text="Yes"), Delta(finish=StopReason.STOP))
    with served(made) as running:
        assert decide(running, PREDICATE).status_code == 500


@needs_starter
def test_what_the_starter_finds_likely_depends_on_the_input(tmp_path: Any) -> None:
    made = setup()
    asked = {"id": "what", "type": "choice", "question": "What burns?", "options": ["printer", "forest"]}
    with LocalModel.load(str(STARTER), context=1024) as model:
        made.gateway.local = (LocalBackend(model),)
        with served(made) as running:
            found = [
                by_id(decide(running, asked, input=f"The {what} burns."))["what"]["probabilities"]
                for what in asked["options"]
            ]
    assert found[0]["printer"] > found[1]["printer"] and sum(found[0].values()) == pytest.approx(1)


GOOD = {"input": "x", "questions": [PREDICATE, CHOICE, SCORE]}


def changed(asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"input": "x", "questions": [{**asked, **more}]}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], ""),
        ({**GOOD, "input": ""}, "/input"),
        ({**GOOD, "input": []}, "/input"),
        ({**GOOD, "input": [{"role": "nobody", "content": "x"}]}, "/input/0/role"),
        ({**GOOD, "input": [{"role": "user", "content": [{"type": "image_url"}]}]}, "/input/0/content/0"),
        ({**GOOD, "questions": []}, "/questions"),
        ({**GOOD, "questions": [PREDICATE] * (MOST_QUESTIONS + 1)}, "/questions"),
        ({**GOOD, "questions": [PREDICATE, PREDICATE]}, "/questions/1/id"),
        ({**GOOD, "stream": True}, "/stream"),
        ({**GOOD, "model": 3}, "/model"),
        (changed(PREDICATE, type="essay"), "/questions/0/type"),
        (changed(PREDICATE, question=" "), "/questions/0/question"),
        (changed(PREDICATE, question="x" * 4001), "/questions/0/question"),
        (changed(PREDICATE, options=["a", "b"]), "/questions/0"),
        (changed(CHOICE, options=["a"]), "/questions/0/options"),
        (changed(CHOICE, options=["a", "a"]), "/questions/0/options/1"),
        (changed(CHOICE, options=["a", "b\nc"]), "/questions/0/options/1"),
        (changed(CHOICE, options=["a", " b"]), "/questions/0/options/1"),
        (changed(CHOICE, options=[str(n) for n in range(MOST_OPTIONS + 1)]), "/questions/0/options"),
        (changed(SCORE, to=1), "/questions/0/to"),
        (changed(SCORE, to=102), "/questions/0/to"),
        (changed(SCORE, to=None), "/questions/0/to"),
        (changed(SCORE, **{"from": 0.5}), "/questions/0/from"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(body: Any, where: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_decisions(body)
    assert (caught.value.param or "") == where


KEYS = st.sampled_from(["model", "input", "questions", "id", "type", "question", "options", "from", "to", "role", "x"])
WORDS = st.sampled_from(["local", "predicate", "choice", "score", "user", "CANARY-9c1", ""])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(ANYTHING | st.builds(lambda q: {"input": "x", "questions": q}, st.lists(ANYTHING, max_size=3)))
def test_any_body_is_read_or_refused_without_an_echo(body: Any) -> None:
    try:
        parsed = parse_decisions(body)
    except RequestError as error:
        said = f"{error.message} {error.param}"
        parsed = None
    if parsed is None:
        assert "CANARY-9c1" not in said
        return
    assert len(parsed.asked) == len(parsed.request.questions) > 0
    assert all(len(set(asked.answers)) == len(asked.answers) > 1 for asked in parsed.asked)

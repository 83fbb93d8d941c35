"""Grammars as masks: what is said fits, the mask is that of a slow check, and nothing wrong stops the process."""

from __future__ import annotations

import json
import re
import threading
from typing import Any, ClassVar

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar_world import BARE, EOS, MATCHERS, PADDED, form_mask, ids_of, mask_of, said
from nemora.chat import grammar_compiler
from nemora.chat.grammar import MAX_DEPTH, Grammar, response_part
from nemora.chat.grammar_cache import GrammarCache
from nemora.chat.grammar_compiler import GrammarCompiler
from nemora.chat.tokenizer import Tokenizer
from nemora.core import ResponseFormat
from nemora.errors import RequestError, UnsupportedField

CANARY = "CANARY7f3a"
scalars = st.sampled_from(
    [
        {"type": "integer", "minimum": -5, "maximum": 120},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "string"},
        {"type": "string", "minLength": 2, "maxLength": 4},
        {"type": "string", "pattern": "^[a-c]+$"},
        {"enum": ["red", "green", 3, None]},
        {"const": {"a": [1]}},
        {"type": ["string", "null"]},
    ]
)


def tables(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(["a", "b", "né", 'q"']), inner, max_size=3)
    return st.builds(
        lambda properties, closed: {
            "type": "object",
            "properties": properties,
            "required": sorted(properties)[:2],
            **({"additionalProperties": False} if closed else {}),
        },
        named,
        st.booleans(),
    )


def lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda items, n: {"type": "array", "items": items, "minItems": n, "maxItems": n + 2}, inner, st.integers(0, 2)
    )


schemas = st.recursive(
    scalars,
    lambda inner: tables(inner) | lists(inner) | st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
    max_leaves=6,
)


def schema_form(schema: dict[str, Any]) -> ResponseFormat:
    return ResponseFormat("json_schema", schema=schema)


@settings(max_examples=30)
@given(schema=schemas, seed=st.integers(0, 2**32))
def test_whatever_is_said_under_a_schema_is_valid(schema: dict[str, Any], seed: int) -> None:
    text = BARE.decode(said(form_mask(schema_form(schema)), seed))
    jsonschema.validate(json.loads(text), schema)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_said_in_json_mode_is_an_object(seed: int) -> None:
    assert isinstance(json.loads(BARE.decode(said(form_mask(ResponseFormat("json_object")), seed))), dict)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_said_under_the_other_forms_is_of_that_form(seed: int) -> None:
    pattern = r"[A-Z]{2,3}-\d+/(x|日)?"
    assert re.fullmatch(pattern, BARE.decode(said(form_mask(ResponseFormat("regex", text=pattern)), seed)), re.ASCII)
    choices = ("yes", "yes, but", 'no "\n')
    assert BARE.decode(said(form_mask(ResponseFormat("choice", choices=choices)), seed)) in choices
    lark = 'start: "x" list\nlist: "(" (list | /[0-9]/)* ")"'
    text = BARE.decode(said(form_mask(ResponseFormat("grammar", text=lark)), seed, prefer=b")"))
    assert re.fullmatch(r"x[()0-9]+", text) and text.count("(") == text.count(")")


@settings(max_examples=10)
@given(schema=schemas, seed=st.integers(0, 2**32), steps=st.integers(0, 12))
def test_the_mask_is_what_a_check_of_each_token_says(schema: dict[str, Any], seed: int, steps: int) -> None:
    mask = form_mask(schema_form(schema))
    for token_id in said(form_mask(schema_form(schema)), seed)[:steps]:
        mask.accept(token_id)
    allowed = mask.allowed().tolist()
    permitted = [mask.permits(i) for i in range(MATCHERS.size)]
    texts = [i for i in range(MATCHERS.size) if i not in EOS]
    if (
        mask._matcher.compute_ff_bytes()
    ):  # text without a choice is written as the tokenizer cuts it: not every token that fits
        assert {i for i in texts if allowed[i]} <= {i for i in texts if permitted[i]}
        assert any(allowed)
    else:
        assert [allowed[i] for i in texts] == [permitted[i] for i in texts]
    assert allowed[MATCHERS.size :] == [False] * PADDED
    assert [allowed[i] for i in EOS] == [mask.may_end] * len(EOS)


def test_special_tokens_are_never_part_of_a_text() -> None:
    mask = form_mask(ResponseFormat("regex", text=r"(?s:.)*"))
    allowed = mask.allowed()
    special = [i for i in BARE.special.ids.values() if i not in EOS]
    assert special and not allowed[special].any() and allowed[list(b'a"\n')].all()


def test_the_white_space_in_json_has_an_end() -> None:
    mask = form_mask(ResponseFormat("json_object"))
    for token_id in b"{\n" + b" " * 32:
        mask.accept(token_id)
    assert not mask.permits(ord(" ")) and not mask.permits(ord("\n")) and mask.permits(ord('"'))


def test_a_client_cannot_set_options_of_the_grammar() -> None:
    schema = {"type": "object", "x-guidance": {"lenient": True, "whitespace_pattern": "x*"}, "not": {}}
    with pytest.raises(RequestError, match="not"):
        form_mask(schema_form(schema))


@pytest.fixture(scope="module")
def compiler():
    made = GrammarCompiler(BARE, BARE.size + PADDED)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (schema_form({"type": CANARY}), "type"),
        (schema_form({"not": {"type": "string"}}), "uses not"),
        (schema_form({"type": "array", "uniqueItems": True}), "uses uniqueItems"),
        (schema_form({"$ref": f"#/$defs/{CANARY}"}), r"\$ref"),
        (schema_form({"$ref": f"https://{CANARY}.example/x.json"}), r"\$ref"),
        (schema_form({"type": "string", "pattern": f"({CANARY}"}), "regular expression"),
        (schema_form({"type": "string", "pattern": f"(?={CANARY})"}), "ahead"),
        (schema_form({"allOf": [{"type": "string"}, {"type": "integer"}]}), "no value"),
        (schema_form({"oneOf": [{"type": "integer"}, {"type": "number"}]}), "oneOf"),
        (ResponseFormat("regex", text=f"[{CANARY}"), "regular expression"),
        (ResponseFormat("regex", text="(" * 5000 + "a" + ")" * 5000), "regular expression"),
        (ResponseFormat("grammar", text=f"start: {CANARY.lower()}"), "syntax"),
        (ResponseFormat("grammar", text="start: " + "(" * 5000 + '"a"' + ")" * 5000), "deep"),
    ],
)
def test_what_cannot_be_enforced_is_refused_in_one_sentence_without_content(
    compiler: GrammarCompiler, form: ResponseFormat, says: str
) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        compiler.compile(Grammar.of([response_part(form)], "/response_format"))
    assert caught.value.param == "/response_format"
    assert CANARY.lower() not in caught.value.message.lower() and caught.value.message.count(". ") == 0


def test_a_deep_or_large_schema_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(MAX_DEPTH):
        schema = {"items": schema}
    with pytest.raises(RequestError, match="deep"):
        response_part(schema_form(schema))
    with pytest.raises(RequestError, match="characters"):
        Grammar.of([response_part(ResponseFormat("choice", choices=("x" * 300_000,)))], "/x")


def test_a_grammar_that_compiles_too_slowly_is_refused_and_the_next_one_is_not(compiler: GrammarCompiler) -> None:
    fine = Grammar.of([response_part(ResponseFormat("json_object"))], "/response_format")
    hurried = GrammarCompiler(BARE, BARE.size, seconds=0.0)
    with pytest.raises(RequestError, match="too complex"):
        hurried.compile(fine)
    hurried.close()
    assert compiler.compile(fine)().allowed()[ord("{")]


class ScriptedWorker:
    """Stands for a child: what says "slow" is compiled when `let_go` is set."""

    let_go = threading.Event()
    begun = threading.Event()
    calls: ClassVar[list[str]] = []

    def __init__(self, *_args: Any, **_more: Any) -> None:
        return None

    def call(self, source: str, _seconds: float) -> None:
        self.calls.append(source)
        if "slow" in source:
            self.begun.set()
            assert self.let_go.wait(60)

    def close(self) -> None:
        return None


def choice_of(word: str) -> Grammar:
    return Grammar.of([response_part(ResponseFormat("choice", choices=(word,)))], "/x")


def test_a_slow_grammar_delays_no_other_and_what_was_compiled_is_kept_for_its_owner_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grammar_compiler, "Worker", ScriptedWorker)
    compiler, found = GrammarCompiler(BARE, BARE.size), []
    slow = threading.Thread(target=lambda: found.append(compiler.compile(choice_of("slow"), "a")))
    slow.start()
    assert ScriptedWorker.begun.wait(60)
    for owner in ("a", "a", "b"):
        assert compiler.compile(choice_of("fast"), owner)().permits(ord("f"))
    assert not found and [source.count("fast") for source in ScriptedWorker.calls] == [0, 1, 1]  # twice for two owners
    ScriptedWorker.let_go.set()
    slow.join(60)
    assert found[0]().permits(ord("s"))
    compiler.close()


def test_an_owner_drives_out_its_own_grammars_and_not_anothers() -> None:
    cache, matcher = GrammarCache(most=5, of_one=3), mask_of(choice_of("x"))._matcher
    cache.put("b", choice_of("kept"), matcher)
    for word in "abcdefgh":
        cache.put("a", choice_of(word), matcher)
    assert cache.get("b", choice_of("kept")) is matcher and cache.get("a", choice_of("kept")) is None
    assert [word for word in "abcdefgh" if cache.get("a", choice_of(word)) is not None] == ["f", "g", "h"]


def test_each_answer_has_a_mask_of_its_own(compiler: GrammarCompiler) -> None:
    new_mask = compiler.compile(Grammar.of([response_part(ResponseFormat("choice", choices=("ab",)))], "/x"))
    first, second = new_mask(), new_mask()
    first.accept(ord("a"))
    assert first.permits(ord("b")) and second.permits(ord("a")) and not second.permits(ord("b"))


def test_a_grammar_that_becomes_too_complex_is_the_clients_mistake() -> None:
    mask = mask_of(Grammar.of([response_part(ResponseFormat("choice", choices=("ab",)))], "/structured_outputs"))
    with pytest.raises(RequestError) as caught:
        mask.accept(ord("x"))
    assert caught.value.param == "/structured_outputs"


def test_a_vocabulary_without_an_end_cannot_follow_a_grammar() -> None:
    compiler = GrammarCompiler(Tokenizer.without_vocabulary(), 31)
    with pytest.raises(UnsupportedField) as caught:
        compiler.compile(Grammar.of([response_part(ResponseFormat("json_object"))], "/response_format"))
    assert caught.value.param == "/response_format"


def test_ids_of_a_text_are_its_bytes() -> None:
    assert BARE.decode(ids_of(BARE, "日<|end|>")) == "日<|end|>" and ids_of(BARE, "<|end|>") == [min(EOS)]

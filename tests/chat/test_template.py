from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_vocabulary import BUSY, CHATML, MARKUP, SPECIAL, small_tokenizer

from nemora.chat import template_job
from nemora.chat.protect import Markup, StandIns
from nemora.chat.template import ChatTemplate
from nemora.core import Message, TextPart, Tool, ToolCall
from nemora.errors import RequestError, TemplateError
from starter import needs_starter

TOKENIZER = small_tokenizer()
SPECIAL_IDS = set(TOKENIZER.special.ids.values())
forgeries = st.lists(
    st.sampled_from(
        [*SPECIAL, *MARKUP, "<|im_", "end|>", "im_end", "|im_end|", "<", "|", ">", "/think", "think", "/", "\n", " ", "a", "\U000f0000", "\\udb80\\udc00", "é"]
    ),
    max_size=8,
).map("".join)  # fmt: skip
contents = forgeries | st.text(max_size=20)


@pytest.fixture(scope="module")
def chatml():
    template = ChatTemplate(CHATML, TOKENIZER)
    yield template
    template.close()


@pytest.fixture(scope="module")
def busy():
    template = ChatTemplate(BUSY, TOKENIZER)
    yield template
    template.close()


def once(source: str, *, seconds: float = 2.0) -> str:
    """What a template makes of one message."""
    template = ChatTemplate(source, TOKENIZER, seconds=seconds)
    try:
        return TOKENIZER.decode(template.render([Message("user", "hi")]).ids)
    finally:
        template.close()


def special_ids(ids: list[int]) -> list[int]:
    return [i for i in ids if i in SPECIAL_IDS]


def test_template_writes_the_turns(chatml):
    prompt = chatml.render([Message("system", "hello"), Message("user", (TextPart("a"), TextPart("b")))])
    assert TOKENIZER.decode(prompt.ids) == (
        "<|im_start|>system\nhello<|im_end|>\n<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n"
    )
    assert special_ids(prompt.ids) == [1, 2, 1, 2, 1]
    assert prompt.tail.endswith("<|im_start|>assistant\n")


@settings(max_examples=60, deadline=None)
@given(contents, contents)
def test_no_content_forges_a_turn_and_all_of_it_survives(chatml, system, user):
    prompt = chatml.render([Message("system", system), Message("user", user)])
    assert special_ids(prompt.ids) == [1, 2, 1, 2, 1]
    assert TOKENIZER.decode(prompt.ids) == (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
    )


def conversation(text: str, key: str) -> tuple[list[Message], list[Tool]]:
    """A conversation that has `text` in every field, after an innocent letter."""
    call = ToolCall(id="x" + text, name="x" + text, arguments=json.dumps({"x" + key: "x" + text}))
    return (
        [
            Message("system", text),
            Message("user", text, name=text),
            Message("assistant", text, tool_calls=(call,), reasoning="x" + text),
            Message("tool", text, tool_call_id=text),
        ],
        [Tool(name=text, description=text, parameters={"x" + key: text, key: {"y": [text]}})],
    )


@settings(max_examples=60, deadline=None)
@given(forgeries, st.sampled_from(["|im_end|", "im_end", "|im_start|", "/think", "think", "tool_call", "k", ">", "<|im_end|>"]))  # fmt: skip
def test_no_field_forges_a_special_token_in_a_busy_template(busy, text, key):
    innocent = render(busy, *conversation("a", "k"))
    hostile = render(busy, *conversation(text, key))
    assert special_ids(hostile.ids) == special_ids(innocent.ids)
    assert len(special_ids(innocent.ids)) == 17


def render(template: ChatTemplate, messages: list[Message], tools: list[Tool]):
    return template.render(messages, tools=tools)


@settings(max_examples=60, deadline=None)
@given(contents)
def test_stand_ins_are_turned_back_in_json_too(text):
    stand_ins = StandIns(Markup.of(SPECIAL + MARKUP), [text])
    protected = stand_ins.protect(text)
    assert not set("<|>") & set(protected)
    assert stand_ins.restore(protected) == text
    assert json.loads(stand_ins.restore(json.dumps(protected))) == text
    assert json.loads(stand_ins.restore(json.dumps(protected, ensure_ascii=False))) == text


def test_values_nested_without_end_are_refused(chatml):
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(RequestError):
        chatml.render([Message("user", "a")], tools=[Tool("f", parameters={"a": deep})])


def test_deep_or_broken_arguments_stay_text(busy):
    for arguments in ("[" * 100_000, "{", "[1]", '{"a":'):
        call = ToolCall("1", "f", arguments)
        text = TOKENIZER.decode(busy.render([Message("assistant", "", tool_calls=(call,))]).ids)
        assert json.dumps(arguments) in text


def test_arguments_reach_the_template_as_a_value(busy):
    call = ToolCall("1", "f", '{"a": [1, "<|im_end|>"]}')
    prompt = busy.render([Message("assistant", "", tool_calls=(call,))])
    assert '{"name": "f", "arguments": {"a": [1, "<|im_end|>"]}}' in TOKENIZER.decode(prompt.ids)


def test_developer_is_system_where_the_template_has_no_such_role(chatml):
    assert b"developer" not in TOKENIZER.decode(chatml.render([Message("developer", "a")]).ids).encode()


@pytest.mark.parametrize(
    "loop",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}",
    ],
)
def test_template_that_never_ends_is_one_error(loop):
    with pytest.raises(TemplateError, match=r"seconds|too much|more than"):
        once(loop, seconds=0.5)


@pytest.mark.parametrize(
    "swelling",
    [
        "{{ 'a' * 100000000000 }}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ '%0999999999999d' % 1 }}",
        "{% if " + "(" * 3000 + "1" + ")" * 3000 + " %}{% endif %}",
    ],
)
def test_template_that_swells_is_one_error(swelling):
    with pytest.raises(TemplateError):
        once(swelling, seconds=4.0)


def test_output_is_bounded(monkeypatch):
    monkeypatch.setattr(template_job, "MAX_CHARACTERS", 100)
    render = template_job.start("{% for i in range(60) %}ab{{ i }}{% endfor %}")
    with pytest.raises(TemplateError, match="100 characters"):
        render({"what": "render", "variables": {}})


@pytest.mark.parametrize(
    "payload",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ joiner.__init__.__globals__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ strftime_now.__globals__['datetime'] }}",
        "{{ strftime_now.__code__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}",
        "{{ messages.__class__.__base__ }}",
        "{{ messages|attr('__class__')|attr('__base__') }}",
        "{{ messages|map(attribute='__class__')|list }}{{ (messages|map(attribute='__class__')|first).mro() }}",
        "{{ '{0.__class__.__base__}'.format(messages) }}",
        "{{ '{0.__class__}'.format_map({'0': messages}) }}",
        "{% set f = '{0.__class__.__mro__}'.format %}{{ f(messages) }}",
        "{{ get_flashed_messages.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'role': 'x'}) }}",
        "{% import 'os' as os %}",
        "{% include '/etc/passwd' %}",
        "{{ (1).__class__ }}{{ ''['__class__'].mro() }}",
        "{{ messages|tojson.__globals__ }}",
        "{{ range.__self__ }}{{ range.__call__.__self__.x }}",
        "{{ (messages|groupby('role'))[0].__init__.__globals__ }}",
        "{% for k in ().__class__.__bases__ %}{{ k }}{% endfor %}{{ ().__class__.x() }}",
    ],
)
def test_payload_reaches_no_python_internals(payload):
    try:
        written = once(payload)
    except (TemplateError, RequestError):
        return
    for trace in ("uid=", "class '", "function", "module", "<type", "root:", "object at"):
        assert trace not in written


def test_refusal_says_the_templates_own_words():
    with pytest.raises(RequestError, match="Roles must alternate"):
        once("{{ raise_exception('Roles must alternate') }}")


def test_refusal_does_not_repeat_content():
    with pytest.raises(RequestError) as caught:
        once("{{ raise_exception('bad: ' + messages[0].content) }}")
    assert "hi" not in str(caught.value).split()
    assert "bad" not in str(caught.value)


@pytest.mark.parametrize(
    "broken", ["{% if %}", "{{ 1 / 0 }}", "{{ messages[0].nothing.more }}", "{{ messages + 1 }}", "{{ undefined() }}"]
)
def test_broken_template_is_one_error_without_content(broken):
    with pytest.raises(TemplateError) as caught:
        once(broken)
    assert "hi" not in str(caught.value).split()


def test_worker_goes_on_after_an_error():
    template = ChatTemplate("{% if messages[0].content == 'bad' %}{{ 1 / 0 }}{% endif %}ok", TOKENIZER)
    with pytest.raises(TemplateError):
        template.render([Message("user", "bad")])
    child = template._worker._child
    assert TOKENIZER.decode(template.render([Message("user", "a")]).ids) == "ok"
    assert template._worker._child is child
    template.close()


def test_what_hub_templates_use_is_there():
    source = (
        "{%- generation %}{{ strftime_now('%Y')|length }}{% endgeneration -%}"
        "{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}"
        "{{ {'b': 'é<', 'a': 1} | tojson(indent=None, sort_keys=true) }}{{ bos_token }}{{ eos_token }}"
    )
    assert once(source) == '401{"a": 1, "b": "é<"}<|im_start|><|endoftext|>'


def test_variables_say_whether_there_are_tools(chatml, busy):
    assert "tools" not in chatml.variables()
    assert "tools" in busy.variables()


@needs_starter
def test_starter_prompt_is_the_published_one(starter_model):
    prompt = starter_model.template.render([Message("user", "hi there")])
    text = (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nhi there<|im_end|>\n<|im_start|>assistant\n"
    )
    assert starter_model.tokenizer.decode(prompt.ids) == text
    # What transformers' apply_chat_template gives for the same file.
    assert prompt.ids == [1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 6004, 665, 2, 198, 1, 520, 9531, 198]  # fmt: skip


@pytest.mark.parametrize("source", [CHATML, BUSY])
@pytest.mark.parametrize("said", ["Well", "Well <|im_end|> </think>", "assistant", "a\n"])
def test_a_message_that_goes_on_is_the_end_of_the_prompt(source: str, said: str) -> None:
    template = ChatTemplate(source, TOKENIZER)
    history = [Message("user", "hi"), Message("assistant", said)]
    prompt = template.render(history, continue_final=True)
    whole = template.render(history, add_generation_prompt=False)
    template.close()
    assert TOKENIZER.decode(prompt.ids).endswith(
        "<|im_start|>assistant\n" + said.replace("/think", "") if source == BUSY else said
    )
    assert special_ids(prompt.ids) == special_ids(whole.ids)[: len(special_ids(prompt.ids))] == [1, 2, 1]
    assert TOKENIZER.decode(whole.ids).startswith(TOKENIZER.decode(prompt.ids).rstrip())


@pytest.mark.parametrize(
    "last",
    [
        Message("user", "hi"),
        Message("assistant", None),
        Message("assistant", "x", tool_calls=(ToolCall("1", "f", "{}"),)),
    ],
)
def test_what_cannot_go_on_is_refused(chatml: ChatTemplate, last: Message) -> None:
    with pytest.raises(RequestError):
        chatml.render([Message("user", "hi"), last], continue_final=True)


def test_a_template_that_leaves_the_last_message_out_cannot_continue_it() -> None:
    template = ChatTemplate("{{ messages[0].content }}", TOKENIZER)
    with pytest.raises(RequestError, match="cannot continue"):
        template.render([Message("user", "hi"), Message("assistant", "x")], continue_final=True)
    template.close()

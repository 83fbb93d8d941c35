"""Names without spaces: the whole name stands around the part that a model knew, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.east_asian_names import whole_name
from nemora.privacy.entities import entity_matches
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import TaggedSpan


@pytest.mark.parametrize(
    ("text", "known", "name"),
    [
        ("请帮我给黄淑英写一封信", "淑英", "黄淑英"),
        ("黄淑英查出抑郁症", "淑", "黄淑英"),
        ("王建国先生的电话", "王", "王建国"),
        ("陈冬梅你好", "陈冬", "陈冬梅"),
        ("合同请查收。汤国梁", "国", "汤国梁"),
        ("东方雪老师您好", "雪老", "东方雪"),
        ("歐陽修文的合同", "修文", "歐陽修文"),
        ("見証人邢玉蘭、金哲秀", "哲秀", "金哲秀"),
        ("李伟的工资", "李伟", "李伟"),
        ("김예은 씨가 왔다", "김예은", "김예은"),
        ("김예은이 왔다", "예은", "김예은"),
        ("김 예은, 강영자 참석", "김", "김 예은"),
        ("계약 건은 안 민재 씨", "민재", "안 민재"),
        ("구본승 대리 근태", "구본승", "구본승"),
        ("남궁민수는 휴가", "남궁민수는", "남궁민수"),
    ],
)
def test_the_whole_name_is_found_around_a_part(text: str, known: str, name: str) -> None:
    start = text.index(known)
    found = whole_name(text, start, start + len(known))
    assert found is not None and text[found[0] : found[1]] == name


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("안 부장님께", "안"),
        ("今日の天気", "今"),
        ("路的尽头", "的"),
        ("Wang Wei", "Wang"),
        ("서울에서", "울"),
        ("王", "王"),
    ],
)
def test_no_name_is_made_up(text: str, known: str) -> None:
    start = text.index(known)
    assert whole_name(text, start, start + len(known)) is None


@given(st.text("王李欧阳雪国 先生김이예은씨가님abcい", max_size=12), st.integers(0, 11), st.integers(1, 4))
def test_a_name_lies_in_the_text_and_holds_or_follows_the_part(text: str, start: int, length: int) -> None:
    end = min(len(text), start + length)
    if start < end and (found := whole_name(text, start, end)) is not None:
        assert 0 <= found[0] < found[1] <= len(text) and found[0] < end and start < found[1]
        assert found[1] - found[0] <= 5


def test_a_name_without_spaces_counts_and_a_surname_alone_does_not() -> None:
    def named(text: str, *spans: tuple[str, str, float]) -> list[str]:
        tagged = [TaggedSpan(label, text.index(v), text.index(v) + len(v), score) for label, v, score in spans]
        return [text[m.start : m.end] for m in entity_matches(text, tagged) if m.kind is Kind.PERSON_NAME]

    assert named("王建国先生的电话", ("SURNAME", "王", 0.9), ("GIVEN_NAME", "建国", 0.8)) == ["王建国"]
    assert named("山田太郎さんの評価", ("SURNAME", "山田", 0.9), ("GIVEN_NAME", "太郎", 0.9)) == ["山田太郎"]
    assert named("山田さんの評価", ("SURNAME", "山田", 0.9)) == []
    assert named("您好，王", ("SURNAME", "王", 0.9)) == []
    assert named("路由器怎么设置", ("SURNAME", "由", 0.38)) == []
    assert named("请翻译诸葛亮的文章", ("SURNAME", "诸葛", 0.9), ("GIVEN_NAME", "亮", 0.9)) == []  # everybody knows him

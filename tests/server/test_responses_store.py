"""What is stored of responses is bounded, and each tenant's own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.server.responses_store import ResponseStore, StoredResponse, size_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def stored(size: int) -> StoredResponse:
    return StoredResponse({"output": []}, (), (), size)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "delete", "wait"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 5),
        st.integers(0, 60),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_the_store_never_holds_more_than_it_may_nor_gives_what_is_not_the_tenants(
    steps: list[tuple[str, str, int, int]],
) -> None:
    """Held to a slow twin: a list of what was used, the latest last."""
    clock = Clock()
    store = ResponseStore(most=3, most_bytes=100, seconds=50, clock=clock)
    used: list[tuple[tuple[str, str], float, StoredResponse]] = []
    for what, tenant, number, size in steps:
        key = (tenant, f"resp_{number}")
        used = [entry for entry in used if entry[1] > clock.now - 50]
        found = next((entry for entry in used if entry[0] == key), None)
        others = [entry for entry in used if entry[0] != key]
        if what == "put":
            value = stored(size)
            assert store.put(*key, value)
            used = [*others, (key, clock.now, value)]
            while len(used) > 3 or sum(entry[2].size for entry in used) > 100:
                used.pop(0)
        elif what == "get":
            assert store.get(*key) is (None if found is None else found[2])
            used = others if found is None else [*others, (key, clock.now, found[2])]
        elif what == "delete":
            assert store.delete(*key) is (found is not None)
            used = others
        else:
            clock.now += size
        assert len(store) <= 3 and store.size <= 100
    for key, at, value in list(used):
        if at > clock.now - 50:
            assert store.get(*key) is value


def test_what_is_larger_than_the_store_is_not_kept_and_drops_nothing() -> None:
    store = ResponseStore(most_bytes=100)
    assert store.put("a", "small", stored(60))
    assert not store.put("a", "large", stored(101))
    assert store.get("a", "small") is not None and store.get("a", "large") is None


def test_an_expired_response_is_gone_from_memory_with_the_next_look() -> None:
    clock = Clock()
    store = ResponseStore(seconds=10, clock=clock)
    store.put("a", "x", stored(5))
    clock.now = 11
    assert store.get("b", "other") is None
    assert len(store) == 0 and store.size == 0


def test_the_size_counts_every_string() -> None:
    empty = size_of({"a": [""]})
    assert size_of({"a": ["x" * 1000]}) >= empty + 1000
    assert size_of({"a" * 1000: [""]}) >= empty + 999

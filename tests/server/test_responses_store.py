"""What is stored of responses is bounded for each tenant, and its own."""

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


def size_in(entries: list[tuple[tuple[str, str], float, StoredResponse]]) -> int:
    return sum(entry[2].size for entry in entries)


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
            while len(own := [entry for entry in used if entry[0][0] == tenant]) > 3 or size_in(own) > 100:
                used.remove(own[0])
        elif what == "get":
            assert store.get(*key) is (None if found is None else found[2])
            used = others if found is None else [*others, (key, clock.now, found[2])]
        elif what == "delete":
            assert store.delete(*key) is (found is not None)
            used = others
        else:
            clock.now += size
        alive = [entry for entry in used if entry[1] > clock.now - 50]
        assert what == "wait" or (len(store), store.size) == (len(alive), size_in(alive))
    for key, at, value in list(used):
        if at > clock.now - 50:
            assert store.get(*key) is value


def test_a_tenant_that_stores_much_drops_nothing_of_another() -> None:
    store = ResponseStore(most=3, most_bytes=100)
    for number in range(3):
        store.put("quiet", f"q{number}", stored(30))
    for number in range(50):
        store.put("busy", f"b{number}", stored(40))
    assert all(store.get("quiet", f"q{number}") is not None for number in range(3))
    assert [number for number in range(50) if store.get("busy", f"b{number}")] == [48, 49]
    assert len(store) == 5 and store.size == 170


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

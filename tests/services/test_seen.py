"""The memory of units: exact for the latest, bounded for all."""

from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.services.seen import NOBODY, SeenUnits

VISITS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 30).map(str)), max_size=200)


def knows(seen: SeenUnits, experiment: str, unit: str) -> bool:
    return unit in seen.young.get(experiment, NOBODY) or seen.recall(experiment, unit)


@given(visits=VISITS, limit=st.integers(2, 20))
def test_the_latest_are_remembered_and_no_more_than_allowed(visits, limit) -> None:
    seen = SeenUnits(limit)
    recent: list[tuple[str, str]] = []
    for visit in visits:
        if knows(seen, *visit):
            assert visit in recent, "nobody is remembered who never came"
        else:
            seen.add(*visit)
        recent = [visit, *(each for each in recent if each != visit)]
        # One generation is the least that is remembered of those that came last.
        for each in recent[: limit // 2 - 1]:
            assert each[1] in seen.young.get(each[0], NOBODY) or each[1] in seen._old.get(each[0], NOBODY)
        kept = [*seen.young.values(), *seen._old.values(), *seen._gone]
        assert sum(map(len, kept)) <= 2 * (limit // 2)


def test_what_is_young_can_be_asked_directly_for_ever() -> None:
    seen = SeenUnits(4)
    young = seen.young
    for unit in "abcdefgh":
        seen.add("e", unit)
    seen.add("e", "last")
    assert young is seen.young
    assert young["e"] == {"last"}


def test_adding_twice_is_adding_once() -> None:
    seen = SeenUnits(4)
    for _ in range(9):
        seen.add("e", "a")
    assert seen.young["e"] == {"a"}

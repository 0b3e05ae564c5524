"""What every repository owes for looks."""

from dataclasses import replace

from omniforge_graph.domain.analysis import Effect
from omniforge_graph.domain.look import Look, LookedAt

NOTHING = Effect(None, None, None)
SEEN = (
    LookedAt("converted", "var_2", Effect(0.1, -1 / 3, None), Effect(5e-324, None, 1e300), 1e-290),
    LookedAt("cost", "var_2", NOTHING, NOTHING, None),
)


async def test_looks_come_back_as_they_were_in_their_order(repository, make):
    one, two = await make.started(repository), await make.started(repository)
    looks = [Look(one.id, number, make.at(number), (10 * number, 3), 1000, SEEN) for number in (2, 1, 10)]
    other = Look(two.id, 1, make.now, (0, 0), 7, ())
    for look in (*looks, other):
        assert await repository.add_look(look)
    third = await make.started(repository)
    found = await repository.get_looks([one.id, two.id, third.id, "nobody", "\x00"])
    assert found == {one.id: [looks[1], looks[0], looks[2]], two.id: [other]}
    assert await repository.get_looks([]) == {}


async def test_a_number_is_given_once(repository, make):
    experiment = await make.started(repository)
    first = Look(experiment.id, 1, make.now, (1, 2), 100, SEEN)
    assert await repository.add_look(first)
    assert not await repository.add_look(replace(first, units=(5, 5)))
    assert await repository.get_looks([experiment.id]) == {experiment.id: [first]}

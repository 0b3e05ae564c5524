"""What is rendered once, and how much of it is kept."""

import gc
import weakref

import msgspec
import pytest
import strawberry

from omniforge_graph.graphql.plans import Renderings, Stable
from omniforge_graph.graphql.plans.stable import ENTRY_BYTES
from tests.graphql.plans.conftest import Toy
from tests.graphql.plans.toy.types import FIXED, Context

QUERY = "{ fixed { name inner { name } } }"
TEXT = msgspec.json.encode({"name": 'one "é"', "inner": {"name": "two"}})


async def test_stable_values_are_rendered_once(toy):
    plan = toy.compile(QUERY)
    first, second = await plan.run(Context(), None), await plan.run(Context(), None)
    assert isinstance(first["fixed"], msgspec.Raw)
    assert bytes(first["fixed"]) == TEXT
    assert second["fixed"] is first["fixed"]
    assert toy.renderings.size == len(TEXT) + ENTRY_BYTES


async def test_stable_values_with_resolvers_below_are_not(toy):
    query = "{ halfFixed { name now } }"
    plan, context = toy.compile(query), Context()
    assert await plan.run(context, None) == {"halfFixed": {"name": "half", "now": 1}}
    assert await plan.run(context, None) == {"halfFixed": {"name": "half", "now": 2}}
    assert toy.renderings.size == 0


async def test_each_selection_is_rendered_for_itself(toy):
    await toy.same("{ fixed { name } again: fixed { inner { name } } }")
    await toy.same(QUERY)


async def test_variants_of_conditions_are_rendered_for_themselves(toy):
    query = "query Q($a: Boolean!) { fixed { name inner @include(if: $a) { name } } }"
    assert await toy.same(query, {"a": True}) != await toy.same(query, {"a": False})


async def test_what_only_looks_stable_is_not_kept(make_toy):
    class Duck:
        name = "duck"

    @strawberry.type
    class Bird(Stable):
        name: str

    @strawberry.type
    class Query:
        @strawberry.field
        def bird(self) -> Bird:
            return Duck()

    toy = make_toy(Query)
    await toy.same("{ bird { name } }")
    assert toy.renderings.size == 0


@pytest.mark.parametrize("room", [0, 1, 2, 5])
async def test_when_there_is_no_more_room_everything_is_forgotten(make_toy, room):
    @strawberry.type
    class Item(Stable):
        name: str

    kept = [Item(name=f"{number:04}") for number in range(50)]

    @strawberry.type
    class Query:
        @strawberry.field
        def items(self, first: int) -> list[Item]:
            return kept[first : first + 3]

    each = len(b'{"name":"0000"}') + ENTRY_BYTES
    toy = Toy(make_toy(Query).schema, Renderings(room * each))
    for first in range(0, 47, 2):
        await toy.same(f"query Q {{ items(first: {first}) {{ name }} }}")
        assert toy.renderings.size <= room * each


def test_renderings_keep_no_value_alive_and_forget_what_they_rendered():
    @strawberry.type
    class Item(Stable):
        name: str

    renderings = Renderings()
    render = renderings.keeping(lambda item: {"name": item.name})
    item = Item(name="x")
    ghost = weakref.ref(item)
    raw = render(item)
    assert render(item) is raw
    renderings.forget()
    assert renderings.size == 0
    assert bytes(render(item)) == bytes(raw)
    assert render(item) is not raw
    del item
    gc.collect()
    assert ghost() is None


def test_a_value_at_the_address_of_one_that_is_gone_is_rendered_anew():
    @strawberry.type
    class Item(Stable):
        name: str

    render = Renderings().keeping(lambda item: {"name": item.name})
    addresses = set()
    for number in range(1_000):
        item = Item(name=str(number))
        addresses.add(id(item))
        assert bytes(render(item)) == b'{"name":"%d"}' % number
        del item
    assert len(addresses) < 1_000


async def test_what_a_plan_kept_goes_with_it(toy):
    plan = toy.compile(QUERY)
    await plan.run(Context(), None)
    shelves = toy.renderings._shelves
    assert len(shelves) == 1
    del plan
    gc.collect()
    assert len(shelves) == 0


def test_the_toy_is_stable():
    assert isinstance(FIXED, Stable)

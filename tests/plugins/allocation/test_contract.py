"""Our allocation strategies satisfy the contract that everyone's must."""

import pytest

from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.testing import AllocationStrategyContract

REGISTRY = load_plugins()
OURS = {
    offer.name
    for plugin in REGISTRY.plugins
    if plugin.distribution == "omniforge-graph"
    for offer in plugin.offers
    if offer.kind == "ALLOCATION_STRATEGY"
}


def test_ours_are_loaded():
    assert {"weighted", "even"} == OURS


class TestOurStrategies(AllocationStrategyContract):
    @pytest.fixture(autouse=True, params=sorted(OURS))
    def _name(self, request):
        self.name = request.param

    def make(self):
        return type(REGISTRY.strategies[self.name])()

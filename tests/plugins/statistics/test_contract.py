"""Our statistical tests satisfy the contract that everyone's must."""

import pytest

from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.testing import StatisticalTestContract

REGISTRY = load_plugins()
OURS = {
    offer.name
    for plugin in REGISTRY.plugins
    if plugin.distribution == "omniforge-graph"
    for offer in plugin.offers
    if offer.kind == "STATISTICAL_TEST"
}
# A proper prior on lifts takes one side as the measure of the other: swapping them does not negate the estimate.
OPTIONS = {"bayesian": {"prior": "improper"}}


def test_ours_are_loaded():
    failed = {plugin.name: plugin.error for plugin in REGISTRY.plugins if plugin.error is not None}
    assert not failed
    assert {"z_test", "chi_square", "fisher_exact", "bayesian", "welch_t"} <= OURS


class TestOurTests(StatisticalTestContract):
    @pytest.fixture(autouse=True, params=sorted(OURS))
    def _name(self, request):
        self.name = request.param
        self.options = OPTIONS.get(request.param)

    def make(self):
        return type(REGISTRY.tests[self.name])()

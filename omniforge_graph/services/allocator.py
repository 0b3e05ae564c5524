"""Who sees which variant: a pure function of the experiment's plan and the unit."""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from omniforge_graph.domain.bucketing import placer
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.errors import PluginError
from omniforge_graph.plugin.hooks import explain
from omniforge_graph.plugin.interfaces import AllocationStrategy, Options
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry

T = TypeVar("T")
Assigner: TypeAlias = Callable[[str], str]
"""From a unit to the id of its variant."""

_OPTIONS_PATH = ("allocation", "options")
_MAX_KEPT = 4096


class TrafficAllocator:
    """Assigns units to variants by the experiment's stored algorithm, seed, strategy and options.

    Without a registry the installed plugins are used, loaded when first needed. Equal experiments give equal answers
    in every process and on every machine; nothing is stored.
    """

    def __init__(self, registry: PluginRegistry | None = None) -> None:
        self._registry = registry
        self._kept: dict[str, tuple[PromptExperiment, Assigner]] = {}

    def allocate(self, experiment: PromptExperiment, identifier: str) -> str:
        """Return the id of the variant for a unit.

        Raises:
            TextError: the identifier is empty, longer than 256 characters, or cannot be encoded.
            UnknownPluginError: the experiment's strategy is not loaded.
            ValidationError: the strategy's options are wrong.
            PluginError: the strategy raised or answered an unknown variant.
        """
        clean_text(identifier, ("identifier",), maximum=MAX_IDENTIFIER)
        known, assign = self._kept.get(experiment.id, (None, None))
        if assign is None or known is not experiment:
            assign = self.assigner(experiment)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[experiment.id] = (experiment, assign)
        return assign(identifier)

    def assigner(self, experiment: PromptExperiment) -> Assigner:
        """Return `allocate` for one experiment with all lookups done, for hot paths.

        It expects an identifier that was checked at the door. Errors as in `allocate`; an unknown strategy, wrong
        options or a strategy that cannot prepare are found here, at once.
        """
        return self.arranger(experiment, {variant.id: variant.id for variant in experiment.variants})

    def arranger(self, experiment: PromptExperiment, answers: Mapping[str, T]) -> Callable[[str], T]:
        """Return `assigner` with an answer of the caller's for each variant id, such as the variant's text."""
        strategy, options = self._strategy(experiment)
        plan = experiment.allocation
        place = placer(plan.hash_algorithm, plan.seed)
        try:
            choose = strategy.prepare(experiment.variants, plan.phase, options)
        except (Exception, SystemExit) as problem:
            raise self._failure(strategy, f"could not prepare: {explain(problem)}") from problem

        def assign(identifier: str) -> T:
            point = place(identifier)
            try:
                variant_id = choose(point)
                if variant_id in answers:
                    return answers[variant_id]
            except (Exception, SystemExit) as problem:
                raise self._failure(strategy, f"raised {explain(problem)}") from problem
            raise self._failure(strategy, f"chose {variant_id!r}, which is no variant of experiment {experiment.id}")

        return assign

    def expected_shares(self, experiment: PromptExperiment) -> Mapping[str, float]:
        """Return the share of units, 0 to 1, that each variant should receive, in the experiment's order.

        Raises:
            PluginError: the strategy raised, or its shares do not belong to the variants or do not sum to 1.
        """
        strategy, options = self._strategy(experiment)
        try:
            answer = strategy.expected_shares(experiment.variants, experiment.allocation.phase, options)
            shares = {variant.id: float(answer[variant.id]) for variant in experiment.variants}
        except (Exception, SystemExit) as problem:
            raise self._failure(strategy, f"could not tell its expected shares: {explain(problem)}") from problem
        if len(answer) != len(shares) or min(shares.values()) < 0 or not math.isclose(sum(shares.values()), 1):
            raise self._failure(strategy, f"expects the shares {dict(answer)}; give one per variant, summing to 1")
        return shares

    def _strategy(self, experiment: PromptExperiment) -> tuple[AllocationStrategy, Options]:
        if self._registry is None:
            self._registry = installed_plugins()
        strategy = self._registry.strategy(experiment.allocation.strategy)
        return strategy, self._registry.parse_options(strategy, experiment.allocation.options, _OPTIONS_PATH)

    def _failure(self, strategy: AllocationStrategy, what: str) -> PluginError:
        owner = self._registry.plugin_of(strategy) if self._registry else strategy.name
        return PluginError(f"Allocation strategy {strategy.name} of plugin {owner} {what}.", plugin=owner)

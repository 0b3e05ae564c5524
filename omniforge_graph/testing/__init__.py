"""The kit for plugin authors: contracts as test classes. Subclass one, return your class from `make`, run pytest."""

from omniforge_graph.testing.allocation import AllocationStrategyContract
from omniforge_graph.testing.memory import MemoryRepository
from omniforge_graph.testing.statistics import StatisticalTestContract

__all__ = ["AllocationStrategyContract", "MemoryRepository", "StatisticalTestContract"]

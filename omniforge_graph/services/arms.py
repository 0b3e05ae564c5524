"""A variant as an analysis sees it."""

from dataclasses import dataclass

from omniforge_graph.domain.experiment import PromptExperiment


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant as an analysis sees it."""

    id: str
    name: str
    is_control: bool = False


def arms_of(experiment: PromptExperiment) -> tuple[Arm, ...]:
    """Return an experiment's variants as arms."""
    return tuple(Arm(variant.id, variant.name, variant.is_control) for variant in experiment.variants)

"""What an experiment measured."""

from dataclasses import dataclass

from omniforge_graph.statistics.samples import FloatArray, SampleStatistics


@dataclass(frozen=True, slots=True)
class MeasuredSamples:
    """What an experiment measured for one metric, per variant in the experiment's order.

    `exposed` counts the units that met the variant, `without_outcome` those of them without a single outcome.
    """

    samples: SampleStatistics
    exposed: FloatArray
    without_outcome: FloatArray

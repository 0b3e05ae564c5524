"""What changed, when and by whom: the audit trail, which is also the feed that keeps processes in step."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt


class Subject(StrEnum):
    """What a change is about."""

    PROMPT_CREATED = "PROMPT_CREATED"
    CURRENT_VERSION_SET = "CURRENT_VERSION_SET"
    EXPERIMENT_CREATED = "EXPERIMENT_CREATED"
    ANALYSIS_PLANNED = "ANALYSIS_PLANNED"
    EXPERIMENT_STARTED = "EXPERIMENT_STARTED"
    EXPERIMENT_STOPPED = "EXPERIMENT_STOPPED"
    EXPERIMENT_COMPLETED = "EXPERIMENT_COMPLETED"
    EXPERIMENT_CANCELLED = "EXPERIMENT_CANCELLED"
    VARIANT_PROMOTED = "VARIANT_PROMOTED"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who did it, when, and in which request."""

    actor: str
    at: datetime
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change. Sequences count up without gaps in the order of the commits.

    `experiment` is the experiment as this change left it; None when only the prompt changed.
    """

    sequence: int
    subject: Subject
    prompt_id: str
    signature: Signature
    experiment: PromptExperiment | None = None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What one use case changes, to be saved in one transaction or not at all.

    `experiment` and `prompt` are the new values; each carries the revision it moves to, and saving is refused unless
    the stored revision is the one before. When only `prompt` changes its current version, saving is also refused
    while an experiment runs on it, unless that experiment leaves RUNNING in the same change set.
    """

    subject: Subject
    signature: Signature
    experiment: PromptExperiment | None = None
    prompt: Prompt | None = None

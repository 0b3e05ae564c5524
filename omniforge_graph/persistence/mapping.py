"""Between rows and values. The one place that knows how a value is spelled in a column."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from omniforge_graph.domain.change import Change, Signature, Subject
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.persistence.session import Row

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970 in UTC."""
    return (moment - EPOCH) // MICROSECOND


def to_moment(micros: int) -> datetime:
    """Return the moment in UTC."""
    return EPOCH + timedelta(microseconds=micros)


def _optional_micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _optional_moment(micros: int | None) -> datetime | None:
    return None if micros is None else to_moment(micros)


def to_json(value: Any) -> str:
    """Return a value as JSON; a float keeps all its digits, a Decimal becomes text."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, kind: type[T]) -> T:
    """Return the value of JSON that `to_json` wrote."""
    return msgspec.json.decode(text, type=kind)


# ---------------------------------------------------------------- prompts

VERSION_COLUMNS = (
    "v.id AS version_id, v.prompt_id AS version_prompt_id, v.number, v.content, v.checksum, v.message, v.model, "
    "v.parameters, v.created_at AS version_created_at, v.created_by AS version_created_by"
)


def version_row(version: PromptVersion) -> dict[str, Any]:
    """Return the row of a version."""
    return {
        "id": version.id,
        "prompt_id": version.prompt_id,
        "number": version.number,
        "content": version.content,
        "checksum": version.checksum,
        "message": version.message,
        "model": version.model,
        "parameters": to_json(version.parameters),
        "created_at": to_micros(version.created_at),
        "created_by": version.created_by,
    }


def to_version(row: Row) -> PromptVersion:
    """Build a version from `VERSION_COLUMNS`."""
    return PromptVersion(
        id=row["version_id"],
        prompt_id=row["version_prompt_id"],
        number=row["number"],
        content=row["content"],
        checksum=row["checksum"],
        message=row["message"],
        model=row["model"],
        parameters=from_json(row["parameters"], dict[str, Any]),
        created_at=to_moment(row["version_created_at"]),
        created_by=row["version_created_by"],
    )


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """Return the row of a prompt."""
    return {
        "id": prompt.id,
        "tenant_id": prompt.tenant_id,
        "key": prompt.key,
        "name": prompt.name,
        "description": prompt.description,
        "layer": prompt.layer,
        "revision": prompt.revision,
        "created_at": to_micros(prompt.created_at),
        "created_by": prompt.created_by,
        "current_version_id": prompt.current_version_id,
    }


def to_prompt(row: Row, current_version: PromptVersion) -> Prompt:
    """Build a prompt from its row and its current version."""
    return Prompt(
        id=row["id"],
        tenant_id=row["tenant_id"],
        key=row["key"],
        name=row["name"],
        description=row["description"],
        layer=row["layer"],
        revision=row["revision"],
        created_at=to_moment(row["created_at"]),
        created_by=row["created_by"],
        current_version=current_version,
    )


# ---------------------------------------------------------------- experiments

VARIANT_COLUMNS = (
    "v.id AS variant_id, v.prompt_version_id, v.name AS variant_name, v.basis_points, v.is_control"
)  # fmt: skip
LONG_COLUMNS = ("description", "metrics", "allocation", "analysis", "results")


def experiment_row(experiment: PromptExperiment) -> dict[str, Any]:
    """Return the row of an experiment, without its variants."""
    return {
        "id": experiment.id,
        "prompt_id": experiment.prompt_id,
        "tenant_id": experiment.tenant_id,
        "name": experiment.name,
        "description": experiment.description,
        "status": experiment.status.value,
        "revision": experiment.revision,
        "metrics": to_json(experiment.metrics),
        "allocation": to_json(experiment.allocation),
        "analysis": to_json(experiment.analysis),
        "results": None if experiment.results is None else to_json(experiment.results),
        "promoted_variant_id": experiment.promoted_variant_id,
        "start_date": _optional_micros(experiment.start_date),
        "end_date": _optional_micros(experiment.end_date),
        "created_at": to_micros(experiment.created_at),
        "created_by": experiment.created_by,
    }


def variant_rows(experiment: PromptExperiment) -> list[tuple[Any, ...]]:
    """Return the variants' rows: id, experiment, version, position, name, basis points, whether the control."""
    return [
        (each.id, experiment.id, each.prompt_version_id, place, each.name, each.basis_points, each.is_control)
        for place, each in enumerate(experiment.variants)
    ]


def to_experiments(rows: Iterable[Row]) -> Iterator[tuple[PromptExperiment, int]]:
    """Build experiments from rows joined with their `VARIANT_COLUMNS`, those of one experiment in a row.

    With each comes how many bytes it takes, roughly: as values its texts take three times their length.
    """
    for _, group in groupby(rows, key=lambda row: row["id"]):
        of_one = list(group)
        yield _to_experiment(of_one), 3 * sum(len(of_one[0][column] or "") for column in LONG_COLUMNS)


@lru_cache(maxsize=256)
def _to_metrics(text: str) -> tuple[Metric, ...]:
    """Build metrics: those that many experiments share, once."""
    return from_json(text, tuple[Metric, ...])


@lru_cache(maxsize=256)
def _to_analysis_plan(text: str) -> AnalysisPlan:
    """Build a plan: one that many experiments share, once."""
    return from_json(text, AnalysisPlan)


def _to_experiment(rows: list[Row]) -> PromptExperiment:
    row = rows[0]
    return PromptExperiment(
        id=row["id"],
        prompt_id=row["prompt_id"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        description=row["description"],
        status=ExperimentStatus(row["status"]),
        revision=row["revision"],
        metrics=_to_metrics(row["metrics"]),
        allocation=from_json(row["allocation"], AllocationPlan),
        analysis=_to_analysis_plan(row["analysis"]),
        results=None if row["results"] is None else from_json(row["results"], dict[str, Any]),
        promoted_variant_id=row["promoted_variant_id"],
        start_date=_optional_moment(row["start_date"]),
        end_date=_optional_moment(row["end_date"]),
        created_at=to_moment(row["created_at"]),
        created_by=row["created_by"],
        variants=tuple(
            Variant(
                id=each["variant_id"],
                name=each["variant_name"],
                prompt_version_id=each["prompt_version_id"],
                basis_points=each["basis_points"],
                is_control=bool(each["is_control"]),
            )
            for each in rows
        ),
    )


# ---------------------------------------------------------------- changes


def change_row(
    sequence: int, subject: Subject, signature: Signature, experiment: PromptExperiment | None, prompt: Prompt | None
) -> dict[str, Any]:
    """Return the row of a change of an experiment, a prompt, or both."""
    subjects = [each for each in (experiment, prompt) if each is not None]
    assert subjects, "a change must change something"
    return {
        "sequence": sequence,
        "subject": subject.value,
        "prompt_id": prompt.id if prompt is not None else subjects[0].prompt_id,  # type: ignore[union-attr]
        "experiment_id": None if experiment is None else experiment.id,
        "actor": signature.actor,
        "at": to_micros(signature.at),
        "request_id": signature.request_id,
        "experiment": None if experiment is None else to_json(experiment),
    }


def to_change(row: Row) -> Change:
    """Build a change from its row."""
    return Change(
        sequence=row["sequence"],
        subject=Subject(row["subject"]),
        prompt_id=row["prompt_id"],
        signature=Signature(actor=row["actor"], at=to_moment(row["at"]), request_id=row["request_id"]),
        experiment=None if row["experiment"] is None else from_json(row["experiment"], PromptExperiment),
    )

"""From what people give to a DRAFT experiment: every rule about its shape, checked before anything is stored."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from omniforge_graph.domain.bucketing import HashAlgorithm
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.measurement import sources_of
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import DEFAULT_STRATEGY, AllocationPlan, AnalysisPlan
from omniforge_graph.domain.prompt import Prompt
from omniforge_graph.domain.shares import check_whole, lay_out, to_basis_points
from omniforge_graph.domain.text import MAX_DESCRIPTION, clean_key, clean_text
from omniforge_graph.errors import Path, ValidationError
from omniforge_graph.services.identity import new_id

MIN_VARIANTS, MAX_VARIANTS, MAX_METRICS = 2, 50, 100


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant before it has an id; `traffic_percentage` with two decimals at most."""

    name: str
    prompt_version_id: str
    traffic_percentage: Any
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class AllocationDraft:
    """How traffic shall be split. Without a seed the experiment's id is the seed."""

    strategy: str = DEFAULT_STRATEGY
    options: Mapping[str, Any] = field(default_factory=dict)
    hash_algorithm: HashAlgorithm = HashAlgorithm.XXH3_64
    seed: str | None = None


def read_variants(variants: Sequence[VariantDraft | Mapping[str, Any]]) -> list[VariantDraft]:
    """Return the drafts; a mapping is read by the names of `VariantDraft`'s fields.

    Raises:
        ValidationError: wrong number, unknown or missing fields, repeated names, more than one control.
        SharesError: the shares do not make 100.
    """
    if isinstance(variants, str | bytes | Mapping) or not isinstance(variants, Sequence):
        raise ValidationError("variants must be a list.", path=("variants",))
    if not MIN_VARIANTS <= len(variants) <= MAX_VARIANTS:
        raise ValidationError(
            f"An experiment compares {MIN_VARIANTS} to {MAX_VARIANTS} variants; {len(variants)} were given.",
            path=("variants",),
        )
    drafts = [_read_variant(variant, ("variants", index)) for index, variant in enumerate(variants)]
    seen: set[str] = set()
    for index, draft in enumerate(drafts):
        folded = clean_text(draft.name, ("variants", index, "name")).strip().casefold()
        if folded in seen:
            raise ValidationError(
                f"Two variants are named {draft.name!r}; names must differ.", path=("variants", index, "name")
            )
        seen.add(folded)
    if sum(bool(draft.is_control) for draft in drafts) > 1:
        raise ValidationError("Mark one variant as the control, not several.", path=("variants",))
    return drafts


def draft_experiment(
    prompt: Prompt,
    name: str,
    description: str,
    metrics: Sequence[Metric],
    variants: Sequence[VariantDraft],
    *,
    created_by: str,
    now: datetime,
    tenant_id: str | None,
    allocation: AllocationDraft,
    analysis: AnalysisPlan,
) -> PromptExperiment:
    """Return the DRAFT; the first metric is the success metric, the first variant the control unless one is marked."""
    shares = [
        to_basis_points(draft.traffic_percentage, ("variants", index, "trafficPercentage"))
        for index, draft in enumerate(variants)
    ]
    check_whole(shares, ("variants",))
    control = next((index for index, draft in enumerate(variants) if draft.is_control), 0)
    arms = tuple(
        Variant(new_id("var"), draft.name.strip(), draft.prompt_version_id, share, is_control=index == control)
        for index, (draft, share) in enumerate(zip(variants, shares, strict=True))
    )
    experiment_id = new_id("exp")
    return PromptExperiment(
        id=experiment_id,
        prompt_id=prompt.id,
        name=clean_text(name, ("name",)),
        description=clean_text(description or "", ("description",), maximum=MAX_DESCRIPTION, required=False),
        variants=arms,
        metrics=tuple(metrics),
        allocation=AllocationPlan(
            seed=allocation.seed or experiment_id,
            phases=(lay_out([(arm.id, arm.basis_points) for arm in arms]),),
            strategy=allocation.strategy,
            options=dict(allocation.options),
            hash_algorithm=allocation.hash_algorithm,
        ),
        analysis=analysis,
        tenant_id=tenant_id,
        created_at=now,
        created_by=clean_text(created_by, ("createdBy",)),
    )


def read_metrics(success_metric: str | Metric, declared: Sequence[Metric]) -> tuple[str, dict[str, Metric]]:
    """Return the success metric's key and the metrics declared with the experiment, by key."""
    if len(declared) > MAX_METRICS:
        raise ValidationError(f"At most {MAX_METRICS} metrics; {len(declared)} were given.", path=("metrics",))
    by_key: dict[str, Metric] = {}
    for index, metric in enumerate(declared):
        if metric.key in by_key:
            raise ValidationError(f"Metric {metric.key!r} is declared twice.", path=("metrics", index, "key"))
        by_key[metric.key] = metric
    if isinstance(success_metric, Metric):
        if by_key.setdefault(success_metric.key, success_metric) != success_metric:
            raise ValidationError(f"Metric {success_metric.key!r} is declared twice.", path=("successMetric",))
        return success_metric.key, by_key
    return clean_key(success_metric, ("successMetric",)), by_key


def keys_read(metrics: Iterable[Metric]) -> set[str]:
    """Return the keys of the metrics whose outcomes others read: parts of ratios and covariates."""
    return {source.metric for metric in metrics for source in sources_of(metric)} - {each.key for each in metrics}


def check_read(measured: Sequence[Metric], declared: Sequence[Metric], known: Collection[str]) -> None:
    """Refuse metrics that read the outcomes of one nobody declared; `declared` are those that were given, in order."""
    places = {metric.key: place for place, metric in enumerate(declared)}
    keys = {metric.key for metric in measured}
    for metric in measured:
        for source in sources_of(metric):
            if source.metric in keys or source.metric in known:
                continue
            field = "numerator" if source.metric == metric.numerator else "denominator"
            field = "covariates" if source.before_exposure else field
            raise ValidationError(
                f"{metric.key} reads the outcomes of {source.metric!r}, which nobody declared: add it to metrics.",
                path=("metrics", places[metric.key], field) if metric.key in places else ("successMetric",),
            )


def _read_variant(variant: VariantDraft | Mapping[str, Any], path: Path) -> VariantDraft:
    if isinstance(variant, VariantDraft):
        return variant
    if not isinstance(variant, Mapping):
        raise ValidationError(f"A variant must be a mapping, not {type(variant).__name__}.", path=path)
    fields = {each.name: each.default is dataclasses.MISSING for each in dataclasses.fields(VariantDraft)}
    if unknown := sorted(set(map(str, variant)) - set(fields)):
        raise ValidationError(
            f"A variant has no field {unknown[0]!r}; it has {', '.join(fields)}.", path=(*path, unknown[0])
        )
    if missing := [name for name, required in fields.items() if required and name not in variant]:
        raise ValidationError(f"The variant lacks {missing[0]}.", path=(*path, missing[0]))
    return VariantDraft(**variant)

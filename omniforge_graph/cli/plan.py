"""`plan`: the sample-size calculator."""

import re
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from omniforge_graph.domain.metric import Direction, MetricKind
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.domain.sample_size import DayPlan, SampleSizePlan, effects_by_day, plan_sample_size
from omniforge_graph.domain.study import Distribution, RatioSpread, Study
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.spending import SpendingKind

DAYS = (3, 7, 14, 21, 28, 42, 56, 84)
"""The days for which the table tells the smallest effect found."""
OPTIONS = {
    "minimumDetectableEffect": "--effect",
    "standardDeviation": "--sd",
    "spread": "--denominator-mean",
    "denominatorMean": "--denominator-mean",
    "numeratorDeviation": "--numerator-sd",
    "denominatorDeviation": "--denominator-sd",
    "density": "--density",
    "covariateCorrelation": "--covariate-correlation",
    "confidenceLevel": "--confidence",
    "spendingParameter": "--spending-parameter",
    "dailyUnits": "--daily-units",
    "totalUnits": "--units",
    "sides": "--one-sided",
    "relative: false": "without --relative",
}
"""What the API's fields are called here, where the names differ."""
_FIELD = re.compile("|".join(rf"\b{each}\b" for each in OPTIONS))
_Choice = TypeVar("_Choice", bound=StrEnum)


def plan(
    baseline: Annotated[float, typer.Option(help="The control's rate, mean, ratio or quantile.")],
    effect: Annotated[
        float | None, typer.Option(help="The smallest effect worth finding; with --margin, the true one.")
    ] = None,
    kind: Annotated[str, typer.Option(help="binary, continuous (or mean), count, ratio or quantile.")] = "binary",
    relative: Annotated[bool, typer.Option("--relative", help="Effect and margin are shares of the baseline.")] = False,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="Less is better, as with cost and latency.")
    ] = False,
    sd: Annotated[
        float | None, typer.Option(help="The units' standard deviation; of lognormal values, of logs.")
    ] = None,
    denominator_mean: Annotated[float | None, typer.Option(help="For a ratio: the denominator per unit.")] = None,
    numerator_sd: Annotated[float, typer.Option(help="For a ratio: the numerators' standard deviation.")] = 0.0,
    denominator_sd: Annotated[float, typer.Option(help="For a ratio: the denominators' standard deviation.")] = 0.0,
    correlation: Annotated[float, typer.Option(help="For a ratio: of numerator and denominator.")] = 0.0,
    quantile: Annotated[float | None, typer.Option(help="For a quantile: which one, such as 0.9.")] = None,
    density: Annotated[
        float | None, typer.Option(help="For a quantile: the share of units per unit around it.")
    ] = None,
    distribution: Annotated[str, typer.Option(help="For a quantile: normal or lognormal values.")] = "normal",
    covariate_correlation: Annotated[float, typer.Option(help="Of the values with what is known before.")] = 0.0,
    margin: Annotated[float | None, typer.Option(help="Plan to show that treatments are not worse by so much.")] = None,
    one_sided: Annotated[bool, typer.Option("--one-sided", help="Look for the better direction only.")] = False,
    power: Annotated[float, typer.Option(help="The chance to find the effect.")] = 0.8,
    confidence: Annotated[float, typer.Option(help="How sure to be.")] = 0.95,
    variants: Annotated[
        int | None, typer.Option(help="Variants, the control included.", show_default="2, or one per share")
    ] = None,
    shares: Annotated[
        str | None, typer.Option(help="Traffic, the control's first: 50,25,25.", show_default="equal")
    ] = None,
    monitoring: Annotated[str, typer.Option(help="fixed, group-sequential or always-valid.")] = "fixed",
    looks: Annotated[int | None, typer.Option(help="Looks, evenly spread.", show_default="10, or all the time")] = None,
    spending: Annotated[
        str, typer.Option(help="obrien-fleming, pocock, kim-demets or hwang-shih-decani.")
    ] = "obrien-fleming",
    spending_parameter: Annotated[float | None, typer.Option(help="Of kim-demets or hwang-shih-decani.")] = None,
    daily_units: Annotated[float | None, typer.Option(help="New units per day, over all variants.")] = None,
    units: Annotated[int | None, typer.Option(help="The units at hand, of all variants: what can they do?")] = None,
    days: Annotated[float | None, typer.Option(help="Instead of --units: days to collect them in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Plan an experiment's size: units for an effect, or what the units at hand can find.

    Examples:

    omniforge-graph plan --baseline 0.1 --effect 0.02 --daily-units 500

    omniforge-graph plan --baseline 0.3 --effect 0.1 --relative --monitoring group-sequential --looks 14

    omniforge-graph plan --kind mean --baseline 0.012 --sd 0.006 --units 5000 --lower-is-better

    omniforge-graph plan --baseline 0.8 --margin 0.02 --shares 50,25,25
    """
    try:
        split = _shares(shares)
        study = Study(
            kind=MetricKind.CONTINUOUS if kind == "mean" else _choice(MetricKind, kind, "kind"),
            baseline=baseline,
            relative=relative,
            direction=Direction.LOWER_IS_BETTER if lower_is_better else Direction.HIGHER_IS_BETTER,
            standard_deviation=sd,
            spread=None
            if denominator_mean is None
            else RatioSpread(denominator_mean, numerator_sd, denominator_sd, correlation),
            quantile=quantile,
            density=density,
            distribution=_choice(Distribution, distribution, "distribution"),
            covariate_correlation=covariate_correlation,
            margin=margin,
            sides=1 if one_sided else 2,
            power=power,
            confidence_level=confidence,
            variants=variants if variants is not None else 2 if split is None else len(split),
            shares=split,
            monitoring=_choice(Monitoring, monitoring, "monitoring"),
            looks=looks,
            spending=_choice(SpendingKind, spending, "spending"),
            spending_parameter=spending_parameter,
            daily_units=daily_units,
        )
        found = plan_sample_size(study, effect, total_units=units, days=days)
        table = effects_by_day(study, DAYS) if daily_units is not None and margin is None else ()
    except ValidationError as problem:
        raise _in_options(problem) from None
    if as_json:
        told = msgspec.to_builtins(found) | {"by_day": msgspec.to_builtins(table)}
        typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
    else:
        render(Console(), study, found, table)


def render(console: Console, study: Study, found: SampleSizePlan, table: tuple[DayPlan, ...]) -> None:
    """Print a plan, what it rests on, and the smallest effect by day."""
    if study.shares is None:
        console.print(f"[bold]{found.units_per_variant:,}[/] units per variant, {found.total_units:,} in all")
    else:
        each = " + ".join(f"{units:,}" for units in found.variant_units)
        console.print(f"[bold]{found.total_units:,}[/] units in all: {each}")
    if found.days is not None:
        console.print(f"[bold]{found.days:,}[/] days")
    if found.expected_units is not None:
        console.print(f"about {found.expected_units:,} units until a decision if the effect is real")
    purpose = "to show that a treatment is not worse" if study.margin is not None else f"to find {_effect(found)}"
    console.print(f"[bold]{found.power:.1%}[/] power {purpose}")
    for sentence in found.assumptions:
        console.print(f"  [dim]·[/] {escape(sentence)}", highlight=False)
    if table:
        days = Table("Days", "Units", "Smallest effect found", title="With more or less time", title_justify="left")
        for column in days.columns:
            column.justify = "right"
        for row in table:
            days.add_row(f"{row.days}", f"{row.total_units:,}", _effect(row))
        console.print(days)


def _effect(found: SampleSizePlan | DayPlan) -> str:
    share = "" if found.relative_effect is None else f" ({found.relative_effect:+.2%})"
    return f"{found.effect:+.4g}{share}"


def _choice(enum: type[_Choice], given: str, name: str) -> _Choice:
    try:
        return enum(given.upper().replace("-", "_"))
    except ValueError:
        known = ", ".join(each.lower().replace("_", "-") for each in enum)
        raise ValidationError(f"{name} must be one of {known}, not {given!r}.", path=(name,)) from None


def _in_options(problem: ValidationError) -> ValidationError:
    """Return a refusal that calls the fields what they are called here."""
    message = _FIELD.sub(lambda found: OPTIONS[found[0]], problem.message)
    refused = next((each for each in reversed(problem.path) if isinstance(each, str)), None)
    if refused is not None and message.startswith(f"{refused} "):  # called the same here
        message = f"--{message}"
    return ValidationError(message, path=problem.path)


def _shares(given: str | None) -> tuple[float, ...] | None:
    try:
        return None if given is None else tuple(float(share) for share in given.split(","))
    except ValueError:
        raise ValidationError(
            "shares must be numbers with commas between, such as 50,25,25.", path=("shares",)
        ) from None

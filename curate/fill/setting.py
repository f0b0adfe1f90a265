"""A fill before it begins: everything is checked, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.balance.plan import Plan, read_plan
from curate.fill.accept import Court
from curate.fill.goals import Cells, Goal, goals
from curate.fill.options import FillOptions
from curate.fill.verifiers import judges, speaker
from curate.generate.candidates import Candidates, candidates
from curate.generate.choice import Chosen, choose, columns_for
from curate.generate.crowd import crowd
from curate.generate.intake import annotators_of, check_models, detector_of
from curate.generate.looking import usual_verifiers
from curate.generate.partners import Partners, partners
from curate.store import Dataset
from schemas import REGISTRY, Kind, UsageError, column

ENOUGH = 2
"""Independent verifiers that must answer for a column of a cell."""
USEFUL = (Kind.LABEL, Kind.FLAG, Kind.NUMBER)


@dataclass(frozen=True)
class Setting:
    """What a fill works with.

    Attributes:
        plan: The plan.
        goals: Cells to fill.
        chosen: Generator -> it with its settings.
        found: Faces that may be sources.
        others: Faces that may be partners, None if no generator takes one.
        court: What decisions are made by.
        looking: Annotators that look at pictures, and the settings of them and of the detector.
        finder: The detector.
        single: Columns that only one independent annotator can judge, with its name.
    """

    plan: Plan
    goals: list[Goal]
    chosen: Mapping[str, Chosen]
    found: Candidates
    others: Partners | None
    court: Court
    looking: tuple[tuple[str, ...], dict[str, dict[str, str]]]
    finder: str
    single: dict[str, str]


def prepare(ds: Dataset, options: FillOptions) -> Setting:
    """Check a fill.

    Raises:
        DatasetError: if the plan cannot be read.
        UsageError: if nothing is to be filled, no annotator can judge a column, or only one and that is not allowed.
        UnknownNameError: for an unknown generator, setting or verifier.
        MissingExtraError: if a library is absent.
        ModelError: if a model file is missing.
    """
    plan = read_plan(options.plan)
    _refuse_columns(plan)
    wanted = goals(plan, options.generators)
    names = list(dict.fromkeys(n for goal in wanted for n in goal.quotas))
    chosen = {one.cls.name: one for one in choose(names, options.settings)}
    columns_for(ds, chosen.values())
    finder, settings = detector_of(ds)
    at_work, configured = annotators_of(ds, None)
    verifiers = tuple(options.verifiers) if options.verifiers is not None else usual_verifiers()
    looking = tuple(dict.fromkeys((*at_work, *verifiers)))
    check_models(looking, {**settings, **configured}, finder)
    speakers = {name: _speaker(ds, name, at_work) for name in plan.columns}
    judging, single = _judges(plan, chosen, verifiers, options.allow_single)
    found = candidates(ds, options.rules, _labels(ds, plan))
    others = None
    if any(one.cls.takes_partner for one in chosen.values()):
        others = partners(ds, found)
    court = Court(
        Cells(plan), speakers, judging, ENOUGH, verifiers, crowd(ds), options.least_quality, options.per_face
    )  # fmt: skip
    return Setting(
        plan, wanted, chosen, found, others, court, (looking, {**settings, **configured}), finder, single
    )  # fmt: skip


def _refuse_columns(plan: Plan) -> None:
    for name in plan.columns:
        if name not in REGISTRY:
            fix = "Plan by columns that annotators give: facecurate columns lists them"
            raise UsageError(f"plan '{plan.name}' has the column {name}", "no annotator can judge it", fix)


def _speaker(ds: Dataset, name: str, at_work: Sequence[str]) -> str:
    found = speaker(ds, column(name), at_work)
    if not found:
        why = "new pictures would get no label there"
        raise UsageError(f"no annotator that labels {ds.path} gives {name}", why, "Run: facecurate annotate")
    return found


def _judges(
    plan: Plan, chosen: Mapping[str, Chosen], verifiers: Sequence[str], allow_single: bool
) -> tuple[dict[str, dict[str, tuple[str, ...]]], dict[str, str]]:
    """Generator -> column -> independent verifiers; and the columns with but one."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    single: dict[str, str] = {}
    for name, one in chosen.items():
        found[name] = {}
        for asked in plan.columns:
            able = judges(column(asked), verifiers, one.cls.conditioners)
            found[name][asked] = able
            if not able:
                why = "each verifier that gives it was used to make the pictures, or none gives it"
                raise UsageError(f"nobody can judge {asked} of pictures by '{name}'", why, "Name others: --verifiers")
            if len(able) < ENOUGH:
                single[asked] = able[0]
    if single and not allow_single:
        said = ", ".join(f"{asked} ({who})" for asked, who in single.items())
        fix = "Name more with --verifiers, or trust one alone: --allow-single"
        raise UsageError(f"only one independent annotator can judge {said}", "two are needed", fix)
    return found, single


def _labels(ds: Dataset, plan: Plan) -> list[str]:
    """Columns that tell generators what a face is like: the plan's, and every label and number there is."""
    known = [n for n in ds.columns() if n in REGISTRY and REGISTRY[n].kind in USEFUL]
    return list(dict.fromkeys([*plan.columns, *known]))

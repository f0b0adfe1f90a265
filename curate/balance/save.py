"""Writing a plan with what follows from it: the layer, the table of drops, the weights."""

from __future__ import annotations

from pathlib import Path

from curate.balance.options import Options
from curate.balance.plan import FOLDER, Plan, write_plan
from curate.balance.select import choose, publish, write_drops, write_weights
from curate.balance.survey import Survey
from curate.store import Dataset


def plan_path(ds: Dataset, name: str) -> Path:
    """Where a plan lies if no other place is given."""
    return ds.path / FOLDER / f"{name}.json"


def save_plan(ds: Dataset, plan: Plan, survey: Survey, path: Path, weights: Path | None = None) -> None:
    """Write the layer, the plan and the drops, in this order: a plan that is there has its layer.

    Args:
        ds: The dataset.
        plan: The plan.
        survey: What it was made from, with its faces.
        path: Where the plan goes; the drops go beside it.
        weights: Where face ids and weights go, if anywhere.

    Raises:
        DatasetError: if a layer of that name has other content, or another run holds the dataset.
    """
    assert survey.rows is not None
    choice = choose(survey.rows, plan.cells, Options.from_dict(plan.options))
    with ds.lock():
        publish(ds, plan, survey, choice)
        write_drops(ds, plan, path.with_suffix(".drops.parquet"))
        if weights is not None:
            write_weights(ds, plan, weights)
        write_plan(path, plan)

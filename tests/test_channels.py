"""Dead channels: known answers on made-up values, and that the label set names what data shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotators.channels import channels, dead
from annotators.weights import ModelStore
from benchmarks.dead_channels import values
from benchmarks.labelling import fairface, label, made
from schemas import TaxonomyError, taxonomy
from schemas.columns import labels
from schemas.taxonomy import Taxonomy


def test_known_answers() -> None:
    rng = np.random.default_rng(0)
    still = np.full(1000, 0.3) + rng.normal(0, 1e-4, 1000)
    moving = rng.uniform(0, 1, 1000)
    once = np.zeros(1000)
    once[0] = 1.0
    gaps = np.where(np.arange(1000) % 2, moving, np.nan)
    found = {"still": still, "moving": moving, "once": once, "gaps": gaps, "absent": np.full(1000, np.nan)}
    assert dead(found) == ("still", "once")
    by_name = {c.name: c for c in channels(found)}
    assert set(by_name) == {"still", "moving", "once", "gaps"}
    assert by_name["moving"].spread == pytest.approx(0.99, abs=0.02)
    assert by_name["gaps"].n == 500


def test_too_few_faces_show_nothing() -> None:
    assert dead({"still": np.zeros(199)}) == ()
    assert dead({"still": np.zeros(200)}) == ("still",)
    assert dead({"still": np.zeros(50)}, fewest=50) == ("still",)


def test_a_label_set_cannot_call_unknown_labels_dead() -> None:
    with pytest.raises(TaxonomyError, match="unknown labels: b"):
        Taxonomy("x", 1, ("a",), "x", "x", dead=("b",))


@pytest.mark.models
@pytest.mark.data
def test_dead_blendshapes_are_those_that_the_label_set_names(models: ModelStore, shared_data: Path) -> None:
    pictures = [p for i, p in enumerate(fairface(shared_data, "train")) if i % 71 == 0]
    rows = label(pictures, made("mesh", "blendshapes"), models)
    found = values(rows, labels.BLENDSHAPES)
    assert len(found["jawOpen"]) > 220
    assert dead(found) == taxonomy(labels.BLENDSHAPES.taxonomy).dead

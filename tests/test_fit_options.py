"""Trying the scripts that fit heads: few faces, in folders of their own, never in the shipped heads' place."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from annotators.heads import heads_folder
from annotators.weights import ModelStore
from benchmarks.cover_features import adults, fold
from benchmarks.demographic_features import coding, found_faces, variant
from benchmarks.emotion_features import SETS, pictures
from benchmarks.labelling import CACHE, FEWEST, arguments, fit_options, subset_of


def options(monkeypatch: pytest.MonkeyPatch, *given: str) -> argparse.Namespace:
    monkeypatch.setattr("sys.argv", ["fit", *given])
    parser = arguments("Fits.")
    fit_options(parser)
    return subset_of(parser)


def test_everything_goes_to_the_package_and_a_trial_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = options(monkeypatch)
    assert (whole.faces, whole.folder, whole.cache) == (None, heads_folder(), CACHE)
    trial = options(monkeypatch, "--faces", str(FEWEST), "--folder", str(tmp_path))
    assert (trial.faces, trial.folder) == (FEWEST, tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--faces", "1000"), "shipped one's place"),
        (("--faces", "1000", "--folder", str(heads_folder() / ".." / "heads")), "shipped one's place"),
        (("--faces", "5", "--folder", "elsewhere"), "cannot be cut into parts"),
    ],
)
def test_a_trial_cannot_replace_a_shipped_head(
    given: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        options(monkeypatch, *given)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.models
@pytest.mark.data
def test_features_of_few_faces_stand_apart(models: ModelStore, shared_data: Path, tmp_path: Path) -> None:
    found = found_faces(shared_data, "train", models, tmp_path, count=3)
    assert found.cache == tmp_path / "first-3"
    assert found.rows.tolist() == [0, 1, 2]
    measured = variant(found, "train", "plain", models)
    assert measured.pooled.shape == (3, 3968)
    again = variant(found_faces(shared_data, "train", models, tmp_path, count=3), "train", "plain", models)
    assert np.array_equal(measured.trunk, again.trunk)
    step = coding(found, models).step
    assert (step > 0).mean() > 0.9
    assert {p.parent for p in tmp_path.rglob("*.npy")} == {tmp_path / "first-3"}


@pytest.mark.data
def test_few_pictures_of_every_set(shared_data: Path) -> None:
    some = list(pictures(shared_data, 100))
    counts = {name: sum(p.set == name for p in some) for name in SETS}
    assert all(100 <= n < 110 for n in counts.values()), counts
    assert len({p.truth for p in some}) == 7
    fitting = adults(shared_data, held_back=False, count=300)
    assert max(p.row for p in fitting) < 300
    assert (fold(np.array([p.row for p in fitting])) >= 3).all()

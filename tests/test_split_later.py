"""What becomes of a split when faces, layers and people's words come after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from identity_samples import adults, dataset, people, unit
from store_samples import add, image_table, table
from test_cli import mistake

from curate.identity.identities import Settings as Clustering
from curate.identity.identities import find_identities
from curate.split.settings import Settings
from curate.split.split import certificate_path, make_split, verify_split
from curate.store import Dataset, LayerInfo
from curate.store.parts import read_json
from schemas import DatasetError
from schemas.columns import faces, images, labels

ONLY_IDENTITY = ("identity",)


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    """60 faces of 20 people, clustered at .5."""
    vectors, _ = people(20, 3, spread=0.5)
    made = dataset(tmp_path / "ds", vectors, ages=adults(60), shards=1)
    find_identities(made, Clustering(threshold=0.5))
    return made


def test_another_layers_threshold_is_not_the_clusterings(ds: Dataset) -> None:
    config = {"threshold": 0.3}
    info = LayerInfo("other.v1", "model", "other", "1", config, columns=(labels.QUALITY_SCORE.name,))
    ds.add_layer(info)
    assert make_split(ds, Settings(disjoint=ONLY_IDENTITY))["settings"]["alike"] == 0.5


def test_a_split_that_faces_have_outgrown_is_refused_and_its_certificate_stays(ds: Dataset) -> None:
    made = make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    ds.write("images", "00001", image_table(["new"]))
    row = {faces.FACE_ID: ["new.0"], faces.IMAGE_ID: ["new"], **{c: [1.0] for c in faces.BOX}}
    row |= {faces.POINTS_5: [[0.0] * 10], faces.SCORE: [0.5], faces.ORIGIN: ["model"]}
    ds.write("faces", "00001", table(row))
    with pytest.raises(DatasetError, match=r"1 faces are in none of the parts.*another name"):
        make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    assert read_json(certificate_path(ds, "default"))["facts"]["faces"] == made["facts"]["faces"] == 60
    assert make_split(ds, Settings(name="second", disjoint=ONLY_IDENTITY))["facts"]["faces"] == 61
    assert verify_split(ds, "second") == []


def test_people_who_join_two_parts_later_are_told(ds: Dataset) -> None:
    make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    said = ds.faces([images.SPLIT]).column(0).to_pylist()
    other = next(n for n, part in enumerate(said) if part != said[0])
    names = ["Ann" if n in (0, other) else None for n in range(60)]
    add(ds, "people", "human", "2025-02-02", {labels.IDENTITY_ID: names}, "00000")
    (problem,) = verify_split(ds, "default")
    assert problem.startswith("1 identity groups lie in two or more parts by layers made since the split (people)")


def test_columns_without_groups_are_refused_in_one_line(ds: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no groups" in mistake(capsys, "split", ds.path, "--disjoint", "embedding_sface")
    assert "has no groups" in mistake(capsys, "identity", ds.path, "--by", "perceived_age_prob")
    assert "has no groups" in mistake(capsys, "identity", ds.path, "--truth", "embedding_sface")


def test_a_machines_id_in_a_persons_hand_names_that_person(tmp_path: Path) -> None:
    """A reviewer who writes a rival's id means the rival, not a second person of that id."""
    vectors, _ = people(2, 2, spread=0.1)
    ds = dataset(tmp_path / "ds", unit(vectors), ages=adults(4), shards=1)
    find_identities(ds, Clustering(threshold=0.5))
    first = ds.faces([labels.IDENTITY_ID]).column(0).to_pylist()
    add(ds, "people", "human", "2025-02-02", {labels.IDENTITY_ID: [None, None, None, first[0]]}, "00000")
    found = find_identities(ds, Clustering(threshold=0.5))
    stored = ds.faces([labels.IDENTITY_ID, labels.IDENTITY_SIZE], layers=[found.layer]).to_pydict()
    assert stored[labels.IDENTITY_ID.name] == [first[0], first[0], first[2], first[0]]
    assert stored[labels.IDENTITY_SIZE.name] == [3, 3, 1, 3]
    assert found.counts["identities"] == 2

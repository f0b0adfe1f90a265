"""Templates and their pairs by hand, and TAR at a FAR from the lists, as IJB's readers compute it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.evaluation.metrics.identity import tar_at_far
from curate.export.formats.ijb import Ijb, IjbConfig
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.template_pairs import pairs, templates
from curate.export.verification_pairs import Shot
from schemas import UsageError, labels
from schemas.columns import faces
from tests.export_samples import hard_cases

PEOPLE = {
    "ada": [Shot(1), Shot(2), Shot(3), Shot(4), Shot(5)],
    "bo": [Shot(6, "g"), Shot(7, "g"), Shot(8)],
    "cy": [Shot(9)],
}


def test_templates_by_hand() -> None:
    made = templates(PEOPLE, 2)
    assert [(t.person, t.shots) for t in made] == [
        ("ada", (1, 4)), ("ada", (2, 5)), ("ada", (3,)), ("bo", (6, 7)), ("bo", (8,)), ("cy", (9,)),
    ]  # fmt: skip
    assert made[3].media[0] == made[3].media[1] != made[4].media[0], "copies of a photo are one medium"
    media = [m for t in made for m in t.media]
    assert sorted(set(media)) == list(range(1, 9))
    found = pairs(made, 100, 0)
    assert [p for p in found if p[2]] == [(1, 2, 1), (1, 3, 1), (2, 3, 1), (4, 5, 1)]
    assert len(found) == 15 and found == sorted(found)


shots = st.lists(st.sampled_from(["", "", "x", "y"]), min_size=1, max_size=7)


@given(st.lists(shots, min_size=1, max_size=8), st.integers(1, 4), st.integers(1, 12))
def test_no_photo_is_in_two_templates_and_no_pair_comes_twice(
    groups: list[list[str]], images: int, impostors: int
) -> None:
    number = itertools.count(1)
    people = {f"p{i}": [Shot(next(number), g and f"{i}{g}") for g in held] for i, held in enumerate(groups)}
    made = templates(people, images)
    every = [shot for t in made for shot in t.shots]
    assert sorted(every) == list(range(1, len(every) + 1))
    of_group: dict[str, set[int]] = {}
    for t in made:
        for shot in t.shots:
            group = next(s.group for held in people.values() for s in held if s.number == shot)
            of_group.setdefault(group or f"#{shot}", set()).add(t.number)
    assert all(len(numbers) == 1 for numbers in of_group.values())
    for person, held in people.items():
        photos = {s.group or s.number for s in held}
        own = [t for t in made if t.person == person]
        assert len(own) >= min(2, len(photos)) and all(len(set(t.media)) <= images or len(own) == 2 for t in own)
    found = pairs(made, impostors, 0)
    whose = {t.number: t.person for t in made}
    assert len({p[:2] for p in found}) == len(found) and all(a < b for a, b, _ in found)
    assert all((whose[a] == whose[b]) == bool(same) for a, b, same in found)
    others = sum(1 for a, b in itertools.combinations(made, 2) if a.person != b.person)
    assert sum(not same for *_, same in found) <= min(impostors, others)


def read_meta(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Templates by picture, media by picture, and pairs, as InsightFace's IJB evaluation reads the lists."""
    lines = [line.split() for line in (folder / "meta/ijbc_face_tid_mid.txt").read_text("ascii").splitlines()]
    assert [name for name, *_ in lines] == [f"{i + 1}.jpg" for i in range(len(lines))]
    listed = np.array([[int(t), int(m)] for _, t, m in lines])
    told = np.loadtxt(folder / "meta/ijbc_template_pair_label.txt", dtype=int, ndmin=2)
    return listed[:, 0], listed[:, 1], told


def test_tar_at_far_from_the_lists(tmp_path: Path) -> None:
    columns = (labels.IDENTITY_ID.name,)
    ds = hard_cases(tmp_path / "hard")
    done = export(ds, "ijb", tmp_path / "out", ExportOptions(columns=columns, crop="margin", size=112))
    assert done.comparison is not None and done.comparison.equal
    folder = tmp_path / "out/train"
    template, medium, told = read_meta(folder)
    points = [line.split() for line in (folder / "meta/ijbc_name_5pts_score.txt").read_text("ascii").splitlines()]
    assert len(points) == len(template) > 50 and all(len(line) == 12 for line in points)
    five = np.array([line[1:11] for line in points], float).reshape(-1, 5, 2)
    assert ((five > 0) & (five < 112)).all() and {line[11] for line in points} == {"0.900000"}
    assert all((folder / "loose_crop" / line[0]).is_file() for line in points)
    rows = (line.split(",") for line in (folder / "templates.csv").read_text().splitlines()[1:])
    whose = dict(rows)
    people = sorted(set(whose.values()))
    same = told[:, 2].astype(bool)
    assert same.sum() > 10 and (~same).sum() > 100
    for a, b, label in told:
        assert (whose[str(a)] == whose[str(b)]) == bool(label)
    perfect = {int(t): np.eye(len(people))[people.index(who)] for t, who in whose.items()}
    scores = np.array([perfect[a] @ perfect[b] for a, b, _ in told])
    assert float(tar_at_far(same, scores, 0.01)) == 1.0
    assert float(tar_at_far(same, np.where(same, 0.0, 1.0), 0.01)) == 0.0
    assert len(set(medium)) == len(medium), "nobody found copies here"


def test_settings_are_checked_and_nothing_else_is_needed() -> None:
    with pytest.raises(UsageError, match="must be 1 or more"):
        Ijb.preflight(IjbConfig(images=0))
    assert faces.POINTS_5 in Ijb().needs(())

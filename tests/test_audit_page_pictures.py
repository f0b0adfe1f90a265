"""Faces on the audit's page: adults only, of the right group, within the budget; and the page in a real browser."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from annotators.weights import ModelStore
from curate import api
from curate.audit import Audit, AuditOptions
from curate.audit.page import pictures_for, render
from curate.audit.run import audit
from curate.report.sample import minors
from curate.store import Dataset, LayerInfo
from notebooks.demo_photos import make
from schemas.columns import faces, labels
from tests.audit_page_samples import audited
from tests.browser import SIZES, chromium, opened
from tests.store_samples import label_table

pytestmark = [pytest.mark.slow]

NAMES = ("demographics", "emotion", "action_units", "head_pose", "quality", "skin_tone")


@pytest.fixture(scope="module")
def real(models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("pictures")
    make(folder / "photos")
    return api.run(folder / "photos", folder / "faces", api.Options(workers=1, annotators=NAMES))


@pytest.fixture(scope="module")
def seen(real: Dataset) -> Audit:
    return looked_at(real)


def looked_at(ds: Dataset, *by: str) -> Audit:
    chosen = by or (labels.GENDER.name, labels.MONK.name)
    return audit(ds, AuditOptions(by=chosen, rounds=100, permutations=99, min_group=2))


def with_ages(ds: Dataset, target: Path, ages: list[str]) -> Dataset:
    """A copy in which people say how old each face looks."""
    shutil.copytree(ds.path, target)
    copied = Dataset.open(target)
    info = LayerInfo(
        "people", "human", "review", columns=(labels.AGE_GROUP.name, labels.AGE.name, labels.AGE_PROB.name)
    )
    copied.add_layer(info)
    (key,) = copied.keys("faces")
    ids = copied.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()
    middle = {"3-9": 6.0, "30-39": 35.0}
    names = [f.name for f in labels.AGE_PROB.type]
    sure = [{n: float(n == a) for n in names} for a in ages]
    values = {labels.AGE_GROUP: ages, labels.AGE: [middle[a] for a in ages], labels.AGE_PROB: sure}
    copied.write("labels/people", key, label_table(ids, values))
    return Dataset.open(target)


def decoded(address: str) -> np.ndarray:
    data = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_faces_of_each_group_are_cut_out(real: Dataset, seen: Audit) -> None:
    shown = pictures_for(real, seen, per_group=3)
    cuts = [address for groups in shown.groups.values() for found in groups.values() for address in found]
    assert len(cuts) >= 4
    assert all(decoded(a).shape == (shown.side, shown.side, 3) for a in cuts)
    assert all(len(found) <= 3 for groups in shown.groups.values() for found in groups.values())
    for by, groups in shown.groups.items():
        assert set(groups) <= {g.name for g in seen.represented(by).groups if g.n}
    again = pictures_for(real, seen, per_group=3)
    assert again.groups == shown.groups, "the seed decides alone"


def test_faces_that_may_be_minors_are_counted_out(real: Dataset, seen: Audit) -> None:
    table = real.faces([faces.FACE_ID, labels.AGE, labels.AGE_GROUP, labels.AGE_PROB])
    flagged = int(minors(table).sum())
    assert flagged, "the demo's blurred face may be under 20"
    assert pictures_for(real, seen).barred >= flagged


def test_no_child_and_no_photo_with_a_child_is_shown(real: Dataset, tmp_path: Path) -> None:
    table = real.faces([faces.FACE_ID, faces.IMAGE_ID])
    photos = table.column(faces.IMAGE_ID.name).to_pylist()
    group = next(p for p in photos if photos.count(p) == 3)
    first = photos.index(group)
    ds = with_ages(real, tmp_path / "one", ["3-9" if i == first else "30-39" for i in range(len(photos))])
    shown = pictures_for(ds, looked_at(ds, labels.AGE_GROUP.name), per_group=99)
    assert shown.barred == 3, "two adults stand beside the child"
    assert len(shown.of(labels.AGE_GROUP.name, "30-39")) == len(set(photos)) - 1
    assert shown.of(labels.AGE_GROUP.name, "3-9") == ()


def test_where_all_may_be_children_nobody_is_shown(real: Dataset, tmp_path: Path) -> None:
    n = real.counts().faces
    ds = with_ages(real, tmp_path / "all", ["3-9"] * n)
    shown = pictures_for(ds, looked_at(ds))
    assert (shown.groups, shown.barred) == ({}, n)
    assert shown.why_none


def test_ages_are_judged_by_all_layers_whichever_were_audited(real: Dataset, seen: Audit) -> None:
    (tones,) = (i.name for i in real.layers() if labels.MONK.name in i.columns)
    made = audit(real, AuditOptions(by=(labels.MONK.name,), layers=(tones,), rounds=100, min_group=2))
    shown = pictures_for(real, made)
    assert shown.groups
    assert shown.barred == pictures_for(real, seen).barred


def test_without_ages_nobody_is_shown(tmp_path: Path) -> None:
    from tests.evaluation_samples import dataset

    ds = dataset(tmp_path / "faces", [1] * 4, {"demographics.v1": {labels.GENDER: ["Female", "Male"] * 2}})
    shown = pictures_for(ds, looked_at(ds, labels.GENDER.name))
    assert shown.groups == {}
    assert "no age labels" in shown.why_none


def test_pictures_that_are_gone_are_told(tmp_path: Path) -> None:
    ds, made = audited(tmp_path / "faces")
    shown = pictures_for(ds, made)
    assert shown.groups == {}
    assert shown.unreadable > 0
    assert "can be read any more" in shown.why_none


def test_the_budget_holds(real: Dataset, seen: Audit) -> None:
    shown = pictures_for(real, seen, max_bytes=6_000)
    cuts = {a for groups in shown.groups.values() for found in groups.values() for a in found}
    assert sum(len(base64.b64decode(a.split(",")[1])) for a in cuts) <= 6_000
    assert shown.over_budget > 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def written(real: Dataset, seen: Audit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages: of real faces with pictures and an earlier audit, and of hostile names."""
    folder = tmp_path_factory.mktemp("pages")
    shown = pictures_for(real, seen)
    (folder / "real.html").write_text(render(seen, before=seen.as_dict(), pictures=shown), "utf-8")
    (folder / "hostile.html").write_text(render(audited(folder / "faces")[1]), "utf-8")
    return folder


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("name", "scheme"), [("real", "light"), ("real", "dark"), ("hostile", "light")])
@pytest.mark.parametrize("size", list(SIZES))
def test_it_draws_and_nothing_runs_off_the_page(
    browser: Browser, written: Path, name: str, scheme: Literal["light", "dark"], size: str
) -> None:
    with opened(browser, written / f"{name}.html", size, scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        drawn = page.locator("svg.chart").evaluate_all("all => all.map(s => s.getBoundingClientRect().width)")
        assert len(drawn) >= 5
        assert min(drawn) > 100
        inside = "all => all.every(i => i.complete && i.naturalWidth > 0)"
        assert page.locator("img").evaluate_all(inside)
        assert page.locator("img").count() > 0 if name == "real" else page.locator("img").count() == 0

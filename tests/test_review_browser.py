"""A reviewer in a real browser opens a pre-annotated task, moves a point, changes a choice and submits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from curate.review import ledger
from curate.review.pull import pull
from curate.review.push import PushOptions, push
from curate.review.server import ID
from curate.review.server import TOKEN as TOKEN_VARIABLE
from curate.review.shown import Gallery
from curate.review.spec import Spec
from schemas.columns import faces, labels
from tests.browser import chromium
from tests.export_samples import hard_cases

if TYPE_CHECKING:
    from services.label_studio import Server as RealServer

pytest_plugins = ("services.label_studio",)
pytestmark = pytest.mark.slow
ASKED = (faces.POINTS_5.name, labels.PERCEIVED_EMOTION.name, labels.AGE.name)
NOSE = 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


def sign_in(page: Page, server: RealServer) -> None:
    from services.label_studio import PASSWORD, USER

    page.goto(f"{server.url}/user/login")
    page.fill("input[name=email]", USER)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url)


def test_what_a_reviewer_does_in_a_browser_comes_home(
    browser: Browser, label_studio: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, label_studio.token)
    ds = hard_cases(tmp_path / "few", pictures=12)
    ways = {"kind": "local", "root": str(label_studio.media)}
    options = PushOptions("browser", label_studio.url, Spec.of(ASKED), media=ways, minors=True)
    done = push(ds, options)
    gallery = Gallery(ds, Spec.of(ASKED), ledger.load(ds, "browser").layers)
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    sign_in(page, label_studio)
    with page.expect_response(lambda r: "id=next_task" in r.url, timeout=60_000) as told:
        page.goto(f"{label_studio.url}/projects/{done.project}/data?labeling=1")
    image_id = told.value.json()["data"][ID]
    page.get_by_test_id("bottombar-submit-button").wait_for(timeout=60_000)
    page.wait_for_timeout(2000)  # the picture fades in and its size settles
    (picture,) = gallery.pictures([image_id])
    face = picture.faces[0]
    dot = np.asarray(face.values[faces.POINTS_5.name])[NOSE]
    frame = page.locator("canvas").nth(1).bounding_box()
    assert frame is not None
    scale = min(frame["width"] / picture.size[0], frame["height"] / picture.size[1])
    x, y = frame["x"] + dot[0] * scale, frame["y"] + dot[1] * scale
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 12, y + 5, steps=5)
    page.mouse.up()
    left, top, wide, high = (v * scale for v in face.box)
    page.mouse.click(frame["x"] + left + 0.06 * wide, frame["y"] + top + 0.9 * high)
    page.get_by_text("surprise").first.click()
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as saved:
        page.get_by_test_id("bottombar-submit-button").click()
    assert saved.value.status == 201
    page.close()
    home = pull(ds, "browser")
    assert home.counts["changed"] == 1 and not home.refused
    row = next(r for r in ds.layer_table(home.layers[0].name).to_pylist() if r[faces.FACE_ID.name] == face.face_id)
    assert row[labels.PERCEIVED_EMOTION.name] == "surprise"
    moved = np.reshape(row[faces.POINTS_5.name], (5, 2)) - face.values[faces.POINTS_5.name]
    np.testing.assert_allclose(moved[NOSE], [12 / scale, 5 / scale], atol=2 / scale)
    np.testing.assert_array_equal(np.delete(moved, NOSE, axis=0), 0)
    if labels.AGE.name in face.values:
        assert row[labels.AGE.name] == pytest.approx(face.values[labels.AGE.name], abs=0)

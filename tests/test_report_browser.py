"""The report in a real browser: it draws, switches and opens without errors, and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from annotators.weights import ModelStore
from curate import api
from curate.report import write_report
from notebooks.demo_photos import make
from tests.browser import SIZES, chromium, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def report(models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make(folder / "photos")
    ds = api.run(folder / "photos", folder / "faces", api.Options(workers=1))
    return write_report(ds, folder / "report.html")


@pytest.fixture(params=list(SIZES))
def page(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The opened report."""
    with opened(browser, report, request.param) as page:
        yield page


def test_faces_are_drawn_and_nothing_runs_off_the_page(page: Page) -> None:
    tiles = page.locator("#faces .tile")
    assert tiles.count() == 13, "two blurred or tiny faces may be under 20 by the age head and stay hidden"
    decoded = "tiles => tiles.every(t => t.querySelector('image').getBoundingClientRect().width > 40)"
    assert page.locator("#faces .tile").evaluate_all(decoded)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_overlays_can_be_switched(page: Page) -> None:
    first = page.locator("#faces .tile").first
    mesh = first.locator("svg .landmarks_478, svg [class*='landmarks_478']").first
    assert not mesh.is_visible()
    page.locator("#show-landmarks_478").check()
    assert mesh.is_visible()
    page.locator("#show-landmarks_478").uncheck()
    assert not mesh.is_visible()


def test_a_face_opens_with_every_label_and_its_layer(page: Page) -> None:
    page.locator("#faces .tile").first.click()
    dialog = page.locator("dialog")
    assert dialog.is_visible()
    said = dialog.inner_text()
    for word in ("perceived_age", "demographics.v1", "pose_yaw", "head_pose.v1", "quality.v1"):
        assert word in said
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_the_ledger_names_every_file_that_was_not_used(page: Page) -> None:
    said = page.locator("#ledger").inner_text()
    for word in ("broken.jpg", "truncated", "page.jpg", "not_an_image", "same again.jpg", "duplicate"):
        assert word in said

"""The evaluation's page in a real browser: it draws, stays on the page, and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from curate.evaluation import EvaluateOptions
from curate.evaluation.run import evaluate
from schemas import taxonomy
from schemas.columns import labels
from tests.browser import SIZES, chromium, opened
from tests.evaluation_samples import dataset, write_csv

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred made-up faces with emotions, probabilities, ages and action units."""
    folder = tmp_path_factory.mktemp("evaluation")
    rng = np.random.default_rng(4)
    classes = taxonomy("emotion-7").labels
    prob = rng.dirichlet(np.ones(7) * 0.5, 200).astype(np.float32)
    said = [classes[i] if p.max() > 0.5 else None for i, p in zip(prob.argmax(1), prob, strict=True)]
    true = [str(rng.choice(classes, p=p / p.sum())) for p in prob.astype(float)]
    ages = rng.uniform(1, 90, 200).astype(np.float32)
    unit_names = [f.name for f in labels.AU_SCORE.type]
    units = [{n: float(v) if n == "AU12" else None for n in unit_names} for v in prob[:, 3]]
    ds = dataset(folder / "ds", [1] * 200, {
        "fer.v1": {labels.PERCEIVED_EMOTION: said,
                   labels.EMOTION_PROB: [dict(zip(classes, map(float, p), strict=True)) for p in prob]},
        "age.v1": {labels.AGE: ages.tolist()},
        "au.v1": {labels.AU_SCORE: units},
    })  # fmt: skip
    race = rng.choice(taxonomy("race-fairface-7").labels, 200)
    rows = [
        {"file": f"p{i}.jpg", "emotion": t, "age": float(a + e), "race": str(r), "AU12": int(i % 3 == 0), "AU14": i % 2}
        for i, (t, a, e, r) in enumerate(zip(true, ages, rng.normal(0, 6, 200), race, strict=True))
    ]
    told = write_csv(folder / "a <truth> & more.csv", rows)
    (file,) = evaluate(ds, told, EvaluateOptions(rounds=100, min_group=20)).save(folder, ["html"])
    return file


@pytest.fixture(params=list(SIZES))
def page(browser: Browser, page_file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The opened page."""
    with opened(browser, page_file, request.param) as page:
        yield page


def test_nothing_runs_off_the_page_and_every_chart_is_drawn(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    sizes = page.locator("svg.chart").evaluate_all("all => all.map(s => s.getBoundingClientRect().width)")
    assert len(sizes) > 12
    assert min(sizes) > 200


def test_the_summary_leads_to_its_section(page: Page) -> None:
    page.locator(f"#summary a:has-text('{labels.PERCEIVED_EMOTION.name}')").click()
    section = page.locator(f"#s-{labels.PERCEIVED_EMOTION.name}-labels")
    assert section.is_visible()
    said = section.inner_text()
    for words in ("accuracy when it answers", "abstained", "Confusion", "Does it know how sure it is?", "race"):
        assert words in said


def test_all_figures_by_group_open(page: Page) -> None:
    section = page.locator(f"#s-{labels.AGE.name}-numbers")
    table = section.locator("details table").first
    assert not table.is_visible()
    section.locator("details summary").click()
    assert table.is_visible()
    assert "Southeast Asian" in table.inner_text()


def test_unsupported_units_and_odd_names_are_told_as_they_are(page: Page) -> None:
    assert "AU14; they are in no mean" in page.locator(f"#s-{labels.AU_SCORE.name}-scores").inner_text()
    assert "a <truth> & more.csv" in page.locator("#truth").inner_text()

"""The audit's page: it says what the audit found, in words and pictures, and runs nothing of the dataset's."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from curate.audit import Audit
from curate.audit import charts as drawn
from curate.audit.chart_graph import Dot, Line, graph
from curate.audit.charts import Change, Crossed, Effect, ShareRow, Signed
from curate.audit.page import Pictures, render
from curate.audit.page_changes import changes
from curate.audit.page_people import lacking
from curate.audit.page_views import HEADLINES, Table, headline, sentence, telling, words
from curate.audit.results import Finding
from curate.audit.sections import GroupFigure
from curate.card import datasheet
from curate.evaluation.intervals import Estimate
from curate.store import Dataset
from schemas.columns import labels
from tests.audit_page_samples import HOSTILE, audited


class Page(HTMLParser):
    """Tags, attributes, ids, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self._styling = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._styling = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._styling = self._styling and tag != "style"

    def handle_data(self, data: str) -> None:
        if not self._styling:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Audit]:
    return audited(tmp_path_factory.mktemp("page") / "faces")


@pytest.fixture(scope="module")
def html(found: tuple[Dataset, Audit]) -> str:
    return render(found[1])


def estimate(value: float, low: float = math.nan, high: float = math.nan, n: int = 10) -> Estimate:
    return Estimate(value, low, high, n)


def test_nothing_of_the_dataset_runs_or_loads(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert not [v for name in ("src", "href") for v in page.values(name) if not v.startswith(("#", "data:image/"))]
    assert page.values("content")[0].startswith("default-src 'none'; img-src data:")
    assert HOSTILE in page.text, "and yet the name is there to be read"


def test_links_lead_somewhere(html: str) -> None:
    page = Page(html)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {v[1:] for v in page.values("href")} <= set(ids)


def test_the_same_audit_gives_the_same_bytes(found: tuple[Dataset, Audit], html: str) -> None:
    assert render(found[1]) == html


def test_shares_stand_on_the_page_with_their_targets(html: str) -> None:
    assert "Female: 75 faces, 75.0 % (65.3-83.1); target 50.0 %" in html, "Clopper and Pearson's interval, from tables"
    text = Page(html).text
    assert "75 · 75 %" in text
    assert "Who is missing, and whom do the labels fail?" in text


def test_crossed_groups_and_empty_ones(html: str) -> None:
    text = Page(html).text
    assert f"perceived gender {words('*').strip()} team" in text
    assert "Male · red" in text, "no man is in team red"
    assert "Without any face 2 groups" in text


def test_who_is_missing_most_stands_on_top(found: tuple[Dataset, Audit]) -> None:
    first, *others = lacking(found[1])
    assert (first.group, first.n, first.wanted) == ("Male", 25, 50)
    assert first.sentence == "25 faces where an even share would be 50"
    assert "no face where an even share would be 17" in [o.sentence for o in others]
    text = Page(render(found[1])).text
    assert text.index("25 faces where an even share would be 50") < text.index("All findings")


def test_what_is_not_there_says_why(html: str) -> None:
    text = Page(html).text
    assert "Not here: No truth was given." in text
    assert "Not here: Copies were not looked for. Run: facecurate duplicates DATASET" in text


def test_uses_that_are_not_allowed_are_named(html: str) -> None:
    text = Page(html).text
    for place in ("Annex III", "Article 5(1)(g)", "Article 5(1)(f)", "not legal advice", "Labels are perception."):
        assert place in text


def test_how_it_was_computed(html: str) -> None:
    text = Page(html).text
    for said in (
        "Clopper and Pearson's exact ones", "from 100 resamples", "Benjamini and Hochberg", "fewer than 5 faces",
        "labelled by demographics.v1 (100)",
    ):  # fmt: skip
        assert said in text


def test_quality_by_team_is_told_first_and_drawn(found: tuple[Dataset, Audit], html: str) -> None:
    told = [h.finding.sentence for h in headline(found[1])]
    assert any("quality" in text.lower() for text in told)
    assert re.search(r"quality by team", html)


def test_smiles_raise_cheeks_in_the_graph(html: str) -> None:
    assert re.search(r"AU6 [^:<]*and AU12 [^:<]*: phi \+1\.00", html)
    assert "Action units together" in Page(html).text


def test_errors_and_corrected_counts(tmp_path: Path) -> None:
    made = audited(tmp_path / "faces", truth="extra")[1]
    html = render(made)
    text = Page(html).text
    assert "Held against extra on 100 faces." in text
    (fixed,) = (c for c in made.corrected if c.by == labels.GENDER.name)
    women = fixed.groups[0].corrected.value
    assert women == pytest.approx(0.67, abs=0.02), "75 are labelled women, 67 are"
    assert f"corrected for the labels&#39; errors {100 * women:.1f} %" in html
    assert html.count('class="diamond"') >= 3, "a mark for each group, and one in the legend"
    assert f"largest move {100 * fixed.moved:.1f} points" in text
    assert "accuracy" in text.lower()


def test_pictures_are_shown_with_their_group(found: tuple[Dataset, Audit]) -> None:
    address = "data:image/webp;base64,AAAA"
    shown = Pictures({labels.GENDER.name: {"Female": (address, address)}}, barred=3)
    page = Page(render(found[1], pictures=shown))
    assert page.values("src") == [address, address]
    assert page.values("alt") == ["A face labelled Female"] * 2
    assert "3 faces that may be of children" in page.text
    assert "It holds pictures of people" in page.text


def test_without_pictures_it_says_so(found: tuple[Dataset, Audit]) -> None:
    page = Page(render(found[1], pictures=Pictures(why_none="There are no age labels.")))
    assert "img" not in page.tags
    assert "No faces are shown. There are no age labels." in page.text


def test_an_audit_of_little_has_a_page(tmp_path: Path) -> None:
    from curate.audit import AuditOptions
    from curate.audit.run import audit
    from tests.evaluation_samples import dataset

    ds = dataset(tmp_path / "faces", [1, 1], {"demographics.v1": {labels.GENDER: ["Female", None]}})
    text = Page(render(audit(ds, AuditOptions(by=("gender",), rounds=100, permutations=99)))).text
    assert "1 faces; 1 more whose group is not known." in text
    assert "Not here: There are no action units." in text


def test_the_card_quotes_the_audit(tmp_path: Path) -> None:
    ds, made = audited(tmp_path / "faces")
    made.save(forms=("json",))
    text = datasheet(Dataset.open(ds.path))
    assert "From audit.json: audit of 100 faces by" in text
    assert len([line for line in text.splitlines() if line.startswith("- ")]) >= len(made.findings)


def before(made: Audit) -> dict[str, Any]:
    return json.loads(json.dumps(made.as_dict()))  # type: ignore[no-any-return]


def test_before_and_after_says_what_moved(found: tuple[Dataset, Audit]) -> None:
    made = found[1]
    old = before(made)
    gender = next(r for r in old["representation"] if r["by"] == labels.GENDER.name)
    gender["groups"][0]["share"]["value"], gender["groups"][1]["share"]["value"] = 0.9, 0.1
    gender["distance"]["value"] = 0.4
    old["dataset"]["faces"] = 80
    gone = copy.deepcopy(old["findings"][0]) | {"subject": "something else", "sentence": "It was so."}
    old["findings"] = [gone, *old["findings"][1:]]
    view = changes(made, old)
    assert view.faces == (80, 100)
    assert view.gone == ("It was so.",)
    assert view.new == (made.findings[0].sentence,)
    note = view.figures[0].note
    assert note == "Nearer to the target: 40.0 % of the faces would have had to change groups, now 25.0 %."
    assert "Female: 90.0 %" in view.figures[0].picture
    text = Page(render(made, before=old)).text
    assert "-15.0" in text, "women went from 90 to 75 %"
    assert "+15.0" in text
    assert "It was so." in text


def test_before_and_after_of_other_groupings(found: tuple[Dataset, Audit]) -> None:
    old = before(found[1])
    old["representation"] = [r for r in old["representation"] if r["by"] == labels.GENDER.name]
    alone = {words("extra.team"), words(f"{labels.GENDER.name}*extra.team")}
    assert set(changes(found[1], old).left_out) == alone
    assert "Before and after" not in Page(render(found[1])).text


def finding(section: str, by: str, severity: str, subject: str = "x") -> Finding:
    return Finding(section, by, subject, f"{section} {by} {subject}", 0.5, "", severity, 10)


def test_headlines_come_from_several_sections(found: tuple[Dataset, Audit]) -> None:
    many = (
        *(finding("conditions", f"g{i}", "high", f"c{i}") for i in range(9)),
        finding("errors", "g1", "high"), finding("representation", "g1", "medium"), finding("filters", "g1", "low"),
    )  # fmt: skip
    told = [h.finding for h in headline(dataclasses.replace(found[1], findings=many))]
    assert [(f.section, f.by) for f in told] == [
        ("errors", "g1"), ("conditions", "g0"), ("conditions", "g1"), ("representation", "g1"), ("filters", "g1"),
    ]  # fmt: skip
    assert len(headline(found[1])) <= HEADLINES
    assert headline(dataclasses.replace(found[1], findings=())) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("perceived_race differs by a*b.", "Perceived race differs by a \N{MULTIPLICATION SIGN} b."),
        ("2 * 3 _x", "2 * 3 _x"),
        ("keeps monk_05", "Keeps monk 05"),
        ("", ""),
    ],
)
def test_sentences_are_for_people(text: str, expected: str) -> None:
    assert sentence(text) == expected


def figures(values: list[float], small: int = 0) -> list[GroupFigure]:
    return [GroupFigure(f"g{i}", 10, i < small, estimate(v)) for i, v in enumerate(values)]


def test_of_many_groups_those_farthest_off_are_drawn() -> None:
    few = figures([0.1, 0.2])
    assert telling(few, None) == few
    many = figures([0.5] * 20 + [0.9, 0.1], small=3)
    kept = [g.name for g in telling(many, estimate(0.5))]
    assert len(kept) == 14
    assert {"g20", "g21"} <= set(kept)
    assert not {"g0", "g1", "g2"} & set(kept), "small groups give way"


def test_a_table_knows_how_much_it_leaves_out() -> None:
    assert Table(("a",), (("1",), ("2",))).total == 2
    assert Table(("a",), (("1",),), total=9).total == 9


def numbers(svg: str, pattern: str) -> list[float]:
    return [float(x) for x in re.findall(pattern, svg)]


def test_bars_are_as_long_as_shares() -> None:
    rows = [ShareRow("a", 30, estimate(0.3, 0.2, 0.4), 0.5), ShareRow("b", 60, estimate(0.6, 0.5, 0.7), 0.5)]
    svg = drawn.shares(rows, "shares")
    widths = numbers(svg, r'class="bar [^"]*" x="[^"]+" y="[^"]+" width="([^"]+)"')
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
    (target, _) = numbers(svg, r'class="target" x1="([^"]+)"')
    starts = numbers(svg, r'class="bar [^"]*" x="([^"]+)"')
    assert target - starts[0] == pytest.approx(widths[0] * 5 / 3, rel=0.01)


def test_charts_survive_what_is_not_defined() -> None:
    nothing = estimate(math.nan)
    assert "<svg" in drawn.shares([], "none")
    assert "nan" not in drawn.shares([ShareRow("a", 0, nothing, math.nan, nothing)], "x")
    assert "nan" not in drawn.changes([Change("a", nothing, estimate(0.5, 0.4, 0.6))], "x")
    assert "nan" not in drawn.effects([Effect("a", estimate(0.0), "h")], "x")
    assert "nan" not in drawn.matrix(["a"], ["b"], {("a", "b"): Signed(math.nan, "", "h")}, "x")
    assert "nan" not in drawn.crossing(["a"], ["b"], {("a", "b"): Crossed(3, math.nan, "h")}, "x")
    assert "nan" not in graph([Dot("AU1", "Inner brow raiser", math.nan)], [], "x")
    assert "<svg" in graph([], [], "x")


def test_labels_in_charts_are_escaped() -> None:
    row = ShareRow(HOSTILE, 1, estimate(0.5, 0.4, 0.6), 0.5, style="low", chip="c")
    for svg in (
        drawn.shares([row], HOSTILE),
        drawn.changes([Change(HOSTILE, row.share, row.share)], HOSTILE),
        drawn.effects([Effect(HOSTILE, row.share, HOSTILE)], HOSTILE),
        drawn.matrix([HOSTILE], [HOSTILE], {(HOSTILE, HOSTILE): Signed(0.5, HOSTILE, HOSTILE)}, HOSTILE),
        drawn.crossing([HOSTILE], [HOSTILE], {(HOSTILE, HOSTILE): Crossed(0, 0.5, HOSTILE)}, HOSTILE),
        graph([Dot(HOSTILE, HOSTILE, 0.5), Dot("b", "b", 0.1)], [Line(HOSTILE, "b", 0.5, HOSTILE)], HOSTILE),
    ):
        assert not {"script", "img"} & set(Page(svg).tags)


def test_over_and_under_the_target_have_two_colours() -> None:
    cells = {("a", "b"): Crossed(5, 4.0, ""), ("a", "c"): Crossed(5, 0.25, ""), ("a", "d"): Crossed(0, 0.0, "")}
    svg = drawn.crossing(["a"], ["b", "c", "d"], cells, "x")
    assert svg.count("tint over") == svg.count("tint under") == svg.count("cell empty") == 1
    assert numbers(svg, r'fill-opacity="([^"]+)"') == [0.72, 0.72], "four times and a quarter are equally far off"


def test_stronger_ties_are_thicker() -> None:
    dots = [Dot(f"AU{i}", "unit", 0.2) for i in range(1, 5)]
    svg = graph(dots, [Line("AU1", "AU2", 0.2, "h"), Line("AU2", "AU3", -0.8, "h")], "x")
    thin, thick = numbers(svg, r'stroke-width="([^"]+)"')
    assert thick > 2 * thin
    assert svg.count("edge under") == svg.count("edge over") == 1
    assert svg.count("node lone") == 1, "AU4 hangs on nothing"

"""The data card: what it counts, what it does not invent, and what it does not give away."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from curate.card import Inputs, datasheet, read_about, write_card
from curate.card.about import QUESTIONS, form
from curate.card.document import escape
from curate.card.facts import measure
from curate.cli.main import main
from curate.evaluation import EvaluateOptions
from curate.evaluation.run import evaluate
from curate.split.settings import Settings
from curate.split.split import certificate_path, make_split
from curate.store import Dataset, LayerInfo
from schemas import UsageError
from schemas.columns import labels
from tests.card_samples import AGES, GENDERS, HOSTILE, full, pictures, sample
from tests.evaluation_samples import KEY, write_csv
from tests.store_samples import label_table


def section(text: str, title: str) -> str:
    """The part of a Markdown text below a heading."""
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def rows(text: str, head: str) -> dict[str, list[str]]:
    """First cell -> further cells of the table whose first heading is `head`."""
    lines = text[text.index(f"| {head} |") :].splitlines()
    found = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("|")]
    end = next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return {cells[0]: cells[1:] for cells in found[2:end]}


def test_counts_are_those_of_the_dataset(tmp_path: Path) -> None:
    facts = measure(pictures(tmp_path / "faces"))
    assert (facts.usable, facts.counts.faces, facts.ledger) == (10, 10, (("corrupt", 1),))
    gender, age = (next(c for c in facts.compositions if c.column is k) for k in (labels.GENDER, labels.AGE_GROUP))
    assert {s.label: s.n for s in gender.shares} == {"Female": GENDERS.count("Female"), "Male": GENDERS.count("Male")}
    assert (gender.labelled, gender.abstained, gender.missing) == (8, 1, 1), "a null beside probabilities abstains"
    assert (age.labelled, age.abstained, age.missing) == (9, 0, 1)
    assert len(age.shares) == 9, "labels of no face are there too"
    female = gender.shares[0]
    assert (female.share, round(female.low, 4), round(female.high, 4)) == (0.75, 0.4093, 0.9285), (
        "Wilson's, as scipy gives it"
    )
    assert facts.minors == AGES.count("3-9")
    assert facts.age_unknown == 1
    quality = next(s for s in facts.spreads if s.column is labels.QUALITY_SCORE)
    assert (quality.n, round(quality.median, 2)) == (10, 0.45)


def test_facts_of_the_pictures(tmp_path: Path) -> None:
    found = measure(pictures(tmp_path / "faces")).pictures
    assert found.licences == {"": 6, "CC0-1.0": 4}
    assert (found.gps, found.turned, found.synthetic, found.with_parent) == (3, 1, 2, 1)
    assert found.generators == {"": 1, "relight/1": 1}
    assert found.formats == {"JPEG": 10}


def test_the_card_says_what_was_counted(tmp_path: Path) -> None:
    text = datasheet(pictures(tmp_path / "faces"))
    gender = rows(text, "perceived_gender")
    assert gender["Female"] == ["6", "75%", "40.9-92.9 %"]
    assert gender["the model abstained"][0] == "1"
    assert gender["no label"][0] == "1"
    assert rows(text, "reason") == {"corrupt": ["1"]}
    assert (
        "2 pictures (20%) are marked as made by a generator: unnamed (1), relight/1 (1); of 1 the source picture"
        in text
    )
    assert "3 carry a GPS position" in text
    assert rows(text, "layer")["quality.v1"][2:5] == ["9", "0", "1"], "failed is not absent"


def test_what_nobody_stated_is_not_invented(tmp_path: Path) -> None:
    text = datasheet(sample(tmp_path / "faces"))
    asked = [q.text for q in QUESTIONS if q.section in ("motivation", "collection", "uses", "distribution")]
    for question in asked:
        if question in text:
            answer = text.split(f"**{question}**\n\n")[1].splitlines()[0]
            assert answer == "_not stated_" or question.startswith("What should it not"), question
    assert text.count("_not stated_") >= 12
    assert "nobody has described it in words" in text
    assert rows(text, "fact")["licence"] == ["none stated"]
    assert "no audit and no evaluation of this dataset is at hand" in " ".join(
        section(text, "Known biases and errors").split()
    )


def test_answers_stand_where_they_belong(tmp_path: Path) -> None:
    said = full(tmp_path / "about.toml")
    text = datasheet(sample(tmp_path / "faces"), Inputs(said))
    assert text.startswith("# Data card: Ten faces\n")
    assert rows(text, "fact")["creators"] == ["A. Person (https://example.org/a); A Lab"]
    assert "To test cards." in section(text, "Motivation")
    assert "- Horoscopes." in section(text, "Uses")
    assert said.unanswered
    assert "dataset.name" not in said.unanswered


def test_the_law_is_named(tmp_path: Path) -> None:
    uses = section(datasheet(sample(tmp_path / "faces")), "Uses")
    for place in ("Annex III", "Article 5(1)(g)", "Article 5(1)(f)", "Article 50(3)", "not legal advice"):
        assert place in uses


def test_machine_paths_and_file_names_stay_at_home(tmp_path: Path) -> None:
    ds = pictures(tmp_path / "faces").add_source({"inputs": ["/home/someone/photos/", "/mnt/secret/list.csv"]})
    for path in write_card(ds):
        text = path.read_text("utf-8")
        assert "/home/someone" not in text
        assert "/mnt/secret" not in text
        assert str(tmp_path) not in text
        assert "bad.jpg" not in text
    assert "Given to the program: photos, list.csv." in (ds.path / "DATASHEET.md").read_text("utf-8")


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_hostile_texts_are_shown_and_do_nothing(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    ds.info = dataclasses.replace(ds.info, name=HOSTILE, licence=HOSTILE, consent=HOSTILE)
    ds.add_layer(LayerInfo("mine", "human", HOSTILE, author=HOSTILE, columns=(labels.GENDER.name,), created="2026"))
    face_ids = ds.read("faces", KEY).column("face_id").to_pylist()
    ds.write("labels/mine", KEY, label_table(face_ids, {labels.GENDER: GENDERS}))
    about = tmp_path / "about.toml"
    about.write_text(f"[motivation]\npurpose = {json.dumps(HOSTILE)}\n", "utf-8")
    written = {p.name: p.read_text("utf-8") for p in write_card(ds, Inputs(read_about(about)))}
    tags = Tags()
    tags.feed(written["DATASHEET.html"])
    assert "script" not in tags.tags
    assert not [name for name in tags.attributes if name.startswith("on") or name == "style"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written["DATASHEET.html"]
    text = written["DATASHEET.md"]
    assert not re.search(r"(?<!\\)<script", text)
    assert not re.search(r"(?m)^# head", text), "a text cannot begin a heading of its own"
    assert rows(text, "layer")["mine"][0].startswith("human: "), "a bar does not break the table"
    assert json.loads(written["croissant.json"])["name"] == HOSTILE


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a_b", "a_b"), ("_a_", "\\_a\\_"), ("1 | 2", "1 \\| 2"), ("- x", "\\- x"), ("1. x", "\\1. x"), ("a\n\nb", "a b"),
     ("<b>", "\\<b\\>"), ("![x](y)", "\\!\\[x\\](y)")],
)  # fmt: skip
def test_markdown_is_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_an_evaluation_tells_its_figures_and_gaps(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    truth = write_csv(
        tmp_path / "truth.csv",
        [{"file": f"p{i}.jpg", "perceived_gender": "Female" if i < 5 else "Male", "team": "a" if i % 2 else "b"}
         for i in range(10)],
    )  # fmt: skip
    evaluate(ds.path, str(truth), EvaluateOptions(by=("team",), rounds=100, min_group=2, quiet=True)).save()
    found = section(datasheet(Dataset.open(ds.path)), "Known biases and errors")
    assert "evaluation on 10 faces against truth.csv" in found
    assert "perceived_gender: accuracy when it answers 87.5 %" in found
    assert "n = 8" in found


def test_only_its_own_kinds_of_files_are_read(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    other = tmp_path / "other.json"
    other.write_text('{"format": "something"}', "utf-8")
    with pytest.raises(UsageError, match=r"other\.json is no evaluation: its format is 'something'"):
        datasheet(ds, Inputs(evaluations=(other,)))
    with pytest.raises(UsageError, match=r"other\.json is no audit"):
        datasheet(ds, Inputs(audits=(other,)))
    other.write_text('{"format": "facecurate-audit", "findings": []}', "utf-8")
    with pytest.raises(UsageError, match=r"other\.json is not understood: KeyError: 'dataset'"):
        datasheet(ds, Inputs(audits=(other,)))


def test_a_split_is_told_with_its_certificate(tmp_path: Path) -> None:
    ds = sample(tmp_path / "faces")
    make_split(ds, Settings("mine", {"train": 0.5, "test": 0.5}, disjoint=(), assume_adults=True, tolerance=1.0))
    text = section(datasheet(Dataset.open(ds.path)), "Splits")
    assert re.search(r"mine: train \d, test \d faces", text)
    assert "counted again from the data for this card, and holds" in text
    path = certificate_path(ds, "mine")
    certificate = json.loads(path.read_text("utf-8"))
    certificate["facts"]["parts"]["train"]["faces"] += 1
    path.write_text(json.dumps(certificate), "utf-8")
    assert "> Its certificate no longer holds" in section(datasheet(Dataset.open(ds.path)), "Splits")


def test_an_empty_dataset_has_a_card(tmp_path: Path) -> None:
    ds = Dataset.create(tmp_path / "faces", name="nothing")
    text = datasheet(ds)
    assert "0 faces were found" in text
    assert "The faces carry no labels." in text
    assert {p.name for p in write_card(ds)} == {"DATASHEET.md", "DATASHEET.html", "SHA256SUMS", "croissant.json"}


def test_the_form_is_read_back_as_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "about.toml"
    path.write_text(form(), "utf-8")
    assert dict(read_about(path).answers) == {}
    assert set(read_about(path).unanswered) == {q.name for q in QUESTIONS}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[dataset]\nnmae = 'x'", r"'dataset\.nmae' is not asked\. Did you mean dataset\.name\?"),
        ("[dataset]\npublished = 'May'", "dataset.published must be a date: 'May' is none"),
        ("[dataset]\nkeywords = 'x'", "dataset.keywords must be a list"),
        ("[dataset]\nname = ['x']", "dataset.name must be a text"),
        ("[dataset]\ncreators = [{url = 'x'}]", "dataset.creators must be names"),
        ("[dataset]\ncreators = [{name = 'x', kind = 'robot'}]", "dataset.creators has kind 'robot'"),
        ("name = 'x'", "'name' must be a section"),
        ("[dataset", "is no TOML"),
    ],
)
def test_a_wrong_form_is_told_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "about.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=why) as caught:
        read_about(path)
    assert "\n" not in str(caught.value)
    assert "about.toml" in str(caught.value)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


def test_the_command_writes_beside_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = sample(tmp_path / "faces")
    assert run("card", str(ds.path), "-q") == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == [
        "DATASHEET.md", "DATASHEET.html", "SHA256SUMS", "croissant.json",
    ]  # fmt: skip
    assert run("card", str(ds.path)) == 0
    said = capsys.readouterr().err
    assert "not stated, though Croissant asks for it: dataset.description, dataset.licence, dataset.url" in said


def test_the_command_writes_a_form_and_overwrites_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "about.toml"
    assert run("card", "--questions", str(path)) == 0
    assert path.read_text("utf-8") == form()
    assert run("card", "--questions", str(path)) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("card",), "no dataset is named"),
        (("card", "nowhere"), "there is no folder nowhere"),
        (("card", "DATASET", "--about", "no.toml"), "no.toml cannot be read"),
        (("card", "DATASET", "-o", "FILE"), "is not a folder"),
        (("card", "DATASET", "--audit", "no.json"), "there is no audit no.json"),
        (("card", "DATASET", "--evaluation", "FILE"), "cannot be read"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: tuple[str, ...], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ds = sample(tmp_path / "faces")
    (tmp_path / "file").write_text("x", "utf-8")
    places = {"DATASET": str(ds.path), "FILE": str(tmp_path / "file")}
    assert run(*(places.get(w, w) for w in words)) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert not (ds.path / "DATASHEET.md").exists()

"""Texts held against labels, the lexicon and each other; as a page, a table, a layer and on the command line."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from annotators.caption import CaptionWriter
from curate.cli.main import main
from curate.export.questions import dialogue
from curate.export.reasoning import describe
from curate.store import Dataset
from curate.text_quality.diversity import distinct, diversity, self_bleu, skeleton, words
from curate.text_quality.judge import Limits, judge
from curate.text_quality.page import render
from curate.text_quality.parity import parity
from curate.text_quality.report import check_texts, table_of
from curate.text_quality.texts import ANSWER, CAPTION, REASONED, Known, Text, read_texts
from schemas import REGISTRY, UsageError
from schemas.columns import labels
from tests.caption_samples import ADULT, scores
from tests.evaluation_samples import dataset, write_csv

HAPPY = {"AU6": 0.9, "AU12": 0.95}
OWN = "A portrait of a woman with a sad look."
"""What the grammar can say of `ADULT`."""
COLUMNS = tuple(dict.fromkeys((*CaptionWriter.requires, labels.EYEWEAR)))


def known(**changes: Any) -> Known:
    return Known({**ADULT, **{REGISTRY[k]: v for k, v in changes.items()}})


def caption(text: str, values: Known | None = None) -> Any:
    return judge(Text("f", CAPTION, text, values=known() if values is None else values))


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty faces of the same labels but for gender, with captions of which some are wrong."""
    n = 60
    said = [OWN if i % 2 else OWN.replace("a woman", "a man") for i in range(n)]
    said[4] = "A smiling person with glasses and a handsome face."
    said[7] = None  # type: ignore[call-overload]
    said[9] = OWN.replace("a sad", "a cheerful")
    values = {c: [ADULT.get(c)] * n for c in COLUMNS if c in ADULT}
    values[labels.GENDER] = ["Female" if i % 2 else "Male" for i in range(n)]
    values[labels.GENDER_PROB] = [scores(labels.GENDER_PROB, **{g: 1.0}) for g in values[labels.GENDER]]
    values[labels.EYEWEAR] = ["none"] * n
    units = scores(labels.AU_SCORE, **HAPPY)
    values[labels.AU_SCORE] = [units if i % 3 else scores(labels.AU_SCORE, AU12=0.02) for i in range(n)]
    path = tmp_path_factory.mktemp("captioned") / "ds"
    dataset(path, [1] * n, {"labels.v1": values, "caption.v1": {labels.CAPTION: said}})
    return path


def test_the_grammar_s_claims_are_confirmed_or_denied() -> None:
    right, wrong = caption(OWN), caption(OWN.replace("woman", "man"))
    assert (right.confirmed, right.denied, right.agreement) == (3, 0, 1.0) and right.findings == ()
    assert wrong.denied == 1 and wrong.agreement == pytest.approx(2 / 3)
    assert wrong.lines == ["contradicted: it says perceived_gender=Male, the labels say Female"]


def test_words_and_facts_must_be_the_same() -> None:
    facts = ["perceived_age=adult", "perceived_emotion=sadness", "perceived_gender=Female"]
    assert caption(OWN, known(caption_facts=facts)).findings == ()
    found = caption(OWN, known(caption_facts=facts[1:]))
    assert found.lines == ["facts: words and facts differ in perceived_age=adult"]
    assert caption("A portrait of a woman with a sad look and a neutral expression.").findings[0][0] == "facts"


def test_free_text_is_judged_by_its_words() -> None:
    found = caption("He is smiling at the camera and wears glasses.", known(eyewear="none"))
    assert any("smile" in line or "AU12" in line for line in found.lines)
    assert any("eyewear" in line for line in found.lines) and found.denied >= 2
    assert caption("Somebody in front of a wall.").agreement is None


def test_forbidden_claims_and_length_are_findings() -> None:
    found = caption("This attractive woman looks trustworthy.")
    assert {k for k, _ in found.findings} == {"forbidden"} and len(found.findings) == 2
    assert judge(Text("f", CAPTION, "A woman."), Limits()).lines == ["length: 2 words"]
    assert judge(Text("f", CAPTION, "word " * 10), Limits(4, 9)).lines == ["length: 10 words"]
    assert judge(Text("f", ANSWER, "Neutral.", "What is it?")).findings == ()


def test_answers_are_read_back_by_their_question() -> None:
    values = known(perceived_emotion="sadness", perceived_age=30.4)
    told = {c.name: v for c, v in values.items()}
    columns = [labels.GENDER, labels.AGE, labels.PERCEIVED_EMOTION, labels.AU_SCORE]
    for question, answer in dialogue(told, columns, "seed"):
        found = judge(Text("f", ANSWER, answer, question, values))
        assert (found.confirmed, found.denied, found.findings) == (1, 0, ()), question
    question = "How old does this person look?"
    wrong = judge(Text("f", ANSWER, "I would guess 61 years.", question, values))
    assert wrong.lines == ["contradicted: it answers 'I would guess 61 years.', the label of age is 30"]
    beside = judge(Text("f", ANSWER, "Blue, I think.", question, values))
    assert beside.lines == ["unreadable: no answer to the question of age"]
    unknown = judge(Text("f", ANSWER, "I would guess 61 years.", question, Known()))
    assert (unknown.confirmed, unknown.denied, unknown.open) == (0, 0, 1)


def test_reasoned_texts_are_judged_by_units_and_emotion() -> None:
    import random

    text = describe(["AU6", "AU12"], "happiness", random.Random(0))
    right = judge(Text("f", REASONED, text, units=("AU6", "AU12"), emotion="Happiness"))
    assert right.findings == () and right.reward is not None and right.reward.total == 3
    wrong = judge(Text("f", REASONED, text, units=("AU6",), emotion="Anger"))
    assert [k for k, _ in wrong.findings] == ["contradicted", "contradicted"] and wrong.agreement == 0
    bare = judge(Text("f", REASONED, "The AU6 and AU12: Happiness", units=("AU6", "AU12"), emotion="Happiness"))
    assert [k for k, _ in bare.findings] == ["contradicted", "unreadable"]


def test_distinct_by_hand() -> None:
    tokens = [words("a man smiles."), words("A man sits.")]
    assert distinct(tokens, 1) == 5 / 8 and distinct(tokens, 2) == 5 / 6
    assert np.isnan(distinct([], 1))


def test_self_bleu_equals_nltk() -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    texts = [words(t) for t in (
        "a man with a happy face", "a woman with a sad face and open eyes", "a man with a happy face and open eyes",
        "somebody in front of a wall", "a man",
    )]  # fmt: skip
    smooth = SmoothingFunction().method2
    expected = [
        sentence_bleu([o for j, o in enumerate(texts) if j != i], t, smoothing_function=smooth)
        for i, t in enumerate(texts)
    ]
    assert self_bleu(texts) == pytest.approx(float(np.mean(expected)))
    assert self_bleu([texts[0]] * 3) == pytest.approx(1) and self_bleu(texts[:1]) is None


def test_templates_are_texts_without_labels_and_numbers() -> None:
    assert skeleton("I would guess 61 years.", "How old does this person look?") == "I would guess {value} years."
    assert skeleton("He looks 31, she 40.5.") == "* looks #, * #."
    assert skeleton("a (AU6) and AU12, AU25 smile") == skeleton("a (AU9) and AU4, AU7 smile")
    found = diversity(["It is 3.", "It is 4.", "It is 4.", "No."])
    assert (found.templates, found.top_template, found.skeleton, found.repeats) == (2, 0.75, "It is #.", 0.5)


def test_parity_is_zero_where_groups_get_the_same_templates() -> None:
    even = parity(["a", "b"] * 20, [g for g in ("x", "y") for _ in range(20)])
    assert even.gap == 0 and even.p == 1
    apart = parity(["a"] * 20 + ["b"] * 20, ["x"] * 20 + ["y"] * 20)
    assert apart.gap == 1 and apart.p < 0.01 and apart.groups == ("x", "y")
    part = parity(["a"] * 10 + ["b"] * 10 + ["a"] * 15 + ["b"] * 5, ["x"] * 20 + ["y"] * 20)
    assert part.gap == pytest.approx(0.25) and 0 < part.expected < 0.25 and part.n == {"x": 20, "y": 20}
    assert parity(["a"], [None]).groups == ()


def test_a_dataset_s_captions(captioned: Path) -> None:
    found = check_texts(captioned)
    assert len(found.verdicts) == 59 and found.texts.without == 1 and found.texts.labelled
    whole = found.figures[0]
    assert whole.findings["contradicted"] == 2 and whole.findings["forbidden"] == 1 and whole.n == 59
    assert whole.forbidden == {"attractiveness": 1} and 0.95 < whole.agreement.value < 1
    by_gender = {f.group: f for f in found.figures if f.by == labels.GENDER.name}
    assert by_gender["Male"].findings["forbidden"] == 1 and by_gender["Female"].findings["forbidden"] == 0
    assert found.parity[CAPTION][labels.GENDER.name].gap < 0.1
    assert found.no_relevance.startswith("the dataset has no CLIP embeddings")
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_page_shows_findings_and_loads_nothing(captioned: Path) -> None:
    page = render(check_texts(captioned))
    assert "handsome" in page and "perceived_emotion=happiness" in page
    assert not re.search(r'(?:src|href)="(?!#)', page) and str(captioned.parent) not in page
    assert page == render(check_texts(captioned))


def test_hostile_texts_are_harmless_on_the_page(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script> a handsome man"
    (tmp_path / "a.jsonl").write_text(json.dumps({"image": "a.png", "text": bad}) + "\n", "utf-8")
    page = render(check_texts(tmp_path))
    assert "<script>" not in page and "&lt;script&gt;" in page


def exported(captioned: Path, folder: Path, form: str) -> Path:
    """An export's list of the dataset's faces, written as `export` does, without the pictures."""
    from curate.store.view import FaceView

    rows = FaceView(Dataset.open(captioned)).table(["face_id", *(c.name for c in COLUMNS if c in ADULT)]).to_pylist()
    folder.mkdir()
    lines = []
    for row in rows:
        pairs = dialogue(row, [labels.GENDER, labels.PERCEIVED_EMOTION], row["face_id"])
        name = f"{row['face_id'].rpartition('.')[0]}_0"
        if form == "llava":
            turns = [
                t for q, a in pairs for t in ({"from": "human", "value": f"<image>\n{q}"}, {"from": "gpt", "value": a})
            ]
            lines.append({"id": name, "image": f"images/{name}.png", "conversations": turns})
        else:
            lines += [{"image": f"images/{name}.png", "prefix": q, "suffix": a} for q, a in pairs]
    if form == "llava":
        (folder / "train.json").write_text(json.dumps(lines), "utf-8")
    else:
        (folder / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines), "utf-8")
    return folder


@pytest.mark.parametrize("form", ["llava", "paligemma"])
def test_answers_of_an_export_are_judged_by_the_dataset(captioned: Path, tmp_path: Path, form: str) -> None:
    folder = exported(captioned, tmp_path / form, form)
    found = check_texts(folder, captioned)
    whole = found.figures[0]
    assert whole.n == 120 and whole.agreement.value == 1 and whole.findings["contradicted"] == 0
    assert not check_texts(folder).texts.labelled
    file = next(folder.iterdir())
    swapped = file.read_text("utf-8").replace("sadness", "anger").replace("sad", "angry")
    if swapped != file.read_text("utf-8"):
        file.write_text(swapped, "utf-8")
        assert check_texts(folder, captioned).figures[0].findings["contradicted"] > 0


def test_other_lists(tmp_path: Path) -> None:
    row = {"image": "a.png", "text": "A picture of a man.", labels.GENDER.name: "Female"}
    write_csv(tmp_path / "list.csv", [{**row, labels.GENDER_PROB.name: {"Female": 1, "Male": 0}}])
    found = check_texts(tmp_path / "list.csv")
    assert found.texts.labelled and found.figures[0].findings["contradicted"] == 1
    (tmp_path / "c").mkdir()
    pq.write_table(table_of(found).select(["key", "text"]), tmp_path / "c" / "t.parquet")
    assert read_texts(tmp_path / "c").rows[0].words == "A picture of a man."
    for path, why in ((tmp_path / "none", "there is no"), (tmp_path, "")):
        if why:
            with pytest.raises(UsageError, match=why):
                read_texts(path)
    (tmp_path / "broken.json").write_text("[{", "utf-8")
    with pytest.raises(UsageError, match=r"cannot read .*broken\.json"):
        read_texts(tmp_path / "broken.json")
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(UsageError, match="is no list"):
        read_texts(tmp_path / "x.png")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "a.jsonl").write_text('{"n": 1}\n', "utf-8")
    with pytest.raises(UsageError, match="has no texts"):
        read_texts(empty)


@pytest.fixture
def copy(captioned: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(captioned, tmp_path / "ds")
    yield tmp_path / "ds"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


def test_the_command_writes_page_figures_table_and_layer(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = copy.parent
    call = ("texts", copy, "--report", out / "p.html", "-o", out / "f.json", "--table", out / "t.parquet", "--layer")
    assert run(*call) == 0
    said = capsys.readouterr().out
    assert "59 texts, 2 with a finding" in said and "attractiveness" in said
    assert (out / "p.html").stat().st_size > 5000 and json.loads((out / "f.json").read_text("utf-8"))["texts"] == 59
    table = pq.read_table(out / "t.parquet")
    assert table.num_rows == 59 and labels.TEXT_FINDINGS.name in table.column_names
    faces_ = Dataset.open(copy).faces([labels.TEXT_FINDINGS, labels.TEXT_AGREEMENT, f"status.{'text_quality'}"])
    findings = faces_.column(0).to_pylist()
    assert findings[7] is None and faces_.column(2)[7].as_py() == "not_applicable"
    assert sum(bool(f) for f in findings) == 2 and findings[0] == []
    layers = len(Dataset.open(copy).layers())
    assert run(*call, "-q") == 0 and len(Dataset.open(copy).layers()) == layers, "the same verdicts add nothing"
    assert run("texts", copy, "--strict", "-q") == 1


def test_mistakes_on_the_command_line(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("texts", copy.parent / "nowhere") == 2
    (copy.parent / "l.jsonl").write_text('{"image": "a", "text": "A picture of a man."}\n', "utf-8")
    assert run("texts", copy.parent / "l.jsonl", "--layer") == 2
    assert run("texts", copy, "--least", 9, "--most", 3) == 2
    assert run("describe", copy, "--command", "no-such-program") == 2
    said = capsys.readouterr().err
    assert "is no dataset" in said and "no program" in said and said.count("\n") == 4


def test_descriptions_become_a_layer_with_rewards(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("describe", copy, "--log", copy.parent / "log.jsonl", "-q") == 0
    columns = [labels.REASONED, labels.REWARD, labels.REASONED_REJECTIONS, labels.REASONED_WRITER]
    found = Dataset.open(copy).faces(columns).to_pylist()
    assert all(r[labels.REWARD.name] == 3 and r[labels.REASONED_REJECTIONS.name] == [] for r in found)
    assert len({r[labels.REASONED.name] for r in found}) > 10
    assert len((copy.parent / "log.jsonl").read_text("utf-8").splitlines()) == 60
    again = check_texts(copy)
    reasoned = next(f for f in again.figures if f.kind == REASONED and not f.by)
    assert reasoned.n == 60 and reasoned.reward is not None and reasoned.reward.value == 3


STUBBORN = """
import json, sys
asked = json.load(sys.stdin)
units = asked["units"]
if not asked["rejected"] or len(units) > 1:
    units = units + ["AU9"]
print(f"<think>{' '.join(units) or 'nothing'}</think><answer>{asked['answer']}</answer>")
"""


def test_a_program_s_rejected_tries_are_kept(copy: Path) -> None:
    program = copy.parent / "writer.py"
    program.write_text(STUBBORN, "utf-8")
    log = copy.parent / "log.jsonl"
    assert run("describe", copy, "--command", f"{sys.executable} {program}", "--tries", 2, "--log", log, "-q") == 0
    found = Dataset.open(copy).faces([labels.REASONED, labels.REWARD, labels.REASONED_REJECTIONS]).to_pylist()
    mended = [r for r in found if r[labels.REASONED.name] is not None]
    assert len(mended) == 20 and all(r[labels.REWARD.name] == 3 for r in mended)
    assert all(
        r[labels.REASONED_REJECTIONS.name] == ["try 1: it cites AU9, which the labels do not have"] for r in mended
    )
    rest = [r for r in found if r[labels.REASONED.name] is None]
    assert all(len(r[labels.REASONED_REJECTIONS.name]) == 2 and 2 < r[labels.REWARD.name] < 3 for r in rest)
    tries = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert len(tries) == 120 and sum(t["accepted"] for t in tries) == 20


def test_relevance_is_the_cosine_of_the_dataset_s_own_clip(copy: Path) -> None:
    from annotators.adapters.clip_checkpoint import FOLDER_PREFIX, ClipConfig
    from annotators.adapters.clip_network import Loader
    from annotators.weights import ModelStore
    from curate.store import LayerInfo
    from schemas.columns import faces
    from tests import tiny_clip
    from tests.evaluation_samples import KEY
    from tests.store_samples import table

    _, checkpoint = tiny_clip.make(copy.parent)
    folder = tiny_clip.make_folder(copy.parent / "model", checkpoint)
    config = ClipConfig(checkpoint=f"{FOLDER_PREFIX}{folder}")
    network = ModelStore().shared(Loader(config.source))
    ds = Dataset.open(copy)
    said = ds.faces([faces.FACE_ID, labels.CAPTION]).to_pylist()
    ids, captions = ([row[c.name] for row in said] for c in (faces.FACE_ID, labels.CAPTION))
    other = network.texts(["a wall"])[0]
    vectors = [other if c is None or i % 2 else network.texts([c])[0] for i, c in enumerate(captions)]
    ds.add_layer(LayerInfo("clip.v1", "model", "clip", config=config.as_dict(), columns=(labels.EMBEDDING_CLIP.name,)))
    values = {faces.FACE_ID: ids, labels.STATUS: ["ok"] * 60, labels.ERROR: [None] * 60}
    ds.write("labels/clip.v1", KEY, table({**values, labels.EMBEDDING_CLIP: [v.tolist() for v in vectors]}))

    found = check_texts(copy)
    assert found.no_relevance == "" and len(found.relevance) == 59
    by_face = dict(zip((t.key for t in found.texts.rows), range(59), strict=True))
    for i in (0, 1, 2, 5):
        expected = float(network.texts([captions[i]])[0] @ vectors[i])
        assert found.relevance[by_face[ids[i]]] == pytest.approx(expected, abs=1e-5)
    assert found.relevance[by_face[ids[2]]] == pytest.approx(1, abs=1e-5)
    whole = found.figures[0].relevance
    assert whole is not None and whole.n == 59 and "CLIP cosine" in render(found)
    shutil.rmtree(folder)
    without = check_texts(copy)
    assert without.relevance == {} and "model" in without.no_relevance

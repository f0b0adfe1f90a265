"""Reasoned descriptions: Facial-R1's reward, and writing again until units and answer agree."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.adapters.vlm_dialogue import Turn, VlmError
from annotators.crops import Pixels
from curate.export.reasoning import check, words
from curate.text_quality.forbidden import bans, claims_in, forbidden
from curate.text_quality.regenerate import Try, Wanted, regenerate
from curate.text_quality.reward import Reward, read, reward, unit_f1
from curate.text_quality.writers import CommandWriter, ModelWriter, TemplateWriter, prompt
from schemas import SchemaError, UsageError, taxonomy

SAD = Wanted("face", ("AU1", "AU4", "AU15"), "sadness")
GOOD = "<think>Inner brows up (AU1), brows lowered (AU4), corners down (AU15).</think><answer>Sadness</answer>"
UNITS = tuple(words()["units"])


class Script:
    """Writes what it is told, one text after the other."""

    name = "script"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.heard: list[tuple[Try, ...]] = []

    def write(self, wanted: Wanted, rejected: Sequence[Try]) -> str:
        self.heard.append(tuple(rejected))
        return self.texts[len(rejected)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (GOOD, (1.0, 1.0, 1.0)),
        (GOOD.replace("(AU15)", "(AU12)"), (2 / 3, 1.0, 1.0)),
        (GOOD.replace("(AU15)", ""), (0.8, 1.0, 1.0)),
        (GOOD.replace("Sadness", "Fear"), (1.0, 0.0, 1.0)),
        (GOOD.replace("Sadness", "Sadness, Fear"), (1.0, 0.0, 1.0)),
        ("AU1 and AU4 and AU15: Sadness", (1.0, 0.0, 0.0)),
        ("<think> </think><answer>Sadness</answer>", (0.0, 1.0, 0.0)),
        (GOOD + " Thank you.", (1.0, 1.0, 0.0)),
        ("", (0.0, 0.0, 0.0)),
    ],
)
def test_reward_by_hand(text: str, parts: tuple[float, float, float]) -> None:
    found = reward(text, SAD.units, ["Sadness"])
    assert (found.units, found.answer, found.form) == pytest.approx(parts)
    assert found.total == pytest.approx(sum(parts))


@settings(deadline=None)
@given(st.sets(st.sampled_from(UNITS)), st.sets(st.sampled_from(UNITS)))
def test_f1_of_sets_equals_sklearn(cited: set[str], active: set[str]) -> None:
    from sklearn.metrics import f1_score

    truth, said = [u in active for u in UNITS], [u in cited for u in UNITS]
    assert unit_f1(cited, active) == pytest.approx(f1_score(truth, said, zero_division=1.0))
    assert unit_f1(cited, active) == unit_f1(active, cited)


@settings(deadline=None)
@given(
    st.sets(st.sampled_from(UNITS)).map(lambda s: tuple(u for u in UNITS if u in s)),
    st.sampled_from(taxonomy("emotion-7").labels),
    st.text("abc0123", min_size=1),
)
def test_the_template_writer_is_right_at_once(units: tuple[str, ...], emotion: str, key: str) -> None:
    done = regenerate(Wanted(key, units, emotion), TemplateWriter())
    assert done.reward == Reward(1.0, 1.0, 1.0)
    assert done.reward.total == 3.0
    assert len(done.tries) == 1 and done.rejections == []
    assert done.text is not None
    check(done.text, units, [emotion.capitalize()])


def test_writes_again_until_all_agrees_and_logs_every_try() -> None:
    writer = Script("Sad.", GOOD.replace("AU4", "AU12"), GOOD.replace("Sadness", "Anger"), GOOD, "never asked for")
    done = regenerate(SAD, writer)
    assert done.text == GOOD and done.writer == "script" and done.reward.total == 3
    assert [t.accepted for t in done.tries] == [False, False, False, True]
    assert done.rejections == [
        "try 1: it is not <think>reasons</think><answer>emotion</answer>; it does not cite AU1, AU4, AU15; "
        "its answer is '', the label is Sadness",
        "try 2: it cites AU12, which the labels do not have; it does not cite AU4",
        "try 3: its answer is 'Anger', the label is Sadness",
    ]
    assert [len(h) for h in writer.heard] == [0, 1, 2, 3]


def test_the_number_of_tries_is_a_limit() -> None:
    done = regenerate(SAD, Script("no", GOOD.replace("Sadness", "Anger"), "no", GOOD), tries=3)
    assert done.text is None and len(done.tries) == len(done.rejections) == 3
    assert done.reward == Reward(1.0, 0.0, 1.0), "the best try's"
    with pytest.raises(UsageError, match="At least one"):
        regenerate(SAD, TemplateWriter(), tries=0)


def test_right_units_and_answer_do_not_excuse_a_forbidden_claim() -> None:
    done = regenerate(SAD, Script(GOOD.replace("Inner", "This attractive man has inner"), GOOD))
    assert done.rejections == ["try 1: it speaks of attractiveness ('attractive')"]
    assert done.text == GOOD


PROGRAM = """
import json, sys
asked = json.load(sys.stdin)
units = asked["units"] if asked["rejected"] else asked["units"][:1]
told = asked["rejected"][0]["reasons"][0] if asked["rejected"] else ""
print(f"<think>{' '.join(units)} {'cite' in told}</think><answer>{asked['answer']}</answer>")
"""


def test_a_program_hears_why_and_mends_its_text(tmp_path: Path) -> None:
    (tmp_path / "writer.py").write_text(PROGRAM, "utf-8")
    done = regenerate(SAD, CommandWriter(f"{sys.executable} {tmp_path / 'writer.py'}"))
    assert done.text == "<think>AU1 AU4 AU15 True</think><answer>Sadness</answer>"
    assert done.rejections == ["try 1: it does not cite AU4, AU15"]


def test_a_program_that_fails_uses_up_its_tries(tmp_path: Path) -> None:
    done = regenerate(SAD, CommandWriter(f"{sys.executable} -c \"import sys; sys.exit('no model')\""), tries=2)
    assert done.text is None and done.reward.total == 0
    assert [t.reasons[0].endswith("ended with 1: no model") for t in done.tries] == [True, True]
    slow = regenerate(SAD, CommandWriter(f'{sys.executable} -c "import time; time.sleep(30)"', seconds=0.2), tries=1)
    assert "took longer than 0.2 s" in slow.rejections[0]
    with pytest.raises(UsageError, match="no program 'nowhere-to-be-found'"):
        CommandWriter("nowhere-to-be-found")
    with pytest.raises(UsageError, match="not understood"):
        CommandWriter("a 'b")


class Model:
    """A vision-language model that answers from a list; an exception is raised."""

    name = "tiny"

    def __init__(self, *answers: str | Exception) -> None:
        self.answers, self.asked = list(answers), list[tuple[list[Turn], Pixels]]()

    def answer(self, turns: Sequence[Turn], picture: Pixels) -> str:
        self.asked.append((list(turns), picture))
        said = self.answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


def test_a_model_sees_the_face_and_hears_why() -> None:
    model = Model(GOOD.replace("AU4", "AU5"), VlmError("it is busy"), GOOD)
    face = np.zeros((8, 8, 3), np.uint8)
    pictures = {"face": face}
    done = regenerate(SAD, ModelWriter(model, pictures.__getitem__))
    assert done.text == GOOD and done.writer == "tiny"
    assert done.rejections[1] == "try 2: it is busy"
    (first, shown), _, (last, _) = model.asked
    assert shown is face and [t.role for t in first] == ["user"]
    assert [t.role for t in last] == ["user", "assistant", "user"], "a try without a text is not quoted"
    assert "it cites AU5, which the labels do not have; it does not cite AU4" in last[-1].text


def test_the_prompt_names_units_answer_and_form() -> None:
    asked = prompt(SAD)
    assert "- AU15: the lip corners are pulled down" in asked
    assert "<answer>Sadness</answer>" in asked and "Neutral" in asked
    assert "- none" in prompt(Wanted("x", (), "neutral"))
    assert not forbidden(GOOD) and read(GOOD).formed


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A woman with autism looks down.", "health"),
        ("The man looks like a criminal.", "crime"),
        ("A handsome man smiles.", "attractiveness"),
        ("An honest face.", "character"),
        ("She looks East Asian.", "origin"),
        ("A black man in a suit.", "origin"),
        ("A devout Muslim.", "belief"),
        ("A gay man laughs.", "orientation"),
        ("This is Barack Obama.", "identity"),
        ("The person is named Anna.", "identity"),
        ("A homeless person.", "standing"),
    ],
)
def test_forbidden_claims_are_found(text: str, kind: str) -> None:
    assert kind in {c.ban.kind for c in claims_in(text)}


@pytest.mark.parametrize(
    "text",
    [
        "A person with black hair and brown eyes in front of a white wall.",
        "A man of about 30 to 39 looks straight at the camera, smiling with his mouth open.",
        "The face is perceived as male. A viewer would name anger. It is a known prototype of fear.",
        "The skin is light; the head is turned to the image's right. Still, nothing stands out.",
        "She wears a hat. A Canon camera stands on the table.",
    ],
)
def test_plain_descriptions_are_not(text: str) -> None:
    assert forbidden(text) == []


def test_the_lexicon_names_its_sources() -> None:
    assert len(bans()) >= 9 and all(len(b.source) > 10 for b in bans())
    from curate.text_quality.forbidden import _ban

    with pytest.raises(SchemaError, match="names no source"):
        _ban({"kind": "x", "what": "x", "patterns": ["x"]})


def test_requests_are_json(tmp_path: Path) -> None:
    (tmp_path / "keep.py").write_text(f"import sys; open({str(tmp_path / 'asked')!r}, 'w').write(sys.stdin.read())")
    regenerate(SAD, CommandWriter(f"{sys.executable} {tmp_path / 'keep.py'}"), tries=1)
    asked = json.loads((tmp_path / "asked").read_text("utf-8"))
    assert asked["units"] == ["AU1", "AU4", "AU15"] and asked["answer"] == "Sadness" and asked["rejected"] == []

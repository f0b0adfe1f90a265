"""Prompts are data: read from text and files, checked, and complete for their taxonomies."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotators.adapters.clip_prompts import packaged, prompts_from
from annotators.adapters.clip_zero_shot import CelebaConfig, ClipCeleba, ClipPrompts, OwnPromptsConfig
from schemas import UsageError, taxonomy


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("smiling", "expected 'label: words"),
        ("a: x", "one class alone"),
        ("a: x; a: y", "stands twice"),
        ("a: ; b: y", "expected a list of texts"),
        ("", "names no classes"),
        ("/nowhere/at/all.toml", "cannot be read"),
    ],
)
def test_prompts_that_cannot_be_used_are_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        prompts_from(text)


def test_prompt_files_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    for text, why in (
        ('templates = ["no slot"]\n[[class]]\nlabel="a"\nyes=["x"]\nno=["y"]', "needs one"),
        ('[[class]]\nlabel="a"\nyes=["x"]\nno=["y"]\n[[class]]\nlabel="b"\nyes=["x"]', "some classes have an opposite"),
        ('[[class]]\nlabel="a"\nwords=["x"]', "incomplete"),
        ("clas = 1", "unknown key 'clas'"),
        ("class = [1]", "names no classes"),
        ("[[class", "cannot be read"),
    ):
        file.write_text(text, "utf-8")
        with pytest.raises(UsageError, match=why):
            prompts_from(str(file))
    file.write_text('[[class]]\nlabel="Hat"\nyes=["x"]\nno=["y"]', "utf-8")
    with pytest.raises(UsageError, match="not a label of celeba-40"):
        ClipCeleba.weights_of(CelebaConfig(prompts=str(file)))
    with pytest.raises(UsageError, match="needs prompts"):
        ClipPrompts.weights_of(OwnPromptsConfig())


def test_packaged_prompts_cover_their_taxonomies() -> None:
    celeba, emonet = packaged("celeba"), packaged("emonet")
    assert set(taxonomy("celeba-40").labels) - set(celeba.labels) == {"Attractive", "Chubby"}
    assert emonet.labels == taxonomy("emonet-40").labels
    assert all(c.no for c in (*celeba.classes, *emonet.classes))

"""The CLIP adapters: equal to open_clip's own output, nothing fetched, wrong files and settings refused."""

from __future__ import annotations

import builtins
import json
import logging
import math
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from annotators.adapters.clip import ClipEmbedding
from annotators.adapters.clip_checkpoint import ClipConfig
from annotators.adapters.clip_network import ClipNetwork
from annotators.adapters.clip_prompts import PromptClass, PromptSet, ZeroShot, packaged, prompts_from
from annotators.adapters.clip_zero_shot import (
    CelebaConfig,
    ClipCeleba,
    ClipEmonet,
    ClipPrompts,
    EmonetConfig,
    OwnPromptsConfig,
    clear_winner,
)
from annotators.adapters.torch_runtime import one_thread, torch_of
from annotators.base import Annotator, FaceBatch
from annotators.crops import BoxCrop
from annotators.weights import ModelStore
from schemas import MissingExtraError, ModelError, UnknownNameError, UsageError, check, labels_of, taxonomy
from schemas.columns import faces, labels
from tests import tiny_clip

pytest.importorskip("torch")
pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    return tiny_clip.make(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def chosen(tiny: tuple[Any, Path]) -> dict[str, Any]:
    """The settings that choose the tiny model."""
    return {"model": tiny_clip.NAME, "checkpoint": str(tiny[1]), "model_configs": str(tiny[1].parent)}


@pytest.fixture(scope="module")
def network(chosen: dict[str, Any]) -> ClipNetwork:
    return ClipNetwork(ClipConfig(**chosen).source, ModelStore(entries=()))


@pytest.fixture(scope="module")
def batch() -> Callable[[], FaceBatch]:
    """Makes a batch of three faces, an adult's, a child's and one of unknown age."""
    rng = np.random.default_rng(7)
    picture = rng.integers(0, 256, (160, 200, 3), np.uint8)
    ages = [{"30-39": 1.0}, {"3-9": 0.5, "20-29": 0.5}, None]
    groups = taxonomy("age-fairface-9").labels
    rows = [
        {
            faces.FACE_ID.name: f"p.{i}",
            faces.IMAGE_ID.name: "p",
            **dict(zip((c.name for c in faces.BOX), (20.0 + 50 * i, 30.0, 50.0, 70.0), strict=True)),
            labels.AGE_PROB.name: age and {g: age.get(g, 0.0) for g in groups},
        }
        for i, age in enumerate(ages)
    ]
    schema = pa.schema([faces.FACE_ID.field, faces.IMAGE_ID.field, *(c.field for c in (*faces.BOX, labels.AGE_PROB))])
    return lambda: FaceBatch(pa.Table.from_pylist(rows, schema=schema), {"p": picture})


def run(annotator: Annotator, batch: FaceBatch) -> list[dict[str, Any]]:
    annotator.setup(ModelStore(entries=()))
    result = annotator.annotate(batch)
    assert result.schema.equals(annotator.schema())
    for column in annotator.provides:
        check(column, result.column(column.name), labels_of)
    rows: list[dict[str, Any]] = result.to_pylist()
    assert [r[labels.STATUS.name] for r in rows] == ["ok"] * len(rows), rows
    return rows


def reference_image(model: Any, crop: NDArray[np.uint8], statistics: dict[str, Any] | None = None) -> NDArray[Any]:
    """What open_clip's own preprocessing and model make of a picture."""
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image

    torch = torch_of("clip")
    transform = image_transform_v2(PreprocessCfg(size=64, **(statistics or {})), is_train=False)
    with one_thread(torch):
        tensor = transform(Image.fromarray(crop))[None]
        return np.asarray(model.encode_image(tensor, normalize=True).numpy()[0])


def reference_texts(model: Any, texts: list[str]) -> NDArray[Any]:
    with one_thread(torch_of("clip")):
        tokens = tiny_clip.open_clip().get_tokenizer(tiny_clip.NAME)(texts)
        return np.asarray(model.encode_text(tokens, normalize=True).numpy())


def test_image_embedding_equals_the_librarys(
    tiny: tuple[Any, Path], chosen: dict[str, Any], batch: Callable[[], FaceBatch]
) -> None:
    faces_here = batch()
    rows = run(ClipEmbedding(ClipConfig(**chosen)), faces_here)
    for i, row in enumerate(rows):
        mine = np.array(row[labels.EMBEDDING_CLIP.name], np.float32)
        np.testing.assert_allclose(
            mine, reference_image(tiny[0], faces_here.crop(i, BoxCrop(64, 0.25)).pixels), atol=1e-6
        )
        assert np.linalg.norm(mine) == pytest.approx(1, abs=1e-6)


def test_margin_changes_the_crop(
    tiny: tuple[Any, Path], chosen: dict[str, Any], batch: Callable[[], FaceBatch]
) -> None:
    faces_here = batch()
    row = run(ClipEmbedding(ClipConfig(**chosen, margin=0.0)), faces_here)[0]
    expected = reference_image(tiny[0], faces_here.crop(0, BoxCrop(64, 0.0)).pixels)
    np.testing.assert_allclose(row[labels.EMBEDDING_CLIP.name], expected, atol=1e-6)


def test_text_embeddings_equal_the_librarys(tiny: tuple[Any, Path], network: ClipNetwork) -> None:
    texts = [f"a photo of a person with {n} rings" for n in range(40)]
    np.testing.assert_allclose(network.texts(texts), reference_texts(tiny[0], texts), atol=1e-5)


def test_scale_is_the_models(tiny: tuple[Any, Path], network: ClipNetwork) -> None:
    assert network.scale == pytest.approx(math.exp(float(tiny[0].logit_scale.detach())), rel=1e-6)


def test_a_folder_brings_its_own_statistics(
    tiny: tuple[Any, Path], tmp_path: Path, batch: Callable[[], FaceBatch]
) -> None:
    folder = tiny_clip.make_folder(tmp_path / "model", tiny[1])
    faces_here = batch()
    config = ClipConfig(checkpoint=f"local-dir:{folder}")
    row = run(ClipEmbedding(config), faces_here)[0]
    expected = reference_image(tiny[0], faces_here.crop(0, BoxCrop(64, 0.25)).pixels, tiny_clip.STATISTICS)
    np.testing.assert_allclose(row[labels.EMBEDDING_CLIP.name], expected, atol=1e-6)
    assert [Path(w).name for w in ClipEmbedding.weights_of(config)] == [
        "open_clip_model.safetensors",
        "open_clip_config.json",
    ]
    assert run(ClipEmbedding(ClipConfig(model=f"local-dir:{folder}")), batch())[0] == row


def test_binary_scores_by_hand(tiny: tuple[Any, Path], network: ClipNetwork) -> None:
    prompts = PromptSet(("a photo of {}.", "{}"), (PromptClass("hat", ("a hat", "a cap"), ("bare hair",)),))
    image = network.image(np.full((64, 64, 3), 200, np.uint8))
    yes = (
        reference_texts(tiny[0], ["a photo of a hat.", "a hat", "a photo of a cap.", "a cap"])
        .astype(np.float64)
        .mean(0)
    )
    no = reference_texts(tiny[0], ["a photo of bare hair.", "bare hair"]).astype(np.float64).mean(0)
    logits = [network.scale * float(v @ image) / float(np.linalg.norm(v)) for v in (yes, no)]
    expected = 1 / (1 + math.exp(logits[1] - logits[0]))
    assert ZeroShot(network, prompts)(image)["hat"] == pytest.approx(expected, abs=1e-5)


def test_classes_without_opposites_share_one_softmax(tiny: tuple[Any, Path], network: ClipNetwork) -> None:
    prompts = prompts_from("cat: a cat; dog: a dog; cow: a cow | a bull")
    image = network.image(np.full((64, 64, 3), 30, np.uint8))
    scores = ZeroShot(network, prompts)(image)
    texts = reference_texts(tiny[0], ["a cat", "a dog", "a cow", "a bull"]).astype(np.float64)
    vectors = np.stack([texts[0], texts[1], texts[2:].mean(0)])
    logits = network.scale * (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)) @ image
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert list(scores) == ["cat", "dog", "cow"]
    np.testing.assert_allclose(list(scores.values()), expected, atol=1e-5)
    assert sum(scores.values()) == pytest.approx(1)


def test_celeba_says_present_absent_or_abstains(chosen: dict[str, Any], batch: Callable[[], FaceBatch]) -> None:
    rows = run(ClipCeleba(CelebaConfig(**chosen, present=0.52, absent=0.48)), batch())
    for row in rows:
        scores = row[labels.CELEBA_SCORE.name]
        assert [n for n, s in scores.items() if s is None] == ["Attractive", "Chubby"]
        known = {n: s for n, s in scores.items() if s is not None}
        assert row[labels.CELEBA_PRESENT.name] == [n for n in packaged("celeba").labels if known[n] >= 0.52]
        assert set(row[labels.CELEBA_ABSTAINED.name]) == {n for n, s in known.items() if 0.48 < s < 0.52}


def test_emonet_withholds_what_is_not_for_minors(chosen: dict[str, Any], batch: Callable[[], FaceBatch]) -> None:
    adult, child, unknown = run(ClipEmonet(EmonetConfig(**chosen)), batch())
    assert None not in adult[labels.EMONET_SCORE.name].values()
    for row in (child, unknown):
        assert [n for n, s in row[labels.EMONET_SCORE.name].items() if s is None] == ["Sexual Lust"]


@pytest.mark.parametrize(
    ("scores", "winner"),
    [
        ({"Awe": 0.9, "Pride": 0.2}, "Awe"),
        ({"Awe": 0.69, "Pride": 0.2}, None),
        ({"Awe": 0.9, "Pride": 0.86}, None),
        ({"Awe": 0.9}, "Awe"),
        ({}, None),
    ],
)
def test_a_category_is_named_only_if_it_stands_out(scores: dict[str, float], winner: str | None) -> None:
    assert clear_winner(scores, EmonetConfig()) == winner


def test_own_prompts_from_text_and_file_agree(
    chosen: dict[str, Any], tmp_path: Path, batch: Callable[[], FaceBatch]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[class]]\nlabel = "a"\nyes = ["a cat"]\n[[class]]\nlabel = "b"\nyes = ["a dog", "a wolf"]\n', "utf-8"
    )
    from_file = OwnPromptsConfig(**chosen, prompts=str(file), least=0.999)
    rows = run(ClipPrompts(from_file), batch())
    assert rows == run(
        ClipPrompts(OwnPromptsConfig(**chosen, prompts="a: a cat; b: a dog | a wolf", least=0.999)), batch()
    )
    assert [s["label"] for s in rows[0][labels.PROMPT_SCORES.name]] == ["a", "b"]
    assert rows[0][labels.PROMPT_LABEL.name] is None
    assert Path(ClipPrompts.weights_of(from_file)[-1]) == file, "the file's content is part of the layer"


def test_one_face_costs_one_pass(
    chosen: dict[str, Any], batch: Callable[[], FaceBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    models, shared = ModelStore(entries=()), batch()
    runners: list[Annotator] = [
        ClipEmbedding(ClipConfig(**chosen)),
        ClipPrompts(OwnPromptsConfig(**chosen, prompts="a: a cat; b: a dog")),
        ClipCeleba(CelebaConfig(**chosen)),
    ]
    for runner in runners:
        runner.setup(models)
    calls: list[int] = []
    plain = ClipNetwork.image

    def counted(network: ClipNetwork, crop: NDArray[np.uint8]) -> Any:
        calls.append(1)
        return plain(network, crop)

    monkeypatch.setattr(ClipNetwork, "image", counted)
    for runner in runners:
        runner.annotate(shared)
    assert len(calls) == len(shared)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_stays_near(chosen: dict[str, Any], network: ClipNetwork, precision: str) -> None:
    low = ClipNetwork(ClipConfig(**chosen, precision=precision).source, ModelStore(entries=()))
    crop = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert float(low.image(crop) @ network.image(crop)) > 0.999
    assert float((low.texts(["a face"]) @ network.texts(["a face"]).T)[0, 0]) > 0.999


def test_user_settings_of_the_hub_survive_loading(chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    for value in (True, False):
        monkeypatch.setattr(hub, "HF_HUB_OFFLINE", value)
        ClipNetwork(ClipConfig(**chosen).source, ModelStore(entries=()))
        assert hub.HF_HUB_OFFLINE is value


def test_values_do_not_depend_on_threads_or_batch(chosen: dict[str, Any], batch: Callable[[], FaceBatch]) -> None:
    torch = torch_of("clip")
    before = torch.get_num_threads()
    config = ClipConfig(**chosen)
    whole = run(ClipEmbedding(config), batch())
    torch.set_num_threads(2)
    try:
        singles = [
            run(ClipEmbedding(config), FaceBatch(batch().table.slice(i, 1), batch().images))[0]
            for i in range(len(whole))
        ]
    finally:
        torch.set_num_threads(before)
    assert singles == whole


def test_loading_needs_no_network_and_leaves_logging_alone(
    chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        pytest.fail("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().manager.disable
    ClipNetwork(ClipConfig(**chosen).source, ModelStore(entries=()))
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger().manager.disable == level


def refused(config: ClipConfig) -> str:
    with pytest.raises((ModelError, UsageError)) as caught:
        ClipNetwork(config.source, ModelStore())
    return str(caught.value)


def test_wrong_checkpoints_are_refused_in_one_line(
    tiny: tuple[Any, Path], chosen: dict[str, Any], tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file({"a": torch_of("clip").zeros(3)}, other)
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"this is no model")
    pickle = tmp_path / "model.pt"
    pickle.write_bytes(b"x")
    for path, why in (
        (other, "cannot be loaded as tiny-clip"),
        (junk, "cannot be loaded as tiny-clip"),
        (pickle, "only safetensors files are"),
        (tmp_path / "absent.safetensors", "there is no model file"),
    ):
        text = refused(ClipConfig(**{**chosen, "checkpoint": str(path)}))
        assert why in text
        assert path.name in text
        assert "\n" not in text


def test_wrong_settings_are_refused(chosen: dict[str, Any], tmp_path: Path) -> None:
    path = chosen["checkpoint"]
    assert "such as model=ViT-B-32" in refused(ClipConfig(checkpoint=path))
    assert "knows no architecture 'ViT-B-33'" in refused(ClipConfig(checkpoint=path, model="ViT-B-33"))
    assert "from a model hub" in refused(ClipConfig(checkpoint=path, model="ViT-B-16-SigLIP"))
    assert "from a model hub" in refused(ClipConfig(checkpoint=path, model="roberta-ViT-B-32"))
    (tmp_path / "my-siglip.json").write_bytes((Path(chosen["model_configs"]) / f"{tiny_clip.NAME}.json").read_bytes())
    fetches = ClipConfig(checkpoint=path, model="my-siglip", model_configs=str(tmp_path))
    assert "from a model hub" in refused(fetches), "open_clip would fetch a tokenizer for the name's sake"
    assert "does not fit checkpoint" in refused(ClipConfig(model="ViT-B-32", checkpoint="clip_vit_b_32_openai"))
    assert "neither in the catalogue nor a path" in refused(ClipConfig(checkpoint="laion2b_s34b_b79k"))
    assert "open_clip_config.json" in refused(ClipConfig(checkpoint=f"local-dir:{tmp_path}"))
    assert "is to be described there" in refused(ClipConfig(**{**chosen, "model": "other"}))
    for wrong in ({"device": "gpu"}, {"precision": "int8"}, {"margin": -1.0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            ClipConfig(**wrong)
    with pytest.raises(UsageError, match="absent < present"):
        CelebaConfig(present=0.2, absent=0.4)


def test_a_folder_cannot_have_its_tokenizers_code_run(tiny: tuple[Any, Path], tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = tiny_clip.make_folder(tmp_path / "model", tiny[1])
    config = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
    config["model_cfg"]["text_cfg"] |= {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"trust_remote_code": True}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    auto = {"auto_map": {"AutoTokenizer": ["harm.Own", None]}, "tokenizer_class": "Own"}
    (folder / "tokenizer_config.json").write_text(json.dumps(auto), "utf-8")
    owned = tmp_path / "owned"
    (folder / "harm.py").write_text(f"open({str(owned)!r}, 'w').close()\nclass Own: pass\n", "utf-8")
    assert "tokenizer" in refused(ClipConfig(checkpoint=f"local-dir:{folder}"))
    assert not owned.exists()


def test_a_folder_with_pickled_weights_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": tiny_clip.CONFIG}), "utf-8")
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"x")
    assert "holds no weights to load" in refused(ClipConfig(checkpoint=f"local-dir:{tmp_path}"))


def test_absent_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACECURATE_CACHE", str(tmp_path))
    monkeypatch.delenv("FACECURATE_MODELS", raising=False)
    with pytest.raises(ModelError, match="facecurate models pull clip_vit_b_32"):
        ClipEmbedding(ClipConfig()).setup(ModelStore())
    with pytest.raises(UnknownNameError):
        ModelStore().path("clip_vit_b_33")


def test_a_missing_library_names_the_extra(chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(absent: str) -> Callable[..., Any]:
        def find(name: str, *rest: Any, **more: Any) -> Any:
            if name.partition(".")[0] == absent:
                raise ImportError(name)
            return plain(name, *rest, **more)

        return find

    for library in ("torch", "open_clip"):
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, library, raising=False)
            patch.setattr(builtins, "__import__", without(library))
            with pytest.raises(MissingExtraError, match=r"facecurate\[clip\]"):
                ClipNetwork(ClipConfig(**chosen).source, ModelStore(entries=()))

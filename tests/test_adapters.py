"""The adapters: names follow the tools' orders, crops their preprocessing, and wrong files and settings are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from annotators.adapters.face_parsing import FaceParsing, FaceParsingConfig, with_own_sides
from annotators.adapters.fairface import FairFace, FairFaceConfig
from annotators.adapters.graph_au import GraphAU, GraphAUConfig
from annotators.adapters.hsemotion import HSEmotion, HSEmotionConfig, input_of
from annotators.adapters.libreface import LibreFace, LibreFaceConfig
from annotators.base import Annotator, FaceBatch
from annotators.head_crops import HeadCrop, MeshHeadCrop, StretchedBox, head_square
from annotators.network_input import HALVES, IMAGENET, normalised, softmax
from annotators.part_maps import NOT_JUDGED, decoded, part_names
from annotators.weights import ModelStore
from schemas import ModelError, UsageError, check, labels_of, taxonomy
from schemas.columns import faces, labels
from tests import tiny_adapters

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

POINTS = np.array([[110, 120], [180, 118], [146, 160], [118, 196], [175, 194]], np.float32)
BOX = (60.0, 40.0, 160.0, 200.0)
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def picture() -> Picture:
    noise = np.random.default_rng(3).integers(0, 255, (36, 40, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (300, 270), interpolation=cv2.INTER_CUBIC), np.uint8)


def batch_of(picture: Picture, mesh: NDArray[np.float32] | None = None, points: bool = True) -> FaceBatch:
    row: dict[str, Any] = {faces.FACE_ID.name: "f", faces.IMAGE_ID.name: "i"}
    row |= {c.name: v for c, v in zip(faces.BOX, BOX, strict=True)}
    row[faces.POINTS_5.name] = POINTS.ravel().tolist() if points else None
    fields = [faces.FACE_ID.field, faces.IMAGE_ID.field, *(c.field for c in faces.BOX), faces.POINTS_5.field]
    if mesh is not None:
        row[labels.MESH.name] = mesh.ravel().tolist()
        fields.append(labels.MESH.field)
    return FaceBatch(pa.Table.from_pylist([row], schema=pa.schema(fields)), {"i": picture})


@pytest.fixture
def batch(picture: Picture) -> FaceBatch:
    return batch_of(picture)


def ready(labeller: Annotator) -> Annotator:
    labeller.setup(ModelStore(entries=()))
    return labeller


def row_of(labeller: Annotator, batch: FaceBatch) -> dict[str, Any]:
    result = labeller.annotate(batch)
    for column in labeller.provides:
        check(column, result.column(column.name), lambda name: frozenset(labels_of(name)))
    row: dict[str, Any] = result.to_pylist()[0]
    assert row[labels.STATUS.name] == "ok", row[labels.ERROR.name]
    return row


def onnx_output(path: Path, pixels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What ONNX Runtime gives for the file as it is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [np.asarray(o) for o in session.run(None, {"input": pixels})]


class TestCrops:
    def test_the_box_is_stretched(self, batch: FaceBatch) -> None:
        spec = StretchedBox(224)
        crop = batch.crop(0, spec)
        x, y, w, h = BOX
        corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
        np.testing.assert_allclose(crop.to_crop(corners), [[0, 0], [224, 0], [224, 224], [0, 224]], atol=1e-9)
        wider = batch.crop(0, StretchedBox(224, margin=0.25))
        np.testing.assert_allclose(wider.to_crop(corners)[0], [224 * 0.25 / 1.5] * 2, atol=1e-9)

    def test_a_stretched_box_is_opencvs_resize(self, batch: FaceBatch, picture: Picture) -> None:
        x, y, w, h = (int(v) for v in BOX)
        theirs = cv2.resize(picture[y : y + h, x : x + w], (224, 224))
        inner = np.s_[4:-4, 4:-4]  # beyond the box's edge the crop sees the picture, the resize repeats the edge
        difference = np.abs(batch.crop(0, StretchedBox(224)).pixels[inner].astype(int) - theirs[inner].astype(int))
        assert difference.max() <= 2

    def test_celebahqs_square(self) -> None:
        """Known answer by hand: eyes 40 apart, mouth 44 below: the eyes decide, half a side is 80."""
        matrix = head_square(np.array([80.0, 100]), np.array([120.0, 100]), np.array([100.0, 144]), 512)
        corners = np.array([[100 - 80, 104.4 - 80], [100 + 80, 104.4 + 80]])
        np.testing.assert_allclose(corners @ matrix[:, :2].T + matrix[:, 2], [[0, 0], [512, 512]], atol=1e-9)
        tall = head_square(np.array([80.0, 100]), np.array([120.0, 100]), np.array([100.0, 200]), 512)
        assert tall[0, 0] == pytest.approx(512 / (2 * 180))

    @pytest.mark.parametrize("degrees", [-70, -20, 35, 120, 180])
    def test_the_square_turns_with_the_head(self, degrees: float) -> None:
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = [np.array(p, float) for p in ([80, 100], [120, 104], [97, 144])]
        straight = head_square(*points, 256)
        turned = head_square(*(turn @ p for p in points), 256)
        np.testing.assert_allclose(turned[:, :2] @ turn, straight[:, :2], atol=1e-9)
        np.testing.assert_allclose(turned[:, 2], straight[:, 2], atol=1e-7)

    def test_librefaces_crop_is_the_middle_of_the_same_square(self) -> None:
        mesh = np.zeros((478, 3))
        mesh[:, :2] = np.random.default_rng(0).uniform(50, 200, (478, 2))
        whole, middle = (MeshHeadCrop(s, f).matrix({labels.MESH: mesh}) for s, f in ((256, 1.0), (224, 224 / 256)))
        np.testing.assert_allclose(middle[:, :2], whole[:, :2], atol=1e-9)
        np.testing.assert_allclose(middle[:, 2], whole[:, 2] - 16, atol=1e-9)

    def test_input_statistics(self) -> None:
        crop = np.full((2, 2, 3), (0, 127, 255), np.uint8)
        np.testing.assert_allclose(normalised(crop, HALVES)[0, :, 0, 0], [-1, -1 / 255, 1], atol=1e-6)
        expected = (np.array([0, 127, 255]) / 255 - IMAGENET[0]) / IMAGENET[1]
        np.testing.assert_allclose(normalised(crop)[0, :, 1, 1], expected, atol=1e-6)
        assert normalised(crop).shape == (1, 3, 2, 2)


class TestHSEmotion:
    @pytest.mark.parametrize(
        ("name", "size", "statistics"),
        [
            ("enet_b0_8_va_mtl", 224, IMAGENET), ("enet_b0_8_best_vgaf", 224, IMAGENET), ("enet_b2_8", 260, IMAGENET),
            ("mbf_va_mtl", 112, HALVES), ("mobilevit_va_mtl", 224, IMAGENET),
        ],
    )  # fmt: skip
    def test_input_by_name(self, name: str, size: int, statistics: Any) -> None:
        assert input_of(name) == (size, statistics)

    def test_eight_classes_and_affect(self, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "enet_b0_8_va_mtl.onnx", [10], 224)
        row = row_of(ready(HSEmotion(HSEmotionConfig(weights=str(path)))), batch)
        (raw,) = onnx_output(path, normalised(batch.crop(0, StretchedBox(224)).pixels))
        order = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
        expected = dict(zip(order, softmax(raw[0, :8]), strict=True))
        assert row[labels.EMOTION8_PROB.name] == pytest.approx(expected, abs=1e-6)
        assert row[labels.EMOTION8.name] == max(expected, key=expected.__getitem__)
        assert row[labels.VALENCE.name] == pytest.approx(np.clip(raw[0, 8], -1, 1), abs=1e-6)
        assert row[labels.AROUSAL.name] == pytest.approx(np.clip(raw[0, 9], -1, 1), abs=1e-6)
        rest = 1 - expected["contempt"]
        seven = {k: v / rest for k, v in expected.items() if k != "contempt"}
        assert row[labels.EMOTION_PROB.name] == pytest.approx(seven, abs=1e-6)

    @pytest.mark.parametrize(("winner", "label7"), [("contempt", None), ("neutral", "neutral"), ("anger", "anger")])
    def test_contempt_has_no_name_among_seven(
        self, winner: str, label7: str | None, batch: FaceBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "enet_b0_8_best_vgaf.onnx", [8], 224)
        labeller = HSEmotion(HSEmotionConfig(weights=str(path)))
        ready(labeller)
        order = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
        raw = np.array([[3.0 if name == winner else 0.0 for name in order]], np.float32)
        monkeypatch.setattr(labeller, "_model", lambda _: [raw])
        row = row_of(labeller, batch)
        assert (row[labels.EMOTION8.name], row[labels.PERCEIVED_EMOTION.name]) == (winner, label7)
        assert row[labels.VALENCE.name] is None, "this network gives no valence"
        assert sum(row[labels.EMOTION_PROB.name].values()) == pytest.approx(1)

    def test_seven_classes(self, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "enet_b0_7.onnx", [7], 224)
        row = row_of(ready(HSEmotion(HSEmotionConfig(weights=str(path), threshold=0.99))), batch)
        assert row[labels.EMOTION8.name] is None
        assert row[labels.EMOTION8_PROB.name] is None
        assert row[labels.PERCEIVED_EMOTION.name] is None, "less sure than the threshold"
        (raw,) = onnx_output(path, normalised(batch.crop(0, StretchedBox(224)).pixels))
        order = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
        expected = dict(zip(order, softmax(raw[0]), strict=True))
        assert row[labels.EMOTION_PROB.name] == pytest.approx(expected, abs=1e-6)

    def test_another_network_is_told_at_once(self, tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "other.onnx", [5], 224)
        with pytest.raises(ModelError, match=r"other\.onnx is another model: it gives 5 numbers"):
            ready(HSEmotion(HSEmotionConfig(weights=str(path))))


class TestFairFace:
    def test_three_outputs_by_name(self, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "fairface.onnx", [7, 2, 9], 224)
        labeller = ready(FairFace(FairFaceConfig(weights=str(path))))
        row = row_of(labeller, batch)
        outputs = onnx_output(path, normalised(batch.crop(0, labeller.crops[0]).pixels))
        race, gender, age = (softmax(o[0]) for o in outputs)
        names = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern")
        assert row[labels.RACE_PROB.name] == pytest.approx(dict(zip(names, race, strict=True)), abs=1e-6)
        assert row[labels.RACE.name] == names[race.argmax()]
        assert row[labels.GENDER_PROB.name] == pytest.approx({"Male": gender[0], "Female": gender[1]}, abs=1e-6)
        bins = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+")
        assert row[labels.AGE_PROB.name] == pytest.approx(dict(zip(bins, age, strict=True)), abs=1e-6)
        assert row[labels.AGE_GROUP.name] == bins[age.argmax()]
        assert row[labels.RACE4.name] is None, "no network of four races was given"

    def test_one_vector_of_18_and_four_races(self, batch: FaceBatch, tmp_path: Path) -> None:
        seven = tiny_adapters.fairface(7).save(tmp_path / "seven.safetensors")
        four = tiny_adapters.fairface(8).save(tmp_path / "four.pt")
        labeller = FairFace(FairFaceConfig(weights=str(seven), race4_weights=str(four)))
        assert labeller.weights_of(labeller.config) == (str(seven), str(four))
        row = row_of(ready(labeller), batch)
        from annotators.residual_network import classifier
        from annotators.torch_network import TorchModel

        pixels = normalised(batch.crop(0, labeller.crops[0]).pixels)
        raw = TorchModel(four, classifier, 224)(pixels)[0][0]
        names = ("White", "Black", "Asian", "Indian")
        expected = dict(zip(names, softmax(raw[:4]), strict=True))
        assert row[labels.RACE4_PROB.name] == pytest.approx(expected, abs=1e-6)
        raw = TorchModel(seven, classifier, 224)(pixels)[0][0]
        assert row[labels.GENDER_PROB.name]["Male"] == pytest.approx(softmax(raw[7:9])[0], abs=1e-6)
        assert row[labels.AGE_PROB.name]["70+"] == pytest.approx(softmax(raw[9:])[8], abs=1e-6)

    def test_a_face_without_points_has_no_answer(self, picture: Picture, tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "fairface.onnx", [7, 2, 9], 224)
        labeller = ready(FairFace(FairFaceConfig(weights=str(path))))
        row = labeller.annotate(batch_of(picture, points=False)).to_pylist()[0]
        assert row[labels.STATUS.name] == "not_applicable"

    @pytest.mark.parametrize("outputs", [[81], [9, 2, 7], [2, 7, 9], [9, 9]])
    def test_another_network_is_told_at_once(self, outputs: list[int], tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "age.onnx", outputs, 224)
        with pytest.raises(ModelError, match="is another model"):
            ready(FairFace(FairFaceConfig(weights=str(path))))


class TestFaceParsing:
    def test_each_pixel_has_the_part_of_the_greatest_score(self, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.parsing_onnx(tmp_path / "p.onnx")
        row = row_of(ready(FaceParsing(FaceParsingConfig(weights=str(path), side=512))), batch)
        found = decoded(row[labels.FACE_PARSING.name])
        crop = batch.crop(0, HeadCrop(512))
        scores = onnx_output(path, normalised(crop.pixels))[0][0]
        order = (
            "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose",
            "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
        )  # fmt: skip
        assert part_names() == order, "the order of the taxonomy is the order of the network"
        judged = found.parts != NOT_JUDGED
        unpaired = judged & ~np.isin(found.parts, [2, 3, 4, 5, 7, 8])
        assert unpaired.sum() > 20_000
        np.testing.assert_array_equal(found.parts[unpaired], scores.argmax(0)[unpaired])
        shares = row[labels.PARSING_SHARE.name]
        assert sum(shares.values()) == pytest.approx(1)
        assert shares["nose"] == pytest.approx((found.parts == 10).sum() / judged.sum())

    @pytest.mark.parametrize(("side", "same"), [(256, 0.95), (64, 0.8)])
    def test_a_coarser_map_lies_on_the_same_place(
        self, side: int, same: float, batch: FaceBatch, tmp_path: Path
    ) -> None:
        path = tiny_adapters.bisenet().save(tmp_path / "b.pth")
        maps = []
        for size in (512, side):
            row = row_of(ready(FaceParsing(FaceParsingConfig(weights=str(path), side=size))), batch)
            maps.append(decoded(row[labels.FACE_PARSING.name]).on_image(270, 300))
        assert (maps[0] == maps[1]).mean() > same

    def test_outside_the_picture_nothing_is_judged(self, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.parsing_onnx(tmp_path / "p.onnx")
        row = row_of(ready(FaceParsing(FaceParsingConfig(weights=str(path)))), batch)
        found = decoded(row[labels.FACE_PARSING.name])
        centres = np.argwhere(found.parts != NOT_JUDGED)[:, ::-1] + 0.5
        back = (centres - found.matrix[:, 2]) @ np.linalg.inv(found.matrix[:, :2]).T
        assert (back > -1).all()
        assert (back < [301, 271]).all()
        assert 0.02 < (found.parts == NOT_JUDGED).mean() < 0.5, "this head's square reaches beyond the picture"

    def test_sides_are_the_subjects_own(self) -> None:
        names = part_names()
        wrong = np.full((10, 20), names.index("l_eye"), np.uint8)
        wrong[5:] = names.index("r_ear")
        wrong[:, 9:11] = names.index("nose")
        settled = with_own_sides(wrong, np.array([[5.0, 5], [15.0, 5]]))
        assert {names[v] for v in np.unique(settled[:5, :9])} == {"r_eye"}
        assert {names[v] for v in np.unique(settled[:5, 11:])} == {"l_eye"}
        assert {names[v] for v in np.unique(settled[5:, 11:])} == {"l_ear"}
        assert (settled[:, 9:11] == names.index("nose")).all()
        upside_down = with_own_sides(wrong, np.array([[15.0, 5], [5.0, 5]]))
        assert {names[v] for v in np.unique(upside_down[:5, :9])} == {"l_eye"}

    @pytest.mark.parametrize(("parts", "size"), [(11, 512), (19, 256)])
    def test_another_network_is_told_at_once(self, parts: int, size: int, tmp_path: Path) -> None:
        path = tiny_adapters.parsing_onnx(tmp_path / "p.onnx", parts, size)
        with pytest.raises(ModelError, match=r"p\.onnx is another model"):
            ready(FaceParsing(FaceParsingConfig(weights=str(path))))

    def test_a_side_that_does_not_fit(self) -> None:
        with pytest.raises(UsageError, match="side=200 does not divide 512"):
            ready(FaceParsing(FaceParsingConfig(side=200)))


class TestActionUnits:
    def test_librefaces_combined_file_gives_both(self, picture: Picture, tmp_path: Path) -> None:
        row, outputs = self.libreface(picture, weights=tiny_adapters.libreface().save(tmp_path / "c.pt", "model"))
        disfa = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU9", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26")
        bp4d = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24")
        strengths, chances = row[labels.AU_INTENSITY.name], row[labels.AU_SCORE.name]
        assert {k: v for k, v in strengths.items() if v is not None} == pytest.approx(
            dict(zip(disfa, outputs[0][0] * 5, strict=True)), abs=1e-5
        )
        assert {k: v for k, v in chances.items() if v is not None} == pytest.approx(
            dict(zip(bp4d, outputs[1][0], strict=True)), abs=1e-6
        )
        assert strengths["AU7"] is None, "DISFA has no AU7"
        assert chances["AU5"] is None, "BP4D has no AU5"

    @pytest.mark.parametrize(("setting", "given"), [("weights", "AU_INTENSITY"), ("detection_weights", "AU_SCORE")])
    def test_librefaces_single_files(self, setting: str, given: str, picture: Picture, tmp_path: Path) -> None:
        file = tiny_adapters.libreface(heads=["classifier"]).save(tmp_path / "s.pt", "model")
        row, _ = self.libreface(picture, **{setting: file})
        for column in (labels.AU_INTENSITY, labels.AU_SCORE):
            assert (row[column.name] is not None) == (column is getattr(labels, given))

    def libreface(self, picture: Picture, **files: Path) -> tuple[dict[str, Any], list[NDArray[np.float32]]]:
        from annotators.adapters.libreface import CROP, unit_heads
        from annotators.torch_network import TorchModel

        pytest.importorskip("torch")
        mesh = np.zeros((478, 3), np.float32)
        mesh[:, :2] = np.random.default_rng(0).uniform(100, 200, (478, 2))
        batch = batch_of(picture, mesh)
        row = row_of(ready(LibreFace(LibreFaceConfig(**{k: str(v) for k, v in files.items()}))), batch)
        path = next(iter(files.values()))
        return row, TorchModel(path, unit_heads, 224)(normalised(batch.crop(0, CROP).pixels))

    def test_41_outputs_by_unit_and_side(self, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.vector_onnx(tmp_path / "g.onnx", [41], 224)
        labeller = GraphAU(GraphAUConfig(weights=str(path)))
        ready(labeller)
        labeller._model = lambda _: [np.arange(41, dtype=np.float32)[None] / 100]  # type: ignore[assignment,return-value]
        row = row_of(labeller, batch)
        score, left, right = (row[c.name] for c in (labels.AU_SCORE, labels.AU_SCORE_LEFT, labels.AU_SCORE_RIGHT))
        assert score["AU1"] == pytest.approx(0.0)
        assert score["AU12"] == pytest.approx(0.09)
        assert score["AU20"] == pytest.approx(0.17), "AD19 stands before it and has no field"
        assert score["AU27"] == pytest.approx(0.23)
        assert (left["AU1"], right["AU1"]) == pytest.approx((0.27, 0.28))
        assert (left["AU14"], right["AU14"]) == pytest.approx((0.39, 0.40))
        assert score["AU43"] is None, "the network does not look for it"
        assert {k for k, v in left.items() if v is not None} == {"AU1", "AU2", "AU4", "AU6", "AU10", "AU12", "AU14"}

    @pytest.mark.parametrize(("units", "order"), [(12, "bp4d-12"), (8, "disfa-8")])
    def test_smaller_releases(self, units: int, order: str, batch: FaceBatch, tmp_path: Path) -> None:
        path = tiny_adapters.graph_au(units=units, sides=0, stage=1 if units == 8 else 2).save(tmp_path / "g.pth")
        row = row_of(ready(GraphAU(GraphAUConfig(weights=str(path)))), batch)
        given = {k for k, v in row[labels.AU_SCORE.name].items() if v is not None}
        assert given == set(taxonomy(order).labels)
        assert row[labels.AU_SCORE_LEFT.name] is None

    @pytest.mark.parametrize(("labeller", "name"), [(LibreFace, "libreface"), (GraphAU, "graph_au")])
    def test_without_a_file_it_says_where_to_get_one(self, labeller: Callable[[], Annotator], name: str) -> None:
        with pytest.raises(ModelError, match=rf"{name} has no network.*github\.com.*--set {name}\.weights="):
            ready(labeller())
        assert labeller().weights_of(labeller().config) == ()

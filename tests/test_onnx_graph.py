"""Edits of ONNX files: what they change, and that they change no value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from annotators.onnx_graph import prepare
from annotators.runtime import OnnxModel
from annotators.weights import ModelStore

RNG = np.random.default_rng(3)


def tiny() -> onnx.ModelProto:
    """Convolution, PRelu, Gemm, in the manner of old exporters: weights stand among the graph's inputs."""
    weights = {
        "w": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "slope": np.array([0.25, -0.5, 1.2, 0.0], np.float32).reshape(4, 1, 1),
        "g": RNG.normal(size=(4 * 6 * 6, 2)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("PRelu", ["c", "slope"], ["p"], name="act"),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "g"], ["y"]),
    ]
    values = {"x": (1, 3, 8, 8), **{k: v.shape for k, v in weights.items()}}
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, shape) for k, shape in values.items()]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 2))]
    initial = [numpy_helper.from_array(v, k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=3)


def run(model: bytes, x: np.ndarray, optimise: bool = True) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": x}))


def test_the_prepared_graph_is_valid_and_gives_the_same_numbers_to_the_bit() -> None:
    published = tiny()
    prepared = prepare(published.SerializeToString())
    onnx.checker.check_model(onnx.load_from_string(prepared))
    for _ in range(5):
        x = RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)
        before = run(published.SerializeToString(), x, optimise=False)[0]
        assert np.array_equal(run(prepared, x, optimise=False)[0], before)


def test_weights_leave_the_inputs_and_prelu_leaves_the_graph() -> None:
    graph = onnx.load_from_string(prepare(tiny().SerializeToString())).graph
    assert [i.name for i in graph.input] == ["x"]
    kinds = [n.op_type for n in graph.node]
    assert kinds == ["Conv", "Relu", "Sub", "Mul", "Add", "Flatten", "MatMul"]


def test_inner_maps_can_be_outputs(tmp_path: Path) -> None:
    file = tmp_path / "tiny.onnx"
    file.write_bytes(tiny().SerializeToString())
    model = OnnxModel(file, extra_outputs=("p",))
    y, inner = model(np.ones((1, 3, 8, 8), np.float32))
    assert y.shape == (1, 2)
    assert inner.shape == (1, 4, 6, 6)


@pytest.mark.models
def test_sface_gives_the_published_numbers(models: ModelStore) -> None:
    path = models.path("sface")
    x = RNG.uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ours = OnnxModel(path)
    published = session.run(None, {ours.inputs[0]: x})[0]
    assert np.abs(ours(x)[0] - published).max() < 1e-5

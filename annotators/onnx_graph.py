"""Small edits to an ONNX file's bytes, without the onnx library.

Old exporters list the weights among the graph's inputs, which keeps ONNX Runtime from folding them;
and a network's inner feature maps can be read once they are named as outputs. Both are a matter of
adding or leaving out entries of the graph. So is freeing a network that was exported for one picture
size, but could take any, of the sizes written into it. ONNX Runtime's PRelu takes a branch per number,
which a processor cannot foresee on real pictures; written as relu(x) + slope * (x - relu(x)), which is
the same to the last bit, SFace takes half the time. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

IR_VERSION, GRAPH = 1, 7  # ModelProto
NODE, INITIALIZER, INPUT, OUTPUT, VALUE_INFO = 1, 5, 11, 12, 13  # GraphProto
NODE_INPUT, NODE_OUTPUT, OPERATOR = 1, 2, 4  # NodeProto
TENSOR_NAME, VALUE_NAME = 8, 1  # TensorProto, ValueInfoProto
TYPE, TENSOR_TYPE, ELEMENT_TYPE, FLOAT = 2, 1, 1, 1  # ValueInfoProto, TypeProto, TypeProto.Tensor, TensorProto
VARINT, BYTES = 0, 2
FIXED = {1: 8, 5: 4}
IR_WITHOUT_WEIGHT_INPUTS = 4


def prepare(model: bytes, extra_outputs: Sequence[str] = (), any_size: bool = False) -> bytes:
    """Take the weights out of the graph's inputs, name inner tensors, free the sizes, spare PRelu its branches.

    Args:
        model: The bytes of an ONNX file.
        extra_outputs: Names of inner tensors, appended to the outputs.
        any_size: Forget the declared shapes of inputs, outputs and inner tensors (all float32).

    Raises:
        ValueError: if the bytes are not an ONNX model.
    """
    parts, version = [], 0
    for field, kind, value in _fields(model):
        if field == IR_VERSION:
            version = int.from_bytes(value, "little")
        elif field == GRAPH:
            parts.append(_entry(GRAPH, BYTES, _prepared_graph(value, extra_outputs, any_size)))
        else:
            parts.append(_entry(field, kind, value))
    if not version:
        raise ValueError("not an ONNX model")
    return _entry(IR_VERSION, VARINT, bytes([max(version, IR_WITHOUT_WEIGHT_INPUTS)])) + b"".join(parts)


def _prepared_graph(graph: bytes, extra_outputs: Sequence[str], any_size: bool) -> bytes:
    fields = list(_fields(graph))
    weights = {_text(value, TENSOR_NAME) for field, _, value in fields if field == INITIALIZER}
    kept = []
    for field, kind, value in fields:
        if (field == INPUT and _text(value, VALUE_NAME) in weights) or (any_size and field == VALUE_INFO):
            continue
        if field == NODE and _text(value, OPERATOR) == b"PRelu":
            kept += [_entry(NODE, BYTES, node) for node in _branchless(value)]
            continue
        shaped = any_size and field in (INPUT, OUTPUT)
        kept.append(_entry(field, kind, _without_shape(value) if shaped else value))
    added = [_entry(OUTPUT, BYTES, _entry(VALUE_NAME, BYTES, name.encode())) for name in extra_outputs]
    return b"".join(kept + added)


def _branchless(prelu: bytes) -> Iterator[bytes]:
    """The nodes that do what a PRelu node does, without a branch."""
    x, slope = (value for field, _, value in _fields(prelu) if field == NODE_INPUT)
    y = _text(prelu, NODE_OUTPUT)
    positive, negative, scaled = (y + suffix for suffix in (b"/positive", b"/negative", b"/scaled"))
    yield _node(b"Relu", (x,), positive)
    yield _node(b"Sub", (x, positive), negative)
    yield _node(b"Mul", (slope, negative), scaled)
    yield _node(b"Add", (positive, scaled), y)


def _node(operator: bytes, inputs: Sequence[bytes], output: bytes) -> bytes:
    names = b"".join(_entry(NODE_INPUT, BYTES, name) for name in inputs)
    return names + _entry(NODE_OUTPUT, BYTES, output) + _entry(OPERATOR, BYTES, operator)


def _without_shape(value_info: bytes) -> bytes:
    tensor = _entry(TENSOR_TYPE, BYTES, _entry(ELEMENT_TYPE, VARINT, bytes([FLOAT])))
    return _entry(VALUE_NAME, BYTES, _text(value_info, VALUE_NAME)) + _entry(TYPE, BYTES, tensor)


def _text(message: bytes, wanted: int) -> bytes:
    return next((value for field, _, value in _fields(message) if field == wanted), b"")


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, wire type and raw value of each entry; a varint's value is given as written."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        field, kind = tag >> 3, tag & 7
        if kind == VARINT:
            end = _varint(message, place)[1]
        elif kind == BYTES:
            length, place = _varint(message, place)
            end = place + length
        elif kind in FIXED:
            end = place + FIXED[kind]
        else:
            raise ValueError("not an ONNX model")
        if end > len(message):
            raise ValueError("the ONNX model is cut off")
        yield field, kind, message[place:end]
        place = end


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message):
            raise ValueError("the ONNX model is cut off")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _entry(field: int, kind: int, value: bytes) -> bytes:
    length = _written(len(value)) if kind == BYTES else b""
    return _written(field << 3 | kind) + length + value

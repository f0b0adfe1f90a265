"""Generators around models that the user brings: diffusers pipelines, ONNX networks, any program."""

"""Stable Diffusion pipelines of diffusers' own classes, small enough to be made in a test, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from annotators.adapters.torch_runtime import one_thread, silent, torch_of

WIDTH, TOKENS, SIDE = 32, 77, 64
CROSS = 32


def tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer over single letters: no file of anyone's is needed."""
    from transformers import CLIPTokenizer

    letters = [chr(c) for c in range(33, 127)]
    words = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=TOKENS)


def parts(work: Path) -> dict[str, Any]:
    """The parts of a pipeline."""
    torch = torch_of("generate")
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    words = tokenizer(work / "words")
    text = CLIPTextConfig(
        hidden_size=CROSS, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, vocab_size=len(words),
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.eos_token_id,
    )  # fmt: skip
    return {
        "unet": UNet2DConditionModel(
            block_out_channels=(WIDTH, 64), layers_per_block=1, sample_size=SIDE // 2, in_channels=4, out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), cross_attention_dim=CROSS,
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), norm_num_groups=8,
        ),
        "vae": AutoencoderKL(
            block_out_channels=[WIDTH, 64], in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=8,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        ),
        "text_encoder": CLIPTextModel(text),
        "tokenizer": words,
        "scheduler": DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                   clip_sample=False, set_alpha_to_one=False, steps_offset=1),
    }  # fmt: skip


def make(folder: Path, work: Path) -> Any:
    """Write a Stable Diffusion pipeline; returns it."""
    made = parts(work)
    from diffusers import StableDiffusionPipeline

    with silent():
        pipe = StableDiffusionPipeline(**made, safety_checker=None, feature_extractor=None,
                                       image_encoder=None, requires_safety_checker=False)  # fmt: skip
        pipe.save_pretrained(folder, safe_serialization=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def controlnet(folder: Path) -> Any:
    """Write a ControlNet that fits the pipeline; returns it. Its last layers are not zero, so that it has a say."""
    torch = torch_of("generate")
    from diffusers import ControlNetModel

    torch.manual_seed(1)
    net = ControlNetModel(
        block_out_channels=(WIDTH, 64), layers_per_block=1, in_channels=4, cross_attention_dim=CROSS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=8,
        conditioning_embedding_out_channels=(8, 16),
    )  # fmt: skip
    for layer in (*net.controlnet_down_blocks, net.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.2)
    net.save_pretrained(folder, safe_serialization=True)
    return net


def painted(pipe: Any, seed: int, **call: Any) -> Any:
    """The library's own picture, float in 0-1."""
    torch = torch_of("generate")
    with one_thread(torch), silent():
        return pipe(generator=torch.Generator("cpu").manual_seed(seed), output_type="np", **call).images[0]


def loaded(folder: Path, control: Path | None = None) -> Any:
    """The pipeline as the library loads it, with a ControlNet if one is given."""
    torch_of("generate")
    import diffusers

    more: dict[str, Any] = {"safety_checker": None, "use_safetensors": True}
    with silent():
        if control is not None:
            more["controlnet"] = diffusers.ControlNetModel.from_pretrained(control)
        kind = diffusers.StableDiffusionControlNetPipeline if control else diffusers.StableDiffusionPipeline
        pipe = kind.from_pretrained(folder, **more)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pil(pixels: Any) -> Any:
    """A PIL picture."""
    from PIL import Image

    return Image.fromarray(pixels)


FACE = 24
"""Numbers of the tiny face embedding."""


def face_adapter(path: Path) -> None:
    """Write the weights of an IP-Adapter-FaceID that fits the pipeline."""
    _adapter(path, {"proj.0.weight": (2 * FACE, FACE), "proj.0.bias": (2 * FACE,),
                    "proj.2.weight": (4 * CROSS, 2 * FACE), "proj.2.bias": (4 * CROSS,)})  # fmt: skip


def look_adapter(path: Path, encoder: Path) -> None:
    """Write a CLIP image encoder and the weights of a plain IP-Adapter that fits it and the pipeline."""
    torch = torch_of("generate")
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPVisionConfig(**sizes, image_size=30, patch_size=10, projection_dim=FACE)
    with silent():
        CLIPVisionModelWithProjection(config).eval().save_pretrained(encoder)
    _adapter(path, {"proj.weight": (4 * CROSS, FACE), "proj.bias": (4 * CROSS,)})


def _adapter(path: Path, projection: dict[str, tuple[int, ...]]) -> None:
    torch = torch_of("generate")
    from safetensors.torch import save_file

    drawn = torch.Generator().manual_seed(2)
    found = {f"image_proj.{n}": torch.randn(*s, generator=drawn) * 0.3 for n, s in projection.items()}
    found |= {"image_proj.norm.weight": torch.ones(CROSS), "image_proj.norm.bias": torch.zeros(CROSS)}
    for number in (1, 3, 5, 7):
        for name in ("to_k_ip", "to_v_ip"):
            found[f"ip_adapter.{number}.{name}.weight"] = torch.randn(64, CROSS, generator=drawn) * 0.3
    save_file(found, str(path))


def with_face(pipe: Any, path: Path, scale: float, encoder: Path | None = None) -> Any:
    """The pipeline with the adapter, by the library's own calls."""
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    with silent():
        if encoder is not None:
            side = {"shortest_edge": 30}, {"height": 30, "width": 30}
            pipe.register_modules(
                image_encoder=CLIPVisionModelWithProjection.from_pretrained(encoder),
                feature_extractor=CLIPImageProcessor(size=side[0], crop_size=side[1]),
            )
        pipe.load_ip_adapter(str(path.parent), subfolder="", weight_name=path.name, image_encoder_folder=None)
        pipe.set_ip_adapter_scale(scale)
    return pipe


def both(vector: Any) -> Any:
    """Zeros and the embedding, as guidance wants them."""
    torch = torch_of("generate")
    given = torch.from_numpy(vector)[None, None]
    return torch.cat([torch.zeros_like(given), given])


def face_network(path: Path) -> None:
    """Write an ONNX network from 112 px chips to a face embedding: means of patches, mixed."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    mix = np.random.default_rng(0).standard_normal((3 * 16, FACE)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["chip"], ["pooled"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "mix"], ["face"]),
    ]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("chip", [1, 3, 112, 112]), ("face", [1, FACE]))
    ]
    graph = helper.make_graph(nodes, "face", ends[:1], ends[1:], [numpy_helper.from_array(mix, "mix")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))

"""A vision-language model of transformers' own LLaVA architecture, small enough to be made and taught in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotators.adapters.torch_runtime import one_thread, torch_of

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}{% if c['type'] == 'image' %}<image> "
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %} </s> {% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
SIDE, PATCH, WIDTH = 28, 14, 32


def _tokenizer(texts: Sequence[str]) -> Any:
    """A byte-level tokenizer trained on the texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=["<image>"], extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip


def make(folder: Path, texts: Sequence[str], template: str = TEMPLATE) -> tuple[Any, Any]:
    """Write a model with random weights and its processor; returns both."""
    torch = torch_of("vlm")
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = _tokenizer(texts)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = CLIPVisionConfig(**sizes, image_size=SIDE, patch_size=PATCH, projection_dim=WIDTH)
    text = LlamaConfig(
        **sizes, num_key_value_heads=2, vocab_size=len(tokenizer), max_position_embeddings=4096,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="default", vision_feature_layer=-1, image_seq_length=(SIDE // PATCH) ** 2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config).eval()
    pictures = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor = LlavaProcessor(
        pictures, tokenizer, patch_size=PATCH, vision_feature_select_strategy="default", chat_template=template,
        num_additional_image_tokens=1,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model, processor


def generated(model: Any, processor: Any, messages: list[dict[str, Any]], most: int) -> str:
    """The library's own greedy answer."""
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with one_thread(torch_of("vlm")):
        made = model.generate(**inputs, do_sample=False, max_new_tokens=most)
    return str(processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0])


def teach(folder: Path, model: Any, inputs: Any, text: str, processor: Any, steps: int = 150) -> float:
    """Fit the model to answer one prompt with one text; returns the last loss."""
    torch = torch_of("vlm")
    wanted = processor.tokenizer(text + "</s>", return_tensors="pt", add_special_tokens=False)["input_ids"]
    given = inputs["input_ids"]
    ids = torch.cat([given, wanted], 1)
    known = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    known = {k: v for k, v in known.items() if k in ("input_ids", "attention_mask", "pixel_values")}
    labels = torch.cat([torch.full_like(given, -100), wanted], 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    loss = torch.zeros(())
    for _ in range(steps):
        loss = model(**known, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.002:
            break
    torch.set_num_threads(before)
    model.eval()
    model.save_pretrained(folder)
    return float(loss.detach())

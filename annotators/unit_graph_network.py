"""ME-GraphAU as a function over the published checkpoints' tensors, for its residual backbones.

Luo et al. 2022, "Learning multi-dimensional edge feature-based AU relation graph for facial action unit recognition"
(CVI-SZU/ME-GraphAU). Both of its stages are here, for the 41 outputs of the hybrid set (OpenGraphAU) and for the
first release's 12 (BP4D) and 8 (DISFA); the two releases name the same layers differently. Swin and ViT backbones are
not: export those to ONNX.
"""

from __future__ import annotations

from typing import Any

from annotators.adapters.torch_runtime import torch_of
from annotators.residual_network import stages
from annotators.torch_network import EXTRA, Tensors
from schemas import ModelError

SIDED = (0, 1, 2, 4, 7, 8, 11)
"""Which of the 27 units are scored again per side, as OpenGraphAU's `sub_list` has it; left comes before right.

The list's sixth entry is the ninth unit, AU11 in the order of the outputs, where the output's name says AU12: the
layer for AU12 left and right looks at AU11's node in the published code, and so it must here.
"""
NEIGHBOURS = {27: 4, 12: 4, 8: 3}
"""Units -> how many of the most alike each one hears in the first stage: `neighbor_num` of the configurations."""
TRAINING_HEADS = ("head.edge_fc.",)


def unit_graph(tensors: Tensors, x: Any) -> list[Any]:
    """Scores of the units in 0-1, shape (n, units and sides)."""
    if "backbone.conv1.weight" not in tensors:
        raise ModelError(
            "this ME-GraphAU checkpoint has no residual backbone", fix="Use a ResNet one, or export it to ONNX"
        )
    torch = torch_of(EXTRA)
    features = stages(tensors, x, "backbone.")[-1].flatten(2).transpose(1, 2)
    features = _block(tensors, "global_linear", features)
    linears = "head.main_class_linears" if "head.main_sc" in tensors else "head.class_linears"
    count = tensors.count(linears)
    maps = torch.stack([_block(tensors, f"{linears}.{i}", features) for i in range(count)], dim=1)
    nodes = maps.mean(dim=2)
    if "head.edge_extractor.edge_proj.weight" in tensors:
        nodes = _with_edges(tensors, nodes, _edges(tensors, maps, features))
    else:
        nodes = _with_neighbours(tensors, nodes)
    return [_scores(tensors, nodes)]


def _block(tensors: Tensors, name: str, x: Any) -> Any:
    """A linear layer, normalised per channel: (n, positions, channels)."""
    x = tensors.linear(f"{name}.fc", x).transpose(1, 2)
    return torch_of(EXTRA).relu(tensors.norm(f"{name}.bn", x)).transpose(1, 2)


def _with_neighbours(tensors: Tensors, nodes: Any) -> Any:
    """First stage: each unit hears those whose features are most like its own."""
    torch = torch_of(EXTRA)
    likeness = nodes @ nodes.transpose(1, 2)
    least = likeness.topk(NEIGHBOURS[nodes.shape[1]], dim=-1)[0][:, :, -1:]
    joined = (likeness >= least).float()
    scale = torch.diag_embed(joined.sum(-1) ** -0.5)
    heard = (scale @ joined @ scale) @ tensors.linear("head.gnn.V", nodes)
    return torch.relu(nodes + tensors.norm("head.gnn.bnv", heard + tensors.linear("head.gnn.U", nodes)))


def _attention(tensors: Tensors, name: str, asking: Any, asked: Any) -> Any:
    query, key = tensors.linear(f"{name}.linear_q", asking), tensors.linear(f"{name}.linear_k", asked)
    weights = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1)
    return weights @ tensors.linear(f"{name}.linear_v", asked)


def _edges(tensors: Tensors, maps: Any, features: Any) -> Any:
    """Second stage: a feature vector for each ordered pair of units, shape (n, units * units, channels)."""
    name = "head.edge_extractor"
    count = maps.shape[1]
    seen = _attention(tensors, f"{name}.FAM", maps, features[:, None])
    ends = seen.repeat_interleave(count, dim=1)
    starts = seen.repeat(1, count, 1, 1)
    pairs = _attention(tensors, f"{name}.ARM", starts, ends)
    return tensors.norm(f"{name}.bn", tensors.linear(f"{name}.edge_proj", pairs)).mean(dim=2)


def _with_edges(tensors: Tensors, nodes: Any, edges: Any) -> Any:
    """Two layers of a gated graph network in which each edge weighs what its start tells its end."""
    torch = torch_of(EXTRA)
    n, count, channels = nodes.shape
    hybrid = "head.gnn.graph_layers.0.A.weight" in tensors
    for layer in range(2):

        def part(letter: str, layer: int = layer) -> str:
            name = {"norm": "bnv", "edge_norm": "bne"}.get(letter, letter)
            return f"head.gnn.graph_layers.{layer}.{name}" if hybrid else f"head.gnn.{name}{layer + 1}"

        def at_ends(x: Any) -> Any:
            return x.repeat_interleave(count, dim=1)

        def at_starts(x: Any) -> Any:
            return x.repeat(1, count, 1)

        told = at_ends(tensors.linear(part("A"), nodes)) + at_starts(tensors.linear(part("B"), nodes))
        told = told + tensors.linear(part("E"), edges)
        edges = edges + torch.relu(tensors.norm(part("edge_norm"), told))
        weights = torch.sigmoid(edges).view(n, count, count, channels).softmax(dim=2).view(n, -1, channels)
        heard = weights * at_starts(tensors.linear(part("V"), nodes))
        heard = heard.view(n, count, count, channels).sum(dim=2) / count
        change = tensors.norm(part("norm"), tensors.linear(part("U"), nodes) + heard)
        nodes = nodes + torch.relu(change) if hybrid else torch.relu(nodes + change)
    return nodes


def _scores(tensors: Tensors, nodes: Any) -> Any:
    """Cosine of each unit's node with its own vector, and for the sided units with one vector per side."""
    torch = torch_of(EXTRA)
    nodes = _unit_length(nodes)
    main = tensors["head.main_sc"] if "head.main_sc" in tensors else tensors["head.sc"]
    scores = (nodes * _unit_length(torch.relu(main))).sum(-1)
    if "head.sub_sc" not in tensors:
        return scores
    sides = _unit_length(torch.relu(tensors["head.sub_sc"]))
    twice = nodes[:, [unit for unit in SIDED for _ in range(2)]]
    return torch.cat([scores, (twice * sides).sum(-1)], dim=-1)


def _unit_length(x: Any) -> Any:
    return torch_of(EXTRA).nn.functional.normalize(x, dim=-1)

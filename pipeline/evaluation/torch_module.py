"""Export of a trained network to a plain torch.nn module.

Legend of shape suffixes: N examples, I inputs of a layer, O outputs of a layer, C classes; a 1
broadcasts.
"""

import torch
from torch import Tensor

from pipeline.networks.population import Population


def module(stack: Population, k: int) -> torch.nn.Sequential:
    """Return network k as a torch module from inputs [N, I] to class probabilities [N, C].

    Negated units are folded into the weights of the layer above: the module needs torch alone.
    """
    layers: list[torch.nn.Module] = []
    below_O: Tensor | None = None
    for layer in range(stack.depth + 1):
        W_IO = stack.W_KIO(layer)[k]
        linear = torch.nn.Linear(*W_IO.shape)
        with torch.no_grad():
            linear.weight.copy_((W_IO if below_O is None else below_O[:, None] * W_IO).T)
            linear.bias.copy_(stack.b_K1O(layer)[k, 0])
        layers.append(linear)
        if layer < stack.depth:
            layers.append(_unit_module(stack, k, layer))
            signs_K1O = stack.signs_K1O(layer)
            below_O = None if signs_K1O is None else signs_K1O[k, 0]
    return torch.nn.Sequential(*layers, torch.nn.Softmax(dim=1))


def _unit_module(stack: Population, k: int, layer: int) -> torch.nn.Module:
    units, outputs = stack.units(layer), stack.W_KIO(layer + 1).shape[1]
    made = units.function.module(units.hardness_K11[k].item(), units.pieces, outputs)
    if units.slope_K1O is not None:
        made.load_state_dict({"weight": units.slope_K1O[k, 0]})
    return made

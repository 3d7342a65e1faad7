"""Sparsity and test error, over many L1 penalties (Figure 3).

Many rectifier networks, each with its own random start and its own L1 penalty on the activations,
at one learning rate: test error against the share of exact zeros.
"""

import numpy as np
from pydantic import Field

from pipeline.config.params import Count, Penalty, Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The number of networks, the largest penalty, and the learning rate.

    Penalties rise from 0 as a power of the network's rank. A power of 1 spaces them evenly; 3 puts
    more of them near 0, for wide networks, whose penalty is a sum over more units.
    """

    networks: Count = Field(ge=10)
    most_l1: Penalty
    power: Rate = 1.0
    learning_rate: Rate


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return one condition, of which each seed is another network."""
    most = options.most_l1 ** (1 / options.power)
    penalties = np.linspace(0, most, options.networks) ** options.power
    return [
        setting.condition(
            {},
            setting.unit("rectifier"),
            seeds=options.networks,
            l1=tuple(float(penalty) for penalty in penalties),
            finetune=setting.at_rates(options.learning_rate),
        )
    ]


EXPERIMENT = Experiment(
    "How sparse may a network be? (Figure 3 of the paper; claims 7 to 9.)", Options, (), conditions
)

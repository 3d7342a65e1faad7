"""Supervised training of a stack: the task of the fine-tuning phase.

Legend of shape suffixes: K networks, N examples, B rows of a mini-batch, I inputs, L layers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline import measures
from pipeline.backprop import Step, gradient_norms, supervised_step_
from pipeline.minibatches import Minibatches, gather
from pipeline.networks import Stack, Tensors
from pipeline.population import Candidate, settings_K

PROBE = 50  # training examples on which the gradient norms are measured, the same for all


@dataclass(frozen=True)
class Supervised:
    """Lower -log P(class) + l1 * sum |h| on train; the best epoch is that of the lowest
    validation error, then the lowest validation cost."""

    function: str
    batches: Minibatches
    x_NI: Tensor
    y_N: Tensor
    valid_x_NI: Tensor
    valid_y_N: Tensor
    criteria = ("valid_errors", "valid_costs")

    def train_epoch(self, tensors: Tensors, stack: list[Candidate], epoch: int) -> Tensor:
        """Train every network by one epoch, in place; return its mean -log P(class) [K]."""
        networks = Stack(tensors, self.function)
        rates_K, l1_K = settings_K(stack, self.x_NI)
        step = Step.of(rates_K, l1_K, self.batches.size)
        orders_KN = self.batches.orders_KN(stack, epoch).to(self.x_NI.device)
        total_K = torch.zeros_like(rates_K)
        for rows_KB in orders_KN.split(self.batches.size, 1):
            x_KBI = gather(self.x_NI, rows_KB)
            total_K += supervised_step_(networks, x_KBI, self.y_N[rows_KB], step)
        return total_K / self.batches.steps

    def measure(self, tensors: Tensors, stack: list[Candidate]) -> dict[str, Tensor]:
        """Return validation errors, costs and zeros, and the gradient norms on a training probe."""
        networks = Stack(tensors, self.function)
        found = measures.classify(networks, self.valid_x_NI, self.valid_y_N)
        K = len(networks)
        probe_KBI = self.x_NI[:PROBE].expand(K, -1, -1).contiguous()
        probe_KB = self.y_N[:PROBE].expand(K, -1)
        _, l1_K = settings_K(stack, self.x_NI)
        return {
            "valid_errors": found.errors_K,
            "valid_costs": found.costs_K,
            "zeros": found.zeros_KL,
            "gradient_norms": gradient_norms(networks, probe_KBI, probe_KB, l1_K),
        }

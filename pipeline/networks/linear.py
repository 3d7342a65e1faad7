"""Linear part of a layer: forward, backward and update.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its linear
outputs, Q = K * B rows of all networks, R = K * I rows of weights of all networks, P non-zero
inputs of all rows; a 1 broadcasts.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.data.splits.sparse_batch import Inputs, SparseBatch
from pipeline.networks.arithmetic import rows
from pipeline.networks.kernels import dispatch


def forward(x_KBI: Inputs, W_KIO: Tensor, b_K1O: Tensor) -> Tensor:
    """Return the linear outputs b + x W [K, B, O].

    A sparse batch reads only the weight rows of its non-zero inputs. The weights may be a
    transposed view, as those of a tied decoder are.
    """
    if isinstance(x_KBI, SparseBatch):
        return _sum_rows(x_KBI, W_KIO).add_(b_K1O)
    kernels = dispatch.kernels_for(x_KBI, W_KIO)
    z_KBO = kernels.forward(x_KBI, W_KIO, b_K1O) if kernels else None
    return torch.baddbmm(b_K1O, x_KBI, W_KIO) if z_KBO is None else z_KBO


def backward_and_update_(
    x_KBI: Inputs, W_KIO: Tensor, b_K1O: Tensor, delta_KBO: Tensor, *, below: bool = True
) -> Tensor | None:
    """Add x' delta to the weights and the sum of delta to the biases, in place.

    `delta_KBO` is the gradient at the linear outputs, scaled by -rate / B. With `below`, returns
    the gradient at the inputs [K, B, I], computed from the weights before their update.
    """
    kernels = dispatch.kernels_for(x_KBI, W_KIO)
    if kernels and isinstance(x_KBI, Tensor):
        done, below_KBI = kernels.backward_and_update_(x_KBI, W_KIO, b_K1O, delta_KBO, below=below)
        if done:
            return below_KBI
    below_KBI = backward(W_KIO, delta_KBO) if below else None
    _add_product_(x_KBI, W_KIO, delta_KBO)
    _add_sum_(b_K1O, delta_KBO)
    return below_KBI


def backward(W_KIO: Tensor, delta_KBO: Tensor) -> Tensor:
    """Return the gradient at the inputs [K, B, I] from the gradient at the linear outputs."""
    kernels = dispatch.kernels_for(delta_KBO, W_KIO)
    below_KBI = kernels.backward(W_KIO, delta_KBO) if kernels else None
    return torch.bmm(delta_KBO, W_KIO.mT) if below_KBI is None else below_KBI


def pairs(x_KBI: Tensor) -> Tensor:
    """Return the products x x' [K, B, B] of all pairs of rows."""
    x_KBI = x_KBI.contiguous()
    return forward(x_KBI, x_KBI.mT, x_KBI.new_zeros(len(x_KBI), 1, x_KBI.shape[1]))


def _add_product_(x_KBI: Inputs, W_KIO: Tensor, delta_KBO: Tensor) -> None:
    if isinstance(x_KBI, SparseBatch):
        _add_to_rows_(x_KBI, W_KIO, delta_KBO)
    elif W_KIO.is_contiguous():
        W_KIO.baddbmm_(x_KBI.mT, delta_KBO)
    else:
        W_KIO.mT.baddbmm_(delta_KBO.mT, x_KBI)


def _add_sum_(b_K1O: Tensor, delta_KBO: Tensor) -> None:
    """Add the sum over the mini-batch, in order, to the biases."""
    K, B, O = delta_KBO.shape  # noqa: E741
    starts_M = torch.arange(K * B + 1, device=delta_KBO.device)
    places_P = torch.arange(K, device=delta_KBO.device).repeat_interleave(B)
    if not rows.add_to_rows_(b_K1O.view(K, O), starts_M, places_P, delta_KBO.view(-1, O)):
        b_K1O.add_(delta_KBO.sum(1, keepdim=True))


def _sum_rows(x_KBI: SparseBatch, W_KIO: Tensor) -> Tensor:
    K, B, _ = x_KBI.shape
    starts_Q = x_KBI.rows_QI.starts_M[:-1]
    weights_RO = W_KIO.reshape(-1, W_KIO.shape[2])
    z_QO = rows.sum_rows(weights_RO, x_KBI.rows_QI.starts_M, x_KBI.places_P)
    if z_QO is None:
        z_QO = F.embedding_bag(x_KBI.places_P, weights_RO, starts_Q, mode="sum")
    return z_QO.view(K, B, -1)


def _add_to_rows_(x_KBI: SparseBatch, W_KIO: Tensor, delta_KBO: Tensor) -> None:
    rows_QI, places_P = x_KBI.rows_QI, x_KBI.places_P
    weights_RO, delta_QO = W_KIO.view(-1, W_KIO.shape[2]), delta_KBO.flatten(0, 1)
    if rows.add_to_rows_(weights_RO, rows_QI.starts_M, places_P, delta_QO):
        return
    delta_PO = delta_QO[rows_QI.rows_P]
    if W_KIO.is_cuda:  # there index_add_ adds in any order, index_put_ in the order of the rows
        weights_RO.index_put_((places_P,), delta_PO, accumulate=True)
    else:
        weights_RO.index_add_(0, places_P, delta_PO)

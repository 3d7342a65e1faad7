"""Operations on rows by compiled kernels: elementary functions, sums, softmax, reconstruction.

Each returns None or False and changes nothing for tensors that the kernels do not support; the
caller then uses torch.

Legend of shape suffixes: K networks, B rows of a mini-batch, N rows, C columns, O outputs of a
layer, R rows of weights, Q rows of all mini-batches, M = Q + 1 row pointers, P row indices.
"""

import torch
from torch import Tensor

from pipeline.networks.arithmetic import running
from pipeline.networks.arithmetic.running import Call


def elementwise(function: str, x: Tensor) -> Tensor | None:
    """Return f(x), elementwise, for a function of elementary.py."""
    if not _supports(x):
        return None
    out = torch.empty_like(x)
    _run("elementwise", (x, out), (x.numel(),), function=function)
    return out


def sums(x_NC: Tensor) -> Tensor | None:
    """Return the sum of each row [...], of a tensor [..., C]."""
    if not _supports(x_NC):
        return None
    out_N = x_NC.new_empty(x_NC.shape[:-1])
    _run("sums", (x_NC, out_N), (out_N.numel(), x_NC.shape[-1]))
    return out_N


def log_softmax(x_NC: Tensor) -> Tensor | None:
    """Return the log-softmax of each row."""
    if not _supports(x_NC):
        return None
    out_NC = torch.empty_like(x_NC)
    _run("log_softmax", (x_NC, out_NC), (len(x_NC), x_NC.shape[1]))
    return out_NC


def softmax_delta(
    scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the scaled gradient [K, B, C] of -log P(y) at the softmax inputs, and the cost [K]."""
    if not _supports(scores_KBC, rate_K11) or y_KB.dtype != torch.int64:
        return None
    delta_KBC, cost_K = torch.empty_like(scores_KBC), scores_KBC.new_empty(len(scores_KBC))
    softmax_delta_call(scores_KBC, y_KB.contiguous(), rate_K11, delta_KBC, cost_K).run()
    return delta_KBC, cost_K


def softmax_delta_call(
    scores_KBC: Tensor, y_KB: Tensor, rate_K11: Tensor, delta_KBC: Tensor, cost_K: Tensor
) -> Call:
    """Return the call that writes the results of `softmax_delta` to `delta_KBC` and `cost_K`."""
    from pipeline.networks.arithmetic import row_kernels  # they need LLVM

    tensors = (scores_KBC, y_KB, rate_K11, delta_KBC, cost_K)
    K, B, C = scores_KBC.shape
    return Call(row_kernels.softmax_delta, tensors, (B, C, K))


def reconstruct(
    reconstruction: str, z_KBI: Tensor, t_KBI: Tensor, rate_K11: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the scaled gradient [K, B, I] at the decoder's linear outputs, and the costs [K, B].

    The cost of an example is the sum over its inputs.
    """
    if not _supports(z_KBI, rate_K11) or t_KBI.shape != z_KBI.shape:
        return None
    (K, B, I), delta_KBI = z_KBI.shape, torch.empty_like(z_KBI)  # noqa: E741
    cost_KB = z_KBI.new_empty(K, B)
    tensors = (z_KBI, t_KBI.contiguous(), rate_K11, delta_KBI, cost_KB)
    _run("reconstruct", tensors, (B, I, K), reconstruction=reconstruction)
    return delta_KBI, cost_KB


def sum_rows(W_RO: Tensor, starts_M: Tensor, places_P: Tensor) -> Tensor | None:
    """Return row q [Q, O]: the sum of the rows `places_P[starts_M[q] : starts_M[q + 1]]` of W."""
    if not _supports(W_RO, starts_M, places_P):
        return None
    out_QO = W_RO.new_empty(len(starts_M) - 1, W_RO.shape[1])
    _run("gather", (W_RO, starts_M, places_P, out_QO), (W_RO.shape[1], len(out_QO)))
    return out_QO


def add_to_rows_(W_RO: Tensor, starts_M: Tensor, places_P: Tensor, delta_QO: Tensor) -> bool:
    """Add row q of delta to the rows `places_P[starts_M[q] : starts_M[q + 1]]` (int64) of W.

    Adds in this order, so that the bits equal those of `index_add_`. Returns whether the kernels
    support it.
    """
    if not (_supports(W_RO, starts_M, places_P) and _supports(delta_QO)):
        return False
    tensors = (W_RO, starts_M, places_P, delta_QO)
    _run("scatter", tensors, (W_RO.shape[1], len(delta_QO)))
    return True


def _run(name: str, tensors: tuple[Tensor, ...], integers: tuple[int, ...], **options: str) -> None:
    from pipeline.networks.arithmetic import row_kernels  # they need LLVM

    Call(getattr(row_kernels, name), tensors, integers, options=options).run()


def _supports(x: Tensor, *others: Tensor) -> bool:
    """Return whether x is float32, and all tensors lie in rows on a CPU."""
    return (
        x.dtype == torch.float32
        and all(t.device.type == "cpu" and t.is_contiguous() for t in (x, *others))
        and running.compiled_kernels() is not None
    )

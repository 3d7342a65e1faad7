"""Counter-based random numbers: pure functions of (key, image, name, position).

Without state or order: image i has the same numbers in any batch and on any device. The hash is the
finalizer of SplitMix64 (Steele, Lea, Flood 2014), applied to the image and then to the position.

Legend of shape suffixes: N images, P positions, Q quantiles.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from pipeline.runtime.seeds import stream


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


GAMMA = _signed(0x9E3779B97F4A7C15)
FACTORS = (_signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB))
QUANTILES = 1 << 16


@dataclass(frozen=True)
class Draws:
    """Random numbers of the images `i_N` (int64) of the stream `key`."""

    key: int
    i_N: Tensor

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Return float32 numbers [N, *shape], uniform in [0, 1), multiples of 2^-24."""
        return _top(self._words(name, shape), 24).float().mul_(2.0**-24)

    def integers(self, name: str, high: int, *shape: int) -> Tensor:
        """Return int64 numbers [N, *shape], uniform in [0, high); high is at most 2^31."""
        return _top(self._words(name, shape), 32).mul_(high).bitwise_right_shift_(32)

    def normal(self, name: str, *shape: int) -> Tensor:
        """Return float32 numbers [N, *shape] of mean 0 and variance 1.

        Values are the 2^16 mid-point quantiles of the normal distribution, at most 4.33 in size. A
        table rounds equally everywhere; vectorized logarithms differ between a vector and its tail.
        """
        words = _top(self._words(name, shape), 16)
        table_Q = _quantiles(words.device)
        return table_Q.index_select(0, words.flatten()).view(words.shape)

    def only(self, rows_N: Tensor) -> "Draws":
        """Return the draws of the images at the rows `rows_N` (int64)."""
        return Draws(self.key, self.i_N.index_select(0, rows_N))

    def _words(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Return 64 random bits [N, *shape]."""
        words_N = _mix(self.i_N * GAMMA + stream(self.key, name))
        positions_P = torch.arange(1, prod(shape) + 1, device=self.i_N.device).mul_(GAMMA)
        words_NP = _mix(words_N.unsqueeze(1) + positions_P)
        return words_NP.view(-1, *shape)


def _mix(words: Tensor) -> Tensor:
    """Scramble 64-bit words in place."""
    words.bitwise_xor_(_top(words, 34)).mul_(FACTORS[0])
    words.bitwise_xor_(_top(words, 37)).mul_(FACTORS[1])
    return words.bitwise_xor_(_top(words, 33))


def _top(words: Tensor, bits: int) -> Tensor:
    """Return the top `bits` of 64-bit words; the right shift of int64 keeps the sign."""
    return (words >> (64 - bits)).bitwise_and_((1 << bits) - 1)


@lru_cache
def _quantiles(device: torch.device) -> Tensor:
    middles_Q = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    quantiles_Q: Tensor = torch.special.ndtri(middles_Q)
    return quantiles_Q.float().to(device)

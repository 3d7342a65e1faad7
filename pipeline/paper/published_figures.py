"""What the paper says beyond its tables: figures and sentences, with how surely it is known."""

import math

from pipeline.paper.published_tables import Mark, Number

# Figure 3, MNIST: random rectifier networks, and the L1 penalty on their activations.
NETWORKS: tuple[int, Mark] = (200, "M")
MOST_L1: tuple[float, Mark] = (0.01, "M")
# Between these shares of zeros its errors are similar; beyond, they rise.
HARMLESS: tuple[float, float, Mark] = (0.70, 0.85, "C")

# Section 4.1, NORB: test error of softplus networks by alpha; the rectifier is alpha without end.
_ERRORS: dict[float, tuple[float, Mark]] = {
    1.0: (17.68, "C"),
    1.3: (17.53, "M"),
    2.0: (16.9, "M"),
    3.0: (16.66, "C"),
    6.0: (16.54, "C"),
    math.inf: (16.40, "C"),
}
HARDNESS: dict[float, Number] = {
    alpha: Number(round(percent / 100, 6), mark, "Section 4.1", f"alpha = {alpha:g}, NORB")
    for alpha, (percent, mark) in _ERRORS.items()
}

# What the paper has for a claim that is not a difference of Table 1's cells, by the claim's key.
STATED: dict[str, str] = {
    "harder-is-better": "17.68% to 16.40%, softplus to rectifier (NORB)",
    "unlabeled-help-rectifier": "lower (NORB, Figure 4)",
    "unlabeled-help-tanh": "lower at every share (NORB, Figure 4)",
    "sparsity-does-no-harm": "similar from 70% to almost 85% (MNIST)",
    "sparsity-breaks-late": "almost 85% (MNIST)",
    "best-at-50-to-80": "50 to 80%",
    "half-zeros-at-start": "about 50%",
    "tanh-has-no-zeros": "0.0% (its text data)",
    "depth-helps-on-texts": "RMSE 0.885, 0.807, 0.746 with 0, 1, 3 layers; tanh 0.774",
    "texts-need-pretraining": "RMSE 0.833* without, 0.746 with",
    "codes-of-texts-are-denser": "99.4% zeros in, 28.9%* after 1 layer, 53.9% over 3",
    "rectifiers-tell-sentiment": "78.95%, against 73.72%",
}

# Figure 4, NORB, by unit: what pre-training does at few labels and with all; the shares of labels
# are only in the figure.
FIGURE_4: dict[str, tuple[str, str]] = {
    "rectifier": ("gains much", "the curves meet"),
    "tanh": ("gains", "gains"),
}

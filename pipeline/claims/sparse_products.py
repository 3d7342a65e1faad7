"""The claims about time: what a function costs, and what skipping zeros saves.

They are counted, not tested: one machine, medians, no seeds. `python -m stages.cost` measures.
"""

from pipeline.claims.claim import Claim, Rule

CPU, CUDA = "cost on cpu", "cost on cuda"  # records of results/cost.json
NO_MORE_TIME = 1.0

OF_COST: tuple[Claim, ...] = (
    Claim(
        "rectifier-is-cheapest", "16a",
        "A rectifier is cheaper than units that need exponentials: on a CPU it takes no longer "
        "than tanh, softplus or the sigmoid.",
        "Section 3.1", "M", "unit_time",
        ("the other units",), (), Rule("never above", NO_MORE_TIME), CPU,
    ),
    Claim(
        "zeros-save-computation", "16b",
        "Sparsity can be exploited: with 85% zeros, about what the paper reports at most, skipping "
        "them on a CPU takes no longer than dense products, forward, backward and in the update.",
        "Section 3.1", "M", "sparse_time",
        ("dense products at 85% zeros",), (), Rule("never above", NO_MORE_TIME), CPU,
    ),
    Claim(
        "few-zeros-save-nothing", "32a",
        "On a CPU zeros pay only above about 90%: below, dense products take no longer than those "
        "that skip zeros.",
        "critics: Shi and Chu, 2017", "C", "dense_time",
        ("products that skip 50 to 85% zeros",), (), Rule("never above", NO_MORE_TIME), CPU,
    ),
    Claim(
        "zeros-save-nothing-on-gpu", "32b",
        "On a GPU zeros pay nothing: dense products take no longer than those that skip zeros.",
        "critics: unstructured zeros on GPUs", "M", "dense_time",
        ("products that skip 50 to 99% zeros",), (), Rule("never above", NO_MORE_TIME), CUDA,
    ),
)  # fmt: skip

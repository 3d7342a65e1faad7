"""The claims that a look into trained networks decides, or into no network at all."""

from pipeline.analysis.claim import Claim, Rule

SPIKING_LOSS = 0.005  # half a point

OF_PROBES: tuple[Claim, ...] = (
    Claim(
        "rectifier-nearest-to-neurons", "23",
        "The rectifier is nearer than tanh and the sigmoid to the firing rate of a leaky "
        "integrate-and-fire neuron, at every refractory period and range of rates tried.",
        "Section 2.1, Figure 2", "C", "misfit_excess",
        ("the settings of the neuron",), (), Rule("never above", 0.0), "neuron",
    ),
    Claim(
        "rectifiers-can-spike", "31",
        "As integrate-and-fire units a trained rectifier network makes at most half a point more "
        "test errors.",
        "critics: neurons spike", "M", "spiking_loss",
        ("random rectifier, most time steps",), (), Rule("no higher", SPIKING_LOSS), "spiking",
    ),
)  # fmt: skip

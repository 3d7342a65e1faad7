"""The claims that a look into trained networks decides, or into no network at all."""

from pipeline.claims.claim import Claim, Rule

SPIKING_LOSS = 0.005  # half a point
STAYS = 0.8  # share of the active units that a small change is to leave as they are
OWN_PATTERNS = 0.95  # share of distinct patterns from which nearly every example has its own

OF_PROBES: tuple[Claim, ...] = (
    Claim(
        "active-units-stay", "17a",
        "Noise of a tenth of the input's norm leaves at least 80% of the active units of a "
        "rectifier network as they are.",
        "Section 2.2", "I", "overlap",
        ("random rectifier, a tenth of noise",), (), Rule("at least", STAYS), "overlap",
    ),
    Claim(
        "richer-inputs-more-units", "17b",
        "Richer inputs (more bytes when compressed) have more active units in rectifier networks.",
        "Section 2.2", "I", "complexity",
        ("random rectifier, all layers",), (), Rule("at least", 0.0), "complexity",
    ),
    Claim(
        "codes-are-separable", "17c",
        "The top hidden layer of a rectifier network is easier for a linear classifier than the "
        "input.",
        "Section 2.2", "I", "probe_error",
        ("the top layer of random rectifier",), ("the input",), Rule("lower", 0.0),
        "separability",
    ),
    Claim(
        "codes-are-distributed", "17d",
        "Rectifier codes are distributed: at least 95% of the test examples have a pattern of "
        "active units of their own, in every layer on average.",
        "Section 2.2", "I", "patterns",
        ("random rectifier, all layers",), (), Rule("at least", OWN_PATTERNS), "patterns",
    ),
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
    Claim(
        "outputs-of-mean-zero-help", "35",
        "Outputs of mean 0 help: the farther a network's hidden outputs are from mean 0, the more "
        "test errors it makes.",
        "critics: mean shift", "M", "shift_trend",
        ("all arms",), (), Rule("at least", 0.0), "shift",
    ),
)  # fmt: skip

"""The claims that need networks of their own: one experiment each, of pipeline/experiments."""

from pipeline.claims.arms import PRINTS_AS_NONE, no_worse_than
from pipeline.claims.claim import LITTLE_EXAMPLES, Claim, Margin, Rule

BREAKS = 0.80  # the paper's "almost 85%" of zeros without harm, less what its figure leaves open
BEST_ZEROS = (0.50, 0.80)  # section 4.1
HALF_OF_A_START = (0.45, 0.55)  # "about" half
FALLS = -1.0  # a gradient that vanishes is below a tenth at the bottom
COMES_BACK = 0.01  # a share of units above which dying is not for good


def _equal_to(group: str) -> Rule:
    return Rule("equivalent", Margin((group,), examples=LITTLE_EXAMPLES))


OF_EXPERIMENTS: tuple[Claim, ...] = (
    Claim(
        "harder-is-better", "2b",
        "The harder the nonlinearity the better: test errors fall from softplus over its rescaled "
        "versions to the rectifier.",
        "Section 4.1", "C", "trend",
        ("softplus networks up to the rectifier",), (), Rule("lower", 0.0), "hardness",
    ),
    Claim(
        "unlabeled-help-rectifier", "5a",
        "With few labels (a tenth at most), pre-training on all inputs lowers the test error of "
        "rectifier networks.",
        "Section 4.1, Figure 4", "C", "test_error",
        ("pre-trained rectifier with few labels",), ("random rectifier with few labels",),
        Rule("lower", 0.0), "labels",
    ),
    Claim(
        "unlabeled-help-tanh", "5b",
        "Pre-training on all inputs lowers the test error of tanh networks over all shares of "
        "labels together.",
        "Section 4.1, Figure 4", "C", "test_error",
        ("pre-trained tanh at any share of labels",), ("random tanh at any share of labels",),
        Rule("lower", 0.0), "labels",
    ),
    Claim(
        "sparsity-does-no-harm", "7a",
        "Networks with 70 to 85% zeros make no more test errors than networks with fewer, give or "
        "take the margin.",
        "Section 4.1, Figure 3", "C", "test_error",
        ("networks with 70 to 85% zeros",), ("networks with fewer zeros",),
        no_worse_than("networks with fewer zeros"), "sparsity", "networks",
    ),
    Claim(
        "sparsity-breaks-late", "7b",
        "The test error rises only from about 85% zeros on: its breaking point is at 80% or above.",
        "Section 4.1, Figure 3", "C", "breaking_point",
        ("all networks",), (), Rule("at least", BREAKS), "sparsity", "breaking point",
    ),
    Claim(
        "best-at-50-to-80", "8",
        "The best networks have 50 to 80% zeros.",
        "Section 4.1", "C", "zeros",
        ("the tenth of the networks with the lowest validation error",), (),
        Rule("between", BEST_ZEROS[0], BEST_ZEROS[1]), "sparsity",
    ),
    Claim(
        "half-zeros-at-start", "9",
        "At a random start about half of a rectifier network's hidden outputs are 0.",
        "Section 3.1", "C", "zeros_at_start",
        ("all networks",), (),
        Rule("between", HALF_OF_A_START[0], HALF_OF_A_START[1]), "sparsity",
    ),
    Claim(
        "penalty-makes-no-zeros-of-tanh", "10b",
        "An L1 penalty gives tanh networks small outputs, but no zeros (to the decimal printed).",
        "Section 2.2", "I", "zeros_by_layer",
        ("tanh with the penalty",), (), Rule("never above", PRINTS_AS_NONE), "ablation",
    ),
    Claim(
        "penalty-makes-sparser", "11a",
        "The L1 penalty makes rectifier networks sparser.",
        "Section 3.1", "C", "zeros",
        ("random rectifier with the penalty",), ("random rectifier without it",),
        Rule("at least", 0.0), "ablation",
    ),
    Claim(
        "penalty-costs-nothing", "11b",
        "The L1 penalty costs rectifier networks no test error, give or take the margin.",
        "Section 3.1", "I", "test_error",
        ("random rectifier with the penalty",), ("random rectifier without it",),
        no_worse_than("random rectifier without it"), "ablation",
    ),
    Claim(
        "signs-need-pretraining", "12a",
        "Without pre-training, negating half of the outputs changes nothing.",
        "algebra of section 4.1", "I", "test_error",
        ("random rectifier, half negated",), ("random rectifier, all positive",),
        _equal_to("random rectifier, all positive"), "ablation",
    ),
    Claim(
        "signs-help-pretraining", "12b",
        "With pre-training, negating half of the outputs lowers the test error.",
        "Section 4.1", "C", "test_error",
        ("pre-trained rectifier, half negated",), ("pre-trained rectifier, all positive",),
        Rule("lower", 0.0), "ablation",
    ),
    Claim(
        "parametrization-matters", "13",
        "Starts that compute the same function in another scale end at higher test errors.",
        "Section 3.1", "I", "test_error",
        ("rectifier networks from rescaled starts",), ("rectifier networks from the plain start",),
        Rule("at least", 0.0), "conditioning",
    ),
    Claim(
        "gradients-do-not-vanish", "14a",
        "In the deepest rectifier networks gradients at the bottom are at least a tenth of those "
        "at the top.",
        "Section 3.1", "C", "gradient_fall",
        ("rectifier networks of most layers",), (), Rule("at least", FALLS), "depth",
    ),
    Claim(
        "depth-does-no-harm", "14b",
        "Without pre-training, the deepest rectifier networks make no more test errors than those "
        "of one layer, give or take the margin.",
        "Section 3.1", "I", "test_error",
        ("rectifier networks of most layers",), ("rectifier networks of one layer",),
        no_worse_than("rectifier networks of one layer"), "depth",
    ),
    Claim(
        "softplus-reconstructs-best", "15a",
        "On images softplus reconstruction gives lower test errors than the other three do on "
        "average.",
        "Section 3.2", "C", "test_error",
        ("softplus reconstruction",), ("the reconstructions other than softplus",),
        Rule("lower", 0.0), "reconstruction",
    ),
    Claim(
        "rectifier-reconstructs-worst", "15b",
        "Rectifier reconstruction gives higher test errors than the other three do on average.",
        "Section 3.2", "I", "test_error",
        ("rectifier reconstruction",), ("the reconstructions other than rectifier",),
        Rule("at least", 0.0), "reconstruction",
    ),
    Claim(
        "one-sided-needs-more", "18a",
        "In narrow networks as many rectifiers as tanh units make more test errors.",
        "Section 3.1", "I", "test_error",
        ("rectifier networks as narrow",), ("the narrowest tanh networks",),
        Rule("at least", 0.0), "width",
    ),
    Claim(
        "twice-as-many-suffice", "18b",
        "Twice as many rectifiers as tanh units make no more test errors, give or take the margin.",
        "Section 3.1", "I", "test_error",
        ("rectifier networks twice as wide",), ("tanh networks of any width",),
        no_worse_than("tanh networks of any width"), "width",
    ),
    Claim(
        "high-rates-kill", "24b",
        "Units die of large steps: more of them at the highest learning rate than at the lowest.",
        "critics: dying rectifiers", "M", "dead_units",
        ("rectifier networks at the highest rate",), ("rectifier networks at the lowest rate",),
        Rule("at least", 0.0), "dying",
    ),
    Claim(
        "dead-stay-dead", "24c",
        "Dead units stay dead: no more than one in a hundred units comes back.",
        "critics: dying rectifiers", "M", "revived",
        ("rectifier networks at any rate",), (), Rule("no higher", COMES_BACK), "dying",
    ),
    Claim(
        "later-units-do-as-well", "25",
        "Units since 2011 (leaky, PReLU, ELU, GELU, SiLU, on average) make no more test errors "
        "than the rectifier, give or take the margin.",
        "critics: later units", "M", "test_error",
        ("leaky, PReLU, ELU, GELU and SiLU networks",), ("rectifier networks",),
        no_worse_than("rectifier networks"), "units",
    ),
    Claim(
        "maxout-beats", "26",
        "Maxout networks of as many parameters make fewer test errors than rectifier networks.",
        "critics: later units", "M", "test_error",
        ("maxout networks",), ("rectifier networks",), Rule("lower", 0.0), "units",
    ),
    Claim(
        "zeros-do-not-matter", "27",
        "Zeros are not what helps: leaky rectifiers, which have none, make as many test errors as "
        "rectifiers, give or take the margin.",
        "critics: optimization, not sparsity", "M", "test_error",
        ("leaky rectifier networks",), ("rectifier networks",),
        _equal_to("rectifier networks"), "units",
    ),
    Claim(
        "recipe-closes-the-gap", "28",
        "With today's recipe (He start, Adam, batch normalization, dropout) rectifier and tanh "
        "networks make as many test errors, give or take the margin.",
        "critics: modern baselines", "M", "test_error",
        ("rectifier networks by today's recipe",), ("tanh networks by today's recipe",),
        _equal_to("tanh networks by today's recipe"),
        "recipe",
    ),
    Claim(
        "grid-does-not-favor", "29",
        "Also with every unit at its best rate of a finer grid, rectifier networks make no more "
        "test errors than tanh networks, give or take the margin.",
        "critics: the coarse grid of section 4.1", "M", "test_error",
        ("rectifier networks at their best rate",), ("tanh networks at their best rate",),
        no_worse_than("tanh networks at their best rate"), "rates",
    ),
)  # fmt: skip

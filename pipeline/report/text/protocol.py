"""Protocol of a dataset's comparison as text."""

from typing import Any

from pipeline.analysis.results import Results
from pipeline.report.text import summary
from pipeline.report.text.wording import epochs, percent

REBUILT_WITH = {
    "scaled": "a sigmoid with cross-entropy, from representations scaled to [0, 1]",
    "sigmoid": "a sigmoid with cross-entropy",
    "softplus": "softplus with quadratic cost",
    "linear": "a linear decoder with quadratic cost",
    "rectifier": "a rectifier with quadratic cost",
}


def conditions(results: Results) -> list[tuple[str, str]]:
    """Return the conditions that all arms share, each under its name."""
    protocol = results.protocol
    l1 = ", ".join(f"{activation} {value:g}" for activation, value in protocol["l1"].items())
    items = [
        ("Selection", protocol["selection"]),
        ("Seeds", _seeds(results)),
        ("Test split", f"{tested_on(results, 'examples')}{_binomial_error(protocol)}"),
        ("Hidden layers", ", ".join(map(str, protocol["hidden"])) + f" units{_fewer(results)}"),
        ("Fine-tuning", _schedule(protocol["finetune"])),
        ("L1 penalty on hidden outputs", l1),
    ]
    if (pretrain := protocol["pretrain"]) is not None:
        tied = "tied" if pretrain["tied"] else "separate"
        noise = f"{_noise(pretrain)}, {tied} decoder weights{_rebuilding(pretrain)}"
        items.append(("Pre-training", f"{_schedule(pretrain)}; {noise}"))
    return items


def tested_on(results: Results, noun: str) -> str:
    """Return the number of test examples, e.g. `297 examples`.

    With cross-validation it is `a fold of 200 examples for each seed`.
    """
    examples = f"{results.protocol['test_examples']} {noun}"
    return f"a fold of {examples} for each seed" if results.folds else examples


def _seeds(results: Results) -> str:
    seeds = (
        f"{results.protocol['seeds']}, each a full repetition, tuning included; the same seed has "
        "the same starting weights, mini-batch order and corruption noise in every arm"
    )
    if results.folds is None:
        return seeds
    fold = "holds out the same fold, and has the same terms, in every arm"
    return f"{seeds}; each seed {fold}; {results.folds} folds in a division"


def _fewer(results: Results) -> str:
    """Return the activations whose networks have fewer hidden layers than the dataset's."""
    most, counts = len(results.protocol["hidden"]), summary.layers(results)
    fewer = {arm.rpartition("-")[0]: n for arm, n in counts.items() if n < most}
    parts = [f"{activation} has {_lowest(n)}" for activation, n in fewer.items()]
    return f"; {', '.join(parts)}" if parts else ""


def _lowest(layers: int) -> str:
    if not layers:
        return "none"
    return "the lowest alone" if layers == 1 else f"the lowest {layers} alone"


def _noise(pretrain: dict[str, Any]) -> str:
    salt, above = pretrain.get("salt"), pretrain.get("corruption_above")
    masked = f"{percent(pretrain['corruption'], 0)}% of the"
    if salt:
        turned = f"{percent(salt, 1)}% of the others turned on"
        text = f"salt-and-pepper noise: {masked} terms dropped, {turned}"
    else:
        text = f"{masked} inputs masked"
    if above:
        text += f"; above: {' and '.join(f'{percent(share, 0)}%' for share in above)} masked"
    return text


def _rebuilding(pretrain: dict[str, Any]) -> str:
    text = ""
    if (rebuilt := pretrain.get("rebuilt", 1)) < 1:
        share = percent(rebuilt, 0)
        text += f"; {share}% of the terms rebuilt at a step (reconstruction sampling)"
    asked = pretrain.get("reconstructions") or {}
    for how in dict.fromkeys(asked.values()):
        names = " and ".join(name for name, kind in asked.items() if kind == how)
        text += f"; {names}: rebuilt by {REBUILT_WITH[how]}"
    return text


def _binomial_error(protocol: dict[str, Any]) -> str:
    error = protocol["binomial_standard_error"]
    if error is None:
        return ""
    return (
        f"; the binomial standard error of one network's test error is {percent(error)} points "
        "at the mean error of the arms"
    )


def _schedule(schedule: dict[str, Any]) -> str:
    rates = ", ".join(f"{rate:g}" for rate in schedule["learning_rates"])
    return (
        f"learning rates {rates}; mini-batches of {schedule['batch_size']}; at most "
        f"{epochs(schedule)}, stopped after {schedule['patience']} without a better one"
    )

"""The claims' page, from made-up tables of every experiment and probe."""

import dataclasses
import io
import itertools
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline import records
from pipeline.analysis import breaking_point, comparison, published, statistics
from pipeline.analysis import results as read
from pipeline.analysis.claims_elsewhere import ELSEWHERE
from pipeline.analysis.published_figures import HARDNESS
from pipeline.errors import Problem
from pipeline.experiments import catalogue, scoring
from pipeline.probes import catalogue as probes
from pipeline.probes import neuron
from pipeline.report import cost_plots, exhibits, experiment_captions, plots, redrawn, verdicts
from pipeline.report.exhibits import EXHIBITS
from pipeline.report.experiment_tables import Table
from stages import claims, judge
from tests import tables
from tests.imports import ROOT

CONFIDENCE = 0.95
ARMS = list(itertools.product(("rectifier", "tanh"), ("random", "pretrained")))
SEEDS = range(3)


def error(row):
    """Return a true error that differs between all levels, and rises with many zeros."""
    zeros = 0.5 + 35 * row["l1"]
    named = ("activation", "initialization", "alpha", "share", "depth", "multiple", "rate", "level")
    order = sum(len(str(row[name])) for name in named if name in row)
    return 0.02 + 0.001 * order + 0.4 * max(0, zeros - 0.8)


def probed(name):
    """Return a made-up table of a probe."""
    rng = np.random.default_rng(len(name))
    grids = {
        "overlap": {"layer": (1, 2), "change": ("noise", "same class"), "noise": (0.1, 1.0)},
        "complexity": {"layer": (1, 2), "measure": ("bytes", "ink")},
        "separability": {"layer": (0, 1, 2)},
        "patterns": {"layer": (1, 2)},
        "shift": {"layer": (1, 2)},
        "spiking": {"steps": (1, 4, 16)},
    }
    if name == "neuron":
        return neuron.rows(refractory_ms=[2.0], most_rates_hz=[200.0])
    rows = []
    for (activation, start), seed in itertools.product(ARMS, SEEDS):
        for levels in itertools.product(*grids[name].values()):
            values = dict.fromkeys(probes.PROBES[name].columns, 0.0)
            values |= {key: float(rng.uniform(0.1, 0.6)) for key in values}
            values |= {"active_by_tenth": rng.uniform(0.1, 0.6, 10).tolist()}
            values |= dict(zip(grids[name], map(_level, levels), strict=True))
            rows.append(values | {"activation": activation, "initialization": start, "seed": seed})
    return rows


def _level(level):
    return level if isinstance(level, str) else float(level)


def arms():
    """Return the committed outcomes of the arms on digits."""
    return read.read_table(ROOT / "results/digits/runs.csv")


def rows_of(name):
    """Return a made-up table, read back as the page reads it."""
    if name == "arms":
        return arms()
    if name in probes.PROBES:
        return probed(name)
    rows = tables.table(name, error, seeds=3)
    for row in rows:
        row["alpha"] = float(row["alpha"]) if "alpha" in row else None
    return rows


@pytest.fixture(scope="module")
def made():
    """Return a table of each experiment, of each probe and of the arms."""
    names = dict.fromkeys(exhibit.table for exhibit in EXHIBITS)
    return {name: Table("digits", rows_of(name), CONFIDENCE) for name in names}


def name_of(exhibit):
    return exhibit.draw.__name__


def collapsed(figure):
    """Return the panels that are less than an inch high or wide."""
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    return [box for box in boxes if box.height * height < 1 or box.width * width < 1]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=name_of)
def test_figures_show_something_and_repeat_to_the_byte(exhibit, made):
    """Drawn on white, at least 1% of the pixels are not; the same SVG twice."""
    table, content = made[exhibit.table], io.BytesIO()
    figure = exhibit.draw(table, plots.LIGHT)
    figure.savefig(content, format="rgba", dpi=50, facecolor="white")
    pixels = np.frombuffer(content.getvalue(), np.uint8).reshape(-1, 4)
    assert (pixels[:, :3].min(1) < 200).mean() > 0.01
    assert not collapsed(figure)
    assert plots.svg(exhibit.draw, table, plots.DARK) == plots.svg(exhibit.draw, table, plots.DARK)


TRAINED = [exhibit for exhibit in EXHIBITS if exhibit.table not in probes.PROBES]


@pytest.mark.parametrize("exhibit", TRAINED, ids=name_of)
@pytest.mark.parametrize("n", [1, 10_000])
def test_figures_outlive_lost_networks(exhibit, n, made):
    """Seeds whose every rate diverged leave a figure and a caption that says so."""
    table, gone = made[exhibit.table], dict.fromkeys(("test_error", "zeros", "dead_units"))
    gone |= {"zeros_by_layer": [], "gradient_norms": [], "dead_by_epoch": []}
    rows = [row | gone for row in table.rows[:n]] + list(table.rows[n:])
    lost = dataclasses.replace(table, rows=rows)
    figure = exhibit.draw(lost, plots.LIGHT)
    figure.draw_without_rendering()
    assert not collapsed(figure)
    assert "failed" in exhibit.caption(lost)


def test_every_experiment_and_probe_has_a_figure_with_its_question():
    """The title of a figure is what its experiment or probe asks."""
    asked = catalogue.questions() | probes.questions()
    assert {exhibit.table for exhibit in EXHIBITS} == {"arms", *asked}
    for exhibit in EXHIBITS:
        if exhibit.table != "arms":
            assert asked[exhibit.table].startswith(exhibit.question)


def caption(name, made):
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == name)
    return exhibit.caption(made[name])


def in_words(values, interval=True):
    """Return mean and interval as captions have them."""
    found = statistics.summarize(values, CONFIDENCE)
    text = f"{100 * found.mean:.2f}%"
    return f"{text} ({100 * found.low:.2f} to {100 * found.high:.2f})" if interval else text


def errors(made, name, **levels):
    return [
        row["test_error"]
        for row in made[name].rows
        if all(row[key] == value for key, value in levels.items())
    ]


@pytest.mark.parametrize(
    ("name", "factor"),
    [("reconstruction", "reconstruction"), ("units", "activation"), ("conditioning", "alpha")],
)
def test_captions_name_the_best_and_the_worst(name, factor, made):
    """The lowest and the highest mean stand in the caption, each with its interval."""
    levels = {row[factor] for row in made[name].rows}
    means = {level: np.mean(errors(made, name, **{factor: level})) for level in levels}
    for pick in (min, max):
        level = pick(means, key=means.get)
        assert in_words(errors(made, name, **{factor: level})) in caption(name, made)


def test_captions_of_curves_have_their_numbers(made):
    """Hardness by alpha, beside the paper's; the best rate of each unit; twice the width."""
    text = caption("hardness", made)
    for alpha in (1.0, 6.0, np.inf):
        assert in_words(errors(made, "hardness", alpha=alpha), interval=False) in text
    assert all(f"{100 * number.value:.2f}%" in text for number in HARDNESS.values())
    of_tanh = {row["rate"] for row in made["rates"].rows if row["activation"] == "tanh"}
    rates = [errors(made, "rates", activation="tanh", rate=rate) for rate in of_tanh]
    assert in_words(min(rates, key=np.mean)) in caption("rates", made)
    narrow = errors(made, "width", activation="rectifier", multiple=0.25)
    assert in_words(narrow) in caption("width", made)


def test_caption_of_sparsity_has_the_fit(made):
    """Level, breaking point and interval are those of the fit."""
    rows = made["sparsity"].rows
    found = breaking_point.fit(
        [row["zeros"] for row in rows], [row["test_error"] for row in rows], region=(0.0, 1.0)
    )
    low, high = found.interval(CONFIDENCE)
    text = caption("sparsity", made)
    assert f"a level of {100 * found.level:.2f}% up to {100 * found.value:.1f}% zeros" in text
    assert f"{100 * low:.1f} to {100 * high:.1f}%" in text
    assert "one of 200 rectifier networks" in text


def test_too_few_networks_have_no_breaking_point(made):
    """The cloud is drawn without a line, and the caption says so."""
    few = dataclasses.replace(made["sparsity"], rows=made["sparsity"].rows[:5])
    assert "too few networks" in experiment_captions.sparsity(few)
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "sparsity")
    assert len(exhibit.draw(few, plots.LIGHT).axes[0].lines) == 1


def test_networks_that_learned_little_place_no_line(made):
    """As in the verdicts: no hinge is drawn through failed networks, and the caption says why."""
    rows = [dict(row) for row in made["sparsity"].rows]
    for row in rows[-3:]:
        row["test_error"] = 0.9
    failed = dataclasses.replace(made["sparsity"], rows=rows)
    assert "3 of 200 networks learned little" in experiment_captions.sparsity(failed)
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "sparsity")
    assert len(exhibit.draw(failed, plots.LIGHT).axes[0].lines) == 1
    (figure,) = redrawn.figures([{"sparsity": failed}])
    assert figure.lines[-1].here == ["not fitted"]


def test_errors_that_do_not_rise_have_no_breaking_point(made):
    """Where more zeros never cost errors the fit is a level line, without a place or interval."""
    rows = [row | {"test_error": 0.05 - 0.03 * row["zeros"]} for row in made["sparsity"].rows]
    falling = dataclasses.replace(made["sparsity"], rows=rows)
    most = f"up to {100 * max(row['zeros'] for row in rows):.1f}%"
    assert f"It does not, {most} zeros" in experiment_captions.sparsity(falling)
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "sparsity")
    assert len(exhibit.draw(falling, plots.LIGHT).axes[0].lines) == 2  # dots, level
    (figure,) = redrawn.figures([{"sparsity": falling}])
    assert figure.lines[-1].here == [f"no rise {most}"]


def labels(gain):
    """Return a labels table where pre-training changes the error by `gain(share)`."""
    table = Table("digits", rows_of("labels"), CONFIDENCE)
    for row in table.rows:
        changed = gain(row["share"]) if row["initialization"] == "pretrained" else 0.0
        row["test_error"] = 0.2 + changed + 0.001 * row["seed"] * (changed != 0)
    return table


def test_crossing_curves_are_noted():
    """Curves that cross do so between two shares; those that do not are said not to."""
    crossed = experiment_captions.labels(labels(lambda share: -0.05 if share < 0.3 else 0.05))
    assert crossed.count("the curves cross between 25 and 50%") == 2
    apart = experiment_captions.labels(labels(lambda share: -0.05))
    assert apart.count("the curves do not cross") == 2
    seeds = [-0.05, -0.049, -0.048]
    words = in_words(seeds).replace("%", " points").replace("-", "\N{MINUS SIGN}")
    assert f"changes the error by {words}" in apart


def test_a_condition_with_a_lost_seed_is_not_averaged():
    """There is no mean of the seeds that happened to finish."""
    rows = [{"seed": seed, "test_error": value} for seed, value in enumerate((0.1, None, 0.3))]
    point = Table("digits", rows, CONFIDENCE).point()
    assert (point.mean, point.low, point.lost, point.values) == (None, None, 1, [0.1, 0.3])


def test_crosses_at_the_top_stand_for_what_diverged(made):
    """At a rate where a seed diverged there is a cross in the unit's color, and no circle."""
    rows = [dict(row) for row in made["rates"].rows]
    next(row for row in rows if (row["activation"], row["rate"]) == ("tanh", 1.0)).update(
        test_error=None
    )
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.table == "rates")
    axes = exhibit.draw(Table("digits", rows, CONFIDENCE), plots.LIGHT).axes[0]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert cross.get_color() == plots.LIGHT.hues[1]
    (x, y) = axes.transAxes.inverted().transform(
        cross.get_transform().transform(cross.get_xydata()[0])
    )
    assert (cross.get_xdata()[0], 0.9 < y <= 1, 0 < x <= 1) == (1.0, True, True)
    curve = next(line for line in axes.lines if line.get_label() == "tanh")
    assert 1.0 not in curve.get_xdata()


def test_dead_shares_of_stopped_networks_count_on():
    """A network that stopped keeps its last share while the other trains."""
    from pipeline.report.training_plots import dead_by_epoch

    lists = [0.25, 0.5], [0.0, 0.0, 0.0, 1.0]
    rows = [{"dead_by_epoch": shares, "test_error": 0.1} for shares in lists]
    assert dead_by_epoch(Table("digits", rows, CONFIDENCE)) == [0.125, 0.25, 0.25, 0.75]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder with results of digits and MNIST, and with params.yaml as it is here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.params.load", lambda: tables.OURS)
    for dataset in ("digits", "mnist"):
        shutil.copytree(ROOT / "results" / dataset, Path("results", dataset))
    return tmp_path


def write(*names):
    """Write the made-up tables of experiments as `score` does, and judge the claims."""
    for name in names:
        columns = [*catalogue.EXPERIMENTS[name].factors, *scoring.COLUMNS]
        table = comparison.as_csv(columns, tables.table(name, error, seeds=3))
        path = Path("claims/digits/records", f"{name}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(table)
    judge.main("digits")


def page():
    """Write the page and return it."""
    claims.main()
    return Path("report/claims.html").read_text()


def test_page_is_whole_and_loads_nothing(folder):
    """Figures inside, in two themes; nothing to fetch; every link leads to a place on the page."""
    write("reconstruction", "labels")
    html = page()
    assert html.count("data:image/svg+xml;base64,") == 2 * 4  # two of the arms, one of each table
    assert not re.search(r"https?:|//\w|<script|<link|@import|url\(", html)
    assert "default-src 'none'" in html
    links = set(re.findall(r'href="#([^"]+)"', html))
    assert links
    assert links <= set(re.findall(r'id="([^"]+)"', html))
    assert html == page()
    assert len(html) < 2_500_000


def test_verdicts_and_numbers_are_those_of_the_table(folder):
    """Each claim with records is one row: its number, estimate, interval, n and verdict."""
    write("hardness", "conditioning")
    html = page()
    body = html.split("<tbody>")[1].split("</tbody>")[0]
    shown = [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in body.split("<tr>")[1:]]
    judged = [
        row
        for row in read.read_table(Path("claims/digits/claims.csv"))
        if row["estimate"] is not None
    ]
    assert len(shown) == len(judged) > 10
    for text, row in zip(shown, judged, strict=True):
        one = verdicts.judged([row])[0]
        assert row["claim"] in text.replace("&#39;", "'")
        assert f"{row['number']} · " in text
        assert f"{one.here} {one.interval}".strip() in text
        assert f"{(100 if row['unit'] else 1) * abs(row['estimate']):.2f}" in one.here
        assert f"n = {row['n']:g}" in text
        assert f" {row['verdict']} figure" in text
    assert verdicts.count(judged).split(": ")[1].split(",")[0] in html


def test_absent_tables_leave_their_figures_and_claims_out(folder):
    """Without records a claim is folded away with its reason, and there is no figure of it."""
    write("conditioning")
    html = page()
    assert 'id="digits-conditioning"' in html
    assert 'id="digits-labels"' not in html
    assert "Figure 4</h3>" not in html
    folded = html.split("without records on digits")[1].split("</details>")[0]
    assert "The experiment `labels` was not run on this dataset." in folded
    shutil.rmtree("results/digits")
    judge.main("digits")
    assert 'id="digits-arms"' not in page()


def test_a_claim_without_a_figure_has_no_link(folder, monkeypatch):
    """Where nothing is drawn of a table its claims stand without a link."""
    others = tuple(exhibit for exhibit in EXHIBITS if exhibit.table != "arms")
    monkeypatch.setattr(exhibits, "EXHIBITS", others)
    judge.main("digits")
    html = page()
    assert "Rectifier networks are truly sparse" in html.split("</tbody>")[0]
    assert 'href="#digits-arms"' not in html


def spoil(change):
    path = Path("claims/digits/records/conditioning.csv")
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.splitlines()[0], "it has no rows"),
        (lambda text: text.replace("test_error", "error", 1), "it has no column test_error"),
        (lambda text: text[: len(text) // 2], "a row has not as many cells as the header"),
        (lambda text: text.replace("0.1,0,", "many,0,", 1), "could not convert"),
    ],
)
def test_a_broken_table_is_one_problem(folder, change, words):
    """The file is named, with what is wrong and what to do."""
    write("conditioning")
    spoil(change)
    with pytest.raises(
        Problem, match=rf"conditioning\.csv cannot be read \(.*{words}.*make claims"
    ):
        claims.main()


def test_a_missing_run_of_an_arm_is_a_problem(folder):
    """A table of arms with fewer runs than its protocol says is not judged."""
    runs = Path("results/digits/runs.csv")
    lines = runs.read_text().splitlines(keepends=True)
    runs.write_text("".join(lines[:-1]))
    with pytest.raises(Problem, match=r"runs\.csv has 9 of 10 runs of \w+-\w+: run"):
        judge.main("digits")


def test_claims_that_were_not_judged_are_a_problem(folder):
    """The page needs claims.csv."""
    with pytest.raises(Problem, match=r"claims/digits/claims\.csv is missing: run `make claims`"):
        claims.main()


def test_table_1_stands_beside_the_papers():
    """Ours and the paper's of each arm, the unsure starred; dashes where nothing was run."""
    found = read.read(ROOT / "results/mnist", figures=False)
    names, columns = redrawn.table_1([found])
    assert [column.title for column in columns] == ["MNIST", "CIFAR10", "NISTP", "NORB"]
    tanh = columns[0].cells[names.index("Tanh, pre-trained")]
    row = next(row for row in found.table if read.arm_key(row) == "tanh-pretrained")
    assert (tanh.here, tanh.paper) == (f"{100 * row['test_error_mean']:.2f}", "1.16*")
    norb = columns[3].cells[names.index("Tanh, random")]
    paper = published.TABLE_1["norb", "tanh", "random"]
    assert (norb.here, norb.paper) == ("\N{EN DASH}", f"{100 * paper.value:.2f}")


def test_papers_figures_are_redrawn_with_its_numbers(made):
    """Each figure of the paper has its place, a column a dataset, and the paper's numbers."""
    other = {
        name: dataclasses.replace(made[name], dataset="mnist") for name in ("hardness", "neuron")
    }
    found = {one.place: one for one in redrawn.figures([made, other])}
    assert list(found) == list(redrawn.PLACES)
    hardness = found["Section 4.1, softplus of growing hardness"]
    assert hardness.datasets == ["digits", "mnist"]
    assert len(hardness.pictures) == 2
    line = next(line for line in hardness.lines if line.what == "Rectifier")
    mine = in_words(errors(made, "hardness", alpha=np.inf))
    assert (line.paper, line.here) == ("16.40%", [mine, mine])
    assert len(found["Figure 2"].pictures) == 1
    anchors = {picture.anchor for one in found.values() for picture in one.pictures}
    assert exhibits.anchor("digits", "sparsity") in anchors


def products():
    """Return a benchmark in which gathering pays from 90% zeros on."""
    speeds = {"dense": {0.5: 1.0, 0.7: 1.0, 0.9: 1.0}}
    speeds |= {"rows gathered": {0.5: 0.25, 0.7: 0.5, 0.9: 2.0}}
    rows = [
        {"direction": "forward", "zeros": zeros, "contender": name, "times_the_speed": speed}
        for name, each in speeds.items()
        for zeros, speed in each.items()
    ]
    machine = {"device": "cpu", "processor": "abacus", "torch": "2"}
    units = {"rectifier": {"ms": 0.1}, "tanh": {"ms": 0.5}, "softplus": {"ms": 1.0}}
    return {"products": rows, "units": units, "machine": machine}


def test_cost_says_from_where_zeros_pay():
    """The caption has the first share at which skipping zeros is faster, and the machine."""
    measured = cost_plots.Cost(**products())
    text = cost_plots.caption(measured)
    assert "Outputs, rows gathered: faster from 90% zeros on, 2 times as fast" in text
    assert "abacus" in text
    assert plots.svg(cost_plots.cost, measured, plots.LIGHT)


def test_times_are_claims_with_a_figure_of_their_device(folder):
    """Times of a CPU are judged and lead to their figure; what a GPU lacks is said."""
    records.write_json(Path("results/cost.json"), {"cpu": products()})
    judge.main("digits")
    html = page()
    assert "Do zeros save computation on a CPU?" in html
    assert html.count('href="#cost-cpu"') == 2  # 16a and 32a: nothing was measured at 85% zeros
    assert "DEVICE=cuda make cost" in html.split("without records on digits")[1]


def test_claims_without_a_rule_are_said_once_and_openly(folder):
    """A claim that nothing here tests stands on the page with what it needs, not folded away."""
    judge.main("digits")
    judge.main("mnist")
    html = page()
    shown = html.split('id="not-tested"')[1].split("</section>")[0]
    assert "<details" not in shown
    for each in ELSEWHERE:
        assert html.count(f"{each.number} · {each.source}".replace("'", "&#39;")) == 1
        assert each.reason.replace("'", "&#39;") in shown


def test_datasets_that_were_judged_stand_below_those_of_params(folder):
    """What has verdicts but is not run now is shown all the same, after what is."""
    judge.main("mnist")
    judge.main("digits")
    html = page()
    assert html.index('<section id="digits">') < html.index('<section id="mnist">')

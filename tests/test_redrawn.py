"""The paper's Table 1 and its figures, drawn again beside its numbers."""

import dataclasses

import numpy as np

from pipeline.analysis import results as read
from pipeline.paper import published
from pipeline.report.figures import catalogue, paper_figures
from tests import committed
from tests.page_tables import errors, in_words


def test_table_1_stands_beside_the_papers():
    """Ours and the paper's of each arm, the unsure starred; dashes where nothing was run."""
    found = read.read(committed.folder() / "results/mnist", figures=False)
    names, columns = paper_figures.table_1([found])
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
    found = {one.place: one for one in paper_figures.figures([made, other])}
    assert list(found) == list(paper_figures.PLACES)
    hardness = found["Section 4.1, softplus of growing hardness"]
    assert hardness.datasets == ["digits", "mnist"]
    assert len(hardness.pictures) == 2
    line = next(line for line in hardness.lines if line.what == "Rectifier")
    mine = in_words(errors(made, "hardness", alpha=np.inf))
    assert (line.paper, line.here) == ("16.40%", [mine, mine])
    assert len(found["Figure 2"].pictures) == 1
    anchors = {picture.anchor for one in found.values() for picture in one.pictures}
    assert catalogue.anchor("digits", "sparsity") in anchors

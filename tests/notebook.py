"""Execution of a notebook without Jupyter: `python -m tests.notebook` writes docs/*.ipynb anew."""

import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any

from tests.imports import ROOT

NOTEBOOKS = sorted(ROOT.glob("docs/*.ipynb"))


def executed(path: Path) -> dict[str, Any]:
    """Return a notebook with the outputs of its code cells, run from top to bottom."""
    import matplotlib as mpl

    mpl.use("agg")
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    names: dict[str, Any] = {"__name__": "notebook"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, cell in enumerate(code, start=1):
        cell |= {"execution_count": count, "outputs": _outputs("".join(cell["source"]), names)}
    return notebook


def _outputs(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a cell; return what it prints, its figures, and the value of its last expression."""
    from matplotlib import pyplot as plt

    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    for number in plt.get_fignums():
        content = io.BytesIO()
        plt.figure(number).savefig(content, dpi=80, metadata={"Software": None})
        png = base64.b64encode(content.getvalue()).decode()
        outputs.append({"output_type": "display_data", "metadata": {}, "data": {"image/png": png}})
    plt.close("all")
    if shown is not None:
        data = {"text/plain": repr(shown)}
        if hasattr(shown, "_repr_html_"):
            data["text/html"] = shown._repr_html_()
        outputs.append(
            {"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data}
        )
    return outputs


if __name__ == "__main__":
    for path in NOTEBOOKS:
        path.write_text(json.dumps(executed(path), indent=1, ensure_ascii=False) + "\n", "utf-8")

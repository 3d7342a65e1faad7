"""Common form of the commands: help texts, and user-fixable errors in one line."""

import errno
import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from pipeline.runtime.errors import Problem, printable
from stages import cut_params, dvc_state, table_hashes, terminal
from stages.arguments import Command, check
from stages.tracking import leave_abandoned_uploads

REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space")
REMEDIES |= {errno.EROFS: "make the disk writable", errno.EACCES: "make it writable"}


def run(main: Callable[..., str | None]) -> None:
    """Run a stage's main as a command line program."""
    if "DVC_ROOT" in os.environ:  # DVC runs the stage
        dvc_state.keep_copies()
    app = program()
    app.command(cls=Command)(guarded(main))
    app()


def program(**options: Any) -> typer.Typer:
    """Return an empty command line program in the common form."""
    terminal.choose_instructions()
    return typer.Typer(
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_show_locals=False,
        **options,
    )


def guarded(main: Callable[..., str | None]) -> Callable[..., None]:
    """Print the text that main returns; user-fixable errors as one line on stderr, status 1."""

    @functools.wraps(main)
    def command(*args: object, **options: object) -> None:
        terminal.prepare()
        start = time.time()
        try:
            check(options)
            made = main(*args, **options)
            table_hashes.record(start)
            if made:
                typer.echo(made)
            leave_abandoned_uploads()
        except Problem as problem:
            _fail(f"{problem}{cut_params.remedy(str(problem))}")
        except OSError as error:
            remedy = REMEDIES.get(error.errno or 0)
            if remedy is None:
                raise
            where = error.filename or "the disk"
            _fail(f"{where}: {error.strerror}: {remedy}, then run the same command again")

    return command


def _fail(message: str) -> NoReturn:
    print(f"error: {printable(message)}", file=sys.stderr)  # noqa: T201
    raise SystemExit(1)

"""How far an import is: bars on a terminal, lines elsewhere."""

import json

import pytest

from mailserver.cli import progress, progress_bars


def go_on(watching):
    watching.total("Work [x]", 10)
    watching.done("Work [x]", 4)
    watching.total("Work [x]", 10)  # the source broke off, and the folder is begun anew
    watching.done("Work [x]", 6)
    watching.finished("Work [x]")


def test_a_line_for_each_folder_that_is_done(capsys):
    with progress.shown(as_json=False) as watching:
        go_on(progress.Named(watching, "anna"))
    assert capsys.readouterr().err == "anna Work [x]: 10 messages done\n"


def test_a_long_folder_is_told_of_meanwhile(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    go_on(progress.Lines(as_json=False))
    assert capsys.readouterr().err.splitlines()[0] == "Work [x]: 4 of 10 messages"


def test_machines_get_json(capsys):
    go_on(progress.Lines(as_json=True))
    assert json.loads(capsys.readouterr().err) == {"folder": "Work [x]", "done": 10, "total": 10, "finished": True}


@pytest.mark.parametrize("width", ["80", "20"])
def test_a_terminal_gets_bars_that_go_when_they_are_full(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bars.bars() as watching:
        go_on(watching)
        watching.total("Endless", None)
    shown = capsys.readouterr().err
    assert "Work [x]: 10" in shown

"""Files that a command is given: mistakes in one are told with their line, and one of somebody else is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in an empty folder, without an environment that leads elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("CONNECTOR_SHOPS", "CONNECTOR_HOME", "SHOPIMIND_CORE_API_BASE"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["connector", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_mistake_in_the_file_is_told_with_its_line(run: Run) -> None:
    Path("shops.yaml").write_text("shops:\n  - key: a\n    lable: A\n")
    code, out, err = run("check")
    assert (code, out) == (2, "")
    assert "shops.yaml:3: shops[0].lable: unknown key; did you mean label?\n" in err


@pytest.mark.parametrize("command", [["sandbox", "--till-port", "0", "--crm-port", "0"], ["demo"]])
def test_a_sandbox_leaves_a_file_of_somebody_else_alone(run: Run, command: list[str]) -> None:
    Path("shops.yaml").write_text("shops: []  # mine\n")
    code, _, err = run(*command, "--shops", "shops.yaml")
    assert code == 2
    assert "was not written by the sandbox" in err
    assert Path("shops.yaml").read_text() == "shops: []  # mine\n"

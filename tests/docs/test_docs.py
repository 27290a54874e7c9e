"""The documents are true: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer

from connector.cli import app
from connector.delivery import entities
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.till_switches import TillSwitches
from tests.soak import __main__ as soak

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "data_samples" / "README.md"])
CODE = sorted([*(ROOT / "connector").rglob("*.py"), *(ROOT / "assets").rglob("*.py")])

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_of(page: Path) -> Iterator[str]:
    """The lines of fenced blocks, and what stands between backticks outside of them."""
    for number, part in enumerate(re.split(r"^```.*$", page.read_text("utf-8"), flags=re.M)):
        yield from part.splitlines() if number % 2 else re.findall(r"`([^`\n]+)`", part)


# --- commands ------------------------------------------------------------------------------------------------------


def options_of(words: list[str]) -> tuple[list[str], set[str]]:
    """The sub-commands that the words go through, and the options of the last one. Fails for one that is unknown."""
    command: Any = typer.main.get_command(app)
    path: list[str] = []
    for word in words:
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, f"connector {' '.join([*path, word])}: there is no such command"
        command = command.commands[word]
        path.append(word)
    return path, {option for parameter in command.params for option in parameter.opts} | {"--help"}


@pages
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    for text in code_of(page):
        for told in re.findall(r"(?<![\w./-])(?:\.venv/bin/)?connector ([a-z][^#`|&]*)", text):
            words = told.split()
            path, options = options_of([word for word in words if not word.startswith("-")])
            unknown = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)} - options
            assert not unknown, f"connector {' '.join(path)} has no {unknown}"
            for entity in re.findall(r"--(?:only|entity) (\w+)", told):
                assert entity in entities.NAMES


@pages
def test_every_make_target_that_is_shown_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M)
    shown = [target for text in code_of(page) for target in re.findall(r"(?<![\w-])make ([a-z][a-z-]*)", text)]
    assert set(shown) <= set(targets)


# --- places --------------------------------------------------------------------------------------------------------


@pages
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pages
def test_every_file_of_the_repository_that_is_named_exists(page: Path) -> None:
    rooms = r"(?:connector|assets|tests|docs|data_samples|requirements)/[\w./*-]*"
    named = [text for text in code_of(page) if re.fullmatch(rooms, text)]
    assert not [name for name in named if not list(ROOT.glob(name.rstrip("/")))]


def test_every_document_is_linked_from_the_first_page() -> None:
    first = (ROOT / "README.md").read_text("utf-8")
    assert not [page.name for page in PAGES if page.name != "README.md" and str(page.relative_to(ROOT)) not in first]


# --- environment ---------------------------------------------------------------------------------------------------


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    word = re.compile(r"\bCONNECTOR_[A-Z_]+")
    told = {name for page in PAGES for name in word.findall(page.read_text("utf-8"))}
    read = {name for file in CODE for name in re.findall(r'"(CONNECTOR_[A-Z_]+)"', file.read_text("utf-8"))}
    assert told == read
    table = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert not [name for name in read if f"| `{name}` |" not in table]


# --- open questions ------------------------------------------------------------------------------------------------

QUESTIONS = (ROOT / "docs" / "open-questions.md").read_text("utf-8")
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text("utf-8")


def switches_of_the_sandbox() -> set[str]:
    return {*TillSwitches.model_fields, *(field.name for field in fields(CrmSwitches))}


def test_every_switch_of_the_sandbox_has_its_question() -> None:
    assert not [name for name in switches_of_the_sandbox() if f"`{name}`" not in QUESTIONS]


def test_every_switch_of_the_sandbox_is_turned_by_a_test() -> None:
    tests = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__))
    turned = {name for found in re.findall(r"""["'](\w+)["']|\b(\w+)=|switches\.(\w+)\b""", tests) for name in found}
    assert not switches_of_the_sandbox() - turned


@pytest.mark.parametrize("text", [QUESTIONS, RELIABILITY], ids=["open-questions", "reliability"])
def test_every_test_that_is_named_exists(text: str) -> None:
    sources = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    functions = set(re.findall(r"def (test_\w+)", "\n".join(sources.values())))
    assert not set(re.findall(r"`(test_\w+)`", text)) - functions
    files = re.findall(r"`((?:\w+/)?test_\w+\.py)`", text)
    assert not [name for name in files if not (ROOT / "tests" / name).exists()]


# --- promises ------------------------------------------------------------------------------------------------------


def test_every_promise_names_what_holds_it() -> None:
    begin, end = soak.BLOCKS[True]
    told, _, rest = RELIABILITY[RELIABILITY.index("## Nothing is lost") :].partition(begin)
    measured, _, after = rest.partition(end)
    assert measured  # figures, not promises
    rows = [line for line in (told + after).splitlines() if line[:2] == "| "]
    promises = [row for row in rows if not row.startswith(("| what |", "| promise |", "| what happens |"))]
    assert len(promises) > 30
    assert not [row for row in promises if "`test_" not in row and "the soak" not in row]


@pytest.mark.parametrize("block", soak.BLOCKS.values(), ids=["records", "events"])
def test_the_soak_finds_its_place_in_the_document(block: tuple[str, str]) -> None:
    begin, end = map(RELIABILITY.index, block)
    assert begin < end


# --- architecture --------------------------------------------------------------------------------------------------


def rooms() -> list[list[str]]:
    """The rows of the table of rooms, top first: patterns of the modules in each."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("| room |") : text.index("The one exception")]
    cells = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    return [[name + ("*" if name.endswith("/") else "") for name in re.findall(r"`([^`]+)`", cell)] for cell in cells]


def room_of(path: str, table: list[list[str]]) -> int:
    found = [place for place, names in enumerate(table) if any(fnmatch(path, name) for name in names)]
    assert len(found) == 1, f"{path} is in {len(found)} rooms of docs/architecture.md"
    return found[0]


def imported(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        yield from (path for name in names if (path := (ROOT / name.replace(".", "/")).with_suffix(".py")).exists())


def test_imports_go_down_the_table_of_rooms() -> None:
    table = rooms()
    packages = [file for file in CODE if file.name != "__init__.py"]
    place = {file: room_of(str(file.relative_to(ROOT)), table) for file in packages}
    door = (ROOT / "connector" / "sync.py", ROOT / "assets" / "launch.py")
    upwards = [
        f"{file.relative_to(ROOT)} imports {other.relative_to(ROOT)}"
        for file in packages
        for other in imported(file)
        if other.name != "__init__.py" and place[other] < place[file] and (file, other) != door
    ]
    assert not upwards


def test_every_dependency_is_justified() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    needed = re.findall(r'^  "([a-z0-9-]+)', project[: project.index("[project.optional-dependencies]")], flags=re.M)
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    told = re.findall(r"`([a-z0-9-]+)`", text[text.index("## Dependencies") :])
    assert needed
    assert sorted(needed) == sorted(told)

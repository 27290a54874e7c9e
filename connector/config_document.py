"""A YAML text as plain values, each with its place and its line. Knows nothing about shops."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

Path = tuple[str | int, ...]  # ("shops", 0, "pos", "login")

VALUES_LIMIT = 200_000  # aliases of aliases make a small text endless
DEPTH_LIMIT = 20

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp"))


@dataclass(frozen=True)
class Mistake:
    """One thing to mend: where in the file (`shops[0].pos.login`), what is wrong with it, in which line."""

    where: str
    message: str
    line: int | None = None


class NotADocument(Exception):
    """The text is not one YAML document: `message` says why and `line` where, neither quotes the text."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def is_plain_key(key: object) -> bool:
    """Whether a key may be repeated in a message: `access_token:abc123` written without a space is a key for YAML."""
    return isinstance(key, str) and re.fullmatch(r"[A-Za-z][A-Za-z_-]{0,39}", key) is not None


def place(path: Path) -> str:
    """`shops[0].pos.login`. It ends above a key that may not be repeated."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif is_plain_key(step):
            text += f".{step}" if text else step
        else:
            break
    return text


@dataclass
class Document:
    """What a YAML text says: `value`, and the `mistakes` found in it, while reading and by whoever checks it later.

    Nothing below a key of `opaque` is looked at: such a value is one scalar or a mistake.
    """

    opaque: frozenset[str]
    value: Any = None
    mistakes: list[Mistake] = field(default_factory=list)
    _closed: set[Path] = field(default_factory=set)
    _lines: dict[Path, int] = field(default_factory=dict)
    _scalars: SafeConstructor = field(default_factory=SafeConstructor)

    def line(self, path: Path) -> int | None:
        """The line where the value stands, else that of the nearest value around it."""
        while path not in self._lines:
            if not path:
                return None
            path = path[:-1]
        return self._lines[path]

    def mistake(self, path: Path, message: str, *, line: int | None = None, closes: bool = True) -> None:
        """Notes a mistake. One that `closes` its place is the last that is noted about the value there."""
        if self.is_mistaken(path):
            return
        self.mistakes.append(Mistake(place(path), message, line or self.line(path)))
        if closes:
            self._closed.add(path)

    def is_mistaken(self, path: Path) -> bool:
        """Whether the value or one around it is so wrong that nothing more can be said about it."""
        return any(path[:length] in self._closed for length in range(len(path) + 1))

    def build(self, node: yaml.Node, path: Path) -> Any:
        """The value of a node; None in the place of one that is a mistake."""
        self._lines.setdefault(path, node.start_mark.line + 1)
        if len(self._lines) > VALUES_LIMIT or len(path) > DEPTH_LIMIT:
            raise NotADocument("is too large or too deeply nested for a list of shops", self._lines[path])
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, path)
        if path and path[-1] in self.opaque:
            self.mistake(path, "must be text")
        elif isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        else:
            self.mistake(
                path, "has a YAML tag ('!...'), and none is read here: put the value in quotes if it starts with '!'"
            )
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        try:
            return self._scalars.construct_object(node)
        except (ValueError, ArithmeticError, LookupError, AttributeError, yaml.YAMLError):
            self.mistake(
                path, "looks like a date, a number or a truth value, but is none: put it in quotes if it is text"
            )
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _TAG + "merge":
                self.mistake(
                    (*path, "<<"), "has a merge key (<<), which is not read here: write the keys out", line=line
                )
            elif not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                self.mistake((*path, f"?{line}"), "has a key that is not text", line=line)
            elif key_node.value in values:
                self.mistake(
                    (*path, key_node.value),
                    f"the key is there twice (first in line {self.line((*path, key_node.value))})",
                    line=line,
                    closes=False,
                )
            else:
                key = key_node.value
                self._lines[*path, key] = line
                values[key] = self.build(value_node, (*path, key))
        return values


def read_document(text: str, opaque: frozenset[str]) -> Document:
    """The document of a YAML text. Raises `NotADocument` when there is none to speak of."""
    document = Document(opaque)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        raise NotADocument(
            "has a character that YAML does not allow", text.count("\n", 0, error.position) + 1
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotADocument(f"is not YAML: {_harmless(error)}", mark.line + 1 if mark else None) from None
    except (RecursionError, ValueError, OverflowError):
        raise NotADocument("is not YAML that can be read", None) from None
    if node is not None:
        document.value = document.build(node, ())
    return document


def _harmless(error: yaml.MarkedYAMLError) -> str:
    """What the parser says, without the one thing it quotes whole: a word after `*`, `&` or `!` (a token?)."""
    problem = error.problem or error.context or "it cannot be read"
    quoted = re.search(r"(alias|anchor|tag handle) +['\"]", problem)
    if quoted is None:
        return problem
    return f"{problem[: quoted.end() - 1].rstrip()} (a value that starts with '*', '&' or '!' needs quotes)"

"""How mistakes are told: all at once, each with its place and line, and never with a secret."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.config import ConfigError, find_shops_file, load_shops

MANY_MISTAKES = """\
shops:
  - key: Maison
    label: Maison Léa
    lang: fr
    colour: blue
    shopimind:
      acess_token: int_s3cr3t
    pos:
      system: hiboutik
      account: maison-lea
      api_key: k3y
      monthly_calls: many
    identifiers: {prefix: ml_, offset: -5}
  - just text
"""


def test_all_mistakes_are_told_at_once_with_their_place_and_line(tmp_path: Path):
    path = tmp_path / "shops.yaml"
    path.write_text(MANY_MISTAKES, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_shops(path, {})
    assert [(mistake.where, mistake.line) for mistake in caught.value.mistakes] == [
        ("shops[0].key", 2),
        ("shops[0].colour", 5),
        ("shops[0].shopimind.access_token", 6),
        ("shops[0].shopimind.acess_token", 7),
        ("shops[0].pos.login", 8),
        ("shops[0].pos.monthly_calls", 12),
        ("shops[0].identifiers.offset", 13),
        ("shops[1]", 14),
    ]
    lines = str(caught.value).splitlines()
    assert lines[3] == f"{path}:7: shops[0].shopimind.acess_token: unknown key; did you mean access_token?"
    assert len(lines) == 8


def test_an_unknown_key_without_a_likeness_lists_the_known_ones(told):
    assert told({"pos__shelf": 1})["shops[0].pos.shelf"].endswith(
        "the keys here are system, account, login, api_key, oauth_token, base_url, monthly_calls, calls_in_flight, "
        "calls_for_others, webhook_secret, erase_deleted"
    )


def test_a_key_that_is_there_twice_is_a_mistake_at_the_second(told, tmp_path: Path):
    text = MANY_MISTAKES.replace("    colour: blue\n", "    label: Other\n")
    assert told(text)["shops[0].label"] == "the key is there twice (first in line 3)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("shops: [{&a x: 1, <<: *a}]", "merge key"),
        ("shops: [{on: 1}]", "not text"),
        ("shops: [{? [x] : 2}]", "not text"),
    ],
)
def test_merge_keys_and_keys_that_are_not_text_are_mistakes(load, text, sentence):
    with pytest.raises(ConfigError, match=rf"shops\[0\]: has a .*{sentence}"):
        load(text)


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("", "shops", "the file is empty"),
        ("# nothing\n", "shops", "the file is empty"),
        ("shops: []", "shops", "no shops"),
        ("shops:", "shops", "no shops"),
        ("other: 1", "shops", "no shops"),
        ("shops: {key: a}", "shops", "must be a list"),
        ("shops: maison-lea", "shops", "must be a list"),
        ("- key: a", "", "must be a mapping with the key shops"),
        ("shops: [!shop {key: a}]", "shops[0]", "YAML tag"),
        ("shops: [{first_day: 2024-02-30}]", "shops[0].first_day", "looks like a date"),
        ("shops: [{label: !!timestamp soon}]", "shops[0].label", "looks like a date"),
    ],
)
def test_a_file_that_is_no_list_of_shops_is_refused(told, text, place, sentence):
    assert sentence in told(text)[place]


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        (b"shops:\n  - label: Maison L\xe9a\n", 2, "is not UTF-8 text"),
        (b"shops:\n  - key: 'a\n", 3, "is not YAML"),
        (b"shops:\n  - key: a\n   label: b\n", 3, "is not YAML"),
        (b"shops:\n  - key: \x07\n", 2, "has a character that YAML does not allow"),
        (b"shops:\n  - access_token: *int_s3cr3t\n", 2, "found undefined alias (a value that starts with '*'"),
        (b"shops: []\n---\nshops: []\n", 2, "is not YAML"),
        (b"[" * 5000, None, "is not YAML that can be read"),
        (b"shops: &a [*a]\n", 1, "too deeply nested"),
        (
            b"a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(8)),
            1,
            "is too large",
        ),
    ],
)
def test_a_text_that_is_no_document_is_refused_with_its_line(tmp_path: Path, content, line, sentence):
    path = tmp_path / "shops.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"shops\.yaml") as caught:
        load_shops(path, {})
    (mistake,) = caught.value.mistakes
    assert mistake.line == line
    assert sentence in mistake.message
    assert "s3cr3t" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_shops(tmp_path, {})


def test_the_file_is_the_one_of_the_option_else_of_the_variable_else_of_the_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("option.yaml", "variable.yaml", "shops.yaml"):
        (tmp_path / name).touch()
    environ = {"CONNECTOR_SHOPS": "variable.yaml"}
    assert find_shops_file(Path("option.yaml"), environ) == Path("option.yaml")
    assert find_shops_file(None, environ) == Path("variable.yaml")
    assert find_shops_file(None, {"CONNECTOR_SHOPS": ""}) == Path("shops.yaml")


@pytest.mark.parametrize(
    ("explicit", "environ", "source"),
    [
        (Path("gone.yaml"), {"CONNECTOR_SHOPS": "there.yaml"}, "--shops"),
        (None, {"CONNECTOR_SHOPS": "gone.yaml"}, "CONNECTOR_SHOPS"),
        (None, {}, "shops.yaml"),
    ],
)
def test_a_missing_file_is_told_with_the_three_places_where_it_may_be(
    tmp_path: Path, monkeypatch, explicit, environ, source
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        find_shops_file(explicit, environ)
    assert caught.value.mistakes[0].where == source
    for place in ("--shops", "$CONNECTOR_SHOPS", "./shops.yaml"):
        assert place in str(caught.value)


SECRET = "s3cr3t-7f19"
SECRET_LINES = [
    "access_token: {0}",
    "access_token:{0}",
    "access_token: '{0}",
    "access_token: [{0}]",
    "access_token: {{{0}: {0}, {0}: 1}}",
    "access_token: *{0}",
    "access_token: &{0}",
    "access_token: !{0} x",
    "access_token: !{0}! x",
    "access_token: {0} é",
    "access_token: {0}: {0}",
    "access_token: '{0} ${{A}}'",
    "access_token: '${{A}} {0}'",
    "access_token: '${{{0}'",
    "{{access_token:{0}}}",
    "base_url: https://{0}:{0}@[example.org",
    "api_key: {0}\n      api_key: {0}\n      login: 5",
    "oauth_token: {0}\n      login: ops",
    "oauth_token: |\n        {0}\n",
    "oauth_token: >-\n       {0}\n     {0}\n",
]


@pytest.mark.parametrize("line", SECRET_LINES)
@pytest.mark.parametrize("section", ["pos", "shopimind"])
def test_no_way_to_misspell_a_secret_gets_it_printed(tmp_path: Path, section, line):
    path = tmp_path / "shops.yaml"
    path.write_text(f"shops:\n  - key: a\n    {section}:\n      {line.format(SECRET)}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_shops(path, {"A": SECRET})
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value)


def test_a_value_from_the_environment_is_not_printed_either(told):
    changes = {"key": "${A}", "label": "x${A}\n", "pos__monthly_calls": "${A}", "rules__returns": "${A}"}
    mistakes = told(changes | {"pos__api_key": "${A} "}, {"key": "${A}"}, environ={"A": SECRET})
    assert set(mistakes) == {
        "shops[0].label",
        "shops[0].pos.monthly_calls",
        "shops[0].rules.returns",
        "shops[0].pos.api_key",
        "shops[1].key",
        "shops[1].identifiers.prefix",
        "shops[1].identifiers.offset",
    }
    assert SECRET not in str(mistakes)


KEYS = ["shops", "key", "label", "lang", "shopimind", "pos", "identifiers", "rules", "consent", "first_day", "x"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.sampled_from(["${A}", "${", "*a", "&a", "!x", "<<", "fr", "hiboutik", "{account", "2024-02-30"]),
)
SECRETS = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(
            st.just(SECRET),
            st.just([SECRET]),
            st.just({SECRET: SECRET}),
            st.just("${A}" + SECRET),
            st.just(f"{SECRET}\n"),
        )
        for name in ("access_token", "api_key", "oauth_token")
    },
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(lambda one, two: {**one, **two}, st.dictionaries(st.sampled_from(KEYS), inner, max_size=6), SECRETS),
    ),
    max_leaves=20,
)


@st.composite
def yaml_like_texts(draw: st.DrawFn) -> str:
    """A document of our keys with values of any kind, now and then broken by a few characters put in anywhere."""
    whole = draw(st.one_of(VALUES, st.fixed_dictionaries({"shops": st.lists(VALUES, max_size=3)})))
    text = yaml.safe_dump(whole, default_flow_style=draw(st.sampled_from([None, True, False])), allow_unicode=True)
    for piece in draw(
        st.lists(st.sampled_from([":", "-", "'", '"', "{", "]", "\n", "\t", "*", "!", "%", "\x00"]), max_size=3)
    ):
        at = draw(st.integers(0, len(text)))
        if not _is_inside_secret(text, at):
            text = text[:at] + piece + text[at:]
    return text


def _is_inside_secret(text: str, at: int) -> bool:
    return SECRET in text[max(0, at - len(SECRET)) : at + len(SECRET)]


@given(text=yaml_like_texts())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_the_file_holds_the_only_error_is_a_list_of_mistakes_without_secrets(tmp_path: Path, text: str):
    path = tmp_path / "shops.yaml"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    error = None
    try:
        load_shops(path, {"A": SECRET})
    except ConfigError as raised:
        error = raised
    assert error is None or error.mistakes
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error)

"""The page of the sandbox's ShopiMind: per shop its sources with their counts, its definitions, the last refusals."""

from __future__ import annotations

import re
from html import escape

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from connector.sandbox.crm_state import CrmState, Doc, ShopData, records_kind

_EMAIL = re.compile(r"([\w.+%-])[\w.+%-]*@([\w.-]+\.\w+)")
_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --quiet: #777; --good: #1a7f4b; --bad: #b3261e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .25rem } h3 { font-size: .95rem }
p { margin: .25rem 0 } .quiet { color: var(--quiet) } code { font-size: .88em }
.state { font-size: .75rem; padding: .1rem .5rem; border-radius: 1rem; color: #fff; background: var(--good) }
.state.off { background: var(--bad) }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; font-size: .8rem; color: var(--quiet) } td.n, th.n { text-align: right }
tr.total td { font-weight: 600 }
details pre { background: var(--soft); padding: .75rem; overflow-x: auto; font-size: .8rem }
"""


def routes() -> list[Route]:
    return [Route("/", page)]


async def page(request: Request) -> Response:
    crm: CrmState = request.app.state.crm
    shops = [_shop(crm, data) for data in crm.shops.values()]
    complaints = "".join(f"<li>{escape(masked(each))}</li>" for each in crm.complaints[-20:])
    if complaints:
        complaints = f"<h2>Client mistakes</h2><ul>{complaints}</ul>"
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>ShopiMind sandbox</title><style>{_STYLE}</style><h1>ShopiMind sandbox</h1>"
        "<p class=quiet>What this stand-in for the ShopiMind API has accepted so far. Reload to see more.</p>"
        f"{complaints}{''.join(shops) or '<p>No installation.</p>'}</html>"
    )


def masked(text: str) -> str:
    """The text with every e-mail address shortened: `l***@example.com`."""
    return _EMAIL.sub(r"\1***@\2", text)


def _shop(crm: CrmState, data: ShopData) -> str:
    states = [each.status for each in crm.installations.values() if each.shop == data.name]
    badges = " ".join(f"<span class='state {'' if s == 'active' else 'off'}'>{s}</span>" for s in states)
    parts = [f"<section><h2>{escape(data.name)} {badges}</h2>", _sources(data), _definitions(data), _refused(data)]
    return "".join(parts) + "</section>"


def _sources(data: ShopData) -> str:
    """The sources as a tree, one column per entity, with a last row for the totals."""
    contents = data.contents()["entities"]
    names = {records_kind(n): doc["name"] for n, doc in data.definitions.items()}
    kinds = [kind for kind, entry in contents.items() if entry["count"]]
    head = "".join(f"<th class=n>{escape(names.get(kind, kind))}</th>" for kind in kinds)
    rows = [_source_row(source, deep, kinds, contents) for source, deep in _tree(list(data.sources.values()))]
    untagged = {"id_data_source": "none", "label": "without a source", "active": True, "type": None}
    if any("none" in contents[kind]["by_source"] for kind in kinds):
        rows.append(_source_row(untagged, 0, kinds, contents))
    total = "".join(f"<td class=n>{contents[kind]['count']:,}</td>" for kind in kinds)
    rows.append(f"<tr class=total><td>all sources<td>{total}</tr>")
    table = f"<table><tr><th>data source<th>id{head}</tr>{''.join(rows)}</table>"
    return f"<div class=scroll>{table}</div>"


def _tree(sources: list[Doc], parent: int | None = None, deep: int = 0) -> list[tuple[Doc, int]]:
    found = []
    for source in sources:
        if source["parent_id"] == parent:
            found += [(source, deep), *_tree(sources, source["id_data_source"], deep + 1)]
    return found


def _source_row(source: Doc, deep: int, kinds: list[str], contents: Doc) -> str:
    key = str(source["id_data_source"])
    counts = "".join(f"<td class=n>{contents[kind]['by_source'].get(key, 0):,}</td>" for kind in kinds)
    off = "" if source["active"] else " <span class='state off'>inactive</span>"
    style = f" style='padding-left:{1.5 * deep}rem'" if deep else ""
    return f"<tr><td{style}>{escape(source['label'])}{off}<td>{key}{counts}</tr>"


def _definitions(data: ShopData) -> str:
    rows = []
    for number, doc in data.definitions.items():
        fields = ", ".join(f"{f['name']} <span class=quiet>{f['type']}</span>" for f in doc["fields"])
        count = len(data.tables[records_kind(number)].accepted)
        state = f"<span class='state {'' if doc['status'] == 'active' else 'off'}'>{doc['status']}</span>"
        rows.append(f"<tr><td>{escape(doc['name'])}<td>{number}<td>{state}<td class=n>{count:,}</td><td>{fields}</tr>")
    for event in data.contents()["events"]:
        code, count = escape(event["code_name"]), event["triggered"]
        rows.append(f"<tr><td>event {code}<td>{event['id_event']}<td><td class=n>{count:,}</td><td></tr>")
    if not rows:
        return ""
    head = "<tr><th>name<th>id<th>status<th class=n>records</th><th>fields</tr>"
    return f"<h3>Definitions and events</h3><div class=scroll><table>{head}{''.join(rows)}</table></div>"


def _refused(data: ShopData) -> str:
    if not data.refused_count:
        return "<p class=quiet>Nothing refused.</p>"
    rows = []
    for each in list(data.refused)[-20:][::-1]:
        item = escape(masked(orjson.dumps(each.item, option=orjson.OPT_INDENT_2).decode()))
        errors = escape(masked("; ".join(each.errors)))
        details = f"<details><summary>{errors}</summary><pre>{item}</pre></details>"
        rows.append(f"<tr><td>{each.at}<td>{escape(each.entity)}<td>{details}</tr>")
    return f"<h3>Refused: {data.refused_count:,}</h3><table><tr><th>at<th>entity<th>why</tr>{''.join(rows)}</table>"

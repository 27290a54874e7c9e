"""`make bench`: the measurements, or only the named ones (`make bench ARGS="memory calls"`), as Markdown."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tests.bench import calls, definitions, first_load, late, memory, month, nightly, scale, throughput, unchanged


def throughput_lines() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = throughput.measure(Path(folder), _say)
    yield "| answers after | | records a second | client CPU, ms per 1,000 | server CPU | ratio |"
    yield "|---|---|---|---|---|---|"
    for case, sides in found["cases"].items():
        official = sides.get("official")
        for name, side in sides.items():
            ratio = f"{side['per_second'] / official['per_second']:.1f}" if official else "-"
            costs = f"{side['client_cpu'] * 1000:.0f} | {side['server_cpu'] * 1000:.0f}"
            who = {"connector": "connector, from row to ledger", "official": "official SDK, `bulkSave` alone"}[name]
            yield f"| {case} | {who} | {side['per_second']:,.0f} | {costs} | {ratio} |"
    if found["sdk"]:
        yield f"\nOfficial SDK {found['sdk']}."


def memory_lines() -> Iterator[str]:
    found = memory.measure()
    yield "| orders | customers | peak memory, MiB | seconds |"
    yield "|---|---|---|---|"
    for size in found:
        yield f"| {size['orders']:,} | {size['customers']:,} | {size['mib']:.0f} | {size['seconds']:.0f} |"
    yield f"\nRatio: {found[1]['mib'] / found[0]['mib']:.2f}"


def calls_lines() -> Iterator[str]:
    yield "| price of a `products_sold` row | sales | calls | calls per 1,000 sales | with one call per sale |"
    yield "|---|---|---|---|---|"
    for row in calls.measure():
        per_1000 = f"{row['per_1000']:.1f} | {row['one_per_sale']:,.0f}"
        yield f"| of one {row['price']} | {row['sales']:,} | {row['calls']} | {per_1000} |"


def unchanged_lines() -> Iterator[str]:
    found = unchanged.measure()
    yield "| rows read | calls: Hiboutik | ShopiMind | seconds | of these, imports |"
    yield "|---|---|---|---|---|"
    made = found["calls"]
    times = f"{found['seconds']:.1f} | {found['imports']:.1f}"
    yield f"| {found['read']:,} | {made['hiboutik']} | {made['shopimind']} | {times} |"


def first_load_lines(sizes: Sequence[int]) -> Iterator[str]:
    yield "| records | seconds | records a second | peak memory, MiB | calls: Hiboutik | ShopiMind |"
    yield "|---|---|---|---|---|---|"
    for row in first_load.measure(sizes):
        measured = f"{row['seconds']:.0f} | {row['per_second']:,.0f} | {row['mib']:.0f}"
        calls_made = f"{row['calls']['hiboutik']:,} | {row['calls']['shopimind']:,}"
        yield f"| {row['records']:,} | {measured} | {calls_made} |"


def definitions_lines() -> Iterator[str]:
    yield "| shops in one code location | seconds for their definitions | imports before | the UI's snapshot after |"
    yield "|---|---|---|---|"
    for row in definitions.measure():
        yield f"| {row['shops']} | {row['definitions']:.1f} | {row['imports']:.1f} | {row['snapshot']:.1f} |"


def scale_lines(last_days: dict[str, date]) -> Iterator[str]:
    yield "| backfilled | sales | records sent | seconds | sales a second | peak memory, MiB | calls | least | ratio | reconciled |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in scale.measure(last_days):
        speed = f"{row['seconds']:.0f} | {row['sales'] / row['seconds']:.0f} | {row['mib']:.0f}"
        made = f"{row['calls']:,} | {row['answers']:,} | {row['calls'] / row['answers']:.3f}"
        yield f"| {row['size']} | {row['sales']:,} | {row['sent']:,} | {speed} | {made} | {row['amount']} |"
    yield "\nWhere a month's backfill spends its time:"
    for place, share in scale.profile():
        yield f"- {place}: {share:.0%}"


def month_lines() -> Iterator[str]:
    yield "| shop | " + " | ".join(month.COUNTED) + " | calls a month | of the quota |"
    yield "|---" * (len(month.COUNTED) + 3) + "|"
    for row in month.measure():
        size, kinds = row["size"], " | ".join(f"{row['calls'][kind]:,}" for kind in month.COUNTED)
        stores = f"{size.stores} store{'s' * (size.stores > 1)}"
        shop = f"{stores}, {size.customers:,} customers, {size.products:,} products"
        yield f"| {shop} | {kinds} | {row['calls'].total():,} | {row['share']:.1%} |"


def nightly_lines(shops: int) -> Iterator[str]:
    yield (
        "| answers after | shops | seconds | the answers alone | ratio | CPU seconds of ours, a shop | calls a shop, "
        "till and ShopiMind |"
    )
    yield "|---|---|---|---|---|---|---|"
    for row in nightly.measure(shops):
        times = f"{row['seconds']:.1f} | {row['answers']:.1f} | {row['seconds'] / row['answers']:.1f} | {row['cpu'] / shops:.2f}"
        yield f"| {row['latency'] * 1000:.0f} ms | {shops} | {times} | {row['calls']:.0f} |"


def late_lines() -> Iterator[str]:
    found = late.measure()
    rules = {each: found.rule(each) for each in found.changes}
    spent = sum((night.calls for night in found.nights), Counter[str]())
    store_months = late.STORES * len(found.nights) / 30
    yield (
        f"{found.sales:,} sales of {late.STORES} stores from {late.FIRST} to {late.LAST}; {len(found.nights)} nights. "
        f"{found.in_time} sales were changed before they were first read, and {len(rules)} afterwards:\n"
    )
    kinds = " | ".join(late.KINDS)
    yield f"| found by | changes | share | {kinds} | days from change to delivery: median | 90 % | most |"
    yield "|---|---|---|" + "---|" * (len(late.KINDS) + 3)
    for rule in (*late.RULES, late.NEVER):
        those = [each for each, by in rules.items() if by == rule]
        per_kind = " | ".join(str(sum(each.kind == kind for each in those)) for kind in late.KINDS)
        days = sorted(late_by for each in those if (late_by := found.days_late(each)) is not None)
        times = (
            [f"{days[int(share * (len(days) - 1))]:.1f}" for share in (0.5, 0.9, 1)]
            if days and rule != late.NEVER
            else "---"
        )
        yield f"| {rule} | {len(those)} | {len(those) / len(rules):.0%} | {per_kind} | {' | '.join(times)} |"
    missed = [each for each, by in rules.items() if by == late.NEVER]
    customers = sum(each.kind == "customer" for each in missed)
    over = sum(each.kind != "customer" and not found.is_compared(each) for each in missed)
    yield (
        f"\nNot found: {customers} in which only the customer changed, {over} after the month's last comparison, "
        f"{len(missed) - customers - over} others."
    )
    yield "\n| calls for | in all | per store and month |"
    yield "|---|---|---|"
    for purpose, number in spent.most_common():
        yield f"| {purpose} | {number:,} | {number / store_months:.1f} |"
    yield "\n| a look-back of so many days alone | " + " | ".join(map(str, late.LOOK_BACKS)) + " |"
    yield "|---" * (len(late.LOOK_BACKS) + 1) + "|"
    shares = (found.caught_within(days) / len(rules) for days in late.LOOK_BACKS)
    yield "| would have found | " + " | ".join(f"{share:.0%}" for share in shares) + " |"


PARTS: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "throughput": ("Records per second", throughput_lines),
    "memory": ("Memory of a first sync", memory_lines),
    "calls": ("Hiboutik calls", calls_lines),
    "definitions": ("Definitions of many shops", definitions_lines),
    "unchanged": ("An unchanged day, 30 ms an answer, process start included", unchanged_lines),
}
SCALE = "scale"  # takes most of an hour; `make bench-scale`
FIRST_LOAD = "first_load"  # takes 15 to 20 minutes, so it is only measured when it is named
MONTH = "month"  # the same: about ten minutes
LATE = "late"  # the same: two to three minutes
NIGHTLY = "nightly"  # the same


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"{', '.join(PARTS)} (these by default); {MONTH}, {LATE}, {NIGHTLY}, {FIRST_LOAD}, {SCALE}",
    )
    sizes = f"the sizes of {FIRST_LOAD}, default {' '.join(map(str, first_load.SIZES))}"
    parser.add_argument("--until", type=date.fromisoformat, help=f"one last day for {SCALE} in place of its two")
    parser.add_argument("--records", nargs="+", type=int, metavar="N", default=first_load.SIZES, help=sizes)
    parser.add_argument("--shops", type=int, metavar="N", default=nightly.SHOPS, help=f"how many for {NIGHTLY}")
    options = parser.parse_args()
    parts = PARTS | {FIRST_LOAD: ("The first load of a large account", lambda: first_load_lines(options.records))}
    sizes_of_scale = {f"until {options.until}": options.until} if options.until else scale.SIZES
    parts[MONTH] = ("The calls of a month of nightly syncs", month_lines)
    parts[LATE] = ("Sales that change late", late_lines)
    parts[NIGHTLY] = ("A night over many shops, nothing changed", lambda: nightly_lines(options.shops))
    parts[SCALE] = ("A year of 457 stores", lambda: scale_lines(sizes_of_scale))
    chosen = options.parts or list(PARTS)
    if unknown := set(chosen) - set(parts):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    _write(_machine())
    for name in chosen:
        title, lines = parts[name]
        _say(f"measuring {name} ...")
        _write(f"\n### {title}\n")
        for line in lines():
            _write(line)


def _machine() -> str:
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), platform.machine()
    )
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, "
        f"commit {commit.stdout.strip() or '?'}{load}"
    )


def _lines(file: str) -> list[str]:
    path = Path(file)
    return path.read_text().splitlines() if path.exists() else []


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")


if __name__ == "__main__":
    main()

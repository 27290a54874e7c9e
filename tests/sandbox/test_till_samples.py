"""What the sample accounts hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from running_till import SAMPLES, Running


def test_the_samples_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLES / "make.py"), str(tmp_path)], check=True)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.glob("*/*.json")}
    kept = {file.relative_to(SAMPLES): file.read_bytes() for file in SAMPLES.glob("*/*.json")}
    assert made == kept


def test_the_samples_need_a_second_page_of_customers_products_and_a_days_lines(till: Running) -> None:
    for path in ("customers/", "products/", "products_sold/1/2026/10/17/"):
        assert till.rows(f"{path}?p=2"), path


def test_the_samples_hold_no_address_that_could_be_someones(till: Running) -> None:
    hosts = {
        row["email"].strip().lower().rpartition("@")[2]
        for page in (1, 2)
        for row in till.rows(f"customers/?p={page}")
        if row["email"]
    }
    assert hosts <= {"example.org", "example.com", "example"}

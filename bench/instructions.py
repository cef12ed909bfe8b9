# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Instructions per stage of a small run, counted by callgrind. Other load on the machine does not change the counts.

.venv/bin/python bench/instructions.py [--update]

Fails if a stage takes over 5 % more than bench/instructions.json says. --update rewrites that file; say in the commit why.
The counts are of Debian 12's g++ on the baseline instruction set; with another compiler the script compares nothing.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build/release/bin/fractile_stages"
EXPECTED = ROOT / "bench/instructions.json"
MARGIN = 0.05
# For each stage, the function whose calls are counted.
STAGES = {
    "resolve keys": "fractile::Alignment::resolve_rows",
    "sort by block": "fractile::Alignment::sort_by_block",
    "inspect values": "fractile::Alignment::inspect",
    "read slots": "fractile::CrossSections::read",
    "hold_days": "fractile::extend_holding",
    "regressors": "fractile::Regressors::assign",
    "residuals": "fractile::residualize",
    "cuts": "fractile::find_tails",
    "double sort": "fractile::Sorter::sort_names",
    "weights": "fractile::BookFormer::form",
    "returns and exposures": "fractile::PortfolioReturn::compute",
    "trades and costs": "fractile::TurnoverAndCosts::compute",
    "analysis tables": "fractile::(anonymous namespace)::IcRun::Observer::observe",
    "series": "fractile::build_series",
    "summary": "fractile::build_summary",
    "all": "fractile::Backtester::run",
}


def find_compiler() -> str:
    cache = (ROOT / "build/release/CMakeCache.txt").read_text()
    path = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, flags=re.MULTILINE)
    assert path
    first_line = subprocess.run([path.group(1), "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
    return re.sub(r"^.*/", "", first_line)


def count_instructions() -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, folder], check=True, capture_output=True)  # makes the snapshot, which is not counted
        out = pathlib.Path(folder) / "callgrind.out"
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        subprocess.run([*tool, PROGRAM, folder], check=True, capture_output=True)
        annotate = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", out]
        lines = subprocess.run(annotate, check=True, capture_output=True, text=True).stdout.splitlines()
    found: dict[str, int] = {}
    for stage, function in STAGES.items():
        counts = [int(line.split()[0].replace(",", "")) for line in lines if re.search(rf":{re.escape(function)}\(", line)]
        assert counts, f"expected calls of {function}, found none: name the function that took its place in bench/instructions.py"
        found[stage] = max(counts)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    compiler = find_compiler()
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {"compiler": "", "instructions": {}}
    if not arguments.update and compiler != expected["compiler"]:
        print(f"instructions: counted for {expected['compiler']}, found {compiler}: not compared")
        return 0
    found = count_instructions()
    if arguments.update:
        EXPECTED.write_text(json.dumps({"compiler": compiler, "instructions": found}, indent=2) + "\n")
        return 0
    failed = False
    for stage, count in found.items():
        ratio = count / expected["instructions"][stage]
        verdict = "MORE" if ratio > 1 + MARGIN else "less: run --update" if ratio < 1 - MARGIN else ""
        failed |= ratio > 1 + MARGIN
        print(f"{count:12,}  {ratio:6.3f} of expected  {stage}  {verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Ratios of two revisions' whole runs; tools/bench_compare.sh calls this script.

.venv/bin/python bench/compare.py FOLDER ROUNDS
"""

from __future__ import annotations

import json
import pathlib
import statistics
import sys

Case = tuple[str, int, str]


def read_round(folder: pathlib.Path, side: str, number: int) -> dict[Case, float]:
    """Median milliseconds by market, threads and case."""
    rows = json.loads((folder / f"compare-{side}-{number}.json").read_text())["rows"]
    return {(row["market"], row["threads"], row["case"]): row["median"] for row in rows}


def main() -> None:
    folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    ratios: dict[Case, list[float]] = {}
    heads: dict[Case, list[float]] = {}
    for number in range(1, rounds + 1):
        base, head = (read_round(folder, side, number) for side in ("base", "head"))
        for case in base.keys() & head.keys():
            ratios.setdefault(case, []).append(head[case] / base[case])
            heads.setdefault(case, []).append(head[case])
    for case in sorted(ratios):
        market, threads, name = case
        of_rounds = sorted(ratios[case])
        print(
            f"{statistics.median(of_rounds):6.3f}  ({of_rounds[0]:.3f} to {of_rounds[-1]:.3f})"
            f"  {statistics.median(heads[case]):9.1f} ms  {market} {threads} thread{'s' if threads > 1 else ' '}  {name}"
        )


if __name__ == "__main__":
    main()

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Looks for memory that the extension leaks; `tools/sanitize.sh address` runs it under AddressSanitizer.

Python and its packages release much of their memory only when the process ends. Therefore only allocations of our own code in the report of
LeakSanitizer count as leaks. Everything runs several times, to distinguish leaks from memory that is retained once, on purpose.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROUNDS = 5
OURS = re.compile(r" in (?:void |auto |bool |int )?fractile::|libfractile_formats")


def use_everything(folder: pathlib.Path) -> None:
    """Uses every function of the extension once, errors included."""
    import fractile
    import polars as pl
    import pyarrow as pa
    from oracle.markets import make_panel, make_signal

    from api import BacktestService

    panel = make_panel(2)
    fractile.create_snapshot("s", panel, root=folder, dtype="both")
    for wrong in (panel.drop(columns="ret"), panel.assign(ret="x")):
        with contextlib.suppress(fractile.errors.FractileError):
            fractile.create_snapshot("t", wrong, root=folder)
    rows = make_signal(panel, 2, messy=False)
    service = BacktestService.get("s", root=folder)
    for signal in (rows, pl.from_pandas(rows), pa.Table.from_pandas(rows), {k: rows[k].to_numpy() for k in rows}):
        service.run(signal, mincos=2)
    of_texts = [frame.assign(security_id=frame["security_id"].map("T{}".format)) for frame in (panel, rows)]
    fractile.create_snapshot("texts", of_texts[0], root=folder)
    for kind in ("object", "category", "string[pyarrow]"):
        BacktestService.get("texts", root=folder).run(of_texts[1].astype({"security_id": kind}), mincos=2)
    result = service.run(rows, mincos=2, byvar_list=["year", "cap"], resid="all", analysis=["ic", "fractile", "coverage"])
    result.to_json()
    service.run_suite(rows, lags=[0, 1], resid_modes=["off", "industry"])
    for options in ({"lag": -1}, {"byvar_list": ["nothing"]}, {"sigvar": "nothing"}):
        with contextlib.suppress(fractile.errors.FractileError):
            service.run(rows, **options)
    rows.to_parquet(folder / "rows.parquet")
    rows.to_csv(folder / "rows.csv", index=False)
    for name in ("rows.parquet", "rows.csv"):
        service.run(str(folder / name), mincos=2)
    service.close()
    BacktestService.reset()
    for name in ("s", "texts"):
        fractile.remove_snapshot(name, root=folder)


def run_rounds() -> None:
    with tempfile.TemporaryDirectory() as name:
        for _ in range(ROUNDS):
            use_everything(pathlib.Path(name))
            gc.collect()


def find_leaks(report: str) -> list[str]:
    """Returns the sanitizer's descriptions of leaks of several objects that our code allocated."""
    blocks = re.findall(r"((?:Direct|Indirect) leak of .*? allocated from:\n(?: +#\d+ .*\n)+)", report)
    counted = [(int(re.search(r"in (\d+) object", block)[1]), block) for block in blocks]
    return [block for count, block in counted if count >= ROUNDS and OURS.search(block)]


def main() -> int:
    if sys.argv[1:] == ["--rounds"]:
        run_rounds()
        return 0
    if "libasan" not in pathlib.Path("/proc/self/maps").read_text():
        print("expected AddressSanitizer in this process, found none. Run tools/sanitize.sh address.")
        return 2
    options = {"ASAN_OPTIONS": "detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=25", "PYTHONMALLOC": "malloc"}
    command = [sys.executable, __file__, "--rounds"]
    done = subprocess.run(command, env={**os.environ, **options}, capture_output=True, text=True, check=False)
    if "LeakSanitizer" not in done.stderr:
        print(f"expected a report of LeakSanitizer, found none:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return 2
    leaks = find_leaks(done.stderr)
    print(
        f"leaks: {len(leaks)} of {len(re.findall('leak of', done.stderr))} places that the process left memory at are our code's"
    )
    print("\n".join(leaks))
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())

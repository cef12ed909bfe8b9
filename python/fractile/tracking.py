# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Results as runs of an MLflow experiment; the extra `fractile[mlflow]` installs its client."""

from __future__ import annotations

import json
import math
import pathlib
import re
import tempfile
from collections.abc import Mapping
from typing import Any

from fractile.errors import ConfigError, FractileError
from fractile.result import BacktestResult
from fractile.sweep import SweepResult

# MLflow refuses longer values of parameters.
_LONGEST = 6000


def _import_mlflow() -> Any:
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise ConfigError(
            "INVALID_VALUE: expected the package mlflow, found none. Install it: pip install 'fractile[mlflow]'.", "INVALID_VALUE"
        ) from error
    return mlflow


def log_run(
    result: BacktestResult | SweepResult,
    name: str | None = None,
    experiment: str | None = None,
    report: bool = True,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Logs a result, or a whole sweep, as one MLflow run.

    A result becomes its options as parameters, the numbers of the overall book as metrics, and the tear sheet as an artifact. A
    sweep becomes one run with its table as a Parquet artifact. The run is a child of the active run, if there is one.

    Args:
        result: A `BacktestResult` or a `SweepResult`.
        name: Name of the MLflow run; default: the first 12 characters of the run_id, "sweep" for a sweep.
        experiment: Name of the experiment, which is created if it is missing; default: that of the active run, else the active one.
        report: Log the tear sheet too.
        tags: Further tags.

    Returns:
        The id of the MLflow run.

    Raises:
        ConfigError: mlflow is not installed, or the result is of another type.
    """
    if not isinstance(result, (BacktestResult, SweepResult)):
        raise ConfigError(
            f"INVALID_VALUE: expected a BacktestResult or a SweepResult, found {type(result).__name__}. "
            "Log each result of a suite or a batch by itself.",
            "INVALID_VALUE",
        )
    mlflow = _import_mlflow()
    place = _find_experiment(mlflow, experiment)
    shown = name or (result.run_id[:12] if isinstance(result, BacktestResult) else "sweep")
    with mlflow.start_run(experiment_id=place, run_name=shown, nested=True, tags=dict(tags or {})) as run:
        with tempfile.TemporaryDirectory(prefix="fractile-mlflow-") as folder:
            if isinstance(result, BacktestResult):
                _log_result(mlflow, result, pathlib.Path(folder), report)
            else:
                _log_sweep(mlflow, result, pathlib.Path(folder))
        return str(run.info.run_id)


def _find_experiment(mlflow: Any, name: str | None) -> str | None:
    """The id of the experiment; None is the active one, which stays the same."""
    if name is None:
        parent = mlflow.active_run()
        return None if parent is None else str(parent.info.experiment_id)
    found = mlflow.get_experiment_by_name(name)
    if found is None:
        try:
            return str(mlflow.create_experiment(name))
        except mlflow.MlflowException:
            found = mlflow.get_experiment_by_name(name)  # another process may have created it meanwhile
            if found is None:
                raise
    return str(found.experiment_id)


def _log_result(mlflow: Any, result: BacktestResult, folder: pathlib.Path, report: bool) -> None:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in result.config.items()}
    mlflow.log_params({name: text[:_LONGEST] for name, text in texts.items()})
    mlflow.log_dict(result.config, "config.json")  # whole, if a parameter is cut
    trials = _find_trials(result)
    tags = {"fractile.run_id": result.run_id, "fractile.snapshot": result.snapshot}
    if trials:
        tags |= {"fractile.study": trials["study"], "fractile.trials": trials["text"]}
    tags |= {f"fractile.warning.{index}": text for index, text in enumerate(result.diagnostics["warnings"])}
    mlflow.set_tags({name: text[:_LONGEST] for name, text in tags.items()})
    mlflow.log_metrics(_find_metrics(result, trials))
    if report:
        file = folder / "report.html"
        result.report(file)
        mlflow.log_artifact(str(file))


def _find_trials(result: BacktestResult) -> dict[str, Any]:
    """The result among the trials of its study; empty without a study, and if the ledger cannot be read any more."""
    try:
        return result.deflation() if result.study else {}
    except FractileError:
        return {}


def _find_metrics(result: BacktestResult, trials: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of the overall book, the interval of its Sharpe ratio and its deflated ratios."""
    found = {str(name): float(value) for name, value in result.summary.select_dtypes("number").iloc[0].items()}
    found["sharpe_low"], found["sharpe_high"] = result.sharpe_interval
    found |= {name: float(trials[name]) for name in ("trials", "trials_effective", "dsr", "dsr_net") if name in trials}
    # Exposures have the names of panel columns, of which MLflow takes these characters.
    return {re.sub(r"[^\w.\- :]", "_", name): value for name, value in found.items() if math.isfinite(value)}


def _log_sweep(mlflow: Any, sweep: SweepResult, folder: pathlib.Path) -> None:
    import pyarrow.parquet

    file = folder / "sweep.parquet"
    pyarrow.parquet.write_table(sweep.arrow, file)  # the frame would turn whole numbers into reals
    mlflow.log_metrics({"runs": float(sweep.arrow.num_rows), "errors": float(len(sweep.errors))})
    mlflow.log_artifact(str(file))

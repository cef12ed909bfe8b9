# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Results as runs of an MLflow experiment; the extra `fractile[mlflow]` installs its client."""

from __future__ import annotations

import math
import pathlib
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from fractile.errors import ConfigError

if TYPE_CHECKING:
    from fractile.result import BacktestResult

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
    result: BacktestResult | Any,
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
        name: Name of the MLflow run; default: the first 12 characters of the run_id.
        experiment: Name of the experiment; default: the active one.
        report: Log the tear sheet too.
        tags: Further tags.

    Returns:
        The id of the MLflow run.

    Raises:
        ConfigError: mlflow is not installed.
    """
    mlflow = _import_mlflow()
    if experiment is not None:
        mlflow.set_experiment(experiment)
    is_nested = mlflow.active_run() is not None
    with mlflow.start_run(run_name=name or _name_of(result), nested=is_nested, tags=dict(tags or {})) as run:
        with tempfile.TemporaryDirectory(prefix="fractile-mlflow-") as folder:
            if hasattr(result, "summary"):
                _log_result(mlflow, result, pathlib.Path(folder), report)
            else:
                _log_sweep(mlflow, result, pathlib.Path(folder))
        return str(run.info.run_id)


def _name_of(result: Any) -> str:
    return str(result.run_id)[:12] if hasattr(result, "run_id") else "sweep"


def _log_result(mlflow: Any, result: BacktestResult, folder: pathlib.Path, report: bool) -> None:
    mlflow.log_params({name: str(value)[:_LONGEST] for name, value in result.config.items()})
    mlflow.set_tags({"fractile.run_id": result.run_id, "fractile.snapshot": result.snapshot})
    overall = result.summary[result.summary["byvar"] == "overall"].iloc[0]
    metrics = {name: float(value) for name, value in overall.items() if isinstance(value, (int, float))}
    mlflow.log_metrics({name: value for name, value in metrics.items() if math.isfinite(value)})
    for index, warning in enumerate(result.diagnostics["warnings"]):
        mlflow.set_tag(f"fractile.warning.{index}", warning)
    if report:
        file = folder / "report.html"
        result.report(str(file))
        mlflow.log_artifact(str(file))


def _log_sweep(mlflow: Any, sweep: Any, folder: pathlib.Path) -> None:
    table: pd.DataFrame = sweep.table
    file = folder / "sweep.parquet"
    table.to_parquet(file)
    mlflow.log_metrics({"runs": float(len(table)), "errors": float(len(sweep.errors))})
    mlflow.log_artifact(str(file))

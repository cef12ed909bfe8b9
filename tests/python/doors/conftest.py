# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The snapshot that the tests of doors share."""

from __future__ import annotations

import fractile
import pytest
from support.doors import PANEL


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def service(home):
    fractile.create_snapshot("base", PANEL, root=home)
    return fractile.BacktestService.get("base", root=home)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Snapshots for Dask workers that lack them: written once per cache, checked by hash, fetched again if damaged."""

from __future__ import annotations

import os

import fractile
import pytest
from fractile.executors.dask import DaskExecutor
from fractile.sweep import shipping
from support.sweeps import damage, hide_root, make_folder, rows_of, run_sweep

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.alone


class HiddenRoot(DaskExecutor):
    """Workers have another file system than the driver."""

    def share(self, value):
        return super().share(hide_root(value))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("shipping"), 20)


@pytest.fixture(scope="module")
def whole(folder):
    return run_sweep(folder)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def client(cache):
    """Two processes of one machine, so they share a cache."""
    with (
        distributed.LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        distributed.Client(cluster) as found,
    ):
        found.run(_set_cache, str(cache))
        yield found


def _set_cache(folder: str) -> None:
    os.environ["FRACTILE_CACHE"] = folder


def _forget() -> None:
    """A worker that starts anew looks at the cache again."""
    shipping._found.clear()


def sweep_without_files(client, folder):
    with HiddenRoot(client) as executor:
        return run_sweep(folder, executor=executor)


def test_two_workers_write_one_copy_and_later_sweeps_use_it(client, folder, whole, cache):
    assert rows_of(sweep_without_files(client, folder)) == rows_of(whole)
    entries = [path for path in cache.iterdir() if path.is_dir()]
    assert len(entries) == 1
    fractile.verify_snapshot("v1", root=entries[0])
    written = (entries[0] / "v1" / "manifest.json").stat()
    client.run(_forget)
    assert rows_of(sweep_without_files(client, folder)) == rows_of(whole)
    found = (entries[0] / "v1" / "manifest.json").stat()
    assert (found.st_ino, found.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_a_damaged_entry_is_fetched_again(client, folder, whole, cache):
    path, data = damage(cache)
    client.run(_forget)
    assert rows_of(sweep_without_files(client, folder)) == rows_of(whole)
    assert path.read_bytes() != data
    fractile.verify_snapshot("v1", root=path.parents[3])


def test_what_is_left_of_a_worker_that_died_while_writing_is_replaced(client, folder, whole, cache):
    entry = next(path for path in cache.iterdir() if path.is_dir())
    entry.rename(entry.with_suffix(".part"))
    (entry.with_suffix(".part") / "v1" / "manifest.json").unlink()
    client.run(_forget)
    assert rows_of(sweep_without_files(client, folder)) == rows_of(whole)
    assert [path for path in cache.iterdir() if path.is_dir()] == [entry]

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps on a Ray cluster of two nodes: the same bits, lost nodes and workers, snapshots for nodes that lack them."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time

import fractile
import pytest
from fractile.executors.ray import RayExecutor
from support.ray_cluster import add_node, two_nodes
from support.sweeps import (
    damage,
    hide_root,
    make_folder,
    rows_of,
    run_sweep,
    start_driver,
    wait_for_part,
    workers_below_this_process,
)

ray = pytest.importorskip("ray")

N_SIGNALS = 60
N_KILLS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("ray"), N_SIGNALS)


@pytest.fixture(scope="module")
def whole(folder):
    return run_sweep(folder)


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """The folders that the two nodes have as $FRACTILE_CACHE."""
    return [tmp_path_factory.mktemp(f"cache{number}") for number in range(2)]


@pytest.fixture(scope="module")
def cluster(caches):
    with two_nodes(caches) as found:
        yield found


def nodes_of(result: fractile.SweepResult) -> int:
    return len({worker for worker in result.table["worker"].dropna()})


def test_two_nodes_give_the_bits_of_threads(cluster, folder, whole):
    result = run_sweep(folder, executor="ray")
    assert rows_of(result) == rows_of(whole)
    assert nodes_of(result) >= 2


class HiddenRoot(RayExecutor):
    """Workers have another file system: the plan that they see has a root that does not exist."""

    def share(self, value):
        return super().share(hide_root(value))


def test_a_node_without_the_snapshot_gets_it_once(cluster, folder, whole, caches):
    with HiddenRoot() as executor:
        result = run_sweep(folder, executor=executor)
    assert rows_of(result) == rows_of(whole)
    written = [sorted(cache.glob("*/v1/manifest.json")) for cache in caches]
    assert [len(found) for found in written] == [1, 1]
    times = [found[0].stat().st_mtime_ns for found in written]
    with HiddenRoot() as executor:
        assert rows_of(run_sweep(folder, executor=executor)) == rows_of(whole)
    assert [found[0].stat().st_mtime_ns for found in written] == times


def end_workers() -> None:
    """Ends workers of the cluster, so that new ones look at the cache again. A node ends itself if one of its agents, ray::*Agent, ends."""
    for process in workers_below_this_process("ray::IDLE", "ray::_call"):
        process.kill()


def test_a_damaged_cache_entry_is_fetched_again(cluster, folder, whole, caches):
    damaged = [damage(cache) for cache in caches]
    end_workers()
    deadline = time.monotonic() + 60
    # A short sweep may end before the workers of the second node have started: sweeps go on until both nodes took part.
    while any(path.read_bytes() == data for path, data in damaged) and time.monotonic() < deadline:
        with HiddenRoot() as executor:
            assert rows_of(run_sweep(folder, executor=executor)) == rows_of(whole)
    for path, data in damaged:
        assert path.read_bytes() != data
        fractile.verify_snapshot("v1", root=path.parents[3])


def test_a_killed_worker_and_a_lost_node_lose_no_row(cluster, folder, whole, caches):
    def disturb() -> None:
        time.sleep(0.3)
        end_workers()
        time.sleep(0.3)
        cluster.remove_node(extra, allow_graceful=False)

    extra = add_node(cluster, caches[1])
    thread = threading.Thread(target=disturb)
    thread.start()
    result = run_sweep(folder, executor="ray", chunk_seconds=0.01)
    thread.join()
    assert rows_of(result) == rows_of(whole)


KINDS = ["worker", "node", "driver"]


def test_random_kills_of_workers_nodes_and_drivers_lose_no_row(cluster, folder, whole, caches, tmp_path):
    """Each driver meets a kill of each kind at a random moment; the next one resumes. A full store is compared and a new one begun."""
    draw = random.Random(11)
    kills = dict.fromkeys(KINDS, 0)
    stores = iter(tmp_path / str(number) for number in range(N_KILLS))
    store = next(stores)
    while sum(kills.values()) < N_KILLS:
        extra = add_node(cluster, caches[1])
        driver = start_driver(folder, store, f"ray:{cluster.address}")
        wait_for_part(driver, store)
        for kind in draw.sample(KINDS, 3) if driver.poll() is None else ():
            time.sleep(draw.uniform(0, 0.5))
            if driver.poll() is not None:
                break
            if kind == "worker":
                workers = workers_below_this_process("ray::_call")
                if not workers:
                    continue
                draw.choice(workers).kill()
            elif kind == "node":
                cluster.remove_node(extra, allow_graceful=False)
                extra = None
            else:
                driver.kill()
            kills[kind] += 1
        if driver.wait(120) == 0:
            assert rows_of(run_sweep(folder, store=store)) == rows_of(whole)
            store = next(stores)
        if extra:
            cluster.remove_node(extra, allow_graceful=False)
    assert min(kills.values()) > 0, kills
    print("kills:", kills)
    assert rows_of(run_sweep(folder, executor="ray", store=store)) == rows_of(whole)


def test_a_call_that_kills_its_worker_fails_alone(cluster):
    with RayExecutor() as executor:
        dying, living = executor.submit(os._exit, 1), executor.submit(divmod, 7, 2)
        assert living.result(60) == (3, 1)
        with pytest.raises(ray.exceptions.WorkerCrashedError):
            dying.result(60)
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 7, 0).result(60)
        assert executor.submit(sum, executor.share([1, 2])).result(60) == 3


def test_the_cache_can_be_removed(cluster, folder, whole, caches):
    for cache in caches:
        shutil.rmtree(cache)
    end_workers()
    with HiddenRoot() as executor:
        assert rows_of(run_sweep(folder, executor=executor)) == rows_of(whole)

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A Ray cluster of two nodes on this machine, in the network namespace of tools/test_scale.sh."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def two_nodes(caches: Sequence[pathlib.Path]) -> Iterator[Any]:
    """A head and a second node, of two processors each, with a cache of snapshots each; this process is connected."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "include_dashboard": False, "env_vars": {"FRACTILE_CACHE": str(caches[0])}}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        add_node(cluster, caches[1])
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def add_node(cluster: Any, cache: pathlib.Path) -> Any:
    """One more node of two processors; returns when it is ready."""
    node = cluster.add_node(num_cpus=2, env_vars={"FRACTILE_CACHE": str(cache)})
    cluster.wait_for_nodes()
    return node

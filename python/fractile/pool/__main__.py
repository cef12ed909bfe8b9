# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The process of a worker, which `fractile.pool.process` starts."""

import sys

from fractile.pool.worker import main

main(sys.argv[1:])

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""`python -m api.server`: the same server as `fractile serve`, with the same options."""

import sys

from fractile._launcher import launch


def main() -> None:
    """Replaces this process with the server."""
    launch(["serve", *sys.argv[1:]])


if __name__ == "__main__":
    main()

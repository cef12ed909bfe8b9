# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A server of the Model Context Protocol: research agents run backtests, and the ledger counts their trials.

`fractile mcp` starts it; the extra `fractile[mcp]` installs its SDK. docs/how_to_agents.md shows its use.
"""

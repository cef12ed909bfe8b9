# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""A matplotlib figure that a notebook shows. Importing it needs matplotlib."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Page(Figure):
    """A figure without pyplot, so without windows and global state. A notebook shows it if it is a cell's last value."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()

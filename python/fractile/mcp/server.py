# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tools behind the protocol: lists, calls, resources; over stdio or HTTP on 127.0.0.1."""

from __future__ import annotations

import importlib.resources
import json
import socket
import sys
from collections.abc import Callable
from typing import IO, Any

import anyio
import anyio.to_thread
import jsonschema
import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import fractile
from fractile.errors import FractileError
from fractile.mcp.reports import Reports
from fractile.mcp.tools import Toolbox

INSTRUCTIONS = (
    "fractile backtests cross-sectional equity signals. Every run is a trial of one study, which this client cannot leave. "
    "Read the verdict of each answer: it deflates the Sharpe ratio by the number of trials."
)
PAGES = {"methodology": "Definitions of all numbers", "options": "Options of a run", "glossary": "Terms"}
CONCURRENT_CALLS = 2


def _read_page(name: str) -> str:
    return importlib.resources.files("fractile").joinpath("_docs", f"{name}.md").read_text(encoding="utf-8")


def _fail(code: str, message: str) -> types.CallToolResult:
    text = message if message.startswith(code) else f"{code}: {message}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def make_server(toolbox: Toolbox) -> Server[Any]:
    """A server of the tools."""
    calls = anyio.CapacityLimiter(CONCURRENT_CALLS)

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        listed = [
            types.Tool(name=tool.name, description=tool.doc, input_schema=tool.input, output_schema=tool.output)
            for tool in toolbox.tools.values()
        ]
        return types.ListToolsResult(tools=listed)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = toolbox.tools.get(params.name)
        if tool is None:
            return _fail("UNKNOWN_OPTION", f'expected one of {", ".join(toolbox.tools)}, found the tool "{params.name}".')
        arguments = dict(params.arguments or {})
        wrong = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(tool.input).iter_errors(arguments))
        if wrong is not None:
            where = "/".join(str(part) for part in wrong.absolute_path) or "the arguments"
            return _fail(
                "INVALID_VALUE", f"{where} of {tool.name}: {wrong.message[:500]}. The tool's input schema has the rules."
            )
        try:
            found = await anyio.to_thread.run_sync(lambda: toolbox.call(params.name, arguments), limiter=calls)
        except FractileError as error:
            return _fail(error.code, str(error))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, MemoryError) as error:
            # A value of a kind that neither the schema nor the product foresees must not end the session.
            return _fail("INVALID_VALUE", f"{tool.name}: {type(error).__name__}: {str(error)[:500]}. Correct the arguments.")
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=json.dumps(found, allow_nan=False))], structured_content=found
        )

    async def list_resources(context: Any, params: Any) -> types.ListResourcesResult:
        listed = [
            types.Resource(uri=f"fractile://{name}", name=name, description=doc, mime_type="text/markdown")
            for name, doc in PAGES.items()
        ]
        return types.ListResourcesResult(resources=listed)

    async def read_resource(context: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        name = uri.removeprefix("fractile://").rstrip("/")
        if name not in PAGES:
            raise ValueError(f"expected one of {', '.join(f'fractile://{page}' for page in PAGES)}, found {uri!r}")
        page = types.TextResourceContents(uri=uri, mime_type="text/markdown", text=_read_page(name))
        return types.ReadResourceResult(contents=[page])

    return Server(
        "fractile",
        version=fractile.__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


class _Lines:
    """Lines of stdin, of which the too long ones are read to their end and dropped, so that memory stays bounded."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes

    def readline(self) -> str:
        """The next line; "" at the end. A line that is too long is "\\n", which no message is."""
        line = self._file.readline(self._max_bytes)
        if len(line) < self._max_bytes or line.endswith(b"\n"):
            return line.decode("utf-8", "replace")
        while line and not line.endswith(b"\n"):
            line = self._file.readline(1 << 16)
        print(f"fractile mcp: dropped a message of over {self._max_bytes} bytes", file=sys.stderr)
        return "\n"


async def serve_stdio(server: Server[Any], max_message: int) -> None:
    """Answers on stdin and stdout until stdin ends.

    Args:
        server: As `make_server` makes it.
        max_message: Bytes of one message; a longer one is dropped.
    """
    file: Any = _Lines(sys.stdin.buffer, max_message)
    lines: Any = anyio.AsyncFile(file)
    async with stdio_server(stdin=lines) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def serve_http(server: Server[Any], port: int, max_body: int, reports: Reports | None) -> int:
    """Answers at http://127.0.0.1:PORT/mcp, and with tear sheets at /results/ID, until a signal ends the process.

    Args:
        server: As `make_server` makes it.
        port: 0 takes a free one.
        max_body: Bytes of one request.
        reports: Tear sheets; None serves none.

    Returns:
        The exit status: 1 if the port is not free.
    """
    import uvicorn

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        print(f"fractile mcp: port {port} of 127.0.0.1: {error.strerror}. Choose another: --port N", file=sys.stderr)
        return 1
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    routes = []
    if reports is not None:
        reports.serve_at(f"http://{address}")
        routes = [Route("/results/{run_id}", _answer_with(reports, {address, f"localhost:{address.split(':')[1]}"}))]
    app = server.streamable_http_app(max_request_body_size=max_body, custom_starlette_routes=routes)
    print(f"fractile mcp: http://{address}/mcp", file=sys.stderr, flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
    return 0


def _answer_with(reports: Reports, hosts: set[str]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        # Another host name means a page of the web that had its name resolved to this machine.
        if request.headers.get("host") not in hosts:
            return PlainTextResponse("expected this server's host", 421)
        page = reports.read(request.path_params["run_id"])
        if page is None:
            return PlainTextResponse("expected a run of this server whose tear sheet is still there. Run it again.", 404)
        return Response(page, media_type="text/html; charset=utf-8")

    return answer

# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The tools behind the protocol: lists, calls, resources; over stdio or HTTP on 127.0.0.1."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import anyio
import anyio.to_thread
import jsonschema
import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server

import fractile
from fractile.errors import FractileError
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


async def serve_stdio(server: Server[Any]) -> None:
    """Answers on stdin and stdout until stdin ends."""
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def serve_http(server: Server[Any], port: int, max_body: int) -> None:
    """Answers at http://127.0.0.1:PORT/mcp until a signal ends the process.

    Args:
        server: As `make_server` makes it.
        port: 0 takes a free one.
        max_body: Bytes of one request.
    """
    import uvicorn

    app = server.streamable_http_app(max_request_body_size=max_body)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")

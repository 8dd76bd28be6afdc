"""A server made with the official MCP SDK: over standard streams, or over HTTP where a port is given."""

import asyncio
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("calculator")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@server.tool()
def big(size: int) -> str:
    """A long text."""
    return "x" * size


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("it cannot be done")


@server.tool()
async def slow(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "done"


if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run()

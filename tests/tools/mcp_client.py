"""A session with the official MCP SDK's client: mcp_client.py MODE (URL | COMMAND...).

MODE is `auto` or `legacy` (the handshake of before 2026-07-28). Prints what it got as one line of JSON.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters


async def main(mode, target):
    if target[0].startswith("http"):
        server = target[0]
    else:
        server = StdioServerParameters(command=target[0], args=target[1:])
    got = {}
    async with Client(server, mode=mode) as client:
        got["version"] = str(client.session.protocol_version)
        got["tools"] = sorted(tool.name for tool in (await client.list_tools()).tools)
        calls = [client.call_tool("add", {"a": n, "b": 1}) for n in range(20)]
        results = await asyncio.gather(*calls)
        got["sums"] = [int(result.content[0].text) for result in results]
        big = await client.call_tool("big", {"size": 300_000})
        got["big"] = len(big.content[0].text)
        failed = await client.call_tool("fail", {})
        got["failed"] = failed.is_error
        try:
            unknown = await client.call_tool("nothing", {})
            got["unknown"] = unknown.is_error
        except Exception:
            got["unknown"] = True
    print(json.dumps(got))


asyncio.run(main(sys.argv[1], sys.argv[2:]))

"""An agent made with the official A2A SDK, on a port: each task works, gives an artifact and is done."""

import sys

import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette


class Echo(AgentExecutor):
    async def execute(self, context, event_queue):
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        text = context.get_user_input()
        await updater.add_artifact([new_text_part(text.upper())])
        if "fail" in text:
            await updater.failed()
        else:
            await updater.complete()

    async def cancel(self, context, event_queue):
        raise NotImplementedError


port = int(sys.argv[1])
# Where clients are told to send to: a proxy, perhaps.
url = sys.argv[2]
card = AgentCard(
    name="echo",
    description="Says it louder.",
    version="1",
    capabilities=AgentCapabilities(streaming=True),
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    skills=[AgentSkill(id="echo", name="echo", description="echo", tags=["echo"])],
    supported_interfaces=[
        AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=version)
        for version in ("1.0", "0.3")
    ],
)
handler = DefaultRequestHandler(
    agent_executor=Echo(), task_store=InMemoryTaskStore(), agent_card=card
)
routes = create_agent_card_routes(card) + create_jsonrpc_routes(
    handler, "/", enable_v0_3_compat=True
)
uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="warning")

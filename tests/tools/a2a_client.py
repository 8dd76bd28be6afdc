"""Gives tasks to an agent with the official A2A SDK's client: a2a_client.py URL (stream | whole) TEXT...

Prints the last state of each task as one line of JSON.
"""

import asyncio
import json
import sys

from a2a.client import ClientConfig, create_client
from a2a.helpers.proto_helpers import new_text_message
from a2a.types import Role, SendMessageRequest, TaskState


async def main(url, how, texts):
    states = []
    config = ClientConfig(streaming=how == "stream")
    client = await create_client(url, client_config=config)
    for text in texts:
        request = SendMessageRequest(message=new_text_message(text, role=Role.ROLE_USER))
        state = None
        async for update in client.send_message(request):
            if update.HasField("task"):
                state = update.task.status.state
            elif update.HasField("status_update"):
                state = update.status_update.status.state
        states.append(TaskState.Name(state))
    await client.close()
    print(json.dumps(states))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))

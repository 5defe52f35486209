"""The tools of `agentmail-toolkit` as LangChain agents have them, one after another; a line of JSON for each.

Run by test_agentmail_toolkit.py, with the toolkit on the path: BASE KEY.
"""

import json
import sys
import time

from agentmail import AgentMail
from agentmail.environment import AgentMailEnvironment
from agentmail_toolkit.langchain import AgentMailToolkit

base, key = sys.argv[1:]
tools = {
    tool.name: tool
    for tool in AgentMailToolkit(
        AgentMail(api_key=key, environment=AgentMailEnvironment(http=base, websockets=base))
    ).get_tools()
}


def call(name, **arguments):
    """Invoke a tool as an agent does."""
    said = tools[name].invoke({"type": "tool_call", "id": "1", "name": name, "args": arguments})
    print(json.dumps({"tool": name, "status": said.status, "said": str(said.content)[:300]}), flush=True)
    return said


def raw(name, **arguments):
    """Call what a tool calls; its answer as the SDK has it."""
    answer = tools[name].func(**arguments)
    print(json.dumps({"tool": name, "status": "success", "said": type(answer).__name__}), flush=True)
    return answer


made = raw("create_inbox", username="tools", display_name="Tools")
call("get_inbox", inbox_id=made.inbox_id)
call("list_inboxes", limit=5)
sent = raw(
    "send_message", inbox_id=made.inbox_id, to=["agent@local.test"], subject="From a tool", text="Hello.",
    attachments=[{"filename": "a.txt", "content": "aGVsbG8="}],
)  # fmt: skip
for _ in range(600):
    threads = raw("list_threads", inbox_id="agent@local.test", limit=1).threads
    if threads:
        break
    time.sleep(0.1)
arrived = raw("get_thread", inbox_id="agent@local.test", thread_id=threads[0].thread_id)
message = arrived.messages[0]
assert message.text.strip() == "Hello.", message.text
found = raw(
    "get_attachment", inbox_id="agent@local.test", thread_id=arrived.thread_id,
    attachment_id=message.attachments[0].attachment_id,
)  # fmt: skip
assert found.size == 5, found
call("reply_to_message", inbox_id="agent@local.test", message_id=message.message_id, text="Thanks.")
call(
    "forward_message", inbox_id="agent@local.test", message_id=message.message_id, to=["bob@remote.test"], text="Look."
)
call(
    "update_message", inbox_id="agent@local.test", message_id=message.message_id, add_labels=["done"],
    remove_labels=["unread"],
)  # fmt: skip
call("agent_verify", otp_code="123456")
call("delete_inbox", inbox_id=made.inbox_id)
call("get_inbox", inbox_id=made.inbox_id)

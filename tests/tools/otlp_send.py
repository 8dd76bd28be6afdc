#!/usr/bin/env python3
"""Sends an agent's trace with the OpenTelemetry SDK, by semantic conventions 1.41.0.

usage: otlp_send.py ENDPOINT [gzip]    prints the trace's id and how many spans were sent
"""
import json
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode

compression = Compression.Gzip if "gzip" in sys.argv[2:] else Compression.NoCompression
results = []


class Counted(SpanExporter):
    """The SDK's exporter, with what it answered."""

    def __init__(self):
        self.exporter = OTLPSpanExporter(endpoint=sys.argv[1], compression=compression)

    def export(self, spans):
        result = self.exporter.export(spans)
        results.append((len(spans), result == SpanExportResult.SUCCESS))
        return result


provider = TracerProvider(resource=Resource.create({"service.name": "travel-desk"}))
provider.add_span_processor(BatchSpanProcessor(Counted(), max_export_batch_size=3, schedule_delay_millis=50))
tracer = provider.get_tracer("travel.agent", "1.0")


def chat(tokens):
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4",
        "gen_ai.response.model": "gpt-4-0613", "gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.finish_reasons": ["stop"],
    }
    with tracer.start_as_current_span("chat gpt-4", kind=SpanKind.CLIENT, attributes=attributes):
        pass


def tool(name, fails=False):
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": f"call-{name}",
                  "gen_ai.tool.call.arguments": json.dumps({"city": "Zürich"})}
    with tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
        sent = {"mcp.method.name": "tools/call", "gen_ai.tool.name": name, "mcp.session.id": "s-1", "jsonrpc.request.id": "4"}
        with tracer.start_as_current_span(f"tools/call {name}", kind=SpanKind.CLIENT, attributes=sent):
            pass
        if fails:
            span.record_exception(TimeoutError("no answer"))
            span.set_attribute("error.type", "timeout")
            span.set_status(Status(StatusCode.ERROR, "no answer"))
        else:
            span.set_attribute("gen_ai.tool.call.result", '{"sun":true}')


agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.conversation.id": "conv-9"}
with tracer.start_as_current_span("invoke_agent planner", attributes=agent) as root:
    chat(100)
    tool("get_weather")
    tool("book", fails=True)
    chat(200)
    with tracer.start_as_current_span("invoke_agent helper", attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}):
        chat(30)
trace = f"{root.get_span_context().trace_id:032x}"
provider.shutdown()
json.dump({"trace": trace, "spans": sum(count for count, _ in results), "taken": all(taken for _, taken in results)}, sys.stdout)

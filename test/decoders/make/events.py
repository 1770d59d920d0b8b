"""Writes CloudEvents as the Python SDK does: one line of JSON a record, key, headers and value as Base64."""
import base64
import json

from cloudevents.http import CloudEvent
from cloudevents.kafka import to_binary, to_structured


def base64_of(data):
    if data is None:
        return None
    return base64.b64encode(data if isinstance(data, bytes) else str(data).encode()).decode()


def write(name, message):
    headers = {key: base64_of(value) for key, value in message.headers.items()}
    key, value = base64_of(message.key), base64_of(message.value)
    print(json.dumps({"name": name, "key": key, "headers": headers, "value": value}))


ATTRIBUTES = {
    "id": "1",
    "source": "/shop/a",
    "type": "order.created",
    "time": "2026-11-30T10:00:00.123456+01:00",
    "subject": "o-1",
    "partitionkey": "o-1",
    "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
}
JSON = {**ATTRIBUTES, "datacontenttype": "application/json"}
BYTES = {**ATTRIBUTES, "datacontenttype": "application/octet-stream"}
ORDER = {"total": 1.5, "text": "ä😀"}


def as_it_is(data):
    return b"" if data is None else data


write("python binary json", to_binary(CloudEvent(JSON, ORDER)))
write("python structured", to_structured(CloudEvent(JSON, ORDER)))
write("python structured bytes", to_structured(CloudEvent(BYTES, b"\x00\xff"), data_marshaller=as_it_is))
write("python binary bytes", to_binary(CloudEvent(BYTES, b"\x00\xff"), data_marshaller=as_it_is))
write("python binary without data", to_binary(CloudEvent(JSON, None), data_marshaller=as_it_is))

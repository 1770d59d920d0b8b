"""Answers each line of JSON on stdin with one line on stdout, in order."""
import base64
import json
import os
import sys
from collections import namedtuple

Record = namedtuple('Record', 'key value headers timestamp')


def decoded(text):
    return None if text is None else base64.b64decode(text)


def records_of(step):
    for record in step['records']:
        headers = [(name, decoded(value)) for name, value in record.get('headers', [])]
        one = Record(
            decoded(record.get('key')), decoded(record.get('value')), headers,
            int(record['timestamp']) if 'timestamp' in record else None)
        for _ in range(record.get('times', 1)):
            yield one


def serve(take):
    for line in sys.stdin:
        try:
            answer = take(json.loads(line))
        except Exception as error:
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer), flush=True)
    # A transaction that is open stays open, and no client waits for it.
    os._exit(0)

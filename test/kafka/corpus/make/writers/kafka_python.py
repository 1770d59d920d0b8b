"""Writes with kafka-python."""
import sys

from kafka import KafkaProducer

from steps import records_of, serve

producers = {}


def open_producer(step):
    settings = {}
    if 'transactionalId' in step:
        settings['transactional_id'] = step['transactionalId']
        settings['transaction_timeout_ms'] = step.get('transactionTimeoutMs', 600_000)
    producer = KafkaProducer(
        bootstrap_servers=sys.argv[1],
        compression_type=None if step['codec'] == 'none' else step['codec'],
        enable_idempotence=step['kind'] != 'plain',
        acks='all',
        # What is sent in one step is one batch.
        linger_ms=60_000,
        batch_size=8 << 20,
        max_request_size=16 << 20,
        delivery_timeout_ms=120_000,
        **settings)
    if 'transactionalId' in step:
        producer.init_transactions()
    return producer


def send(producer, step):
    sent = [
        producer.send(
            step['topic'], partition=step.get('partition', 0), key=record.key, value=record.value,
            headers=record.headers, timestamp_ms=record.timestamp)
        for record in records_of(step)
    ]
    producer.flush(120)
    return {'offsets': [one.get(60).offset for one in sent]}


def take(step):
    name = step['producer']
    if step['do'] == 'open':
        producers[name] = open_producer(step)
    elif step['do'] == 'begin':
        producers[name].begin_transaction()
    elif step['do'] == 'commit':
        producers[name].commit_transaction()
    elif step['do'] == 'abort':
        producers[name].abort_transaction()
    elif step['do'] == 'send':
        return send(producers[name], step)
    elif step['do'] == 'close':
        producers.pop(name).close(0)
    else:
        raise ValueError(f'unknown step {step}')
    return {}


serve(take)

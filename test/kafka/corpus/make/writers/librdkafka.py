"""Writes with librdkafka."""
import sys

from confluent_kafka import Producer

from steps import records_of, serve

producers = {}


def open_producer(step):
    settings = {
        'bootstrap.servers': sys.argv[1],
        'compression.type': step['codec'],
        'enable.idempotence': step['kind'] != 'plain',
        # What is sent in one step is one batch.
        'linger.ms': 30_000,
        'batch.num.messages': 1_000_000,
        'batch.size': 8 << 20,
        'message.max.bytes': 8 << 20,
        'queue.buffering.max.messages': 1_000_000,
        'message.timeout.ms': 120_000,
    }
    if 'level' in step:
        settings['compression.level'] = step['level']
    if 'transactionalId' in step:
        settings['transactional.id'] = step['transactionalId']
        timeout = step.get('transactionTimeoutMs', 600_000)
        settings['transaction.timeout.ms'] = timeout
        settings['message.timeout.ms'] = min(timeout, 120_000)
    producer = Producer(settings)
    if 'transactionalId' in step:
        producer.init_transactions(30)
    return producer


def send(producer, step):
    sent = []
    errors = []

    def delivered(error, message):
        if error is not None:
            errors.append(error)
        else:
            sent.append(message.offset())

    for record in records_of(step):
        more = {'timestamp': record.timestamp} if record.timestamp is not None else {}
        producer.produce(
            step['topic'], partition=step.get('partition', 0), key=record.key, value=record.value,
            headers=record.headers, on_delivery=delivered, **more)
    producer.flush(120)
    if errors:
        raise RuntimeError(f'{len(errors)} records failed: {errors[0]}')
    return {'offsets': sent}


def take(step):
    name = step['producer']
    if step['do'] == 'open':
        producers[name] = open_producer(step)
    elif step['do'] == 'begin':
        producers[name].begin_transaction()
    elif step['do'] == 'commit':
        producers[name].commit_transaction(60)
    elif step['do'] == 'abort':
        producers[name].abort_transaction(60)
    elif step['do'] == 'send':
        return send(producers[name], step)
    elif step['do'] == 'close':
        del producers[name]
    else:
        raise ValueError(f'unknown step {step}')
    return {}


serve(take)

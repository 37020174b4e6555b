"""Everything that is in a topic, one line of JSON a record, read by another client's implementation.

Usage: kafka_reader.py BROKER TOPIC PROPERTY=VALUE…
"""

import json
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition

settings = {"bootstrap.servers": sys.argv[1], "group.id": "test", "enable.auto.commit": False, "enable.partition.eof": True}
consumer = Consumer(settings | dict(entry.split("=", 1) for entry in sys.argv[3:]))
topic = sys.argv[2]
for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
    consumer.assign([TopicPartition(topic, partition, 0)])
    while True:
        record = consumer.poll(20)
        assert record is not None, f"nothing comes of partition {partition}"
        if record.error() is not None:
            assert record.error().code() == KafkaError._PARTITION_EOF, record.error()
            break
        told = {
            "key": record.key().decode(),
            "partition": partition,
            "at": record.timestamp()[1],
            "event": json.loads(record.value()),
        }
        print(json.dumps(told))

"""A worker of the benchmarks on python_dynamodb_lock.

The commands and answers are those of package worker, without crowd, wait, leases
and check.
"""

import datetime
import os
import sys
import threading
import time

import boto3
from botocore.config import Config
from python_dynamodb_lock.python_dynamodb_lock import DynamoDBLockClient, DynamoDBLockError

_out = threading.Lock()


def say(*words):
    with _out:
        print(*words, flush=True)


def acquire(client, name):
    say("ask", name, time.time_ns())
    while True:
        try:
            lock = client.acquire_lock(name)
        except DynamoDBLockError as err:
            if err.code != DynamoDBLockError.ACQUIRE_TIMEOUT:
                raise
            continue  # it gives up after a while
        say("got", name, time.time_ns())
        return lock


def carry_out(client, command, name, n="0"):
    if command == "hold":
        lock = acquire(client, name)
        time.sleep(int(n) / 1000)
        released = time.time_ns()
        lock.release(best_effort=False)
        say("rel", name, released)
        say("done", name, time.time_ns())
    elif command == "keep":
        acquire(client, name)
    elif command == "pairs":
        took = []
        cpu = time.process_time_ns()
        for _ in range(int(n)):
            start = time.perf_counter_ns()
            client.acquire_lock(name).release(best_effort=False)
            took.append(str(time.perf_counter_ns() - start))
        say("pairs", name, time.process_time_ns() - cpu, ",".join(took))
    else:
        raise ValueError("no such command")


def guarded(client, words):
    try:
        carry_out(client, *words)
    except Exception as err:  # the benchmark is told of all
        say("error", "-", *words, repr(err))


def main():
    db = boto3.resource(
        "dynamodb",
        endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"],
        config=Config(max_pool_connections=50),
    )
    options = {}
    ttl = int(os.environ["HOLDFAST_BENCH_TTL"])
    if ttl:
        options["lease_duration"] = datetime.timedelta(milliseconds=ttl)
        options["safe_period"] = datetime.timedelta(milliseconds=ttl * 2 / 3)
        options["heartbeat_period"] = datetime.timedelta(milliseconds=ttl / 6)
    client = DynamoDBLockClient(db, table_name=os.environ["HOLDFAST_BENCH_TABLE"], **options)
    say("ready", "-", time.time_ns())
    for line in sys.stdin:
        words = line.split()
        if words and words[0] == "quit":
            break
        threading.Thread(target=guarded, args=(client, words), daemon=True).start()
    os._exit(0)


main()

"""From the queue to committed shares: CPU time of worker, database and broker over a backlog."""

import pathlib
import time

from pool import NETWORK, WORKERS, cpu_us, members

PARTS = WORKERS + ("mariadb", "rabbitmq")

def part_cpu(pool, parts=PARTS):
    return {part: cpu_us(members(pool.pid(part))) for part in parts}


def peak_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0])


def settled(pool, network=NETWORK):
    """By the roll-ups: counting rows would be the database's largest work."""
    return pool.sql(f"SELECT (SELECT COALESCE(SUM(shares), 0) FROM share_stats WHERE network = '{network}')"
                    f" + (SELECT COALESCE(SUM(rejected), 0) FROM rejected_stats WHERE network = '{network}')")


def wait_settled(pool, goal, seconds=300, network=NETWORK):
    end = time.monotonic() + seconds
    while settled(pool, network) < goal:
        if time.monotonic() > end:
            raise RuntimeError(f"only {settled(pool, network)} of {goal} solutions settled in {seconds} s")
        time.sleep(0.1)


def wait_quiet(pool, most=20):
    """Until the broker has written its segments, and the database its pages."""
    for _ in range(most):
        before = part_cpu(pool, ("mariadb", "rabbitmq"))
        time.sleep(1)
        if sum(part_cpu(pool, ("mariadb", "rabbitmq")).values()) - sum(before.values()) < 30000:
            return


def measure_backlog(pool, count, shares, hash_us):
    """Microseconds of CPU time a share, by part; hashing is measured apart and subtracted."""
    before = settled(pool)
    credited = pool.sql(f"SELECT COUNT(*) FROM share WHERE network = '{NETWORK}'")
    pool.enqueue(shares)
    wait_quiet(pool)
    start_cpu = part_cpu(pool, ("mariadb", "rabbitmq"))  # workers begin at 0
    pool.workers("start")
    start = time.monotonic()
    wait_settled(pool, before + count)
    seconds = time.monotonic() - start
    cpu = {part: (used - start_cpu.get(part, 0)) / count for part, used in part_cpu(pool).items()}
    worker = sum(cpu[part] for part in WORKERS)
    result = {"shares": count, "seconds": seconds, "rate": count / seconds, "hash_us": hash_us,
              "credited": pool.sql(f"SELECT COUNT(*) FROM share WHERE network = '{NETWORK}'") - credited,
              "worker_us": worker - hash_us, "mariadb_us": cpu["mariadb"], "rabbitmq_us": cpu["rabbitmq"],
              "peak_kb": max(peak_kb(pool.pid(part)) for part in WORKERS)}
    result["all_us"] = result["worker_us"] + result["mariadb_us"] + result["rabbitmq_us"]
    pool.workers("stop")
    return result

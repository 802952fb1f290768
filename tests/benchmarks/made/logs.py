"""Grouping of made log lines of kinds that are hard: long tails of hosts and paths, JSON, logfmt, stack traces.

They stand in for logs that nobody has yet. Lines are those of a cluster's system log, of services that write
structured lines, and of services that fail with traces in one record. Nothing is read: ``--out`` gets the groups.
"""

import argparse
import csv
import json
import string
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.benchmarks.command import report
from tests.benchmarks.loghub import accuracy, group

LINES = 2000
SEED = 7
_RACKS = ("an", "bn", "cn", "dn", "en", "ln")
_ROLES = ("admin", "login", "io-gw", "sm", "mgmt", "scratch-mds")
_USERS = ("root", "mara", "jdoe3", "svc-batch", "nagios", "postfix", "k.lind", "hpcuser", "tc01", "ann")
_SITES = ("hydra", "hydra", "hydra", "pinta", "alpha")

Made = tuple[str, str]
"""A line and the statement that wrote it."""


def node(random: Random) -> str:
    """Of two styles: a rack's letters and a number of one to four digits, and a cluster's name with a role."""
    if random.random() < 0.7:
        return random.choice(_RACKS) + str(int(10 ** random.uniform(0, 3.5)))
    return f"{random.choice(_SITES)}-{random.choice(_ROLES)}{random.randint(1, 12)}"


def path(random: Random) -> str:
    names = ["".join(random.choices(string.ascii_lowercase, k=random.randint(2, 8))) for _ in range(3)]
    return random.choice(("/usr/lib/{}/{}", "/scratch/{}.d/{}-{}", "/var/spool/{}", "/home/{}/run.{}/out")).format(
        *names
    )


SLOTS: dict[str, Callable[[Random], str]] = {
    "node": node,
    "nodes": lambda random: " ".join(node(random) for _ in range(random.randint(1, 6))),
    "path": path,
    "n": lambda random: str(int(10 ** random.uniform(0, 5))),
    "hex": lambda random: f"{random.getrandbits(64):016x}",
    "0x": lambda random: f"0x{random.getrandbits(random.choice((16, 32, 48))):x}",
    "ip": lambda random: ".".join(str(random.randint(1, 254)) for _ in range(4)),
    "user": lambda random: random.choice(_USERS),
    "domain": lambda random: f"{node(random)}.{random.choice(('hpc.example.org', 'cluster.local', 'ib'))}",
    "msgid": lambda random: "".join(random.choices(string.ascii_letters + string.digits, k=14)),
    "site": lambda random: f"{random.choice(_SITES).title()}_{random.choice('ABCDEFGH')}{random.randint(1, 8)}",
    "disk": lambda random: random.choice(("sda", "sdb", "sdc1", "hda", "md0", "dm-3")),
    "word": lambda random: "".join(random.choices(string.ascii_lowercase, k=random.randint(3, 8))),
    "peer": lambda random: random.choice((node, SLOTS["word"]))(random),
    "float": lambda random: f"{random.uniform(0, 99):.2f}",
    "job": lambda random: f"{random.randint(1, 99999)}.{node(random)}",
    "clock": lambda random: f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}",
}

CLUSTER = """\
data thread got no answer from any [{site}] datasource
session opened for user {user} by (uid={n})
session closed for user {user}
({user}) CMD ({path} {n} {n})
Failed to resolve data source name {node}
Warning: these nodes do not answer: {nodes}
{node} is up again after {n} seconds
connect from {domain} [{ip}]
connection from {ip} on {node} refused
DHCPREQUEST for {ip} from 00:11:43:e3:ba:c3 via {disk}
no free leases on network {ip} for {node}
mail accepted from {peer}[{ip}]
mail refused from {peer}[{ip}]
{peer}/{ip}: connection timed out
file {path} changed owner from {user} to {word}
getting user {word} home from {peer}: timeout
{msgid}: from={user}, size={n}, class=0, nrcpts={n}, relay={user}@localhost
{msgid}: to={user}@{domain}, delay={clock}, stat=Sent
synchronized to {ip}, stratum {n}
time reset {float} s
[{hex}] port {n} of switch {node}/L{n}/U{n} went down
ib_sm_sweep.c:{n}: no topology change seen on {node}
osm_report: trap {n} from GUID {0x}
task {n} on {node} killed by signal {n}
job {job} exited with status {n}
job {job} queued by {user} for {n} nodes
{user} : TTY=pts/{n} ; PWD={path} ; USER=root ; COMMAND={path} -v
EXT3-fs error on device {disk}: bad inode {n}
{disk}: read error at sector {n}
CPU{n}: temperature above threshold, clock throttled
mounted filesystem {path} with ordered data mode
can't stat {path}: No such file or directory
automount: lookup of {path} on {node} failed
pbs_mom: could not contact server {node}, errno={n}
Lustre: {site}-OST{n}: {node} evicted after {n}s
Lustre: {site}-OST{n}: slow i/o of {float}s for {node}
kernel: eip {0x} esp {0x} at {hex}
audit({float}:{n}): pid {n} denied for {path}
Received disconnect from {ip}: {n}: bye
Accepted publickey for {user} from {ip} port {n} ssh2
update of {node} from {node} took {float} ms""".splitlines()

MESSAGES = """\
order {n} was placed by {user}
cart {hex} saved in {float} ms
cannot reach {domain}:{n}, attempt {n}
retry in {n} s
cache miss for {path}
connection to {ip} closed
payment {msgid} was declined
request finished
worker {node} joined
consumer lag is {n} on partition {n}""".splitlines()

ERRORS = ("dial tcp {ip}:{n}: connection refused", "context deadline exceeded", "disk {disk} is full")
CAUSES = ("java.net.ConnectException: connect to {ip} refused", "java.sql.SQLException: lock wait of {n} ms exceeded")
FRAMES = ("org.example.Shop.place", "org.example.store.Orders.save", "com.acme.pool.Pool.take", "java.lang.Thread.run")


def filled(statement: str, random: Random) -> str:
    return "".join(
        text + (SLOTS[slot](random) if slot else "") for text, slot, _, _ in string.Formatter().parse(statement)
    )


def cluster(random: Random) -> Made:
    at = min(int(random.expovariate(1 / 9)), len(CLUSTER) - 1)
    return filled(CLUSTER[at], random), str(at)


def _fields(random: Random) -> tuple[dict[str, object], str]:
    at = min(int(random.expovariate(1 / 3)), len(MESSAGES) - 1)
    fields: dict[str, object] = {
        "ts": f"2026-01-{random.randint(1, 28):02}T{filled('{clock}', random)}Z",
        "level": "info",
        "msg": filled(MESSAGES[at], random),
    }
    more = {"trace_id": filled("{hex}", random), "user": filled("{user}", random), "ms": random.randint(1, 900)}
    fields.update({name: value for name, value in more.items() if random.random() < 0.6})
    if at == 2:
        which = random.randrange(len(ERRORS))
        fields.update(level="error", err=filled(ERRORS[which], random))
        return fields, f"{at} {which}"
    return fields, str(at)


def in_json(random: Random) -> Made:
    fields, statement = _fields(random)
    names = random.sample(sorted(fields), len(fields))
    line = json.dumps({name: fields[name] for name in names})
    return (json.dumps({"log": line + "\n", "stream": "stdout"}) if random.random() < 0.3 else line), statement


def in_logfmt(random: Random) -> Made:
    fields, statement = _fields(random)
    pairs = [f"{name}={json.dumps(value) if ' ' in str(value) else value}" for name, value in fields.items()]
    return " ".join(pairs), statement


def java(random: Random) -> Made:
    which = random.randrange(len(CAUSES))
    depth = random.randint(3, 9)
    frames = [f"\tat {random.choice(FRAMES)}(File.java:{random.randint(1, 999)})" for _ in range(depth)]
    lines = [filled("order {n} failed", random), "java.lang.IllegalStateException: not saved", *frames]
    lines += ["Caused by: " + filled(CAUSES[which], random), *frames[:2], f"\t... {depth} more"]
    return "\n".join(lines), str(which)


def python(random: Random) -> Made:
    which = random.randrange(3)
    error = ("ValueError: {n} is no price", "KeyError: 'price'", "shop.errors.Sold: item {hex} is sold")[which]
    lines = ["Traceback (most recent call last):"]
    for _ in range(random.randint(1, 7)):
        lines += [f'  File "{path(random)}.py", line {random.randint(1, 999)}, in run', f"    x = f({random.random()})"]
    return "\n".join([*lines, filled(error, random)]), str(which)


def python_group(random: Random) -> Made:
    which = random.randrange(3)
    error = ("ValueError: {n} is no price", "KeyError: 'price'", "OSError: disk {disk} is full")[which]
    lines = ["  + Exception Group Traceback (most recent call last):", '  |   File "/app/run.py", line 7, in main']
    lines += ["  | ExceptionGroup: many (2 sub-exceptions)", "  +-+---------------- 1 ----------------"]
    lines += ["    | Traceback (most recent call last):"]
    for _ in range(random.randint(1, 5)):
        lines += [f'    |   File "{path(random)}.py", line {random.randint(1, 99)}, in run', "    |     place()"]
    return "\n".join([*lines, "    | " + filled(error, random), "    +------------------------------------"]), str(
        which
    )


def elixir(random: Random) -> Made:
    which = random.randrange(3)
    error = ("(KeyError) key :id not found", "(ArithmeticError) bad argument", "(Shop.Sold) {n} is sold")[which]
    lines = ["GenServer Shop.Worker terminating", "** " + filled(error, random)]
    for _ in range(random.randint(1, 6)):
        lines.append(filled("    (shop 1.{n}.0) lib/shop/{word}.ex:{n}: Shop.{word}/2", random))
    return "\n".join(lines), str(which)


def stack_field(random: Random) -> Made:
    """The error stands in a field of its own, under one of several names."""
    trace, which = random.choice((java, python))(random)
    name = random.choice(("stack_trace", "exception", "error.stack_trace"))
    lines = trace.splitlines()[1:] if trace.startswith("order") else trace.splitlines()
    language = "java" if trace.startswith("order") else "python"
    return json.dumps({"level": "error", "message": "not placed", name: "\n".join(lines)}), f"{language} {which}"


KINDS: dict[str, Callable[[Random], Made]] = {
    "cluster": cluster,
    "json": in_json,
    "logfmt": in_logfmt,
    "java": java,
    "python": python,
    "python_group": python_group,
    "elixir": elixir,
    "stack_field": stack_field,
}


def lines_of(kind: str, seed: int = SEED, count: int = LINES) -> list[Made]:
    random = Random(f"{kind} {seed}")
    return [KINDS[kind](random) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder for each kind's lines, statements and groups")
    options = parser.parse_args()
    scores = {}
    for kind in KINDS:
        made = lines_of(kind)
        groups = group([line for line, _ in made])
        scores[kind] = accuracy(groups, [statement for _, statement in made])
        if options.out:
            _write(options.out / f"{kind}.csv", made, groups)
    report({"mean": sum(scores.values()) / len(scores), "kinds": scores})


def _write(file: Path, made: list[Made], groups: list[int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["line", "statement", "group"])
        writer.writerows((line, statement, found) for (line, statement), found in zip(made, groups, strict=True))


if __name__ == "__main__":
    main()

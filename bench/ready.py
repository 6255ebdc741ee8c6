#!/usr/bin/env python3
"""How soon the services of labs are ready, and what memory they take.

    ready.py LABS [ROUNDS [LAB ...]]    5 rounds of one lab for each service when left out

Each round starts a lab with `labs run LAB --detach` until it says that the last service is ready, then the same containers
without labs: made from what the engine says of those of the seat (image, command, user, limits, mounts), all at once on a
network of their own, and asked every few milliseconds until each service has answered a first handshake. The ratio is of the
medians; `whole` is labs until it returns, with the lab's data loaded. Memory is what the kernel counts as
resident in the service's container of the seat, the largest of a lab, when it is ready. Needs the engine's socket.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import pty
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

LABS_OF_SERVICES = ["redis-queues", "mysql-slow-log", "mysql-replication", "rabbitmq-durability", "nginx-reverse-proxy"]
NETWORK = "labs-bench-ready"
SUBNET = os.environ.get("BENCH_SUBNET", "10.86.251.0/27")
ASK_EVERY = 0.005
READY_WITHIN = 60
# What a server says first, or answers to what it is sent: port, sent, how the answer begins.
HANDSHAKES = {
    "redis": (6379, b"PING\r\n", b"+PONG"),
    "mysql": (3306, b"", None),  # a packet whose fifth byte is the version of the protocol, 10
    "rabbitmq": (5672, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"),
    "nginx": (8080, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 "),
    "backend": (8080, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
}


class Engine(http.client.HTTPConnection):
    """The engine's API over its socket."""

    def __init__(self):
        super().__init__("localhost")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")

    def call(self, method, path, body=None):
        self.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = self.getresponse()
        said = answer.read()
        if answer.status >= 400 and answer.status != 404:
            raise RuntimeError(f"{method} {path}: {said.decode()}")
        return json.loads(said) if said.strip() else None


def call(method, path, body=None):
    engine = Engine()
    try:
        return engine.call(method, path, body)
    finally:
        engine.close()


def service_of(image):
    """`labs/mysql:…` is of mysql."""
    return image.split("/")[-1].split(":")[0]


def copy_of(container, number):
    """What makes the same container again, at another place."""
    config, host = container["Config"], container["HostConfig"]
    made = {key: config[key] for key in ("Image", "Cmd", "Entrypoint", "User", "Env", "WorkingDir", "StopSignal")}
    # Names are those of the seat; in the volumes is what the image has in that place.
    mounts = [mount | ({"Source": f"{NETWORK}-{number}"} if mount["Type"] == "volume" else {}) for mount in host.get("Mounts") or []]
    kept = ("ReadonlyRootfs", "CapDrop", "SecurityOpt", "Memory", "MemorySwap", "PidsLimit", "NanoCpus", "Tmpfs", "LogConfig", "Ulimits", "Sysctls")
    made["HostConfig"] = {key: host.get(key) for key in kept} | {"NetworkMode": NETWORK, "Mounts": mounts}
    name = next(iter(aliases(container)), container["Name"].lstrip("/"))
    made["Hostname"] = name
    made["NetworkingConfig"] = {"EndpointsConfig": {NETWORK: {"Aliases": [name]}}}
    return made


def aliases(container):
    networks = container["NetworkSettings"]["Networks"].values()
    return [alias for network in networks for alias in network["Aliases"] or [] if alias not in container["Id"]]


def handshake(address, service):
    """Whether the service answers as it should."""
    port, sent, begins = HANDSHAKES[service]
    try:
        with socket.create_connection((address, port), timeout=1) as stream:
            stream.sendall(sent)
            said = stream.recv(64)
    except OSError:
        return False
    return said[4:5] == b"\x0a" if begins is None else said.startswith(begins)


def start_bare(number, spec, service):
    name = f"{NETWORK}-{number}"
    made = call("POST", f"/containers/create?name={name}", spec)
    call("POST", f"/containers/{made['Id']}/start")
    if service not in HANDSHAKES:
        return
    address = call("GET", f"/containers/{made['Id']}/json")["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
    deadline = time.monotonic() + READY_WITHIN
    while not handshake(address, service):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{service} did not answer within {READY_WITHIN} s")
        time.sleep(ASK_EVERY)


def clean(count):
    for number in range(count):
        call("DELETE", f"/containers/{NETWORK}-{number}?force=1&v=1")
        call("DELETE", f"/volumes/{NETWORK}-{number}?force=1")
    call("DELETE", f"/networks/{NETWORK}")


def bare(containers):
    """The milliseconds until all are ready."""
    specs = [(copy_of(container, n), service_of(container["Config"]["Image"])) for n, container in enumerate(containers)]
    clean(len(specs))
    network = {"Name": NETWORK, "CheckDuplicate": True, "IPAM": {"Config": [{"Subnet": SUBNET}]}}
    began = time.monotonic()
    try:
        call("POST", "/networks/create", network)
        with concurrent.futures.ThreadPoolExecutor(len(specs)) as pool:
            for started in [pool.submit(start_bare, n, spec, service) for n, (spec, service) in enumerate(specs)]:
                started.result()
        return (time.monotonic() - began) * 1000
    finally:
        clean(len(specs))


def resident(container):
    """The resident mebibytes of a container's processes."""
    total = 0
    for process in call("GET", f"/containers/{container['Id']}/top?ps_args=-o%20pid,rss")["Processes"]:
        total += int(process[1])
    return total / 1024


def measured(labs, home, lab, rounds):
    environment = {k: v for k, v in os.environ.items() if k not in ("XDG_DATA_HOME", "LABS_DIR")} | {"HOME": str(home)}

    def run(*args):
        subprocess.run([labs, *args], env=environment, check=True, capture_output=True, text=True)

    with_labs, whole, without, memory = [], [], [], {}
    for number in range(rounds + 1):
        try:
            ready, took = started([labs, "run", lab, "--detach"], environment)
            containers = seat(home)
            for container in containers:
                service = service_of(container["Config"]["Image"])
                if service in HANDSHAKES and number == 0:
                    memory[service] = max(memory.get(service, 0), resident(container))
            took_bare = bare(containers)
        finally:
            run("stop", lab)
        # The first round warms up.
        if number > 0:
            with_labs.append(ready)
            whole.append(took)
            without.append(took_bare)
    run("gc")
    return statistics.median(with_labs), statistics.median(without), statistics.median(whole), memory


def started(command, environment):
    """The milliseconds until a command says for the last time that a service is ready, and until it ends."""
    front, back = pty.openpty()
    began = time.monotonic()
    ready, said = 0, b""
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=back, stdin=subprocess.DEVNULL) as process:
        os.close(back)
        while True:
            try:
                said += os.read(front, 4096)
            except OSError:  # the other side is closed
                break
            if b" ready" in said:
                ready = (time.monotonic() - began) * 1000
            said = said[-8:] if b" ready" not in said[-8:] else b""
        if process.wait() != 0:
            raise RuntimeError(f"{' '.join(command)} failed")
    os.close(front)
    return ready, (time.monotonic() - began) * 1000


def seat(home):
    """The containers of the seats of a home, as the engine describes them."""
    owner = (home / ".local/share/labs/installation").read_text().strip()
    filters = urllib.parse.quote(json.dumps({"label": [f"labs.owner={owner}"]}))
    return [call("GET", f"/containers/{found['Id']}/json") for found in call("GET", f"/containers/json?filters={filters}")]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    labs, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    print(f"{'lab':<22} {'ready ms':>8} {'bare ms':>8} {'ratio':>6} {'whole ms':>8}  resident MiB when ready")
    for lab in sys.argv[3:] or LABS_OF_SERVICES:
        with tempfile.TemporaryDirectory(prefix="labs-bench-") as folder:
            ours, theirs, whole, memory = measured(labs, pathlib.Path(folder), lab, rounds)
        figures = ", ".join(f"{service} {mib:.0f}" for service, mib in sorted(memory.items()))
        print(f"{lab:<22} {ours:>8.0f} {theirs:>8.0f} {ours / theirs:>6.2f} {whole:>8.0f}  {figures}", flush=True)


if __name__ == "__main__":
    main()

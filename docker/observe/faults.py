"""The faults of the game days: what is done to the stack, which alerts it must raise, and how it is undone."""

import dataclasses
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable

import traffic

ROOT = pathlib.Path(__file__).resolve().parents[2]
STACK = pathlib.Path(os.environ.get("TM_STACK_DIR", ROOT / ".stack"))


def stack(*command: str, text: str = "") -> str:
    done = subprocess.run([ROOT / "docker/local-stack.sh", *command], input=text, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        raise RuntimeError(f"local-stack.sh {' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_until(what: str, seconds: float, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not after {seconds:.0f} s: {what}")
        time.sleep(0.2)


@dataclasses.dataclass
class Fault:
    """`alerts` are the names without their prefix, each with the labels that it must have."""

    what: str
    do: Callable[[], None]
    undo: Callable[[], None]
    alerts: dict[str, dict[str, str]]


class Second:
    """A second instance, with settings of its own: TLS with a certificate for half a day, a signing key, files of snapshots."""

    def __init__(self, program: str, targets: pathlib.Path):
        self.program, self.targets, self.process = program, targets, None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tm-game-"))
        self.ports = {name: free_port() for name in ("http.listen", "http.ops_listen", "http.ads_listen")}
        self.snapshots = self.folder / "snapshots"
        self.snapshots.mkdir()

    def prepare(self) -> None:
        key, certificate = str(self.folder / "key.pem"), str(self.folder / "cert.pem")
        run = lambda *command: subprocess.run(command, check=True, capture_output=True)
        # One day, the least that openssl makes, less the seconds until it is read.
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate)
        run(self.program, "signing-key", "create", str(self.folder / "signing.pem"))

    def start(self) -> None:
        settings = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()} | {
            "http.tls.cert_file": str(self.folder / "cert.pem"),
            "http.tls.key_file": str(self.folder / "key.pem"),
            "dataplane.signing_keys": str(self.folder / "signing.pem"),
            "read.snapshot_dir": str(self.snapshots),
            "read.snapshot_every_ms": "500",
        }
        environment = os.environ | {"TM__" + name.upper().replace(".", "__"): value for name, value in settings.items()}
        log = (self.folder / "log").open("w")
        self.process = subprocess.Popen([self.program, "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("the second instance is ready", 60, self.is_ready)
        self.targets.write_text('[{"targets": ["127.0.0.1:%d"]}]\n' % self.ports["http.ops_listen"])

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http.ops_listen']}/health/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def read(self, tenant: str, token: str) -> None:
        """Makes the tenant resident here, so that it is written to its file."""
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        context.check_hostname = False
        url = f"https://127.0.0.1:{self.ports['http.listen']}/api/v1/tenants/{tenant}/snapshot"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        try:
            urllib.request.urlopen(request, timeout=20, context=context).close()
        except OSError as error:
            raise RuntimeError(f"the second instance does not answer: {error}") from error

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def forget(self) -> None:
        self.stop()
        self.targets.unlink(missing_ok=True)

    def end(self) -> None:
        self.forget()
        shutil.rmtree(self.folder, ignore_errors=True)


class Faults:
    def __init__(self, api: traffic.Api, tenant: str, second: Second):
        self.api, self.tenant, self.second = api, tenant, second
        self.stop: threading.Event | None = None

    # ---- what goes on until the fault is undone

    def again_and_again(self, step: Callable[[], object], pause: float) -> None:
        self.stop = threading.Event()
        stop = self.stop

        def run() -> None:
            while not stop.wait(pause):
                step()

        threading.Thread(target=run, daemon=True).start()

    def calm(self) -> None:
        if self.stop:
            self.stop.set()

    # ---- single faults

    def archive(self):
        try:
            import pymongo
        except ImportError:
            sys.exit("error: pymongo is missing: run docker/observe/game_day.sh, which has the stack's Python")
        client = pymongo.MongoClient(os.environ["MONGO_ADMIN_URL"], serverSelectionTimeoutMS=5000)
        return client["traffic_manager_audit"]["route_events"]

    def verify(self) -> None:
        self.api.call("GET", f"/audit/verify?tenant={self.tenant}-chain")

    def edit_archive(self) -> None:
        tenant = f"{self.tenant}-chain"
        self.api.must("POST", "/tenants", {"name": tenant})
        for number in range(3):
            self.api.must("PUT", f"/routes/{tenant}/web/prod/v{number}", {"url": "https://a.example.com"})
        events = self.archive()
        wait_until("the archive has the events of the chain", 60, lambda: events.count_documents({"tenant": tenant}) >= 4)
        self.kept = events.find_one({"tenant": tenant, "revision": 2})
        events.update_one({"_id": self.kept["_id"]}, {"$set": {"event.reason": "edited"}})
        self.again_and_again(self.verify, 1)

    def mend_archive(self) -> None:
        self.calm()
        self.archive().replace_one({"_id": self.kept["_id"]}, self.kept)

    def junk(self) -> None:
        stack("kafka-tool", "console-producer", "--topic", "route-events", text="this is no event\n")

    def old_key(self) -> None:
        _, _, body = self.api.must("POST", "/keys", {"tenant": self.tenant, "roles": ["viewer"], "description": "game day"})
        made = traffic.json.loads(body)
        token, name = made["token"], made["id"]
        self.api.must("DELETE", f"/keys/{name}")
        self.again_and_again(lambda: self.api.call("GET", f"/tenants/{self.tenant}/snapshot", token=token), 1)

    def wrong_keys(self) -> None:
        self.again_and_again(lambda: self.api.call("GET", "/tenants", token="tmk_wrong"), 0.05)

    def small_topic(self) -> None:
        stack("kafka-tool", "configs", "--alter", "--entity-type", "topics", "--entity-name", "route-events", "--add-config", "max.message.bytes=2000")

    def large_topic(self) -> None:
        stack("migrate")

    def large_event(self) -> None:
        self.small_topic()
        labels = {f"label-{number}": "x" * 60 for number in range(30)}
        self.api.must("PUT", f"/routes/{self.tenant}/large/prod/v1", {"url": "https://large.example.com", "labels": labels})

    def report(self, **report: object) -> None:
        reports = [{"node": f"slow-{number}", "seen_ms_ago": 0, **report} for number in range(5)]
        self.api.must("POST", f"/tenants/{self.tenant}/nodes", {"reports": reports})

    def lagging_nodes(self) -> None:
        _, headers, _ = self.api.must("GET", f"/tenants/{self.tenant}/snapshot")
        epoch = headers["ETag"].strip('"').split(".")[0]
        self.again_and_again(lambda: self.report(applied=f"{epoch}.1"), 1)

    def refusing_nodes(self) -> None:
        self.report(error={"code": "refused", "text": "game day"})

    def many_waiters(self) -> None:
        self.api.must("POST", "/tenants", {"name": f"{self.tenant}-idle"})
        # Callers of the platform share half of the places, whatever their number: so the waiters have a key of their tenant.
        _, _, body = self.api.must("POST", "/keys", {"tenant": f"{self.tenant}-idle", "roles": ["viewer"], "description": "game day"})
        caller = traffic.Api(self.api.origin, traffic.json.loads(body)["token"])
        self.stop = threading.Event()
        for number in range(50):
            threading.Thread(target=traffic.node, args=(caller, f"{self.tenant}-idle", f"waiter-{number}", self.stop), daemon=True).start()

    def no_folder(self) -> None:
        shutil.rmtree(self.second.snapshots)
        self.second.snapshots.write_text("not a folder\n")
        self.second.read(self.tenant, self.api.token)

    def folder(self) -> None:
        self.second.snapshots.unlink()
        self.second.snapshots.mkdir()

    def mongo_away(self) -> None:
        stack("kill", "mongo")
        self.api.must("POST", "/keys", {"tenant": self.tenant, "roles": ["viewer"], "description": "game day"})

    def all(self) -> list[Fault]:
        part = lambda command, name: lambda: stack(command, name)
        nothing = lambda: None
        return [
            Fault("the primary of PostgreSQL is killed", part("kill", "postgres-primary"), part("start", "postgres-primary"),
                  {"PrimaryDown": {}, "BreakerOpen": {"dependency": "postgres_primary"}, "WriteErrorBudgetBurn": {"severity": "page"}, "CacheStale": {}, "SourceNotRead": {"source": "outbox"}}),
            Fault("the replica is killed", part("kill", "postgres-replica"), part("start", "postgres-replica"), {"ReplicaUnusable": {}}),
            Fault("the broker of Kafka hangs", part("pause", "kafka"), part("resume", "kafka"),
                  {"OutboxDelayed": {}, "BreakerOpen": {"dependency": "kafka"}, "WritesBlocked": {}, "SourceNotRead": {"source": "consumer_lag"}, "LedgerPartial": {}, "ProducerStalled": {}}),
            Fault("MongoDB is killed", self.mongo_away, part("start", "mongo"),
                  {"ArchiveDelayed": {}, "BreakerOpen": {"dependency": "mongodb_archive"}, "AccessLogDelayed": {}}),
            Fault("another program writes to the topic", self.junk, nothing, {"DeadLetters": {}}),
            Fault("an event in the archive is edited", self.edit_archive, self.mend_archive, {"ChainBroken": {}}),
            Fault("the topic accepts less than the largest event", self.large_event, self.large_topic, {"TopicTooSmall": {}, "EventsSetAside": {}}),
            Fault("a revoked key is used", self.old_key, self.calm, {"RevokedKeyUsed": {}}),
            Fault("wrong keys are tried", self.wrong_keys, self.calm, {"CredentialsTried": {}}),
            Fault("five nodes stay at an old revision", self.lagging_nodes, self.calm, {"NodesLag": {}}),
            Fault("these nodes refuse, and fall silent", self.refusing_nodes, nothing, {"NodesRefuse": {}}),
            Fault("fifty nodes wait where there is room for forty", self.many_waiters, self.calm, {"PoolNearlyFull": {"pool": "waiters"}}),
            Fault("an instance starts with a certificate for a day and a signing key of its own", self.second.start, self.second.forget,
                  {"CertificateExpires": {"severity": "page"}, "SigningKeysDiffer": {}}),
            Fault("the folder of the snapshots is gone", lambda: (self.second.start(), self.no_folder()), lambda: (self.folder(), self.second.forget()), {"SnapshotFilesFail": {}}),
            Fault("the only instance with a relay is stopped", lambda: (self.second.start(), stack("kill", "traffic-manager")), lambda: (stack("start", "traffic-manager"), self.second.forget()),
                  {"NoRelayLeads": {}, "InstanceDown": {}}),
            Fault("every instance is killed", part("kill", "traffic-manager"), part("start", "traffic-manager"), {"Down": {}}),
        ]


# Alerts that no fault here raises, and the reason.
NOT_REHEARSED = {
    "ReadErrorBudgetBurn": "reads go on from memory and from the replica in every fault here",
    "ArchiveDelayBudgetBurn": "an event has to be late by more than 5 minutes in earnest; its rules are tested with promtool",
    "NotReady": "a process with cached routes stays ready",
    "Panicked": "no request makes a part panic",
    "Overloaded": "needs more load than this machine can make beside the stack",
    "OutboxGrows": "needs more than 1,000 changes while Kafka is away",
    "ArchiveBacklogGrows": "needs more than 1,000 changes while MongoDB is away",
    "AuditConsumerRestarts": "the consumer waits for a broker that hangs and is not replaced that often",
    "ExportsCut": "needs an export that runs while MongoDB is killed; tests/pipeline/exports.rs does that",
    "AccessLogLost": "needs a collection with the validator of another version",
    "EnvoyRefuses": "needs an Envoy; tests/proxies makes one refuse",
    "NodesLost": "nodes are forgotten after hours, so that it would not end within the rehearsal",
}

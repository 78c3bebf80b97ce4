"""The S3 server of the bench: scripts/s3-server with its access log, so that requests of every client are counted alike, and
our delaying proxy in front of it."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REQUEST = re.compile(r' beast: .*? "(?P<verb>[A-Z]+) (?P<target>\S+) HTTP/1\.\d" (?P<status>\d+) ')


def clean_environment(**more):
    """Ours without what would point a drive or a peer elsewhere."""
    foreign = ("AWS_", "R2_", "RCLONE_", "CRATEDRIVE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


class Server:
    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="cratedrive-bench-s3-")
        out = subprocess.run([os.path.join(ROOT, "scripts", "s3-server"), "start", self.folder, "--access-log"],
                             check=True, capture_output=True, text=True).stdout
        values = dict(line.split("=", 1) for line in out.split())
        self.direct, self.key, self.secret = values["S3_ENDPOINT"], values["S3_ACCESS_KEY"], values["S3_SECRET_KEY"]
        self.region = values["S3_REGION"]
        self.proxy = os.path.join(build, "tests", "fault_proxy")
        self.proxies = {}
        self.buckets = 0

    def endpoint(self, delay_ms):
        """The server's address, with so much added to each request."""
        if delay_ms == 0:
            return self.direct
        if delay_ms not in self.proxies:
            if not os.path.exists(self.proxy):
                raise SystemExit(f"bench: {self.proxy} is missing; ninja -C build fault_proxy")
            ports = os.path.join(self.folder, f"proxy-{delay_ms}")
            process = subprocess.Popen([self.proxy, "--target", self.direct.removeprefix("http://"), "--port-file", ports])
            while not os.path.exists(ports):
                time.sleep(0.01)
            port, control = open(ports, encoding="ascii").read().split()
            with socket.create_connection(("127.0.0.1", int(control))) as wire:
                wire.sendall(f"rules\nlatency ms={delay_ms}\n.\n".encode())
                answer = wire.recv(100)
                if answer != b"ok\n":
                    raise SystemExit(f"bench: the proxy says {answer!r}")
            self.proxies[delay_ms] = process, f"http://127.0.0.1:{port}"
        return self.proxies[delay_ms][1]

    def aws(self, endpoint):
        return clean_environment(AWS_ACCESS_KEY_ID=self.key, AWS_SECRET_ACCESS_KEY=self.secret, AWS_REGION=self.region,
                                 AWS_DEFAULT_REGION=self.region, AWS_ENDPOINT_URL=endpoint)

    def rclone(self, endpoint):
        return clean_environment(RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_S3_TYPE="s3", RCLONE_CONFIG_S3_PROVIDER="Ceph",
                                 RCLONE_CONFIG_S3_ACCESS_KEY_ID=self.key, RCLONE_CONFIG_S3_SECRET_ACCESS_KEY=self.secret,
                                 RCLONE_CONFIG_S3_ENDPOINT=endpoint)

    def run_rclone(self, *words, endpoint=None):
        done = subprocess.run(["rclone", *words], env=self.rclone(endpoint or self.direct), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: rclone {words}: {done.stderr[-500:]}")

    def new_bucket(self):
        self.buckets += 1
        name = f"bench-{self.buckets}"
        self.run_rclone("mkdir", f"S3:{name}")
        return name

    def drop_bucket(self, name):
        # It only makes room; who still writes there when his measurement is over is no trouble of the bench.
        subprocess.run(["rclone", "purge", f"S3:{name}"], env=self.rclone(self.direct), check=False, capture_output=True)

    def log(self):
        path = os.path.join(self.folder, "log", "rgw.log")
        return open(path, encoding="utf-8", errors="replace") if os.path.exists(path) else None

    def mark(self):
        path = os.path.join(self.folder, "log", "rgw.log")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def requests_since(self, mark, bucket):
        """Requests to a bucket by kind: GET, HEAD, LIST, PUT, COPY…"""
        kinds = Counter()
        with self.log() as log:
            log.seek(mark)
            for line in log:
                found = REQUEST.search(line)
                if found and found["target"].lstrip("/").split("?")[0].split("/")[0] == bucket:
                    kinds[kind_of(found["verb"], found["target"], bucket)] += 1
        return kinds

    def stored_since(self, mark, bucket):
        """How many objects were finished."""
        kinds = self.requests_since(mark, bucket)
        return kinds["PUT"] + kinds["FINISH"]

    def stop(self):
        for process, _ in self.proxies.values():
            process.terminate()
            process.wait()
        subprocess.run([os.path.join(ROOT, "scripts", "s3-server"), "stop", self.folder, "--wipe"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def kind_of(verb, target, bucket):
    path, _, query = target.partition("?")
    at_bucket = path.strip("/") == bucket
    if verb == "GET" and at_bucket:
        return "LIST" if "location" not in query else "other"
    if verb == "PUT" and "partNumber=" in query:
        return "PART"
    if verb == "POST" and "uploadId=" in query:
        return "FINISH"
    if verb == "POST" and "uploads" in query:
        return "BEGIN"
    if verb == "POST" and "delete" in query:
        return "DELETES"
    if at_bucket:
        return "other"
    return verb

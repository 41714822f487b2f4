"""Servers of NATS with JetStream, as one cluster, on this machine: started, killed and asked who leads. They tell clients of no server
but themselves, so that each client reaches them only by the addresses that it was given."""
import json, pathlib, re, signal, subprocess, sys, time, urllib.request, weakref

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from node_process import end
from ports import free_port

CONFIG = """server_name: {name}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor_port}
jetstream {{
  store_dir: "{folder}/data"
  max_mem: 64MB
  max_file: 2GB{sync}
}}
cluster {{
  name: test
  listen: 127.0.0.1:{route_port}
  routes: [{routes}]
  no_advertise: true
}}
"""


def version_of(binary):
    """(2, 9, 10)"""
    text = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True, timeout=10).stdout
    return tuple(int(part) for part in re.search(r"v(\d+)\.(\d+)\.(\d+)", text).groups())


class NatsServer:
    def __init__(self, binary, name, folder):
        self.binary, self.name, self.folder = str(binary), name, folder
        self.port, self.route_port, self.monitor_port = free_port(), free_port(), free_port()
        self.process = None

    def configure(self, others, sync):
        self.folder.mkdir(parents=True)
        routes = ", ".join(f"nats://127.0.0.1:{other.route_port}" for other in others)
        self.config = self.folder / "server.conf"
        self.config.write_text(CONFIG.format(**vars(self), routes=routes, sync=sync))

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", self.binary, "-c", str(self.config)], stdout=log, stderr=log)
        weakref.finalize(self, end, self.process)

    def kill(self):
        """as a power cut"""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=30):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout)

    def monitor(self, path):
        """parsed JSON; None when it does not answer"""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor_port}/{path}", timeout=2) as reply:
                return json.load(reply)
        except (OSError, ValueError):
            return None

    def log_tail(self, lines=15):
        return "\n".join((self.folder / "server.log").read_text(errors="replace").splitlines()[-lines:])


class NatsCluster:
    def __init__(self, binary, folder, size=3):
        self.servers = [NatsServer(binary, f"s{n + 1}", pathlib.Path(folder) / f"s{n + 1}") for n in range(size)]
        sync = "\n  sync_interval: always" if version_of(binary) >= (2, 10, 0) else ""
        for server in self.servers:
            server.configure([other for other in self.servers if other is not server], sync)

    def start(self, timeout=30):
        """all that do not run; returns when their streams' placement and each stream have a leader"""
        for server in self.servers:
            if not server.runs:
                server.start()
        self.wait_whole(timeout)

    def wait_whole(self, timeout=30):
        def whole():
            return self.meta_leader() is not None and all(self._current(server) for server in self.servers) and not self.leaderless()
        self._wait(whole, timeout, "no leader, or a server that lags behind")

    def _current(self, server):
        answer = server.monitor("jsz") or {}
        meta = answer.get("meta_cluster", {})
        others = meta.get("replicas", [])
        return meta.get("leader") and (meta["leader"] != server.name or all(other.get("current") for other in others))

    def _wait(self, holds, timeout, what):
        deadline = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > deadline:
                logs = "\n".join(f"-- {server.name}\n{server.log_tail()}" for server in self.servers)
                raise RuntimeError(f"NATS: {what} after {timeout} s\n{logs}")
            time.sleep(0.1)

    @property
    def urls(self):
        """as --cluster takes them"""
        return ",".join(f"nats://127.0.0.1:{server.port}" for server in self.servers)

    def live(self):
        return [server for server in self.servers if server.runs]

    def meta_leader(self):
        """the server; None while there is none"""
        for server in self.live():
            name = (server.monitor("jsz") or {}).get("meta_cluster", {}).get("leader")
            if name:
                return next((s for s in self.servers if s.name == name and s.runs), None)
        return None

    def streams(self):
        """name → (leader's name or None, its replicas' names)"""
        found = {}
        for server in self.live():
            answer = server.monitor("jsz?accounts=true&streams=true") or {}
            for account in answer.get("account_details", []):
                for stream in account.get("stream_detail", []):
                    cluster = stream.get("cluster") or {}
                    replicas = {replica["name"] for replica in cluster.get("replicas") or []}
                    leader = cluster.get("leader") or None
                    if found.get(stream["name"], (None, None))[0] is None:
                        found[stream["name"]] = (leader, replicas | ({leader} if leader else set()))
        return found

    def leaderless(self):
        """names of the streams that no running server leads by its own account; others may still name one that died"""
        known, led = set(), set()
        for server in self.live():
            answer = server.monitor("jsz?accounts=true&streams=true") or {}
            for account in answer.get("account_details", []):
                for stream in account.get("stream_detail", []):
                    known.add(stream["name"])
                    if (stream.get("cluster") or {}).get("leader") == server.name:
                        led.add(stream["name"])
        return known - led

    def places(self):
        """one line a server and stream: how far it is; they differ for good where servers came apart"""
        lines = []
        for server in self.live():
            answer = server.monitor("jsz?accounts=true&streams=true") or {}
            for account in answer.get("account_details", []):
                for stream in account.get("stream_detail", []):
                    state, leader = stream["state"], (stream.get("cluster") or {}).get("leader")
                    lines.append(f"{server.name} {stream['name']}: to {state['last_seq']}, {state['messages']} messages, leader {leader}")
        return "\n".join(sorted(lines))

    def stream_leader(self, part_of_name):
        """the running server that leads the stream whose name has this part; RuntimeError when there is none within 10 s"""
        leader = []

        def known():
            names = [lead for name, (lead, _) in self.streams().items() if part_of_name in name and lead]
            leader[:] = [server for server in self.live() if server.name in names]
            return bool(leader)
        self._wait(known, 10, f"no leader of a stream named …{part_of_name}…")
        return leader[0]

    def kill_all(self):
        for server in self.live():
            server.kill()

    def stop(self):
        for server in self.live():
            server.stop()

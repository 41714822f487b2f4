"""A cluster of mlnode processes on this machine. Every node reaches the servers of NATS, and the other nodes reach it, only through TCP
proxies of its own (tcp_proxy.py), so that each link can be broken alone; a test's own requests go to the nodes directly. Nodes keep port and
data folder when they are started again."""
import os, pathlib, signal, sys, time

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent / "process", HERE.parents[1] / "tools"):
    sys.path.insert(0, str(folder))
import check_truth
from api import ML, Api, pack
from nats_cluster import NatsCluster
from node_process import NodeProcess, end
from ports import free_port
from scratch import Scratch
from tcp_proxy import Network

DATA = HERE.parent / "data"
CONFIG = {"model_type": "bert", "embedding_dimension": 8, "framework_type": "sentence_transformers", "pooling_mode": "MEAN"}
GRAPH = "tiny_baked.onnx"  # computes text by text: the same bits whatever meets in a batch, which the others' last digit depends on
# A load that measures whether bf16 is faster may decide otherwise the next time, and the bits with it.
SAME_BITS = {"mlnode.engine.precision": "f32"}
TRUE_WITHIN = 10  # seconds after any fault
# What a test that ran in a shell with settings of its own must not inherit.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MLNODE_")}


class Node(NodeProcess):
    """One process of the cluster; `url` is its own address, `http` the proxy by which the others reach it, `nats` those to the servers."""

    def __init__(self, binary, name, folder, network, servers, settings):
        super().__init__(binary, data=folder)
        self.name, self.port, self.settings, self.suspended = name, free_port(), dict(settings), False
        self.nats = [network.proxy(server.port) for server in servers]
        self.http = network.proxy(self.port)

    def command(self):
        flags = ["--cluster", ",".join(f"nats://{proxy.address}" for proxy in self.nats), "--node-name", self.name]
        settings = {"mlnode.http.publish_address": self.http.address, "mlnode.lanes": "1"} | self.settings
        return [self.binary, "serve", "--port", str(self.port), "--data", str(self.data), *flags,
                *(part for name, value in settings.items() for part in ("--set", f"{name}={value}"))]

    def launch(self, environment=None):
        self.http.heal()
        super().launch(CLEAN | (environment or {}))

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def id(self):
        """as its log names it; stays the same over restarts"""
        banner = next(line for line in reversed(self.lines) if " listening on " in line)
        return banner.rsplit("node ", 1)[1].strip()

    def api(self, timeout=30):
        return Api(self.address, timeout)

    def kill(self):
        super().kill()
        self.suspended = False
        self.http.refuse()  # nobody listens there

    def stop(self, timeout=60):
        super().stop(timeout)
        self.http.refuse()

    def suspend(self):
        self.process.send_signal(signal.SIGSTOP)
        self.suspended = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.suspended = False

    def cut_from_nats(self):
        for proxy in self.nats:
            proxy.cut()

    def heal(self):
        for proxy in (*self.nats, self.http):
            proxy.heal()


class Cluster:
    def __init__(self, binary, nats_binary, size=5, settings=()):
        self.binary, self.settings = binary, dict(settings)
        self.scratch, self.network = Scratch(), Network()
        self.servers = NatsCluster(nats_binary, self.scratch.path / "nats")
        self.nodes = [self.make_node(f"n{n + 1}") for n in range(size)]
        self.size = size

    def make_node(self, name, **settings):
        folder = self.scratch.path / name
        return Node(self.binary, name, folder, self.network, self.servers.servers, self.settings | settings)

    # ---- life
    def start(self):
        """servers and nodes that do not run; returns when every node sees all"""
        self.servers.start()
        self.launch(node for node in self.nodes if not node.runs)
        self.wait_nodes(self.size)

    def launch(self, nodes):
        nodes = list(nodes)
        for node in nodes:
            node.launch()
        for node in nodes:
            node.await_listening()

    def close(self):
        for node in self.nodes:
            if node.process is not None:
                end(node.process)
        for server in self.servers.live():
            server.kill()
        self.network.close()
        self.scratch.remove()

    def make_whole(self):
        """whatever a test did: all links, servers and nodes are there again"""
        self.network.heal()
        for node in self.nodes:
            if node.suspended and node.runs:
                node.resume()
        self.start()

    def live(self):
        return [node for node in self.nodes if node.runs and not node.suspended]

    def others(self, *nodes):
        return [node for node in self.live() if node not in nodes]

    def reconciler(self):
        """the node that acts for the cluster"""
        return min(self.live(), key=lambda node: node.id)

    def wait_nodes(self, count, timeout=30, nodes=None):
        """until each of the nodes (default: the live ones) sees so many"""
        deadline = time.monotonic() + timeout
        for node in nodes or self.live():
            left = max(1, int(deadline - time.monotonic()))
            status, health = node.api(left + 10).call("GET", f"/_cluster/health?wait_for_nodes={count}&timeout={left}s")
            if status != 200:
                raise RuntimeError(f"{node.name} sees {health} instead of {count} nodes after {timeout} s")

    # ---- truth
    def lies(self, limit=TRUE_WITHIN, nodes=None, **what):
        """what the live nodes say that is not true, after `limit` seconds at most"""
        return check_truth.wait_true([node.address for node in nodes or self.live()], limit, **what)

    # ---- models
    def register(self, name, through=None, extra_bytes=0, graph=GRAPH, **over):
        """the id of a tiny model of its own (content unlike that of others), registered"""
        body = {"function_name": "TEXT_EMBEDDING", "model_format": "ONNX", "model_config": CONFIG} | over
        return (through or self.live()[0]).api().register(tiny_archive(name, extra_bytes, graph), name, **body)

    def deploy(self, model, nodes=None, through=None, timeout=60):
        """the ended task of its deploy; nodes: None for all"""
        api = (through or self.live()[0]).api()
        body = None if nodes is None else {"node_ids": [node.id for node in nodes]}
        return api.task(api.ok("POST", f"{ML}/models/{model}/_deploy", body)["task_id"], timeout)

    def remove_models(self):
        api = self.live()[0].api()
        every = {"size": 1000, "query": {"bool": {"must_not": [{"exists": {"field": "chunk_number"}}]}}}
        for hit in api.ok("POST", f"{ML}/models/_search", every)["hits"]["hits"]:
            for method, path in (("POST", f"{ML}/models/{hit['_id']}/_undeploy"), ("DELETE", f"{ML}/models/{hit['_id']}")):
                status, answer = api.call(method, path)
                if status not in (200, 404):
                    raise RuntimeError(f"{method} {path}: {status} {answer}")

    def reset_settings(self):
        api = self.live()[0].api()
        for scope in ("persistent", "transient"):
            for key in api.ok("GET", "/_cluster/settings?flat_settings=true")[scope]:
                api.ok("PUT", "/_cluster/settings", {scope: {key: None}})

    def logs(self, lines=40):
        nodes = "\n".join(f"---- {node.name} ({'runs' if node.runs else 'is down'})\n" + "\n".join(node.lines[-lines:]) for node in self.nodes)
        servers = "\n".join(f"---- {server.name}\n{server.log_tail(30)}" for server in self.servers.servers)
        return f"{nodes}\n---- NATS\n{self.servers.places()}\n{servers}"


def tiny_archive(name, extra_bytes=0, graph=GRAPH):
    """a tiny encoder; `extra_bytes` that do not compress make it take longer to fetch"""
    files = {"model.onnx": (DATA / graph).read_bytes(), "notes.txt": name.encode(),
             "tokenizer.json": (DATA / "wordpiece_tokenizer.json").read_bytes()}
    if extra_bytes:
        files["padding.bin"] = os.urandom(extra_bytes)
    return pack(files)

"""Faults at random under clients that register, deploy, predict, update, undeploy and delete: kill -9 of nodes and of servers of NATS,
stopped processes, links that are cut, swallow or delay. Every request and what came of it is written to a history, in the end also what
every node says; check_history.py judges it.
cluster_fault_run.py --binary mlnode --nats nats-server [--seconds 60] [--seed N] [--history FILE]"""
import argparse, pathlib, random, sys, threading, time

import check_history
from cluster import SAME_BITS, Cluster
from api import ML  # on the path since `cluster` was read
from fault_client import FaultClient, HistoryFile, ask
from load import TEXTS, Reference
from scratch import Scratch

CLIENTS = 3  # with what they leave they stay below the ten models that a node may hold
SETTLED_WITHIN = 30
REVIVED = 6
MOST_SHOWN = 30
EVERY = {"size": 1000, "query": {"bool": {"must_not": [{"exists": {"field": "chunk_number"}}]}}}
IN_PROGRESS = {"size": 1000, "query": {"terms": {"state": ["CREATED", "RUNNING"]}}}


class Faults:
    """Each breaks something for a while and repairs it; what it touched goes into the history with both times."""

    def __init__(self, cluster, history, seed):
        self.cluster, self.history, self.choose = cluster, history, random.Random(seed)
        self.kinds = [self.kill, self.kill, self.kill_two, self.restart, self.suspend, self.part_from_nats, self.swallow_nats, self.slow_nats,
                      self.part_from_others, self.server, self.leader, self.all_servers]

    def one(self):
        kind = self.choose.choice(self.kinds)
        self.begun = self.history.now()
        who = kind()
        self.history.write("fault", what=kind.__name__, who=who, begun=self.begun, ended=self.history.now())
        print(f"{self.begun:7.1f}  {kind.__name__} {' '.join(who)}", flush=True)

    def wait(self, shortest, longest):
        time.sleep(self.choose.uniform(shortest, longest))

    def node(self):
        return self.choose.choice(self.cluster.nodes)

    # ---- nodes
    def kill(self, count=1):
        victims = self.choose.sample(self.cluster.nodes, count)
        for victim in victims:
            victim.process.kill()
        for victim in victims:
            victim.kill()
        self.wait(0, 8)
        self.cluster.launch(victims)
        return [victim.name for victim in victims]

    def kill_two(self):
        return self.kill(2)

    def restart(self):
        node = self.node()
        node.stop()
        self.cluster.launch([node])
        return [node.name]

    def suspend(self):
        node = self.node()
        node.suspend()
        self.wait(0.5, 9)
        node.resume()
        return [node.name]

    # ---- links
    def break_nats(self, break_link, shortest, longest):
        node = self.node()
        for proxy in node.nats:
            break_link(proxy)
        self.wait(shortest, longest)
        node.heal()
        return [node.name]

    def part_from_nats(self):
        return self.break_nats(lambda proxy: proxy.cut(), 0.2, 9)

    def swallow_nats(self):
        return self.break_nats(lambda proxy: proxy.half_open(), 1, 9)

    def slow_nats(self):
        return self.break_nats(lambda proxy: proxy.delay(0.1), 2, 6)

    def part_from_others(self):
        node = self.node()
        node.http.cut()
        self.wait(1, 6)
        node.heal()
        return [node.name]

    # ---- servers of NATS: any node may know less than it should
    def lose(self, servers):
        for server in servers:
            server.kill()
        self.wait(0, 5)
        self.cluster.servers.start()
        return ["*"]

    def server(self):
        return self.lose([self.choose.choice(self.cluster.servers.servers)])

    def leader(self):
        return self.lose([self.cluster.servers.stream_leader("documents")])

    def all_servers(self):
        return self.lose(self.cluster.servers.live())


class Run:
    def __init__(self, options, cluster, history):
        self.options, self.cluster, self.history = options, cluster, history
        self.problems = []

    def prepare(self):
        model = self.cluster.register("reference")
        self.cluster.deploy(model)
        self.reference = Reference.of(self.cluster.nodes[0].api(), model).vectors
        self.cluster.remove_models()
        self.history.write("start", seed=self.options.seed, reference=self.reference)

    def break_things(self):
        stop = threading.Event()
        clients = [FaultClient(n, self.cluster.nodes, self.history, self.options.seed * 100 + n) for n in range(CLIENTS)]
        threads = [threading.Thread(target=client.run, args=(stop,), daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        faults, until = Faults(self.cluster, self.history, self.options.seed), time.monotonic() + self.options.seconds
        while time.monotonic() < until and all(thread.is_alive() for thread in threads):
            faults.wait(0.3, 3)
            faults.one()
        self.cluster.make_whole()
        time.sleep(3)  # what clients do when all is well again
        stop.set()
        for thread in threads:
            thread.join(60)
        self.problems += [failure for client in clients for failure in client.failures]

    # ---- what every node says in the end
    def settle(self):
        deadline = time.monotonic() + SETTLED_WITHIN
        while any(self.in_progress(node) for node in self.cluster.nodes) and time.monotonic() < deadline:
            time.sleep(0.5)
        self.problems += self.cluster.lies(SETTLED_WITHIN)

    def in_progress(self, node):
        found = ask(node, "POST", f"{ML}/tasks/_search", IN_PROGRESS)
        return [hit["_id"] for hit in found.answer["hits"]["hits"]] if found.outcome == "ok" else [f"no answer: {found}"]

    def look(self):
        written = check_history.read(self.history.file.name)
        models, tasks = {life.model for life in written.lives.values() if life.model}, {t for life in written.lives.values() for t in life.tasks}
        listed = {}
        for node in self.cluster.nodes:
            hits = node.api().ok("POST", f"{ML}/models/_search", EVERY)["hits"]["hits"]
            listed[node.name] = {hit["_id"]: hit["_source"]["name"] for hit in hits}
            self.history.write("models", node=node.name, found=listed[node.name])
            self.history.write("in_progress", node=node.name, found=self.in_progress(node))
        models |= {model for found in listed.values() for model in found}
        at_rest = [model for model in sorted(models) if self.look_at_model(model)]
        for task in sorted(tasks):
            for node in self.cluster.nodes:
                status, answer = node.api().call("GET", f"{ML}/tasks/{task}")
                self.history.write("task", task=task, node=node.name, status=status, state=answer.get("state"))
        for model in at_rest[:REVIVED]:
            state = self.cluster.deploy(model)["state"]
            vector = self.predict(self.cluster.nodes[-1], model)[1]
            self.history.write("revived", model=model, state=state, text=TEXTS[0], vector=vector)

    def look_at_model(self, model):
        """is it whole and deployed nowhere"""
        for node in self.cluster.nodes:
            status, answer = node.api().call("GET", f"{ML}/models/{model}")
            self.history.write("final", model=model, node=node.name, status=status, name=answer.get("name"), state=answer.get("model_state"),
                               description=answer.get("description"))
            if answer.get("model_state") == "DEPLOYED":
                predicted, vector = self.predict(node, model)
                self.history.write("predicted", model=model, node=node.name, status=predicted, text=TEXTS[0], vector=vector)
        return answer.get("model_state") in ("REGISTERED", "UNDEPLOYED", "DEPLOY_FAILED")

    def predict(self, node, model):
        reply = ask(node, "POST", f"{ML}/models/{model}/_predict", {"text_docs": TEXTS[:1]})
        return reply.status, reply.answer["inference_results"][0]["output"][0]["data"] if reply.outcome == "ok" else None

    def judge(self):
        history = check_history.read(self.history.file.name)
        print(history.summary(), flush=True)
        idle = {op for op in ("deploy", "predict", "undeploy", "delete", "update")
                if not any(line["op"] == op and line["outcome"] == "ok" for line in history.by_kind["op"])}
        if idle:
            self.problems.append(f"hardly any load: never acknowledged: {sorted(idle)}")
        return self.problems + list(history.violations())


def run(options, folder):
    path = pathlib.Path(options.history) if options.history else folder / "history.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    cluster, history = Cluster(options.binary, options.nats, settings=SAME_BITS), HistoryFile(path)
    try:
        print(f"seed {options.seed}, {options.seconds:.0f} s, history in {path}", flush=True)
        cluster.start()
        steps = Run(options, cluster, history)
        steps.prepare()
        steps.break_things()
        steps.settle()
        steps.look()
        found = steps.judge()
        if found:
            print(cluster.logs())
        print("\n".join(found[:MOST_SHOWN]) or "fault run: as promised")
        return 1 if found else 0
    except BaseException:
        print(cluster.logs())
        raise
    finally:
        cluster.close()
        history.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--nats", required=True)
    parser.add_argument("--seconds", type=float, default=60), parser.add_argument("--seed", type=int, default=1), parser.add_argument("--history")
    with Scratch() as folder:
        return run(parser.parse_args(), folder)


if __name__ == "__main__":
    sys.exit(main())

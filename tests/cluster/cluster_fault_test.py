"""What a cluster of five does when parts of it die, stop or cannot reach each other, under load. A client of a node that lives sees no error
while anybody holds the model; ten seconds later every node tells the truth.
cluster_fault_test.py --binary mlnode --nats nats-server [ClusterFault.test…]"""
import http.client, threading, time

import case
from api import ML
from case import ClusterCase, start_shared, stop_shared
from cluster import SAME_BITS
from load import Load, predict

ENDED_WITH_LOSS = ("COMPLETED", "COMPLETED_WITH_ERROR")  # COMPLETED: the node had gone before the deploy was asked for
DEAD_AFTER = 6  # seconds; a lease dies after 5
JOINS_SLOWLY = 0.3  # seconds that each byte to NATS takes: a start then takes as long as a lease lives


def setUpModule():
    start_shared(SAME_BITS)


def tearDownModule():
    stop_shared()


class ClusterFault(ClusterCase):
    def restart(self, *nodes):
        self.cluster.launch(nodes)
        self.cluster.wait_nodes(len(self.cluster.live()))

    def write_still_works(self, name, through):
        """registers and deploys, as soon as a write is possible again"""
        def registered():
            try:
                return self.cluster.register(name, through=through)
            except AssertionError as refused:  # a write that is refused is tried again by clients, too
                self.assertIn(" 503 ", str(refused))
                return None
        model = self.eventually("a write is possible", registered, 20)
        self.assertIn(self.cluster.deploy(model, through=through)["state"], ENDED_WITH_LOSS)
        return model

    # ---- nodes die
    def test_worker_killed_then_the_last_one(self):
        model, reference = self.deployed("worker", [self.n3, self.n4])
        clients = [self.n1, self.n2, self.n5]
        with Load(clients, model, reference) as load:
            load.wait_for(30)
            self.n4.kill()
            time.sleep(DEAD_AFTER)
            self.assert_true()
            load.wait_for(30)
        self.assert_no_errors(load)
        self.assertEqual(self.state(model), "PARTIALLY_DEPLOYED")

        with Load(clients, model, reference) as load:
            load.wait_for(30)
            self.n3.kill()
            dead = time.monotonic()
            time.sleep(DEAD_AFTER + 2)
            self.assert_unavailable(load, dead)
            self.assert_true()
            self.restart(self.n3)
            self.eventually("it is served again", lambda: predict(self.n1, model, ["a cat"])[0] == 200, 20)
        self.assertEqual(load.mismatches, [])
        self.restart(self.n4)
        self.eventually("whole again", lambda: self.state(model) == "DEPLOYED", 20)
        self.assert_true()
        self.assert_predicts(model, reference)

    def assert_unavailable(self, load, since):
        """all that was asked since then was answered 503, when to come again, within 2 s"""
        answers = load.since(since)
        self.assertGreater(len(answers), 10)
        for answer in answers:
            self.assertEqual(answer.status, 503, answer)
            self.assertGreaterEqual(int(answer.retry_after or 0), 1, answer)
            self.assertLess(answer.ended - answer.begun, 2, answer)
        self.assertLessEqual({answer.status for answer in load.errors()}, {503})

    def test_worker_killed_and_started_again_at_once(self):
        """its port is open before it has joined, and for the others its old lease still holds"""
        model, reference = self.deployed("at once", [self.n3, self.n4])
        with Load([self.n1, self.n2, self.n5], model, reference) as load:
            load.wait_for(30)
            for proxy in self.n4.nats:
                proxy.delay(JOINS_SLOWLY)
            self.n4.kill()
            self.n4.launch()
            starting = self.told_that_it_starts(self.n4, model)
            for proxy in self.n4.nats:
                proxy.heal()
            self.n4.await_listening()
            self.cluster.wait_nodes(5)
            self.eventually("whole again", lambda: self.state(model) == "DEPLOYED", 20)
            self.assert_true()
        self.assertGreater(starting, 3, "it started too fast: the others shun it for the first 2 s after its death")
        self.assert_no_errors(load)

    def told_that_it_starts(self, node, model):
        """seconds after its launch at which it last said so, of those that the others may believe in its old lease"""
        launched, last = time.monotonic(), 0
        while time.monotonic() < launched + DEAD_AFTER:
            try:
                status, _, answer = predict(node, model, ["a cat"])
            except OSError:
                status, answer = None, "not listening yet"
            if status == 503 and "is starting" in str(answer):
                last = time.monotonic() - launched
            time.sleep(0.05)
        return last

    def test_reconciler_killed(self):
        model, reference = self.deployed("reconciler")
        victim = self.cluster.reconciler()
        rest = self.cluster.others(victim)
        with Load(rest, model, reference) as load:
            load.wait_for(30)
            victim.kill()
            other = self.write_still_works("while it is dead", rest[0])
            self.assert_true()
            self.assertEqual((self.state(model), self.state(other)), ("DEPLOYED", "DEPLOYED"))
            self.restart(victim)
            self.eventually("it holds both again", lambda: victim.api().call("GET", "/_ready")[0] == 200, 20)
            self.assert_true()
        self.assert_no_errors(load)
        self.assert_predicts(other, reference)

    def test_two_workers_killed_at_once(self):
        model, reference = self.deployed("two at once")
        fixed, _ = self.deployed("two of three", [self.n2, self.n3, self.n4])
        rest = [self.n1, self.n3, self.n5]
        with Load(rest, model, reference) as load, Load(rest, fixed, reference) as load_fixed:
            load.wait_for(20)
            victims = (self.n2, self.n4)
            self.cluster.network.die([victim.http for victim in victims], lambda: [victim.process.kill() for victim in victims])
            for victim in victims:
                victim.kill()
            time.sleep(DEAD_AFTER)
            self.assert_true()
            self.assertEqual((self.state(model), self.state(fixed)), ("DEPLOYED", "PARTIALLY_DEPLOYED"))
            self.restart(self.n2, self.n4)
            self.eventually("whole again", lambda: self.state(fixed) == "DEPLOYED", 20)
            self.assert_true()
        self.assert_no_errors(load)
        self.assert_no_errors(load_fixed)

    def test_worker_killed_while_it_deploys(self):
        model = self.cluster.register("mid-deploy", extra_bytes=12_000_000)
        for proxy in self.n5.nats:
            proxy.throttle(1_000_000)  # its part takes 12 s
        body = {"node_ids": [self.n1.id, self.n2.id, self.n5.id]}
        task = self.n1.api().ok("POST", f"{ML}/models/{model}/_deploy", body)["task_id"]
        self.eventually("n1 and n2 hold it", lambda: self.placements(model) == {"n1": "loaded", "n2": "loaded", "n5": "loading"}, 11)
        self.n5.kill()
        ended = self.n2.api().task(task, 25)
        self.assertEqual(ended["state"], "COMPLETED_WITH_ERROR", ended)
        self.assertIn(self.n5.id, ended["error"])
        self.assertEqual(self.state(model), "PARTIALLY_DEPLOYED")
        self.assert_true()
        self.n5.heal()
        self.restart(self.n5)
        self.eventually("whole again without a request", lambda: self.state(model) == "DEPLOYED", 20)
        self.assert_true()

    def placements(self, model):
        """node's name → what its placement says"""
        nodes = self.n1.api().ok("GET", f"{ML}/models/{model}/_explain")["nodes"]
        return {node["name"]: node["placement"]["state"] for node in nodes if "placement" in node}

    # ---- servers of NATS die
    def survive_loss_of(self, choose):
        model, reference = self.deployed("loses a server")
        with Load(self.cluster.nodes, model, reference) as load:
            load.wait_for(30)
            victim = choose()
            victim.kill()
            other = self.write_still_works("while it is down", self.n2)
            self.assert_true()
            self.cluster.servers.start()
            self.assert_true()
        self.assert_no_errors(load)
        self.assert_predicts(other, reference)

    def test_server_killed(self):
        leader = self.cluster.servers.stream_leader("documents")
        self.survive_loss_of(lambda: next(server for server in self.cluster.servers.servers if server is not leader))

    def test_leader_of_the_documents_killed(self):
        self.survive_loss_of(lambda: self.cluster.servers.stream_leader("documents"))

    def test_leader_of_the_servers_killed(self):
        self.survive_loss_of(self.cluster.servers.meta_leader)

    # ---- links break
    def part_from_nats(self, break_link):
        model, reference = self.deployed("parted")
        fixed, _ = self.deployed("elsewhere", [self.n2])
        with Load([self.n1, self.n3, self.n4], model, reference) as load, Load([self.n3], fixed, reference) as forwarded:
            load.wait_for(30)
            for proxy in self.n3.nats:
                break_link(proxy)
            others = self.cluster.others(self.n3)
            self.cluster.wait_nodes(4, 15, others)
            self.assert_true(nodes=others)
            self.assertEqual(self.state(model), "DEPLOYED")
            self.assert_write_refused(self.n3)
            load.wait_for(60)
            for proxy in self.n3.nats:
                proxy.heal()
            self.cluster.wait_nodes(5)
            self.assert_true()
        self.assert_no_errors(load)
        self.assert_no_errors(forwarded)
        self.write_still_works("after it is back", self.n3)

    def assert_write_refused(self, node):
        begun = time.monotonic()
        status, headers, answer = node.api().exchange("PUT", "/_cluster/settings", {"persistent": {"mlnode.slow_log_ms": 900}})
        self.assertEqual(status, 503, answer)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertLess(time.monotonic() - begun, 5)

    def test_node_cut_off_from_nats(self):
        self.part_from_nats(lambda proxy: proxy.cut())

    def test_node_whose_packets_to_nats_are_lost(self):
        self.part_from_nats(lambda proxy: proxy.half_open())

    def test_worker_that_the_others_cannot_reach(self):
        model, reference = self.deployed("unreachable", [self.n3, self.n4])
        with Load([self.n1, self.n2], model, reference) as load:
            load.wait_for(30)
            self.n3.http.cut()
            load.wait_for(80)
            self.n3.http.heal()
            load.wait_for(20)
        self.assert_no_errors(load)
        self.assert_true()

    # ---- a node stops for a while
    def test_node_stopped_past_its_lease_answers_nothing_from_old_plans(self):
        gone, reference = self.deployed("undeployed meanwhile")
        stays, _ = self.deployed("stays", [self.n3])
        self.n3.suspend()
        stopped = time.monotonic()
        self.n1.api().ok("POST", f"{ML}/models/{gone}/_undeploy")
        answers = []
        asking = [threading.Thread(target=self.ask_repeatedly, args=(self.n3, gone, stopped + 12, answers)) for _ in range(3)]
        for thread in asking:  # their first requests wait in the socket until it runs again
            thread.start()
        time.sleep(max(0, stopped + 8 - time.monotonic()))
        self.assert_true(nodes=self.cluster.others(self.n3))
        self.n3.resume()
        for thread in asking:
            thread.join(30)
        self.assertGreater(len(answers), 10)
        self.assertLessEqual(set(answers), {400, 503}, "an undeployed model was served")
        self.cluster.wait_nodes(5)
        self.assert_true()
        self.assert_predicts(stays, reference)

    def ask_repeatedly(self, node, model, until, answers):
        while time.monotonic() < until:
            try:
                answers.append(predict(node, model, ["a cat"])[0])
            except (OSError, http.client.HTTPException):
                answers.append(503)
            time.sleep(0.02)

    def test_node_stopped_for_a_moment_goes_on(self):
        model, reference = self.deployed("a moment")
        with Load(self.cluster.nodes, model, reference) as load:
            load.wait_for(30)
            self.n4.suspend()
            time.sleep(2)
            self.n4.resume()
            load.wait_for(60)
        self.assert_no_errors(load)
        self.assert_true()


if __name__ == "__main__":
    case.main(__doc__)

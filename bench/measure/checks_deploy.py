"""The lines about deploying: memory, time, and many rounds under load. Each makes nodes of its own."""
import http.client, json, threading, time

from . import machine
from .contenders import DONE, ML, PREDICT, Node, Scratch, demo_archive
from .verdict import FAIL, PASS, Line, at_most, say

POLL_SECONDS = 0.004
REFUSED_PAUSE_SECONDS = 0.005  # as loadgen.rs


def timed_deploy(api, model):
    """seconds from the POST until the task says COMPLETED"""
    began = time.perf_counter()
    task = api.ok("POST", f"{ML}/models/{model}/_deploy")["task_id"]
    while (answer := api.ok("GET", f"{ML}/tasks/{task}"))["state"] not in DONE:
        time.sleep(POLL_SECONDS)
    took = time.perf_counter() - began
    if answer["state"] != "COMPLETED":
        raise RuntimeError(f"the deploy ended as {answer}")
    return took


def deploy_time(context):
    """i: cold is the first deploy in a new data folder, with verification; warm the next one"""
    cold, warm = [], []
    for _ in range(context.rounds):
        with Node(context.binary, *context.flags) as node:
            model = node.api.register(demo_archive(machine.MODEL), "timed")
            cold.append(timed_deploy(node.api, model))
            node.api.undeploy(model)
            node.api.wait_state(model, "UNDEPLOYED")
            warm.append(timed_deploy(node.api, model))
        say(f"  cold {cold[-1]:.3f} s, warm {warm[-1]:.3f} s")
    yield at_most("i", "deploy, POST to COMPLETED, cold and verified", 2.5, cold, "s")
    yield at_most("i", "deploy, POST to COMPLETED, warm", 0.4, warm, "s")


def memory(context):
    """h: resident memory some time after a cold deploy, and after a restart with it"""
    with Scratch() as folder:
        with Node(context.binary, *context.flags, data=folder) as node:
            node.deploy()
            time.sleep(context.settle_seconds)
            cold = machine.resident_mb(node.pid)
        with Node(context.binary, *context.flags, data=folder) as node:
            node.api.wait_ready()
            time.sleep(context.settle_seconds)
            restarted = machine.resident_mb(node.pid)
    yield at_most("h", f"VmRSS {context.settle_seconds:g} s after a cold verified deploy", 260, [cold], "MB")
    yield at_most("h", f"VmRSS {context.settle_seconds:g} s after a restart", 260, [restarted], "MB")


# What spec/predict-local and spec/deploy let a prediction answer while its model comes and goes.
SPEC_CODES = {200, 400, 404, 429, 503}


class PredictLoop:
    """predicts one after the other until the end of the with block; codes: status → count, 0 = no answer"""

    def __init__(self, api, model, texts):
        self.api, self.path = api, f"{ML}/models/{model}/_predict"
        self.texts = len(texts)
        self.body = PREDICT[0] + ",".join(json.dumps(text) for text in texts) + PREDICT[1]
        self.codes, self.stop = {}, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def ask(self, connection):
        connection.request("POST", self.path, self.body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        answer = json.loads(reply.read())
        if reply.status == 200 and len(answer["inference_results"]) != self.texts:
            return -1  # not a result for each text
        return reply.status

    def run(self):
        connection = http.client.HTTPConnection(self.api.host, self.api.port, timeout=60)
        while not self.stop.is_set():
            try:
                status = self.ask(connection)
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                status = 0
                connection.close()
            self.codes[status] = self.codes.get(status, 0) + 1
            if status != 200:
                time.sleep(REFUSED_PAUSE_SECONDS)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def rolling_medians(values, width):
    return [machine.median(values[i:i + width]) for i in range(len(values) - width + 1)]


def resident_growth(curve, base_round):
    """the most that a median of ten rounds after base_round exceeds the median of the ten before it, as a share"""
    base = machine.median(curve[max(0, base_round - 10):base_round])
    return max(rolling_medians(curve[base_round:], min(10, len(curve) - base_round))) / base - 1


def soak(context):
    """j: rounds of deploy and undeploy under predict load on the model that comes and goes, and on one that stays"""
    rounds, base_round = context.soak_rounds
    texts, curve = json.load(open(context.texts))[:3], []
    with Node(context.binary, *context.flags) as node:
        stays = node.deploy()
        passing = node.api.register(context.other_archive(), "passing")
        with PredictLoop(node.api, stays, texts) as steady, PredictLoop(node.api, passing, texts) as moving:
            for number in range(1, rounds + 1):
                timed_deploy(node.api, passing)
                node.api.undeploy(passing)
                node.api.wait_state(passing, "UNDEPLOYED")
                curve.append(machine.resident_mb(node.pid))
                if number % 10 == 0:
                    say(f"  round {number}: {curve[-1]:.1f} MB")
    growth = resident_growth(curve, base_round)
    words = f"{rounds} deploys and undeploys under load, resident memory from round {base_round} on"
    yield Line("j", words, "<= +5 %", f"{growth:+.1%}", PASS if growth <= 0.05 else FAIL)
    yield Line("j", "answers of the model that stayed meanwhile", "only 200", str(steady.codes), PASS if set(steady.codes) == {200} else FAIL)
    status = PASS if set(moving.codes) <= SPEC_CODES and moving.codes.get(200) else FAIL
    yield Line("j", "answers of the model that came and went", f"of {sorted(SPEC_CODES)}, and some 200", str(moving.codes), status)

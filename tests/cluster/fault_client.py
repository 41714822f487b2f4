"""A client of a fault run: drives models through their lives, one request after the other, each through a node chosen anew, and writes down
every request with what came of it: ok, refused (certainly not done) or unknown."""
import collections, hashlib, http.client, json, random, threading, time

from api import ML
from cluster import CONFIG, tiny_archive
from load import TEXTS

PARTS, KEPT = 2, 2  # parts of an upload; models that each client leaves as they are
CALL_SECONDS = 15
DEPLOY_SECONDS = 90  # for a deploy's task to end
CUT = (OSError, http.client.HTTPException)

Reply = collections.namedtuple("Reply", "outcome status answer")


class HistoryFile:
    """One JSON object a line; times are seconds since it was opened. Threads: any."""

    def __init__(self, path):
        self.file, self.lock, self.begun = open(path, "w", encoding="utf-8"), threading.Lock(), time.monotonic()

    def now(self):
        return round(time.monotonic() - self.begun, 4)

    def write(self, kind, **fields):
        with self.lock:
            self.file.write(json.dumps({"kind": kind} | fields) + "\n")
            self.file.flush()

    def close(self):
        self.file.close()


def outcome_of(status, answer):
    if status == 200:
        return "ok"
    return "unknown" if status >= 500 else "refused"


def ask(node, method, path, body=None):
    """Reply; whatever happens to the connection"""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=CALL_SECONDS)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        try:
            connection.connect()
        except OSError as error:
            return Reply("refused", type(error).__name__, str(error))
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"} if data is not None else {})
            reply = connection.getresponse()
            text = reply.read()
        except CUT as error:
            return Reply("unknown", type(error).__name__, str(error))
    finally:
        connection.close()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = text.decode(errors="replace")
    return Reply(outcome_of(reply.status, answer), reply.status, answer)


class Life:
    def __init__(self, name):
        self.name, self.stage, self.model, self.task = name, "new", None, None
        self.archive = tiny_archive(name)
        self.missing = set(range(PARTS))
        self.predictions = 0

    def part(self, n):
        size = -(-len(self.archive) // PARTS)
        return self.archive[n * size:(n + 1) * size]


class FaultClient:
    """run() in a thread of its own until `stop` is set. Each stage of a life does one request; one that was not acknowledged is repeated."""

    def __init__(self, number, nodes, history, seed):
        self.number, self.nodes, self.history, self.choose = number, nodes, history, random.Random(seed)
        self.made, self.kept, self.life, self.failures = 0, 0, None, []

    def run(self, stop):
        try:
            while not stop.is_set():
                if self.life is None:
                    self.made += 1
                    self.life = Life(f"life-{self.number}-{self.made}")
                getattr(self, self.life.stage)(self.life)
                stop.wait(self.choose.uniform(0, 0.1))
        except Exception as failure:  # an answer that the client does not understand
            self.failures.append(f"client {self.number}: {failure!r}")
            raise

    def request(self, op, method, path, body=None, **more):
        """asks through any node; writes it down with `more`, which may be made from the answer"""
        node, begun = self.choose.choice(self.nodes), self.history.now()
        reply = ask(node, method, path, body)
        if reply.outcome == "ok":
            fields = {name: value(reply.answer) if callable(value) else value for name, value in more.items()}
        else:
            fields = {name: value for name, value in more.items() if not callable(value)} | {"answer": str(reply.answer)[:300]}
        self.history.write("op", client=self.number, life=self.life.name, op=op, node=node.name, begun=begun, ended=self.history.now(),
                           outcome=reply.outcome, status=reply.status, **fields)
        return reply

    # ---- the stages
    def new(self, life):
        body = dict(name=life.name, version="1", function_name="TEXT_EMBEDDING", model_format="ONNX", model_config=CONFIG, total_chunks=PARTS,
                    model_content_size_in_bytes=len(life.archive), model_content_hash_value=hashlib.sha256(life.archive).hexdigest())
        reply = self.request("meta", "POST", f"{ML}/models/_register_meta", body, parts=PARTS, model=lambda answer: answer["model_id"])
        if reply.outcome == "ok":
            life.model, life.stage = reply.answer["model_id"], "uploading"
        elif reply.outcome == "unknown":
            self.life = None  # nobody will ever know its id

    def uploading(self, life):
        n = self.choose.choice(sorted(life.missing))
        if self.request("chunk", "POST", f"{ML}/models/{life.model}/upload_chunk/{n}", life.part(n), part=n).outcome == "ok":
            life.missing.discard(n)
            life.stage = "uploading" if life.missing else "at_rest"

    def at_rest(self, life):
        if not self.leave(0.1):
            self.deploy(life)

    def leave(self, likely):
        """the life stays as it is, to be looked at in the end"""
        if self.kept < KEPT and self.choose.random() < likely:
            self.kept, self.life = self.kept + 1, None
            return True
        return False

    def deploy(self, life):
        nodes = self.nodes if self.choose.random() < 0.5 else self.choose.sample(self.nodes, 2)
        body = None if nodes is self.nodes else {"node_ids": [node.id for node in nodes]}
        reply = self.request("deploy", "POST", f"{ML}/models/{life.model}/_deploy", body, nodes=[node.name for node in nodes],
                             task=lambda answer: answer["task_id"])
        if reply.outcome == "ok":
            life.task, life.stage, life.deadline = reply.answer["task_id"], "deploying", time.monotonic() + DEPLOY_SECONDS
        elif reply.outcome == "unknown":
            life.stage = "deployed"  # or not: its next request tells

    def deploying(self, life):
        reply = ask(self.choose.choice(self.nodes), "GET", f"{ML}/tasks/{life.task}")
        if reply.outcome == "ok" and reply.answer["state"] not in ("CREATED", "RUNNING"):
            life.stage = "asked" if reply.answer["state"] == "COMPLETED" else "deployed"
            life.predictions = self.choose.randint(5, 40)
        elif time.monotonic() > life.deadline:
            raise AssertionError(f"{life.name}: the deploy's task has not ended: {reply}")

    def asked(self, life):
        texts = self.choose.choices(TEXTS, k=self.choose.randint(1, 4))
        self.request("predict", "POST", f"{ML}/models/{life.model}/_predict", {"text_docs": texts}, texts=texts,
                     vectors=lambda answer: [result["output"][0]["data"] for result in answer["inference_results"]])
        life.predictions -= 1
        if life.predictions <= 0 and not self.leave(0.2):
            life.stage = "deployed"

    def deployed(self, life):
        if self.choose.random() < 0.5:
            wanted = f"{self.choose.random():.9f}"
            return self.request("update", "PUT", f"{ML}/models/{life.model}", {"description": wanted}, description=wanted)
        if self.request("undeploy", "POST", f"{ML}/models/{life.model}/_undeploy").outcome == "ok":
            life.stage = "at_rest" if self.choose.random() < 0.4 else "leaving"

    def leaving(self, life):
        """a delete whose outcome nobody knows is repeated until somebody does"""
        reply = self.request("delete", "DELETE", f"{ML}/models/{life.model}")
        if reply.outcome == "ok" or reply.status == 404:
            self.life = None
        elif reply.outcome == "refused" and reply.status == 400:
            life.stage = "deployed"  # an undeploy that a node has not heard of

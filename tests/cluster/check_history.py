"""Holds the history of a fault run (fault_client.py and cluster_fault_run.py write it, one JSON object a line) against what a cluster
promises: nothing acknowledged is lost, what was not acknowledged happened whole or not at all and looks the same through every node, every
prediction has the reference's vectors and fails only near a fault, no task is in progress at the end.
check_history.py FILE

Lines, by `kind`:
  start       seed, reference {text: vector}
  op          client, life (a model's name), op, node, begun, ended, outcome (ok | refused | unknown), status, and what the op needs:
              meta → model; chunk → part, parts; deploy → task, nodes; update → description; predict → texts, vectors
  fault       what, who [names; "*" for all], begun, ended
  final       what all nodes say when everything runs again: model, node, status, name, state, description
  predicted   the same for predictions: model, node, status, text, vector
  models      node, found {model: name}
  task        task, node, status, state
  in_progress node, found [tasks]
  revived     model, state, text, vector: a model at rest was deployed and asked
A client drives one life at a time, one request after the other, so what may have become of a life follows from its own lines alone."""
import collections, json, sys

WRITES = ("meta", "chunk", "deploy", "undeploy", "update", "delete")
TRANSIENT = (503, 429)  # "come again": what a node says, too, where nobody is left that holds the model
SETTLED_AFTER = 10  # seconds after a fault until all is as it says
ENDED = ("COMPLETED", "FAILED", "COMPLETED_WITH_ERROR", "CANCELLED")


class Life:
    """What may have become of one model, from its client's requests. exists: True, False or None (nobody knows)."""

    def __init__(self, name):
        self.name, self.model, self.exists = name, None, False
        self.acknowledged, self.sent, self.parts = set(), set(), None
        self.wanted, self.descriptions, self.tasks = {"never"}, {None}, []
        self.deploys = []  # (when acknowledged, on which nodes)

    def take(self, line):
        if line["outcome"] == "refused":
            return
        getattr(self, line["op"], lambda *_: None)(line, line["outcome"] == "ok")

    def meta(self, line, ok):
        self.exists, self.model, self.parts = (True if ok else None), line.get("model"), line.get("parts")

    def chunk(self, line, ok):
        self.sent.add(line["part"])
        if ok:
            self.acknowledged.add(line["part"])

    def deploy(self, line, ok):
        self.wanted = {"deployed"} if ok else self.wanted | {"deployed"}
        if ok:
            self.tasks.append(line["task"])
            self.deploys.append((line["ended"], line["nodes"]))

    def undeploy(self, line, ok):
        self.wanted = {"undeployed"} if ok else self.wanted | {"undeployed"}

    def update(self, line, ok):
        self.descriptions = {line["description"]} if ok else self.descriptions | {line["description"]}

    def delete(self, line, ok):
        self.exists = False if ok else None

    def holders(self, moment):
        """the nodes that the deploy acknowledged last before that moment named"""
        return [nodes for ended, nodes in self.deploys if ended <= moment][-1]

    def states(self, task_states):
        """the states that it may be shown in when all is at rest"""
        if self.parts is not None and len(self.acknowledged) < self.parts:
            return {"REGISTERING"} | ({"REGISTERED"} if len(self.sent) == self.parts else set())
        allowed = set()
        if "never" in self.wanted:
            allowed |= {"REGISTERED"}
        if "undeployed" in self.wanted:
            allowed |= {"UNDEPLOYED"}
        if "deployed" in self.wanted:
            allowed |= {"DEPLOYED"}
            known = task_states.get(self.tasks[-1]) if self.tasks and self.wanted == {"deployed"} else None
            if known not in ("COMPLETED", "COMPLETED_WITH_ERROR"):  # a deploy that failed, or one of which nobody knows
                allowed |= {"DEPLOY_FAILED", "PARTIALLY_DEPLOYED"}
        return allowed


class History:
    def __init__(self, lines):
        self.by_kind = collections.defaultdict(list)
        for line in lines:
            self.by_kind[line["kind"]].append(line)
        self.reference = self.by_kind["start"][0]["reference"]
        self.lives = {}
        for line in sorted(self.by_kind["op"], key=lambda op: op["begun"]):
            self.lives.setdefault(line["life"], Life(line["life"])).take(line)
        self.task_states = {line["task"]: line["state"] for line in self.by_kind["task"]}
        self.finals = collections.defaultdict(dict)
        for line in self.by_kind["final"]:
            self.finals[line["model"]][line["node"]] = line

    def troubled(self, node, begun, ended):
        """was a fault of this node, or one of all, so near that it may have known less than others"""
        return any((node in fault["who"] or "*" in fault["who"]) and fault["begun"] <= ended and begun <= fault["ended"] + SETTLED_AFTER
                   for fault in self.by_kind["fault"])

    def excused(self, line):
        """may this prediction of a deployed model have failed: by the node that was asked, or because no holder was whole"""
        during = line["begun"], line["ended"]
        holders = self.lives[line["life"]].holders(line["begun"])
        none_left = line["status"] in TRANSIENT and all(self.troubled(holder, *during) for holder in holders)
        return none_left or self.troubled(line["node"], *during)

    # ---- what must hold
    def violations(self):
        yield from self.predictions()
        yield from self.models_at_the_end()
        yield from self.predictions_at_the_end()
        yield from self.tasks_at_the_end()

    def wrong_vector(self, text, vector):
        return vector != self.reference[text]

    def predictions(self):
        for line in self.by_kind["op"]:
            where = f"{line['life']}: {line['op']} through {line['node']} at {line['begun']:.2f}"
            if line["status"] in (500, 501, 502):
                yield f"{where} ended with {line['status']}: {line.get('answer')}"
            if line["op"] != "predict":
                continue
            if line["outcome"] == "ok":
                pairs = list(zip(line["texts"], line["vectors"]))
                if len(line["vectors"]) != len(line["texts"]) or any(self.wrong_vector(*pair) for pair in pairs):
                    yield f"{where} gave {pairs}, which is not the reference"
            elif not self.excused(line):
                yield f"{where} of a deployed model ended with {line['status']}: {line.get('answer')}"

    def models_at_the_end(self):
        nodes = {line["node"] for line in self.by_kind["models"]}
        if not nodes:
            yield "nobody was asked at the end"
        listed = {line["node"]: line["found"] for line in self.by_kind["models"]}
        for node, found in listed.items():
            for model, name in found.items():
                if name not in self.lives:
                    yield f"{node} lists {model} ({name}), which nobody registered"
        for name, life in self.lives.items():
            ids = {model for found in listed.values() for model, of in found.items() if of == name}
            if len(ids) > 1:
                yield f"{name} is there more than once: {sorted(ids)}"
            model = life.model or next(iter(ids), None)
            if life.model and ids - {life.model}:
                yield f"{name} is listed as {sorted(ids)}, its client was told {life.model}"
            seen = {node for node, found in listed.items() if model in found}
            yield from self.model_at_the_end(life, model, nodes, seen)

    def model_at_the_end(self, life, model, nodes, listing):
        """one model, by GET through every node and by the nodes that list it"""
        answers = self.finals.get(model, {})
        if model is None or not answers:
            if life.exists or listing:
                yield f"{life.name} was not asked for at the end"
            return
        there = {node for node, line in answers.items() if line["status"] == 200}
        absent = {node for node, line in answers.items() if line["status"] == 404}
        if there | absent != nodes or (there and absent) or listing not in ({*nodes}, set()) or bool(listing) != bool(there):
            yield f"{life.name} is half there: GET finds it through {sorted(there)}, not through {sorted(absent)}; listed by {sorted(listing)}"
            return
        if life.exists is True and not there:
            yield f"{life.name} is gone, its deletion was not asked for"
        if life.exists is False and there:
            yield f"{life.name} is there, its deletion was acknowledged"
        if not there:
            return
        shown = {(line["state"], line["description"], line["name"]) for line in answers.values()}
        if len(shown) > 1:
            yield f"{life.name} looks different through different nodes: {shown}"
        state, description, name = next(iter(shown))
        if state not in life.states(self.task_states):
            yield f"{life.name} is {state}; by its client's requests it is one of {sorted(life.states(self.task_states))}"
        if description not in life.descriptions:
            yield f"{life.name} has the description {description}; acknowledged, or asked for since: {life.descriptions}"
        if name != life.name:
            yield f"{life.name} has the name {name}"

    def predictions_at_the_end(self):
        for line in self.by_kind["predicted"]:
            if line["status"] != 200 or self.wrong_vector(line["text"], line["vector"]):
                yield f"at the end {line['model']} through {line['node']} predicts {line['status']} {line['vector']}"
        predicted = collections.defaultdict(set)
        for line in self.by_kind["predicted"]:
            predicted[line["model"]].add(line["node"])
        for model, answers in self.finals.items():
            if any(line.get("state") == "DEPLOYED" for line in answers.values()) and predicted[model] != set(answers):
                yield f"at the end the deployed {model} was not asked through every node"
        for line in self.by_kind["revived"]:
            if line["state"] != "COMPLETED" or self.wrong_vector(line["text"], line["vector"]):
                yield f"{line['model']} was at rest, and its deploy ended {line['state']}, its prediction {line['vector']}"

    def tasks_at_the_end(self):
        for line in self.by_kind["in_progress"]:
            if line["found"]:
                yield f"by {line['node']} tasks are in progress: {line['found']}"
        asked = collections.defaultdict(set)
        for line in self.by_kind["task"]:
            asked[line["task"]].add((line["status"], line["state"]))
        for life in self.lives.values():
            for task in life.tasks:
                states = asked.get(task, set())
                if len(states) != 1:
                    yield f"task {task} of {life.name} looks different through different nodes: {states}"
                elif next(iter(states))[0] != 200 or next(iter(states))[1] not in ENDED:
                    yield f"task {task} of {life.name}: {states}"

    def summary(self):
        counts = collections.Counter(f"{line['op']} {line['outcome']}" for line in self.by_kind["op"])
        return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def read(path):
    with open(path, encoding="utf-8") as lines:
        return History([json.loads(line) for line in lines])


def main():
    history = read(sys.argv[1])
    found = list(history.violations())
    print(history.summary())
    print("\n".join(found) or "history: as promised")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Do the nodes of a cluster tell the truth about its models, and the same? Of each node it asks who is there, each model (GET), who really
holds it (its profile) and a prediction, and holds these against each other. Prints the differences; exit 0 when there are none.

check_truth.py http://127.0.0.1:9200 http://127.0.0.1:9201 … [--model ID]… [--text TEXT] [--within SECONDS]
All live nodes must be named. --within: ask again until there is no difference, for at most so long. Predictions are asked of text embedding
and sparse encoding models only. It looks at one node after the other, so while models come and go it may see differences that are none."""
import argparse, concurrent.futures, http.client, json, sys, time, urllib.parse

ML = "/_plugins/_ml"
PREDICTED = ("TEXT_EMBEDDING", "SPARSE_ENCODING", "SPARSE_TOKENIZE")
CALL_SECONDS = 15
AT_REST = ("REGISTERED", "UNDEPLOYED", "DEPLOY_FAILED", "REGISTERING")  # nobody holds it


class NoAnswer(Exception):
    """A node that was named does not answer."""


class Node:
    """What one node says."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.url, self.host, self.port = url, parts.hostname, parts.port

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=CALL_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(f"{self.url} does not answer {method} {path}: {error!r}") from None
        finally:
            connection.close()

    def well(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        if status != 200:
            raise NoAnswer(f"{self.url} answers {method} {path} with {status}: {json.dumps(answer)[:300]}")
        return answer

    def look(self, models):
        here = self.well("GET", "/_nodes/_local")["nodes"]
        self.id, self.name = next((id, info["name"]) for id, info in here.items())
        self.live = set(self.well("GET", "/_nodes")["nodes"])
        every = {"size": 1000, "query": {"bool": {"must_not": [{"exists": {"field": "chunk_number"}}]}}}
        self.found = {hit["_id"] for hit in self.well("POST", f"{ML}/models/_search", every)["hits"]["hits"]}
        self.models = {model: self.ask("GET", f"{ML}/models/{model}") for model in models or self.found}
        self.profile = self.well("GET", f"{ML}/profile/models").get("nodes", {})

    def predict(self, model, text):
        """(status, answer) of a prediction of the text"""
        return self.ask("POST", f"{ML}/models/{model}/_predict", {"text_docs": [text]})

    def holds(self, model):
        """does it hold it itself, by its own profile"""
        return is_loaded(self.profile.get(self.id, {}), model)


def is_loaded(part, model):
    entry = part.get("models", {}).get(model, {})
    return entry.get("model_state") == "DEPLOYED" and "predictor" in entry


def names(nodes, ids):
    known = {node.id: node.name for node in nodes}
    return "{" + ", ".join(sorted(known.get(id, id) for id in ids)) + "}"


def members(nodes):
    ids = {node.id for node in nodes}
    for node in nodes:
        if node.live != ids:
            yield f"{node.name} says that {names(nodes, node.live)} live, there are {names(nodes, ids)}"
        if node.found != nodes[0].found:
            yield f"{node.name} and {nodes[0].name} know different models: {sorted(node.found ^ nodes[0].found)}"


def expected_state(shown, holders):
    """the states that fit: what is shown of the plan, and who really holds it"""
    planned = set(shown.get("planning_worker_nodes", []))
    if not holders:
        return AT_REST
    if holders == planned:
        return ("DEPLOYED",)
    return ("PARTIALLY_DEPLOYED",)


def document(nodes, model):
    """GET of the model at every node, against who holds it"""
    first = nodes[0].models[model]
    for node in nodes[1:]:
        status, shown = node.models[model]
        if (status, shown) != first:
            differing = sorted(key for key in {*shown, *first[1]} if shown.get(key) != first[1].get(key))
            yield (f"{model}: {node.name} and {nodes[0].name} differ in {differing or 'status'}: "
                   f"{status} {[shown.get(k) for k in differing]}, {first[0]} {[first[1].get(k) for k in differing]}")
    status, shown = first
    if status != 200:
        yield f"{model}: {nodes[0].name} answers {status}"
        return
    holders = {node.id for node in nodes if node.holds(model)}
    planned = shown.get("planning_worker_nodes", [])
    if shown["model_state"] not in expected_state(shown, holders):
        yield f"{model} is shown as {shown['model_state']}; planned on {names(nodes, planned)}, held by {names(nodes, holders)}"
    if shown.get("current_worker_node_count", 0) != len(holders):
        yield f"{model}: current_worker_node_count {shown.get('current_worker_node_count')}, held by {names(nodes, holders)}"
    if shown.get("planning_worker_node_count", 0) != len(planned):
        yield f"{model}: planning_worker_node_count {shown['planning_worker_node_count']}, planned on {names(nodes, planned)}"


def profile(nodes, model):
    """what the nodes say of each other"""
    holders = {node.id for node in nodes if node.holds(model)}
    for node in nodes:
        seen = {id for id, part in node.profile.items() if is_loaded(part, model)}
        if seen != holders:
            yield f"{model}: by {node.name}'s profile {names(nodes, seen)} hold it, really {names(nodes, holders)}"
        for id, part in node.profile.items():
            workers = part.get("models", {}).get(model, {}).get("worker_nodes")
            if workers is not None and set(workers) != holders:
                yield f"{model}: {names(nodes, [id])} (asked by {node.name}) lists the workers {names(nodes, workers)}, really {names(nodes, holders)}"


def predictions(nodes, model, text):
    if nodes[0].models[model][1].get("algorithm") not in PREDICTED:
        return
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        answers = dict(zip(nodes, pool.map(lambda node: node.predict(model, text), nodes)))
    held = any(node.holds(model) for node in nodes)
    state, reference = nodes[0].models[model][1].get("model_state"), None
    for node, (status, answer) in answers.items():
        if held and status != 200:
            yield f"{model} is held, but through {node.name} a prediction ends with {status}: {json.dumps(answer)[:200]}"
        elif not held and status not in (400, 503):
            yield f"{model} is held by nobody ({state}), but through {node.name} a prediction ends with {status}: {json.dumps(answer)[:200]}"
        elif status == 200:
            reference = reference or (node, answer["inference_results"])
            if answer["inference_results"] != reference[1]:
                yield f"{model}: {node.name} and {reference[0].name} predict differently"


def differences(urls, models=(), text="the cat sat"):
    """what is not true, as sentences; empty: all is"""
    nodes = [Node(url) for url in urls]
    try:
        with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(lambda node: node.look(models), nodes))
        found = list(members(nodes))
        for model in sorted(models or set.union(*(node.found for node in nodes))):
            for node in nodes:
                if model not in node.models:
                    node.models[model] = node.ask("GET", f"{ML}/models/{model}")
            found += [*document(nodes, model), *profile(nodes, model), *predictions(nodes, model, text)]
        return found
    except NoAnswer as error:
        return [str(error)]


def wait_true(urls, limit=10, **what):
    """the differences that are left after `limit` seconds; returns as soon as there are none"""
    deadline = time.monotonic() + limit
    while found := differences(urls, **what):
        if time.monotonic() > deadline:
            return found
        time.sleep(0.2)
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="+")
    parser.add_argument("--model", action="append", default=[]), parser.add_argument("--text", default="the cat sat")
    parser.add_argument("--within", type=float, default=0)
    options = parser.parse_args()
    found = wait_true(options.url, options.within, models=options.model, text=options.text)
    print("\n".join(found) or "true: the nodes agree with each other and with what they do")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

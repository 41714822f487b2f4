"""The speed lines of remote models: what a lost provider costs everybody else. Takes the context of bench/check; the provider is bin/provider_double on this machine."""
import json, subprocess, time

from . import load, machine
from .checks_load import closed, expect_success
from .contenders import ML
from .verdict import FAIL, PASS, Line, at_most, say

ASKED = 40  # requests a second for the remote model, while the local one is measured
SETTINGS = {"plugins.ml_commons.trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
            "plugins.ml_commons.connector.private_ip_enabled": True}


class Provider:
    """a provider of embeddings on a port that stays the same; use as a context"""

    def __init__(self, port=0, delay_ms=20):
        self.port, self.delay_ms, self.process = port, delay_ms, None

    def start(self):
        words = [machine.BUILD / "bin/provider_double", "--port", self.port, "--delay-ms", self.delay_ms]
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(" ", 1)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()


def register_remote(api, port):
    """a model that the provider serves; its id"""
    api.ok("PUT", "/_cluster/settings", {"persistent": SETTINGS})
    action = {"action_type": "predict", "method": "POST", "url": f"http://127.0.0.1:{port}/v1/embeddings",
              "headers": {"Authorization": "Bearer ${credential.key}"},
              "request_body": '{"input": ${parameters.input}, "model": "${parameters.model}"}',
              "pre_process_function": "connector.pre_process.openai.embedding", "post_process_function": "connector.post_process.openai.embedding"}
    connector = {"name": "provider", "version": "1", "protocol": "http", "parameters": {"model": "m"}, "credential": {"key": "k"},
                 "actions": [action]}
    return api.ok("POST", f"{ML}/models/_register", {"name": "remote", "function_name": "remote", "connector": connector})["model_id"]


def ask_until_served(api, model, patience=30):
    """seconds until the remote model answers 200 again"""
    began = time.monotonic()
    while api.call("POST", f"{ML}/models/{model}/_predict", {"parameters": {"input": ["a"]}})[0] != 200:
        if time.monotonic() > began + patience:
            return float("inf")
        time.sleep(0.2)
    return time.monotonic() - began


def while_asked(context, model, seconds):
    """(local single documents meanwhile, codes of the remote requests)"""
    endpoint = load.Endpoint(context.node.api.host, context.node.api.port, f"{ML}/models/{model}/_predict", '{"parameters":{"input":[', "]}}")
    words = load.command(endpoint, context.texts, 200, 1, "--phases", f"{ASKED}:{seconds:g}")
    asking = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    row = load.closed(context.node.endpoint(), context.texts, 1, 1, seconds - 1)
    codes = {}
    for second in json.loads(asking.communicate()[0])["seconds"]:
        for code, count in second["codes"].items():
            codes[code] = codes.get(code, 0) + count
    return expect_success(row), codes


def provider_lost(context):
    """k: local predictions while the provider of a remote model is lost, and after"""
    with Provider() as provider:
        model = register_remote(context.node.api, provider.port)
        ratios, codes, served = [], {}, []
        for _ in range(context.rounds):
            if ask_until_served(context.node.api, model) == float("inf"):
                raise RuntimeError("the remote model does not answer")
            idle = expect_success(closed(context, 1, 1))
            provider.kill()
            lost, lost_codes = while_asked(context, model, context.lost_seconds)
            provider.start()
            served.append(ask_until_served(context.node.api, model))
            for code, count in lost_codes.items():
                codes[code] = codes.get(code, 0) + count
            ratios.append(lost.p99 / idle.p99)
            say(f"  p99 {idle.p99:.2f} ms, provider lost {lost.p99:.2f} ms; served again after {served[-1]:.1f} s")
    lost_words = f"p99 of local single documents while the provider that {ASKED} requests/s ask is lost, by the idle p99"
    yield at_most("k", lost_words, 1.2, ratios, "x", f"; the remote requests then {codes}")
    yield at_most("k", "seconds until the remote model answers again", 10, served, "s")
    allowed = {"500", "503"}
    yield Line("k", "answers of the remote model while its provider is lost", f"of {sorted(allowed)}", str(codes), PASS if set(codes) <= allowed else FAIL)


"""The judge of fault runs sees what it is there to see: each history here breaks one promise, but for the first ones, which break none."""
import unittest

from check_history import History

NODES = ("n1", "n2")
REFERENCE = {"a cat": [1.0, 2.0]}


class Scenario:
    """A history in which one client makes, deploys and asks a model, and everything is well; methods bend it."""

    def __init__(self):
        self.clock, self.lines = 0.0, [{"kind": "start", "seed": 1, "reference": REFERENCE}]
        self.ops, self.faults = [], []
        self.state, self.description, self.status, self.listed = "DEPLOYED", None, 200, True
        self.final = {}  # node → what it says in place of the above
        self.task_state, self.in_progress, self.predicted, self.revived = "COMPLETED", [], {}, None

    def op(self, op, outcome="ok", status=200, node="n1", **more):
        self.clock += 1
        self.ops.append(dict(kind="op", client=0, life="life", op=op, node=node, begun=self.clock, ended=self.clock + 0.1,
                             outcome=outcome, status=status) | more)
        return self

    def registered(self):
        return self.op("meta", model="m", parts=2).op("chunk", part=0).op("chunk", part=1)

    def deployed(self):
        return self.registered().op("deploy", task="t", nodes=["n2"])

    def fault(self, *who):
        """one that ended just now"""
        self.faults.append({"kind": "fault", "what": "cut", "who": list(who), "begun": self.clock, "ended": self.clock})
        return self

    def predict(self, vector, **more):
        return self.op("predict", texts=["a cat"], vectors=[vector], **more)

    def ends(self, **values):
        vars(self).update(values)
        return self

    def violations(self):
        lines = self.lines + self.ops + self.faults
        for node in NODES:
            says = dict(status=self.status, name="life", state=self.state, description=self.description, listed=self.listed) | self.final.get(node, {})
            lines.append(dict(kind="models", node=node, found={"m": says["name"]} if says.pop("listed") else {}))
            lines.append(dict(kind="final", model="m", node=node) | says)
            if says["state"] == "DEPLOYED" and says["status"] == 200:
                lines.append(dict(kind="predicted", model="m", node=node, status=200, text="a cat", vector=[1.0, 2.0]) | self.predicted)
            lines.append(dict(kind="in_progress", node=node, found=self.in_progress))
            lines += [dict(kind="task", task=op["task"], node=node, status=200, state=self.task_state) for op in self.ops if "task" in op]
        if self.revived:
            lines.append(dict(kind="revived", model="m", state="COMPLETED", text="a cat", vector=[1.0, 2.0]) | self.revived)
        return list(History(lines).violations())


class CheckHistoryTest(unittest.TestCase):
    def assert_fine(self, scenario):
        self.assertEqual(scenario.violations(), [])

    def assert_seen(self, scenario, text):
        found = scenario.violations()
        self.assertTrue(any(text in line for line in found), f"'{text}' is not among {found}")

    def test_a_whole_life_is_fine(self):
        self.assert_fine(Scenario().deployed().predict([1.0, 2.0]))
        self.assert_fine(Scenario().deployed().op("undeploy").ends(state="UNDEPLOYED", revived={"state": "COMPLETED"}))
        self.assert_fine(Scenario().deployed().op("undeploy").op("delete").ends(status=404, state=None, listed=False))
        self.assert_fine(Scenario().op("meta", model="m", parts=2).op("chunk", part=0).ends(state="REGISTERING"))

    def test_what_nobody_knows_may_have_happened_or_not(self):
        unknown = dict(outcome="unknown", status="ConnectionResetError")
        for state in ("DEPLOYED", "UNDEPLOYED"):
            self.assert_fine(Scenario().deployed().op("undeploy", **unknown).ends(state=state))
        for status, state, listed in ((200, "UNDEPLOYED", True), (404, None, False)):
            self.assert_fine(Scenario().deployed().op("undeploy").op("delete", **unknown).ends(status=status, state=state, listed=listed))
        for description in (None, "new"):
            self.assert_fine(Scenario().deployed().op("update", description="new", **unknown).ends(description=description))
        self.assert_fine(Scenario().op("meta", parts=2, **unknown).ends(state="REGISTERING"))
        self.assert_fine(Scenario().op("meta", model="m", parts=2).op("chunk", part=0).op("chunk", part=1, **unknown).ends(state="REGISTERED"))
        self.assert_fine(Scenario().deployed().op("delete", outcome="refused", status=400))

    def test_acknowledged_writes_that_are_lost(self):
        self.assert_seen(Scenario().deployed().ends(status=404, state=None, listed=False), "is gone")
        self.assert_seen(Scenario().deployed().ends(state="REGISTERED"), "is REGISTERED")
        self.assert_seen(Scenario().registered().ends(state="REGISTERING"), "is REGISTERING")
        self.assert_seen(Scenario().deployed().op("undeploy"), "is DEPLOYED")
        self.assert_seen(Scenario().deployed().op("undeploy").op("delete").ends(state="UNDEPLOYED"), "deletion was acknowledged")
        self.assert_seen(Scenario().deployed().op("update", description="new"), "has the description None")
        self.assert_seen(Scenario().deployed().ends(state="PARTIALLY_DEPLOYED"), "is PARTIALLY_DEPLOYED")

    def test_writes_that_happened_half(self):
        for half in ({"status": 404, "listed": False}, {"listed": False}, {"status": 503}):
            self.assert_seen(Scenario().op("meta", parts=2, outcome="unknown", status=503).ends(state="REGISTERING", final={"n2": half}), "half there")
        self.assert_seen(Scenario().deployed().ends(final={"n2": {"state": "UNDEPLOYED"}}), "looks different")
        self.assert_seen(Scenario().op("meta", parts=2, outcome="unknown", status=503).ends(state="REGISTERED"), "is REGISTERED")

    def test_what_nobody_made(self):
        self.assert_seen(Scenario().deployed().ends(final={"n1": {"name": "other"}}), "which nobody registered")
        self.assert_seen(Scenario().op("meta", outcome="refused", status=400).ends(state="REGISTERING"), "is there")

    def test_wrong_predictions(self):
        self.assert_seen(Scenario().deployed().predict([1.0, 2.0000002]), "not the reference")
        self.assert_seen(Scenario().deployed().op("predict", texts=["a cat", "a cat"], vectors=[[1.0, 2.0]]), "not the reference")
        self.assert_seen(Scenario().deployed().ends(predicted={"vector": [0.0, 0.0]}), "at the end")
        self.assert_seen(Scenario().deployed().ends(predicted={"status": 503}), "at the end")
        self.assert_seen(Scenario().registered().ends(state="REGISTERED", revived={"state": "FAILED"}), "was at rest")

    def test_answers_that_no_client_should_see(self):
        refused = dict(texts=["a cat"], vectors=[], outcome="refused")
        self.assert_seen(Scenario().deployed().op("predict", status=404, **refused), "ended with 404")
        self.assert_seen(Scenario().deployed().op("update", outcome="unknown", status=500, description=None), "ended with 500")
        cut_off = Scenario().deployed().op("predict", status=404, **refused)
        cut_off.faults.append({"kind": "fault", "what": "cut", "who": ["n1"], "begun": 0.0, "ended": 2.0})
        self.assert_fine(cut_off)
        cut_off.faults[0]["who"] = ["n2"]
        self.assert_seen(cut_off, "ended with 404")

    def test_predictions_fail_only_near_a_fault(self):
        def failing(status, *who):
            scenario = Scenario().deployed()
            return (scenario.fault(*who) if who else scenario).op("predict", texts=["a cat"], vectors=[], outcome="unknown", status=status)
        for status in (503, 429, "ConnectionResetError", "TimeoutError", 504):
            self.assert_seen(failing(status), f"ended with {status}")
            self.assert_fine(failing(status, "n1"))
            self.assert_fine(failing(status, "*"))
            self.assert_seen(failing(status, "n3"), f"ended with {status}")
        self.assert_fine(failing(503, "n2"))  # the only holder
        for status in ("ConnectionResetError", 404):
            self.assert_seen(failing(status, "n2"), f"ended with {status}")

    def test_one_whole_holder_is_enough(self):
        two = Scenario().registered().op("deploy", task="t", nodes=["n2", "n3"]).fault("n3")
        self.assert_seen(two.op("predict", texts=["a cat"], vectors=[], outcome="unknown", status=503), "ended with 503")

    def test_a_run_of_nothing_but_503(self):
        scenario = Scenario().deployed().fault("*")
        for _ in range(20):
            scenario.op("predict", texts=["a cat"], vectors=[], outcome="unknown", status=503)
        self.assert_seen(scenario, "ended with 503")

    def test_tasks_in_progress(self):
        self.assert_seen(Scenario().deployed().ends(task_state="RUNNING"), "task t of life")
        self.assert_seen(Scenario().deployed().ends(in_progress=["t"]), "are in progress")

    def test_a_deploy_that_failed_leaves_the_model_failed(self):
        self.assert_fine(Scenario().deployed().ends(task_state="FAILED", state="DEPLOY_FAILED"))
        self.assert_seen(Scenario().deployed().ends(state="DEPLOY_FAILED"), "is DEPLOY_FAILED")


if __name__ == "__main__":
    unittest.main(verbosity=2)

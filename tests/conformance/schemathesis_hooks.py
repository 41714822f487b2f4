"""What schemathesis_run.py changes in the description and in requests, and why. Loaded by schemathesis (SCHEMATHESIS_HOOKS) in its own
process; MLNODE_SEEDS is the JSON of what seed() made."""
import json, os, re

import schemathesis

SEEDS = json.loads(os.environ["MLNODE_SEEDS"])
FILTERED = os.environ.get("MLNODE_FILTERED") == "1"
METHODS = {"get", "put", "post", "delete", "head"}
# They would take away what the others ask for: these get the spare models.
CONSUMING = {"updateModel", "deleteModel", "undeployModel", "undeployModelOld"}
PATHS = ["*", "**.name", "error.reason", "-error.root_cause", "hits.hits._id,hits.total", "nodes.*.models", "-hits.hits._source.*_time", "**.x", "{"]
SOURCES = ['{"query":{"match_all":{}}}', '{"query":{"exists":{"field":"chunk_number"}},"size":3}', '{']
TIME = re.compile(r"(0|[0-9]+(nanos|micros|ms|s|m|h|d))\Z")


def knows(schema, ids):
    """the schema of an id, where some ids exist: without it next to all requests would be answered 404"""
    return {"anyOf": [{"enum": ids}, {"enum": ids}, schema]}


def only(properties, *required):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def strip(node):
    """a schema that parts of an answer meet too"""
    if isinstance(node, dict):
        return {k: strip(v) for k, v in node.items() if k == "properties" or k not in ("required", "minProperties", "minItems")}
    return [strip(v) for v in node] if isinstance(node, list) else node


def strip_all(schemas):
    stripped = strip(schemas)
    # Nothing left of a list is {} too.
    stripped["CatRows"] = {"anyOf": [stripped["CatRows"], {"type": "object", "maxProperties": 0}]}
    return stripped


def tell_ids(raw):
    parameters, schemas = raw["components"]["parameters"], raw["components"]["schemas"]
    for name in ("task_id", "model_group_id", "node_id"):
        parameters[name]["schema"] = knows(parameters[name]["schema"], SEEDS[name])
    spare = dict(parameters["model_id"], schema=knows(parameters["model_id"]["schema"], SEEDS["spare_model_id"]))
    parameters["model_id"]["schema"] = knows(parameters["model_id"]["schema"], SEEDS["model_id"])
    for item in raw["paths"].values():
        for method in METHODS & set(item):
            if item[method]["operationId"] in CONSUMING:
                item[method].setdefault("parameters", []).append(spare)
    nodes = {"type": "array", "items": knows({"type": "string"}, SEEDS["node_id"][:1])}
    for name in ("Deploy", "Undeploy", "UndeployMany", "ProfileRequest", "StatsRequest"):
        schemas[name]["properties"]["node_ids"] = nodes
    for name in ("Undeploy", "UndeployMany"):
        schemas[name]["properties"]["model_ids"]["items"] = knows({"type": "string"}, SEEDS["spare_model_id"])
    schemas["ProfileRequest"]["properties"]["model_ids"] = {"type": "array", "items": knows({"type": "string"}, SEEDS["model_id"])}


def tell_sense(raw):
    """bodies that also make sense, next to those that are only well-formed: those are mostly refused for what a schema does not say"""
    parameters, schemas = raw["components"]["parameters"], raw["components"]["schemas"]
    column = dict(parameters["s"], schema={"anyOf": [{"enum": ["index", "docs.count:desc"]}, parameters["s"]["schema"]]})
    parameters["s"]["schema"] = {"anyOf": [{"enum": ["name", "name:desc"]}, parameters["s"]["schema"]]}
    indices = raw["paths"]["/_cat/indices"]
    indices["parameters"] = [column if p["$ref"].endswith("/s") else p for p in indices["parameters"]]
    config = schemas["ModelConfig"]["properties"]
    config["all_config"] = {"anyOf": [{"enum": ["{}", '{"a":1}']}, config["all_config"]]}
    sides = schemas["Interface"]["properties"]
    for side in sides:
        sides[side] = {"anyOf": [{"enum": [{"type": "object"}, "{}", {"properties": {"text_docs": {"maxItems": 3}}}]}, sides[side]]}
    parameters["source"]["schema"] = {"anyOf": [{"enum": SOURCES}, parameters["source"]["schema"]]}
    model = {"name": {"enum": ["one", "two"]}, "description": {"enum": ["it does"]}, "total_chunks": {"enum": [1, 2, 430]}, "url": {"enum": SEEDS["url"]},
             "model_group_id": {"enum": [*SEEDS["model_group_id"], "nope"]}, **schemas["ModelBehaviour"]["properties"]}
    model.update((key, {"const": value}) for key, value in SEEDS["new_model"].items())
    for name, more in (("RegisterModel", "url"), ("RegisterModelMeta", "total_chunks")):
        sensible = only(model, *SEEDS["new_model"], "name", more)
        schemas[name] = {"anyOf": [sensible, sensible, schemas[name]]}
    settings = {"plugins.ml_commons.monitoring_request_count": {"type": ["integer", "null"], "minimum": 0, "maximum": 1000},
                "plugins.ml_commons.task_dispatch_policy": {"enum": ["round_robin", "least_load", None]}}
    schemas["SettingChanges"] = {"anyOf": [dict(only(settings), minProperties=1), schemas["SettingChanges"]]}
    schemas["NewGroup"] = {"anyOf": [only({"name": {"type": "string", "pattern": "^[a-z]{1,9}$"}}, "name"), schemas["NewGroup"]]}
    plain = {key: value for key, value in schemas["PredictTexts"]["properties"].items() if key != "parameters"}
    schemas["PredictTexts"] = {"anyOf": [only(plain, "text_docs"), schemas["PredictTexts"]]}
    schemas["UpdateModel"] = {"anyOf": [schemas["ModelBehaviour"], schemas["UpdateModel"]]}


@schemathesis.hook
def before_load_schema(context, raw):
    tell_ids(raw)
    tell_sense(raw)
    if FILTERED:
        # filter_path is a run of its own: the description's schemas are those of whole answers, and here parts come.
        raw["components"]["schemas"] = strip_all(raw["components"]["schemas"])
        parameter = raw["components"]["parameters"]["filter_path"]
        parameter.update(required=True, schema={"enum": PATHS})
        for item in raw["paths"].values():
            for method in METHODS & set(item):
                if method == "get":
                    item[method].pop("requestBody", None)
                else:
                    del item[method]
        return
    for item in raw["paths"].values():
        item["parameters"] = [p for p in item["parameters"] if not p.get("$ref", "").endswith("/filter_path")]


@schemathesis.hook
def before_call(context, case, kwargs):
    # Waiting is right and would take the run's time: a well-formed or absent timeout becomes 20 ms.
    if case.path.startswith("/_cluster/health") and case.query is not None:
        given = case.query.get("timeout")
        if given is None or (isinstance(given, str) and TIME.match(given)):
            case.query["timeout"] = "20ms"

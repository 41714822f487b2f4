#!/usr/bin/env python3
"""Sends the whole script of requests to a node and records every exchange: record.py BASE_URL OUT_DIR
One file an exchange: {request:{method,path,headers,body}, response:{status,content_type,body}}; bodies that are not JSON are strings;
an uploaded chunk is given as {"_binary":{"file","offset","bytes","sha256"}}. The first group (fresh-*) shows a node without any data,
so start the node anew before a recording. Serves a model zip on 127.0.0.1:9290 and a fake OpenAI-like server on 127.0.0.1:9291 while it
runs. NODE_ID: the node that local models are deployed to, where it is not the one that is asked. Compare two recordings with compare.py."""
import hashlib, http.client, http.server, json, math, os, shutil, sys, threading, time, urllib.parse
CHUNK = 10_000_000
CONFIG = {"model_type": "bert", "embedding_dimension": 384, "framework_type": "sentence_transformers",
          "pooling_mode": "mean", "normalize_result": True,
          "all_config": json.dumps({"_name_or_path": "nreimers/MiniLM-L6-H384-uncased", "hidden_size": 384, "num_hidden_layers": 6,
                                    "max_position_embeddings": 512, "model_type": "bert", "vocab_size": 30522})}
ARCHIVE = os.environ.get('MODEL_ARCHIVE')

def make():
    """all-MiniLM-L6-v2 as a model zip (tests/conformance/make_model.py), always the same bytes; returns path, size, sha256"""
    if not ARCHIVE: sys.exit('MODEL_ARCHIVE must name the model zip')
    data = open(ARCHIVE, 'rb').read()
    return ARCHIVE, len(data), hashlib.sha256(data).hexdigest()

if len(sys.argv) != 3: sys.exit(__doc__)
BASE = sys.argv[1].rstrip('/')
OUT = sys.argv[2]
U = urllib.parse.urlparse(BASE)
ML = '/_plugins/_ml'
if os.path.isdir(OUT): shutil.rmtree(OUT)
os.makedirs(OUT)
N = 0; INDEX = []
JSONH = {'Content-Type': 'application/json'}

def send(method, path, data=None, headers=None, timeout=120):
    c = http.client.HTTPConnection(U.hostname, U.port, timeout=timeout)
    try:
        c.request(method, path, body=data, headers=headers or {})
        r = c.getresponse(); t = r.read()
        return r.status, r.getheader('Content-Type'), t, dict(r.getheaders())
    finally: c.close()

def js(t):
    try: return json.loads(t)
    except ValueError: return t.decode(errors='replace')

def rec(name, method, path, body=None, text=None, raw=None, rawnote=None, headers=None, show=False, keep=True):
    """body: JSON value; text: literal string sent as it is; raw: bytes. Returns (status, parsed body)."""
    global N
    h = dict(headers) if headers is not None else (dict(JSONH) if (body is not None or text is not None or raw is not None) else {})
    data = json.dumps(body).encode() if body is not None else text.encode() if text is not None else raw
    t0 = time.time()
    try: st, ct, t, hd = send(method, path, data, h)
    except Exception as e: st, ct, t, hd = -1, None, repr(e).encode(), {}
    b = js(t)
    if keep:
        N += 1
        rb = body if body is not None else text if text is not None else rawnote
        x = {'request': {'method': method, 'path': path, 'headers': h, 'body': rb},
             'response': {'status': st, 'content_type': ct, 'body': b}, 'took_ms': round((time.time() - t0) * 1000, 1)}
        w = {k: v for k, v in hd.items() if k.lower() in ('warning', 'allow', 'location')}
        if w: x['response']['headers'] = w
        json.dump(x, open(f'{OUT}/{N:03d}-{name}.json', 'w'), indent=1, ensure_ascii=False)
        short = json.dumps(b, ensure_ascii=False)
        INDEX.append((N, name, method, path, st, short[:160]))
        if show or os.environ.get('V'): print(f'{N:03d} {st} {name} {method} {path} -> {short[:240]}', flush=True)
    return st, b

def task_states(prefix, tid, limit=60):
    """polls a task, recording each new state once"""
    seen = set(); end = time.time() + limit
    while time.time() < end:
        st, b = rec('x', 'GET', f'{ML}/tasks/{tid}', keep=False)
        s = b.get('state') if isinstance(b, dict) else None
        if s not in seen:
            seen.add(s); global N; N += 1
            json.dump({'request': {'method': 'GET', 'path': f'{ML}/tasks/{tid}', 'headers': {}, 'body': None}, 'response': {'status': st, 'content_type': 'application/json; charset=UTF-8', 'body': b}},
                      open(f'{OUT}/{N:03d}-{prefix}-{(s or "none").lower()}.json', 'w'), indent=1, ensure_ascii=False)
            INDEX.append((N, f'{prefix}-{(s or "none").lower()}', 'GET', f'{ML}/tasks/{tid}', st, json.dumps(b)[:160]))
            if os.environ.get('V'): print(f'{N:03d} {st} {prefix} {s} {json.dumps(b)[:300]}', flush=True)
        if st != 200 or s in ('COMPLETED', 'FAILED', 'COMPLETED_WITH_ERROR', 'CANCELLED'): return b
        time.sleep(0.01)
    return b

# ---- helper servers
ZIP, SIZE, SHA = make(); NCH = math.ceil(SIZE / CHUNK); BYTES = open(ZIP, 'rb').read()
class Files(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_HEAD(self): self.do_GET()
    def do_GET(self):
        if self.path.endswith('/model.zip'):
            self.send_response(200); self.send_header('Content-Length', str(SIZE)); self.end_headers()
            if self.command == 'GET': self.wfile.write(BYTES)
        else:
            self.send_response(404); self.send_header('Content-Length', '0'); self.end_headers()
SEEN = []
class Fake(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *a): pass
    def out(self, code, b, ct='application/json'):
        b = b if isinstance(b, bytes) else json.dumps(b).encode()
        self.send_response(code); self.send_header('Content-Type', ct); self.send_header('Content-Length', str(len(b))); self.end_headers(); self.wfile.write(b)
    def do_POST(self):
        t = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        try: b = json.loads(t)
        except ValueError: b = None
        SEEN.append({'path': self.path, 'headers': dict(self.headers), 'body': b if b is not None else t.decode(errors='replace')})
        if self.path == '/v1/embeddings':
            if b is None: return self.out(400, {'error': {'message': 'could not parse the JSON body', 'type': 'invalid_request_error'}})
            inp = b['input'] if isinstance(b['input'], list) else [b['input']]
            return self.out(200, {'object': 'list', 'data': [{'object': 'embedding', 'index': i, 'embedding': [len(s) / 100, 0.5, -0.25]} for i, s in enumerate(inp)], 'model': b.get('model'), 'usage': {'prompt_tokens': 5, 'total_tokens': 5}})
        if self.path == '/v1/chat/completions':
            return self.out(200, {'id': 'chatcmpl-1', 'object': 'chat.completion', 'created': 1700000000, 'model': (b or {}).get('model'), 'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': 'Hello from the fake server'}, 'finish_reason': 'stop'}], 'usage': {'prompt_tokens': 9, 'completion_tokens': 5, 'total_tokens': 14}})
        if self.path == '/fail401': return self.out(401, {'error': {'message': 'Incorrect API key provided', 'type': 'invalid_request_error', 'code': 'invalid_api_key'}})
        if self.path == '/fail429': return self.out(429, {'error': {'message': 'Rate limit reached', 'type': 'requests'}})
        if self.path == '/fail500': return self.out(500, b'oops', 'text/plain')
        if self.path == '/notjson': return self.out(200, b'plain text, not json', 'text/plain')
        if self.path == '/empty': return self.out(200, b'')
        self.out(404, {'error': 'no such path'})
def serve(port, cls):
    s = http.server.ThreadingHTTPServer(('127.0.0.1', port), cls); s.daemon_threads = True
    threading.Thread(target=s.serve_forever, daemon=True).start(); return s
srv = [serve(9290, Files), serve(9291, Fake)]
FURL = 'http://127.0.0.1:9290/model.zip'; OAI = 'http://127.0.0.1:9291'

def setting(name, **kv): return rec(name, 'PUT', '/_cluster/settings', {'persistent': {f'plugins.ml_commons.{k}': v for k, v in kv.items()}})
def qset(**kv): return rec('x', 'PUT', '/_cluster/settings', {'persistent': {f'plugins.ml_commons.{k}': v for k, v in kv.items()}}, keep=False)
def refresh(): send('POST', '/.plugins-ml-*/_refresh?expand_wildcards=all&ignore_unavailable=true'); time.sleep(0.2)
MATCH = {'query': {'match_all': {}}}
DOC = {'text_docs': ['The quick brown fox jumps over the lazy dog.'], 'return_number': True, 'target_response': ['sentence_embedding']}
META = {'name': 'all-MiniLM-L6-v2', 'version': '1.0.0', 'description': 'all-MiniLM-L6-v2 ONNX', 'function_name': 'TEXT_EMBEDDING', 'model_format': 'ONNX',
        'model_content_size_in_bytes': SIZE, 'model_content_hash_value': SHA, 'total_chunks': NCH, 'model_config': CONFIG}
def less(d, *ks): return {k: v for k, v in d.items() if k not in ks}
def chunk(name, mid, i, data=None, keep=True, headers=None, path=None):
    d = BYTES[i * CHUNK:(i + 1) * CHUNK] if data is None and isinstance(i, int) and i >= 0 else (data or b'')
    note = {'_binary': {'file': os.path.basename(ZIP), 'offset': (i * CHUNK if isinstance(i, int) else None), 'bytes': len(d), 'sha256': hashlib.sha256(d).hexdigest()}}
    return rec(name, 'POST', path or f'{ML}/models/{mid}/upload_chunk/{i}', raw=d, rawnote=note, headers=headers, keep=keep)
NOPE = 'AAAAAAAAAAAAAAAAAAAA'

# ---- 1 fresh node
rec('fresh-root', 'GET', '/')
rec('fresh-cat-plugins', 'GET', '/_cat/plugins?format=json')
rec('fresh-stats', 'GET', f'{ML}/stats')
rec('fresh-profile', 'GET', f'{ML}/profile')
rec('fresh-profile-models', 'GET', f'{ML}/profile/models')
rec('fresh-profile-tasks', 'GET', f'{ML}/profile/tasks')
rec('fresh-get-model-unknown', 'GET', f'{ML}/models/{NOPE}')
rec('fresh-search-models', 'POST', f'{ML}/models/_search', MATCH)
rec('fresh-get-task-unknown', 'GET', f'{ML}/tasks/{NOPE}')
rec('fresh-search-tasks', 'POST', f'{ML}/tasks/_search', MATCH)
rec('fresh-get-model-group-unknown', 'GET', f'{ML}/model_groups/{NOPE}')
rec('fresh-search-model-groups', 'POST', f'{ML}/model_groups/_search', MATCH)
rec('fresh-get-connector-unknown', 'GET', f'{ML}/connectors/{NOPE}')
rec('fresh-search-connectors', 'POST', f'{ML}/connectors/_search', MATCH)
rec('fresh-get-controller-unknown', 'GET', f'{ML}/controllers/{NOPE}')
rec('fresh-deploy-unknown', 'POST', f'{ML}/models/{NOPE}/_deploy')
rec('fresh-undeploy-unknown', 'POST', f'{ML}/models/{NOPE}/_undeploy')
rec('fresh-predict-unknown', 'POST', f'{ML}/_predict/text_embedding/{NOPE}', DOC)
rec('fresh-delete-model-unknown', 'DELETE', f'{ML}/models/{NOPE}')
rec('fresh-delete-task-unknown', 'DELETE', f'{ML}/tasks/{NOPE}')
rec('fresh-delete-connector-unknown', 'DELETE', f'{ML}/connectors/{NOPE}')
rec('fresh-delete-model-group-unknown', 'DELETE', f'{ML}/model_groups/{NOPE}')
rec('fresh-update-model-unknown', 'PUT', f'{ML}/models/{NOPE}', {'name': 'x'})

# ---- 2 routes and parsing
rec('route-unknown-get', 'GET', f'{ML}/nope')
rec('route-unknown-post', 'POST', f'{ML}/nope', {})
rec('route-base', 'GET', f'{ML}')
rec('route-unknown-deep', 'GET', f'{ML}/models/x/y/z')
rec('route-wrong-method-register', 'GET', f'{ML}/models/_register')
rec('route-wrong-method-predict-get', 'GET', f'{ML}/_predict/text_embedding/{NOPE}')
rec('route-wrong-method-stats-post', 'POST', f'{ML}/stats', {})
rec('route-wrong-method-deploy-get', 'GET', f'{ML}/models/{NOPE}/_deploy')
rec('route-wrong-method-models-put', 'PUT', f'{ML}/models/_register', {})
rec('route-options', 'OPTIONS', f'{ML}/models/{NOPE}')
rec('route-head-model', 'HEAD', f'{ML}/models/{NOPE}')
rec('route-unknown-query-param', 'GET', f'{ML}/models/{NOPE}?nope=1')
rec('route-bad-content-type', 'POST', f'{ML}/models/_search', raw=b'{"query":{"match_all":{}}}', rawnote='{"query":{"match_all":{}}}', headers={'Content-Type': 'text/plain'})
rec('route-no-content-type', 'POST', f'{ML}/models/_search', raw=b'{"query":{"match_all":{}}}', rawnote='{"query":{"match_all":{}}}', headers={})
rec('route-pretty', 'GET', f'{ML}/stats?pretty')
rec('route-filter-path', 'GET', f'{ML}/stats?filter_path=ml_model_count')
rec('route-opendistro-prefix', 'GET', '/_opendistro/_ml/stats')

# ---- 3 cluster settings
rec('settings-get-defaults', 'GET', '/_cluster/settings?include_defaults=true&filter_path=persistent,transient,defaults.plugins.ml_commons')
setting('settings-put-ok', max_model_on_node=10)
rec('settings-get-persistent', 'GET', '/_cluster/settings')
rec('settings-get-flat', 'GET', '/_cluster/settings?flat_settings=true')
rec('settings-put-transient', 'PUT', '/_cluster/settings', {'transient': {'plugins.ml_commons.max_ml_task_per_node': 10}})
rec('settings-put-nested', 'PUT', '/_cluster/settings', {'persistent': {'plugins': {'ml_commons': {'max_register_model_tasks_per_node': 10, 'max_deploy_model_tasks_per_node': 10}}}})
setting('settings-put-bad-boolean', only_run_on_ml_node='abc')
setting('settings-put-bad-int-high', native_memory_threshold=101)
setting('settings-put-bad-int-low', native_memory_threshold=-1)
setting('settings-put-bad-int-text', max_model_on_node='many')
setting('settings-put-unknown', no_such_setting=True)
setting('settings-put-mixed-one-bad', max_model_on_node=11, native_memory_threshold=1000)
setting('settings-put-bad-regex', trusted_url_regex='([')
rec('settings-after-bad-regex-register-url', 'POST', f'{ML}/models/_register', {'name': 'x', 'version': '1', 'model_format': 'ONNX', 'model_content_hash_value': 'x', 'model_config': CONFIG, 'url': FURL})
setting('settings-put-bad-regex-reset', trusted_url_regex=None)
setting('settings-put-reset-null', max_model_on_node=None)
rec('settings-put-empty-object', 'PUT', '/_cluster/settings', {})
rec('settings-put-empty-persistent', 'PUT', '/_cluster/settings', {'persistent': {}})
rec('settings-put-no-body', 'PUT', '/_cluster/settings')
rec('settings-put-malformed', 'PUT', '/_cluster/settings', text='{"persistent": {')
rec('settings-put-unknown-section', 'PUT', '/_cluster/settings', {'nope': {'a': 1}})
rec('settings-post-wrong-method', 'POST', '/_cluster/settings', {'persistent': {}})
qset(allow_registering_model_via_url=True, allow_registering_model_via_local_file=True, only_run_on_ml_node=False, native_memory_threshold=100, jvm_heap_memory_threshold=100)

# ---- 4 register meta and chunks
qset(allow_registering_model_via_local_file=False)
rec('meta-local-file-not-allowed', 'POST', f'{ML}/models/_register_meta', META)
chunk('chunk-local-file-not-allowed', NOPE, 0, b'abc')
qset(allow_registering_model_via_local_file=True)
chunk('chunk-unknown-model-no-index', NOPE, 0, b'abc')
for k in ('name', 'version', 'function_name', 'model_format', 'model_content_hash_value', 'total_chunks', 'model_config', 'model_content_size_in_bytes', 'description'):
    rec(f'meta-missing-{k}', 'POST', f'{ML}/models/_register_meta', less(META, k))
rec('meta-missing-model_type', 'POST', f'{ML}/models/_register_meta', {**META, 'model_config': less(CONFIG, 'model_type')})
rec('meta-missing-embedding_dimension', 'POST', f'{ML}/models/_register_meta', {**META, 'model_config': less(CONFIG, 'embedding_dimension')})
rec('meta-missing-framework_type', 'POST', f'{ML}/models/_register_meta', {**META, 'model_config': less(CONFIG, 'framework_type')})
rec('meta-bad-function', 'POST', f'{ML}/models/_register_meta', {**META, 'function_name': 'NOPE'})
rec('meta-bad-format', 'POST', f'{ML}/models/_register_meta', {**META, 'model_format': 'PICKLE'})
rec('meta-format-lower-case', 'POST', f'{ML}/models/_register_meta', {**META, 'model_format': 'onnx', 'function_name': 'text_embedding'})
rec('meta-bad-framework', 'POST', f'{ML}/models/_register_meta', {**META, 'model_config': {**CONFIG, 'framework_type': 'nope'}})
rec('meta-bad-pooling', 'POST', f'{ML}/models/_register_meta', {**META, 'model_config': {**CONFIG, 'pooling_mode': 'nope'}})
rec('meta-bad-total_chunks', 'POST', f'{ML}/models/_register_meta', {**META, 'total_chunks': 'nine'})
rec('meta-total_chunks-as-text', 'POST', f'{ML}/models/_register_meta', {**META, 'total_chunks': '9'})
rec('meta-zero-chunks', 'POST', f'{ML}/models/_register_meta', {**META, 'total_chunks': 0})
rec('meta-unknown-field', 'POST', f'{ML}/models/_register_meta', {**META, 'colour': 'blue'})
rec('meta-unknown-group', 'POST', f'{ML}/models/_register_meta', {**META, 'model_group_id': NOPE})
rec('meta-malformed', 'POST', f'{ML}/models/_register_meta', text='{"name": ')
rec('meta-empty-object', 'POST', f'{ML}/models/_register_meta', {})
rec('meta-array', 'POST', f'{ML}/models/_register_meta', [])
rec('meta-no-body', 'POST', f'{ML}/models/_register_meta')
rec('meta-empty-name', 'POST', f'{ML}/models/_register_meta', {**META, 'name': ''})
rec('meta-old-url', 'POST', f'{ML}/models/meta', {**META, 'name': 'old-url'})
s, b = rec('meta-ok', 'POST', f'{ML}/models/_register_meta', META); MID = b['model_id']; refresh()
rec('model-get-before-chunks', 'GET', f'{ML}/models/{MID}')
rec('deploy-before-chunks', 'POST', f'{ML}/models/{MID}/_deploy')
rec('predict-before-chunks', 'POST', f'{ML}/_predict/text_embedding/{MID}', DOC)
chunk('chunk-octet-stream', MID, 0, headers={'Content-Type': 'application/octet-stream'})
chunk('chunk-no-content-type', MID, 0, headers={})
chunk('chunk-number-text', MID, 'abc', b'abc')
chunk('chunk-number-negative', MID, -1, b'abc')
chunk('chunk-number-too-large', MID, NCH, b'abc')
chunk('chunk-number-far-too-large', MID, 1000, b'abc')
chunk('chunk-empty', MID, 0, b'')
chunk('chunk-too-big', MID, 0, BYTES[:CHUNK + 1])
chunk('chunk-unknown-model', NOPE, 0, b'abc')
chunk('chunk-0-ok', MID, 0); refresh()
rec('model-get-uploading', 'GET', f'{ML}/models/{MID}')
chunk('chunk-0-again', MID, 0)
chunk('chunk-2-out-of-order', MID, 2)
chunk('chunk-1-old-url', MID, 1, path=f'{ML}/models/{MID}/chunk/1')
for i in range(3, NCH - 1): chunk(f'chunk-{i}-ok', MID, i)
chunk(f'chunk-{NCH-1}-last', MID, NCH - 1)
rec('model-get-after-last-chunk', 'GET', f'{ML}/models/{MID}'); refresh()
rec('model-get-registered', 'GET', f'{ML}/models/{MID}')
chunk('chunk-after-registered', MID, 0)
rec('model-get-chunk-document-id', 'GET', f'{ML}/models/{MID}_0?filter_path=model_id,name,chunk_number,total_chunks,model_state,error,status')
rec('predict-not-deployed', 'POST', f'{ML}/_predict/text_embedding/{MID}', DOC)
time.sleep(1)
st, b = rec('predict-not-deployed-after-1s', 'POST', f'{ML}/_predict/text_embedding/{MID}', DOC)
rec('model-get-after-first-predict', 'GET', f'{ML}/models/{MID}?filter_path=model_state,*node*,auto*,deploy*')
rec('undeploy-after-auto-deploy', 'POST', f'{ML}/models/{MID}/_undeploy'); time.sleep(1); refresh()
qset(**{'model_auto_deploy.enable': False})
rec('predict-undeployed-auto-deploy-off', 'POST', f'{ML}/_predict/text_embedding/{MID}', DOC)
rec('predict-undeployed-auto-deploy-off-models-url', 'POST', f'{ML}/models/{MID}/_predict', DOC)

# wrong content hash / size
s, b = rec('meta-wrong-hash', 'POST', f'{ML}/models/_register_meta', {**META, 'name': 'wrong-hash', 'model_content_hash_value': '0' * 64, 'total_chunks': 1}); WH = b.get('model_id'); refresh()
chunk('wrong-hash-only-chunk', WH, 0, BYTES[:1000]); refresh()
rec('wrong-hash-model-get', 'GET', f'{ML}/models/{WH}')
s, b = rec('wrong-hash-deploy', 'POST', f'{ML}/models/{WH}/_deploy')
if isinstance(b, dict) and 'task_id' in b: task_states('wrong-hash-deploy-task', b['task_id'])
refresh(); rec('wrong-hash-model-get-after-deploy', 'GET', f'{ML}/models/{WH}')
small = BYTES[:1000]
s, b = rec('meta-not-a-zip', 'POST', f'{ML}/models/_register_meta', {**META, 'name': 'not-a-zip', 'model_content_hash_value': hashlib.sha256(small).hexdigest(), 'model_content_size_in_bytes': 1000, 'total_chunks': 1}); NZ = b.get('model_id'); refresh()
chunk('not-a-zip-only-chunk', NZ, 0, small); refresh()
s, b = rec('not-a-zip-deploy', 'POST', f'{ML}/models/{NZ}/_deploy')
if 'task_id' in b: task_states('not-a-zip-deploy-task', b['task_id'])
refresh(); rec('not-a-zip-model-get', 'GET', f'{ML}/models/{NZ}')
rec('not-a-zip-model-delete', 'DELETE', f'{ML}/models/{NZ}')

# ---- 5 models: get, search
rec('model-get-unknown', 'GET', f'{ML}/models/{NOPE}')
rec('search-models-match-all', 'POST', f'{ML}/models/_search', {**MATCH, 'size': 3})
rec('search-models-get-method', 'GET', f'{ML}/models/_search', {**MATCH, 'size': 1})
rec('search-models-no-body', 'POST', f'{ML}/models/_search')
rec('search-models-by-name', 'POST', f'{ML}/models/_search', {'query': {'term': {'name.keyword': 'all-MiniLM-L6-v2'}}, '_source': ['name', 'model_state', 'algorithm']})
rec('search-models-match-name', 'POST', f'{ML}/models/_search', {'query': {'match': {'name': 'MiniLM'}}, '_source': ['name'], 'size': 2})
rec('search-models-none', 'POST', f'{ML}/models/_search', {'query': {'term': {'name.keyword': 'no such'}}})
rec('search-models-chunks-hidden', 'POST', f'{ML}/models/_search', {'query': {'exists': {'field': 'chunk_number'}}, 'size': 0, 'track_total_hits': True})
rec('search-models-malformed', 'POST', f'{ML}/models/_search', text='{"query": {')
rec('search-models-bad-query', 'POST', f'{ML}/models/_search', {'query': {'nope': {}}})
rec('search-models-sort-size', 'POST', f'{ML}/models/_search', {**MATCH, 'size': 1, 'sort': [{'created_time': 'desc'}], '_source': ['name', 'created_time']})
rec('search-models-wrong-agg', 'POST', f'{ML}/models/_search', {'size': 0, 'aggs': {'s': {'terms': {'field': 'model_state'}}}})

# ---- 6 deploy
def wait(b, prefix=None):
    if isinstance(b, dict) and 'task_id' in b:
        if prefix: return task_states(prefix, b['task_id'])
        end = time.time() + 60
        while time.time() < end:
            _, t = rec('x', 'GET', f"{ML}/tasks/{b['task_id']}", keep=False)
            if t.get('state') in ('COMPLETED', 'FAILED', 'COMPLETED_WITH_ERROR'): return t
            time.sleep(0.05)
rec('deploy-unknown', 'POST', f'{ML}/models/{NOPE}/_deploy')
rec('deploy-malformed', 'POST', f'{ML}/models/{MID}/_deploy', text='{"node_ids": ')
rec('deploy-node_ids-not-a-list', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': 'x'})
s, nodes = rec('nodes', 'GET', '/_nodes/_local?filter_path=nodes.*.name,nodes.*.roles'); NODE = os.environ.get('NODE_ID') or next(iter(nodes['nodes']))
qset(allow_custom_deployment_plan=False)
rec('deploy-node-ids-not-allowed', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': [NODE]})
rec('deploy-bad-node-not-allowed', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': ['no-such-node']})
s, b = rec('deploy-ok', 'POST', f'{ML}/models/{MID}/_deploy'); TID = b['task_id']
rec('model-get-deploying', 'GET', f'{ML}/models/{MID}?filter_path=model_state,*node*,last_deployed_time,auto*')
rec('profile-models-while-deploying', 'GET', f'{ML}/profile/models/{MID}')
rec('profile-tasks-while-deploying', 'GET', f'{ML}/profile/tasks')
rec('predict-while-deploying', 'POST', f'{ML}/_predict/text_embedding/{MID}', DOC)
rec('model-delete-while-deploying', 'DELETE', f'{ML}/models/{MID}')
task_states('task-deploy', TID); refresh()
rec('model-get-deployed', 'GET', f'{ML}/models/{MID}')
s, b = rec('deploy-already-deployed', 'POST', f'{ML}/models/{MID}/_deploy'); wait(b, 'task-deploy-again'); refresh()
s, b = rec('deploy-unknown-field', 'POST', f'{ML}/models/{MID}/_deploy', {'nope': 1}); wait(b)
s, b = rec('deploy-empty-object', 'POST', f'{ML}/models/{MID}/_deploy', {}); wait(b)
s, b = rec('deploy-empty-node-list', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': []}); wait(b)
s, b = rec('deploy-old-url', 'POST', f'{ML}/models/{MID}/_load'); wait(b, 'task-deploy-old-url')
setting('settings-allow-custom-deployment-plan', allow_custom_deployment_plan=True)
rec('deploy-bad-node', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': ['no-such-node']})
s, b = rec('deploy-with-node-ids', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': [NODE]}); wait(b, 'task-deploy-node-ids')
s, b = rec('deploy-mixed-bad-node', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': [NODE, 'no-such-node']}); wait(b, 'task-deploy-mixed')
rec('undeploy-custom-plan-bad-node', 'POST', f'{ML}/models/{MID}/_undeploy', {'node_ids': ['no-such-node']})
rec('undeploy-custom-plan-node', 'POST', f'{ML}/models/{MID}/_undeploy', {'node_ids': [NODE]}); time.sleep(0.5); refresh()
s, b = rec('deploy-undeployed-with-node-ids', 'POST', f'{ML}/models/{MID}/_deploy', {'node_ids': [NODE]}); wait(b, 'task-deploy-undeployed-node-ids'); refresh()
rec('model-get-deployed-to-nodes', 'GET', f'{ML}/models/{MID}?filter_path=model_state,*node*,deploy*,planning*,current*')
rec('undeploy-before-all-again', 'POST', f'{ML}/models/{MID}/_undeploy'); time.sleep(0.5); refresh()
qset(allow_custom_deployment_plan=None)
s, b = rec('deploy-all-again', 'POST', f'{ML}/models/{MID}/_deploy'); wait(b); refresh()

# ---- 7 predict
P = f'{ML}/_predict/text_embedding/{MID}'
rec('predict-ok', 'POST', P, DOC)
rec('predict-models-url', 'POST', f'{ML}/models/{MID}/_predict', DOC)
rec('predict-two-docs', 'POST', P, {'text_docs': ['one', 'two'], 'return_number': True, 'target_response': ['sentence_embedding']})
rec('predict-plain', 'POST', P, {'text_docs': ['one']})
rec('predict-return-bytes', 'POST', P, {'text_docs': ['one'], 'return_bytes': True, 'return_number': True})
rec('predict-return-number-false', 'POST', P, {'text_docs': ['one'], 'return_number': False})
rec('predict-return-number-false-bytes', 'POST', P, {'text_docs': ['one'], 'return_number': False, 'return_bytes': True})
rec('predict-target-response-unknown', 'POST', P, {'text_docs': ['one'], 'target_response': ['nope']})
rec('predict-target-response-empty', 'POST', P, {'text_docs': ['one'], 'target_response': []})
rec('predict-target-response-positions-0', 'POST', P, {'text_docs': ['one'], 'target_response_positions': [0]})
rec('predict-target-response-positions-7', 'POST', P, {'text_docs': ['one'], 'target_response_positions': [7]})
rec('predict-no-docs', 'POST', P, {'text_docs': []})
rec('predict-missing-docs', 'POST', P, {'return_number': True})
rec('predict-docs-not-a-list', 'POST', P, {'text_docs': 'one'})
rec('predict-docs-numbers', 'POST', P, {'text_docs': [1, 2.5, True]})
rec('predict-docs-null', 'POST', P, {'text_docs': [None]})
rec('predict-docs-text-and-null', 'POST', P, {'text_docs': ['one', None, 'two']})
rec('predict-docs-object', 'POST', P, {'text_docs': [{'a': 1}]})
rec('predict-empty-string', 'POST', P, {'text_docs': ['']})
rec('predict-spaces', 'POST', P, {'text_docs': ['   ']})
rec('predict-long-text', 'POST', P, {'text_docs': ['word ' * 2000], 'target_response': ['sentence_embedding']})
rec('predict-unicode', 'POST', P, {'text_docs': ['Grüße aus Köln 你好 😀'], 'target_response': ['sentence_embedding']})
rec('predict-unknown-field', 'POST', P, {'text_docs': ['one'], 'nope': 1})
rec('predict-parameters-instead', 'POST', P, {'parameters': {'a': 'b'}})
rec('predict-malformed', 'POST', P, text='{"text_docs": [')
rec('predict-empty-object', 'POST', P, {})
rec('predict-no-body', 'POST', P)
rec('predict-array-body', 'POST', P, [])
rec('predict-unknown-model', 'POST', f'{ML}/_predict/text_embedding/{NOPE}', DOC)
rec('predict-unknown-model-models-url', 'POST', f'{ML}/models/{NOPE}/_predict', DOC)
rec('predict-unknown-algorithm', 'POST', f'{ML}/_predict/nope/{MID}', DOC)
rec('predict-other-algorithm', 'POST', f'{ML}/_predict/sparse_encoding/{MID}', DOC)
rec('predict-algorithm-upper-case', 'POST', f'{ML}/_predict/TEXT_EMBEDDING/{MID}', DOC)
rec('predict-remote-on-local', 'POST', f'{ML}/_predict/remote/{MID}', {'parameters': {'input': 'x'}})
rec('predict-wrong-method-put', 'PUT', P, DOC)
rec('predict-batch-on-local', 'POST', f'{ML}/models/{MID}/_batch_predict', DOC)
rec('predict-query-param', 'POST', f'{P}?nope=1', DOC)
rec('predict-pretty', 'POST', f'{P}?pretty', {'text_docs': ['one'], 'target_response': ['nope']})
rec('predict-filter-path', 'POST', f'{P}?filter_path=inference_results.output.shape', DOC)

# ---- 8 profile, stats
rec('profile-all', 'GET', f'{ML}/profile')
rec('profile-models', 'GET', f'{ML}/profile/models')
rec('profile-model', 'GET', f'{ML}/profile/models/{MID}')
rec('profile-model-unknown', 'GET', f'{ML}/profile/models/{NOPE}')
rec('profile-tasks', 'GET', f'{ML}/profile/tasks')
rec('profile-task-ended', 'GET', f'{ML}/profile/tasks/{TID}')
rec('profile-body-models', 'GET', f'{ML}/profile', {'model_ids': [MID]})
rec('profile-body-nodes', 'GET', f'{ML}/profile', {'node_ids': [NODE], 'return_all_models': True, 'return_all_tasks': False})
rec('profile-body-bad-node', 'GET', f'{ML}/profile', {'node_ids': ['no-such-node'], 'return_all_models': True})
rec('profile-body-malformed', 'GET', f'{ML}/profile', text='{"node_ids"')
rec('profile-by-node-view', 'GET', f'{ML}/profile/models?view=node')
rec('profile-by-model-view', 'GET', f'{ML}/profile/models?view=model')
rec('stats-all', 'GET', f'{ML}/stats')
rec('stats-one', 'GET', f'{ML}/stats/ml_model_count')
rec('stats-two', 'GET', f'{ML}/stats/ml_executing_task_count,ml_model_count')
rec('stats-unknown', 'GET', f'{ML}/stats/nope')
rec('stats-node', 'GET', f'{ML}/{NODE}/stats')
rec('stats-node-one', 'GET', f'{ML}/{NODE}/stats/ml_executing_task_count')
rec('stats-node-unknown', 'GET', f'{ML}/no-such-node/stats')
rec('stats-body-levels', 'GET', f'{ML}/stats', {'stats_level': ['node', 'algorithm', 'model']})
rec('stats-body-actions', 'GET', f'{ML}/stats', {'stats_level': ['algorithm', 'action'], 'algorithms': ['text_embedding']})
rec('stats-body-unknown-level', 'GET', f'{ML}/stats', {'stats_level': ['nope']})
rec('nodes-info', 'GET', '/_cat/nodes?format=json')
rec('cat-indices', 'GET', '/_cat/indices?format=json&h=index,health,pri,rep,docs.count&expand_wildcards=all')

# ---- 9 tasks
rec('task-get-unknown', 'GET', f'{ML}/tasks/{NOPE}')
rec('tasks-search', 'POST', f'{ML}/tasks/_search', {**MATCH, 'size': 2})
rec('tasks-search-get', 'GET', f'{ML}/tasks/_search', {'query': {'term': {'task_type': 'DEPLOY_MODEL'}}, 'size': 1})
rec('tasks-search-failed', 'POST', f'{ML}/tasks/_search', {'query': {'term': {'state': 'FAILED'}}, 'size': 1})
rec('task-delete', 'DELETE', f'{ML}/tasks/{TID}')
rec('task-delete-again', 'DELETE', f'{ML}/tasks/{TID}')
refresh(); rec('task-get-deleted', 'GET', f'{ML}/tasks/{TID}')
rec('task-cancel-unknown', 'POST', f'{ML}/tasks/{NOPE}/_cancel')

# ---- 10 update model, delete while deployed, disable
rec('model-delete-while-deployed', 'DELETE', f'{ML}/models/{MID}')
rec('model-update-ok', 'PUT', f'{ML}/models/{MID}', {'name': 'all-MiniLM-L6-v2 renamed', 'description': 'changed'})
rec('model-update-empty', 'PUT', f'{ML}/models/{MID}', {})
rec('model-update-no-body', 'PUT', f'{ML}/models/{MID}')
rec('model-update-malformed', 'PUT', f'{ML}/models/{MID}', text='{"name": ')
rec('model-update-unknown-field', 'PUT', f'{ML}/models/{MID}', {'nope': 1})
rec('model-update-unknown-model', 'PUT', f'{ML}/models/{NOPE}', {'name': 'x'})
rec('model-update-connector-on-local', 'PUT', f'{ML}/models/{MID}', {'connector_id': NOPE})
rec('model-update-unknown-group', 'PUT', f'{ML}/models/{MID}', {'model_group_id': NOPE})
rec('model-update-model_config', 'PUT', f'{ML}/models/{MID}', {'model_config': {**CONFIG, 'pooling_mode': 'cls'}})
rec('model-update-disable', 'PUT', f'{ML}/models/{MID}', {'is_enabled': False})
rec('predict-disabled', 'POST', P, DOC)
rec('model-update-enable', 'PUT', f'{ML}/models/{MID}', {'is_enabled': True})
rec('model-update-rate-limit', 'PUT', f'{ML}/models/{MID}', {'rate_limiter': {'limit': '2', 'unit': 'MINUTES'}})
for i in range(4): rec(f'predict-rate-limited-{i+1}', 'POST', P, {'text_docs': ['one'], 'target_response': ['nope']})
rec('model-update-rate-limit-bad-unit', 'PUT', f'{ML}/models/{MID}', {'rate_limiter': {'limit': '2', 'unit': 'FORTNIGHTS'}})
rec('model-update-rate-limit-bad-limit', 'PUT', f'{ML}/models/{MID}', {'rate_limiter': {'limit': 'many', 'unit': 'MINUTES'}})
rec('model-update-rate-limit-lift', 'PUT', f'{ML}/models/{MID}', {'rate_limiter': {'limit': '1000000', 'unit': 'SECONDS'}})
refresh(); rec('model-get-updated', 'GET', f'{ML}/models/{MID}')
rec('predict-after-update', 'POST', P, {'text_docs': ['one'], 'target_response': ['nope']})

# ---- 11 controllers
C = f'{ML}/controllers/{MID}'
CB = {'user_rate_limiter': {'alice': {'limit': '10', 'unit': 'MINUTES'}, 'bob': {'limit': '5', 'unit': 'HOURS'}}}
rec('controller-get-none', 'GET', C)
rec('controller-update-none', 'PUT', C, CB)
rec('controller-delete-none', 'DELETE', C)
rec('controller-create-unknown-model', 'POST', f'{ML}/controllers/{NOPE}', CB)
rec('controller-create-no-body', 'POST', C)
rec('controller-create-empty', 'POST', C, {})
rec('controller-create-malformed', 'POST', C, text='{"user_rate')
rec('controller-create-bad-unit', 'POST', C, {'user_rate_limiter': {'alice': {'limit': '10', 'unit': 'NOPE'}}})
rec('controller-create-missing-limit', 'POST', C, {'user_rate_limiter': {'alice': {'unit': 'MINUTES'}}})
rec('controller-create-ok', 'POST', C, CB)
rec('controller-create-again', 'POST', C, CB)
refresh(); rec('controller-get', 'GET', C)
rec('controller-update-ok', 'PUT', C, {'user_rate_limiter': {'alice': {'limit': '20', 'unit': 'MINUTES'}}})
refresh(); rec('controller-get-updated', 'GET', C)
rec('model-get-with-controller', 'GET', f'{ML}/models/{MID}?filter_path=is_controller_enabled,model_state')
rec('controller-search-route', 'POST', f'{ML}/controllers/_search', MATCH)
rec('controller-delete', 'DELETE', C)
rec('controller-delete-again', 'DELETE', C)
setting('settings-controller-off', controller_enabled=False)
rec('controller-create-disabled', 'POST', C, CB)
rec('controller-get-disabled', 'GET', C)
qset(controller_enabled=None)

# ---- 12 undeploy
rec('undeploy-unknown', 'POST', f'{ML}/models/{NOPE}/_undeploy')
rec('undeploy-bad-node', 'POST', f'{ML}/models/{MID}/_undeploy', {'node_ids': ['no-such-node']})
rec('undeploy-malformed', 'POST', f'{ML}/models/{MID}/_undeploy', text='{"node_ids": ')
rec('undeploy-unknown-field', 'POST', f'{ML}/models/_undeploy', {'nope': 1})
rec('undeploy-ok', 'POST', f'{ML}/models/{MID}/_undeploy'); time.sleep(0.5); refresh()
rec('model-get-undeployed', 'GET', f'{ML}/models/{MID}?filter_path=model_state,*node*,last_undeployed_time,auto*')
rec('undeploy-again', 'POST', f'{ML}/models/{MID}/_undeploy')
rec('undeploy-body-model-ids', 'POST', f'{ML}/models/_undeploy', {'model_ids': [MID, NOPE]})
rec('undeploy-body-unknown-only', 'POST', f'{ML}/models/_undeploy', {'model_ids': [NOPE]})
rec('undeploy-body-empty-ids', 'POST', f'{ML}/models/_undeploy', {'model_ids': []})
rec('undeploy-body-empty', 'POST', f'{ML}/models/_undeploy', {})
rec('undeploy-all-no-body', 'POST', f'{ML}/models/_undeploy')
rec('undeploy-node-ids', 'POST', f'{ML}/models/{MID}/_undeploy', {'node_ids': [NODE]})
rec('undeploy-old-url', 'POST', f'{ML}/models/{MID}/_unload')
rec('undeploy-all-old-url', 'POST', f'{ML}/models/_unload', {'model_ids': [MID]})
refresh(); rec('predict-after-undeploy', 'POST', P, DOC)
rec('profile-model-undeployed', 'GET', f'{ML}/profile/models/{MID}')
rec('stats-after-undeploy', 'GET', f'{ML}/stats')

# ---- 13 model groups
G = f'{ML}/model_groups'
s, b = rec('group-register', 'POST', f'{G}/_register', {'name': 'golden group', 'description': 'a group'}); GID = b.get('model_group_id')
rec('group-register-same-name', 'POST', f'{G}/_register', {'name': 'golden group'})
rec('group-register-missing-name', 'POST', f'{G}/_register', {'description': 'x'})
rec('group-register-malformed', 'POST', f'{G}/_register', text='{"name"')
rec('group-register-no-body', 'POST', f'{G}/_register')
rec('group-register-unknown-field', 'POST', f'{G}/_register', {'name': 'g2', 'nope': 1})
rec('group-register-access-mode', 'POST', f'{G}/_register', {'name': 'g3', 'access_mode': 'public'})
rec('group-register-bad-access-mode', 'POST', f'{G}/_register', {'name': 'g4', 'access_mode': 'nope'})
rec('group-register-private-with-roles', 'POST', f'{G}/_register', {'name': 'g5', 'access_mode': 'restricted', 'backend_roles': ['a']})
refresh(); rec('group-get', 'GET', f'{G}/{GID}')
rec('group-get-unknown', 'GET', f'{G}/{NOPE}')
rec('group-search', 'POST', f'{G}/_search', {'query': {'term': {'_id': GID}}})
rec('group-search-get', 'GET', f'{G}/_search', MATCH)
rec('group-update', 'PUT', f'{G}/{GID}', {'name': 'golden group 2', 'description': 'changed'})
rec('group-update-empty', 'PUT', f'{G}/{GID}', {})
rec('group-update-unknown', 'PUT', f'{G}/{NOPE}', {'name': 'x'})
rec('group-update-malformed', 'PUT', f'{G}/{GID}', text='{')
rec('group-update-name-taken', 'PUT', f'{G}/{GID}', {'name': 'g3'})
refresh(); rec('group-get-updated', 'GET', f'{G}/{GID}')
s, b = rec('meta-into-group', 'POST', f'{ML}/models/_register_meta', {**META, 'name': 'in-group', 'model_group_id': GID}); GM = b.get('model_id')
refresh(); rec('group-get-after-model', 'GET', f'{G}/{GID}')
rec('meta-into-group-second-version', 'POST', f'{ML}/models/_register_meta', {**less(META, 'version'), 'name': 'in-group', 'model_group_id': GID})
refresh(); rec('group-delete-with-models', 'DELETE', f'{G}/{GID}')
rec('group-delete-unknown', 'DELETE', f'{G}/{NOPE}')
if GM: rec('model-delete-in-group', 'DELETE', f'{ML}/models/{GM}')
s, b = rec('group-register-for-delete', 'POST', f'{G}/_register', {'name': 'to delete'}); refresh()
rec('group-delete', 'DELETE', f'{G}/{b.get("model_group_id")}')
rec('group-delete-again', 'DELETE', f'{G}/{b.get("model_group_id")}')

# ---- 14 register by URL
R = f'{ML}/models/_register'
BYURL = {'name': 'minilm-by-url', 'version': '1.0.0', 'description': 'by url', 'function_name': 'TEXT_EMBEDDING', 'model_format': 'ONNX', 'model_content_hash_value': SHA, 'model_config': CONFIG, 'url': FURL}
qset(allow_registering_model_via_url=False)
rec('url-not-allowed', 'POST', R, BYURL)
qset(allow_registering_model_via_url=True)
for k in ('name', 'version', 'function_name', 'model_format', 'model_config', 'model_content_hash_value', 'url', 'description'):
    s, b = rec(f'url-missing-{k}', 'POST', R, {**less(BYURL, k), **({'url': 'http://127.0.0.1:9290/404.zip'} if k != 'url' else {})})
    if isinstance(b, dict) and 'task_id' in b: task_states(f'url-missing-{k}-task', b['task_id'])
rec('url-untrusted-scheme', 'POST', R, {**BYURL, 'url': 'gopher://127.0.0.1/x.zip'})
rec('url-bad', 'POST', R, {**BYURL, 'url': 'not a url'})
rec('url-malformed', 'POST', R, text='{"name"')
rec('url-no-body', 'POST', R)
rec('url-empty-object', 'POST', R, {})
rec('url-bad-function', 'POST', R, {**BYURL, 'function_name': 'nope'})
rec('url-bad-format', 'POST', R, {**BYURL, 'model_format': 'nope'})
rec('url-unknown-group', 'POST', R, {**BYURL, 'model_group_id': NOPE})
s, b = rec('url-404', 'POST', R, {**BYURL, 'url': 'http://127.0.0.1:9290/404.zip'})
if 'task_id' in b: task_states('url-404-task', b['task_id'])
s, b = rec('url-refused', 'POST', R, {**BYURL, 'url': 'http://127.0.0.1:9299/x.zip'})
if 'task_id' in b: task_states('url-refused-task', b['task_id'])
s, b = rec('url-wrong-hash', 'POST', R, {**BYURL, 'model_content_hash_value': '1' * 64})
if 'task_id' in b: task_states('url-wrong-hash-task', b['task_id'])
s, b = rec('url-pretrained-no-network', 'POST', R, {'name': 'huggingface/sentence-transformers/all-MiniLM-L6-v2', 'version': '1.0.1', 'model_format': 'TORCH_SCRIPT'})
if isinstance(b, dict) and 'task_id' in b: task_states('url-pretrained-task', b['task_id'])
s, b = rec('url-ok', 'POST', R, BYURL); T = b.get('task_id')
rec('url-tasks-profile', 'GET', f'{ML}/profile/tasks')
t = task_states('url-task', T); UM = t.get('model_id'); refresh()
rec('url-model-get', 'GET', f'{ML}/models/{UM}')
s, b = rec('url-same-again-and-deploy', 'POST', f'{R}?deploy=true', BYURL); T = b.get('task_id')
t = task_states('url-deploy-true-task', T); UD = t.get('model_id'); refresh()
for _ in range(300):  # its deploy has no task: what a slow machine shows meanwhile is luck
    _, b = rec('x', 'GET', f'{ML}/models/{UD}', keep=False)
    if b.get('model_state') == 'DEPLOYED': break
    time.sleep(0.2)
rec('url-deploy-true-model-get', 'GET', f'{ML}/models/{UD}?filter_path=name,model_state,*node*')
rec('url-deploy-true-predict', 'POST', f'{ML}/models/{UD}/_predict', DOC)
rec('url-old-register-url', 'POST', f'{ML}/models/_upload', less(BYURL, 'name'))

# ---- 15 connectors and remote models
K = f'{ML}/connectors'
def conn(name, path='/v1/embeddings', **kw):
    c = {'name': name, 'description': 'fake OpenAI', 'version': 1, 'protocol': 'http', 'parameters': {'model': 'text-embedding-3-small'},
         'credential': {'openAI_key': 'sk-secret'},
         'actions': [{'action_type': 'predict', 'method': 'POST', 'url': OAI + path, 'headers': {'Authorization': 'Bearer ${credential.openAI_key}'},
                      'request_body': '{ "input": ${parameters.input}, "model": "${parameters.model}" }',
                      'pre_process_function': 'connector.pre_process.openai.embedding', 'post_process_function': 'connector.post_process.openai.embedding'}]}
    c.update(kw); return c
s, b = rec('connector-create', 'POST', f'{K}/_create', conn('openai embeddings')); CID = b.get('connector_id')
for k in ('name', 'description', 'version', 'protocol', 'parameters', 'credential', 'actions'): rec(f'connector-create-missing-{k}', 'POST', f'{K}/_create', less(conn('x'), k))
rec('connector-create-bad-protocol', 'POST', f'{K}/_create', conn('x', protocol='carrier-pigeon'))
rec('connector-create-untrusted-url', 'POST', f'{K}/_create', conn('x', actions=[{**conn('x')['actions'][0], 'url': 'https://example.com/v1'}]))
rec('connector-create-action-no-url', 'POST', f'{K}/_create', conn('x', actions=[less(conn('x')['actions'][0], 'url')]))
rec('connector-create-action-no-method', 'POST', f'{K}/_create', conn('x', actions=[less(conn('x')['actions'][0], 'method')]))
rec('connector-create-bad-action-type', 'POST', f'{K}/_create', conn('x', actions=[{**conn('x')['actions'][0], 'action_type': 'nope'}]))
rec('connector-create-unknown-field', 'POST', f'{K}/_create', {**conn('x'), 'nope': 1})
rec('connector-create-malformed', 'POST', f'{K}/_create', text='{"name"')
rec('connector-create-no-body', 'POST', f'{K}/_create')
rec('connector-create-empty', 'POST', f'{K}/_create', {})
refresh(); rec('connector-get', 'GET', f'{K}/{CID}')
rec('connector-get-unknown', 'GET', f'{K}/{NOPE}')
rec('connector-search', 'POST', f'{K}/_search', {**MATCH, 'size': 1})
rec('connector-search-get', 'GET', f'{K}/_search', {'query': {'match': {'name': 'openai'}}, 'size': 1})
rec('connector-update', 'PUT', f'{K}/{CID}', {'description': 'changed'})
rec('connector-update-empty', 'PUT', f'{K}/{CID}', {})
rec('connector-update-unknown', 'PUT', f'{K}/{NOPE}', {'description': 'x'})
rec('connector-update-no-body', 'PUT', f'{K}/{CID}')
refresh(); rec('connector-get-updated', 'GET', f'{K}/{CID}')
s, b = rec('remote-register', 'POST', R, {'name': 'remote embeddings', 'function_name': 'remote', 'description': 'r', 'connector_id': CID}); 
if 'task_id' in b: t = task_states('remote-register-task', b['task_id'])
RM = b.get('model_id') or t.get('model_id'); refresh()
rec('remote-model-get', 'GET', f'{ML}/models/{RM}')
rec('remote-register-unknown-connector', 'POST', R, {'name': 'r', 'function_name': 'remote', 'connector_id': NOPE})
rec('remote-register-no-connector', 'POST', R, {'name': 'r', 'function_name': 'remote'})
rec('remote-predict-not-deployed-auto-off', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'input': ['hello', 'world!']}})
qset(**{'model_auto_deploy.enable': True})
rec('remote-predict-auto-deploy', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'input': ['hello', 'world!']}}); time.sleep(1); refresh()
rec('remote-model-get-auto-deployed', 'GET', f'{ML}/models/{RM}?filter_path=model_state,*node*,auto*,deploy*')
rec('remote-predict-text-docs', 'POST', f'{ML}/_predict/text_embedding/{RM}', {'text_docs': ['hello', 'world!']})
rec('remote-predict-remote-url', 'POST', f'{ML}/_predict/remote/{RM}', {'parameters': {'input': ['hello']}})
rec('remote-predict-input-text', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'input': 'just text'}})
rec('remote-predict-quotes', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'input': ['a "quoted" \\ text\nnew line']}})
rec('remote-predict-missing-parameter', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'nope': 'x'}})
rec('remote-predict-override-model', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'input': ['x'], 'model': 'other'}})
rec('remote-predict-empty', 'POST', f'{ML}/models/{RM}/_predict', {})
rec('remote-predict-no-parameters', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {}})
json.dump(SEEN, open(f'{OUT}/fake-server-saw.json', 'w'), indent=1)
rec('remote-connector-delete-in-use', 'DELETE', f'{K}/{CID}')
rec('remote-connector-update-in-use', 'PUT', f'{K}/{CID}', {'description': 'changed again'})
s, b = rec('remote-deploy', 'POST', f'{ML}/models/{RM}/_deploy')
if 'task_id' in b: task_states('remote-deploy-task', b['task_id'])
rec('remote-profile', 'GET', f'{ML}/profile/models/{RM}')
rec('remote-undeploy', 'POST', f'{ML}/models/{RM}/_undeploy')
qset(**{'connector.private_ip_enabled': False})
rec('remote-predict-private-ip-off', 'POST', f'{ML}/models/{RM}/_predict', {'parameters': {'input': ['hello']}})
qset(**{'connector.private_ip_enabled': None})
for nm, path in (('401', '/fail401'), ('429', '/fail429'), ('500', '/fail500'), ('404', '/nope'), ('not-json', '/notjson'), ('empty', '/empty'), ('chat', '/v1/chat/completions')):
    a = less(conn('x')['actions'][0], 'pre_process_function', 'post_process_function')
    a['url'] = OAI + path
    if nm == 'chat': a['request_body'] = '{ "model": "${parameters.model}", "messages": ${parameters.messages} }'
    s, b = rec(f'remote-{nm}-register-inline-connector', 'POST', f'{R}?deploy=true', {'name': f'remote {nm}', 'function_name': 'remote', 'description': nm, 'connector': conn(f'c {nm}', actions=[a])})
    m = b.get('model_id') if isinstance(b, dict) else None
    if m is None and isinstance(b, dict) and 'task_id' in b: m = task_states(f'remote-{nm}-task', b['task_id']).get('model_id')
    time.sleep(0.5); refresh()
    rec(f'remote-{nm}-predict', 'POST', f'{ML}/models/{m}/_predict', {'parameters': {'messages': [{'role': 'user', 'content': 'Hi'}]} if nm == 'chat' else {'input': ['hello']}})
    if nm == 'chat': rec('remote-chat-model-get', 'GET', f'{ML}/models/{m}')
rec('search-remote-models', 'POST', f'{ML}/models/_search', {'query': {'term': {'algorithm': 'REMOTE'}}, '_source': ['name', 'model_state', 'connector_id'], 'size': 2})
# connector without key or process functions
s, b = rec('connector-create-delete-me', 'POST', f'{K}/_create', conn('delete me')); refresh()
rec('connector-delete', 'DELETE', f'{K}/{b.get("connector_id")}')
rec('connector-delete-again', 'DELETE', f'{K}/{b.get("connector_id")}')
rec('remote-model-delete-while-deployed', 'DELETE', f'{ML}/models/{RM}')
rec('remote-model-undeploy-before-delete', 'POST', f'{ML}/models/{RM}/_undeploy'); time.sleep(0.5); refresh()
rec('remote-model-delete', 'DELETE', f'{ML}/models/{RM}'); refresh()
rec('remote-connector-delete-after-model', 'DELETE', f'{K}/{CID}')

# ---- 16 delete models, auto deploy of a local model
P = f'{ML}/_predict/text_embedding/{MID}'
rec('local-predict-auto-deploy', 'POST', P, DOC)
for _ in range(100):
    _, b = rec('x', 'GET', f'{ML}/models/{MID}', keep=False)
    if b.get('model_state') == 'DEPLOYED': break
    time.sleep(0.2)
rec('local-predict-after-auto-deploy', 'POST', P, {'text_docs': ['one'], 'target_response': ['nope']})
rec('model-delete-while-auto-deployed', 'DELETE', f'{ML}/models/{MID}')
rec('undeploy-before-delete', 'POST', f'{ML}/models/{MID}/_undeploy'); time.sleep(0.5); refresh()
rec('model-delete-after-undeploy', 'DELETE', f'{ML}/models/{MID}'); refresh()
rec('model-get-deleted', 'GET', f'{ML}/models/{MID}')
rec('model-delete-again', 'DELETE', f'{ML}/models/{MID}')
rec('predict-deleted', 'POST', P, DOC)
rec('deploy-deleted', 'POST', f'{ML}/models/{MID}/_deploy')
# ---- 17 limits and races
def undeployed(m): rec('x', 'POST', f'{ML}/models/{m}/_undeploy', keep=False); time.sleep(1); refresh()
if UM and UD:
    qset(native_memory_threshold=1)
    rec('memory-breaker-predict', 'POST', f'{ML}/models/{UD}/_predict', DOC)
    s, b = rec('memory-breaker-deploy', 'POST', f'{ML}/models/{UM}/_deploy'); wait(b, 'memory-breaker-deploy-task')
    s, b = rec('memory-breaker-register', 'POST', R, {**BYURL, 'url': 'http://127.0.0.1:9290/404.zip'}); wait(b, 'memory-breaker-register-task')
    qset(native_memory_threshold=100)
    rec('stats-after-native-breaker', 'GET', f'{ML}/stats')
    qset(jvm_heap_memory_threshold=1)
    rec('heap-breaker-predict', 'POST', f'{ML}/models/{UD}/_predict', DOC)
    qset(jvm_heap_memory_threshold=100)
    undeployed(UM); undeployed(UD)
    qset(max_model_on_node=0)
    s, b = rec('max-model-on-node-deploy', 'POST', f'{ML}/models/{UM}/_deploy'); wait(b, 'max-model-on-node-task'); refresh()
    rec('max-model-on-node-model-get', 'GET', f'{ML}/models/{UM}?filter_path=model_state,*node*')
    qset(max_model_on_node=None)
    qset(max_deploy_model_tasks_per_node=0)
    s, b = rec('max-deploy-tasks-deploy', 'POST', f'{ML}/models/{UM}/_deploy'); wait(b, 'max-deploy-tasks-task'); refresh()
    qset(max_deploy_model_tasks_per_node=10)
    s, b = rec('race-deploy-1', 'POST', f'{ML}/models/{UM}/_deploy'); s, b2 = rec('race-deploy-2-while-deploying', 'POST', f'{ML}/models/{UM}/_deploy')
    for i, x in enumerate((b, b2)):
        if isinstance(x, dict) and 'task_id' in x: task_states(f'race-task-{i+1}', x['task_id'], limit=25)
    refresh(); rec('race-model-get', 'GET', f'{ML}/models/{UM}?filter_path=model_state,*node*')
    rec('race-predict', 'POST', f'{ML}/models/{UM}/_predict', {'text_docs': ['one'], 'target_response': ['nope']})
    undeployed(UM)
    s, b = rec('race-deploy-then-undeploy', 'POST', f'{ML}/models/{UM}/_deploy'); time.sleep(0.3)
    rec('race-undeploy-while-deploying', 'POST', f'{ML}/models/{UM}/_undeploy')
    if 'task_id' in b: task_states('race-undeploy-task', b['task_id'], limit=25)
    refresh(); rec('race-undeploy-model-get', 'GET', f'{ML}/models/{UM}?filter_path=model_state,*node*')
    rec('race-profile', 'GET', f'{ML}/profile')
    undeployed(UM)
    qset(max_ml_task_per_node=0)
    s, b = rec('max-ml-task-deploy', 'POST', f'{ML}/models/{UD}/_deploy'); wait(b); refresh()
    rec('max-ml-task-predict', 'POST', f'{ML}/models/{UD}/_predict', DOC)
    rec('x', 'PUT', '/_cluster/settings', {'transient': {'plugins.ml_commons.max_ml_task_per_node': None}}, keep=False); qset(max_ml_task_per_node=None)
    rec('predict-deployed-again', 'POST', f'{ML}/models/{UD}/_predict', {'text_docs': ['one'], 'target_response': ['nope']})
    qset(only_run_on_ml_node=True); time.sleep(0.5)
    rec('only-ml-node-deploy', 'POST', f'{ML}/models/{UM}/_deploy')
    rec('only-ml-node-predict-deployed-before', 'POST', f'{ML}/models/{UD}/_predict', DOC)
    qset(only_run_on_ml_node=False); time.sleep(0.5)
    rec('only-ml-node-off-again-predict', 'POST', f'{ML}/models/{UD}/_predict', {'text_docs': ['one'], 'target_response': ['nope']})
    refresh(); rec('only-ml-node-off-again-model-get', 'GET', f'{ML}/models/{UD}?filter_path=model_state,*node*')
rec('final-stats', 'GET', f'{ML}/stats')
rec('final-profile', 'GET', f'{ML}/profile')
rec('final-mapping-model', 'GET', '/.plugins-ml-model/_mapping?expand_wildcards=all')
rec('final-settings', 'GET', '/_cluster/settings?flat_settings=true')
send('POST', f'{ML}/models/_undeploy', json.dumps({'model_ids': [x for x in (UM, UD) if x]}).encode(), JSONH)
send('PUT', '/_cluster/settings', json.dumps({'persistent': {'plugins.ml_commons.*': None}, 'transient': {'plugins.ml_commons.*': None}}).encode(), JSONH)
for s in srv: s.shutdown()
with open(f'{OUT}/INDEX.md', 'w') as f:
    f.write('| no | status | exchange | request | response, first 160 characters |\n|---|---|---|---|---|\n')
    for n, name, m, p, st, b in INDEX: f.write(f'| {n:03d} | {st} | {name} | {m} {p} | `' + b.replace('|', '\\|').replace('`', "'") + '` |\n')
print(N, 'exchanges in', OUT)

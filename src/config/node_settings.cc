// The program's own settings. Defaults chosen for one machine that nobody else can reach.
#include "config/setting_table.h"

namespace mlnode::config {
namespace {

constexpr SettingRow kRows[] = {
    TextRow("mlnode.node.name", Scope::kStatic, "",
            "Name of this node in answers and logs; the host's name when not given."),
    TextRow("mlnode.cluster.name", Scope::kStatic, "mlnode",
            "Name of the cluster in answers; clusters of different names on the same NATS servers do not meet."),
    UrlsRow(
        "mlnode.cluster.nats", Scope::kStatic, "",
        "NATS servers with JetStream that the cluster lives on, comma-separated: nats://a:4222,nats://b:4222; tls:// "
        "asks for TLS. Empty: this node is alone and keeps its documents in its data folder."),
    IntRow("mlnode.cluster.replicas", Scope::kStatic, "0", {0, 5},
           "Copies that NATS keeps of each document and chunk; 0: three where the servers are a cluster, else one. "
           "Counts when the first node makes the streams."),
    TextRow(
        "mlnode.cluster.key_file", Scope::kStatic, "",
        "File with the key, 16 bytes at least, that nodes prove to each other with; the variable MLNODE_CLUSTER_KEY "
        "counts instead. Needed unless everything is on loopback, where a key kept in NATS serves."),
    TextRow("mlnode.cluster.nats_credentials_file", Scope::kStatic, "",
            "Credentials file (JWT and seed) for the NATS servers; a user and password, or a token, may stand in the "
            "URLs, or in the variable MLNODE_CLUSTER_NATS."),
    TextRow("mlnode.cluster.nats_ca_file", Scope::kStatic, "",
            "PEM file of the authorities that the NATS servers' certificates are checked by; the system's when empty."),
    TextRow("mlnode.cluster.nats_certificate_file", Scope::kStatic, "",
            "PEM file of the client certificate shown to the NATS servers."),
    TextRow("mlnode.cluster.nats_private_key_file", Scope::kStatic, "", "PEM file of that certificate's key."),
    BoolRow(
        "mlnode.cluster.mixed_precision", Scope::kStatic, false,
        "Lets each node of a deployment run at the fastest precision that it verified; else a deployment over nodes "
        "with different ones runs at f32 everywhere, so that all give the same answers."),
    TextRow("mlnode.http.publish_address", Scope::kStatic, "",
            "host:port by which the other nodes reach this one; when empty, the address it listens on."),
    ListRow("mlnode.node.attributes", Scope::kStatic, "",
            "name=value pairs shown by _nodes; box_type other than hot keeps role data from counting for deployments."),
    IntRow("mlnode.predict.scatter_documents", Scope::kDynamic, "0", {0, 1000000},
           "A prediction of more documents than this is cut up and computed by several nodes that hold the model; 0: "
           "never."),
    ListRow("mlnode.node.roles", Scope::kStatic, "ml,data",
            "What this node does: ml serves local models, data serves them only where only_run_on_ml_node is off.",
            "ml|data"),
    TextRow("mlnode.data_dir", Scope::kStatic, "./mlnode-data",
            "Folder of documents, model files and caches; one process at a time may use it."),
    TextRow(
        "mlnode.credentials.key_file", Scope::kStatic, "",
        "File of the keys that connectors' credentials are sealed under, mode 0600; when empty, keys/credentials in "
        "the data folder. Made when it is not there and nothing is sealed yet. The variable MLNODE_CREDENTIALS_KEYS "
        "with the same lines counts "
        "instead."),
    TextRow("mlnode.engine_dir", Scope::kStatic, "",
            "Folder of the engine plug-ins; when empty, lib/ beside the program's bin/."),
    TextRow("mlnode.http.address", Scope::kStatic, "127.0.0.1", "Address to listen on."),
    IntRow("mlnode.http.port", Scope::kStatic, "9200", {0, 65535}, "Port to listen on; 0 lets the system choose."),
    BytesRow("mlnode.http.max_body_bytes", Scope::kStatic, "100mb", {1024, 1099511627776.0},
             "Largest request body; a larger one is answered 413."),
    IntRow("mlnode.http.max_connections", Scope::kStatic, "1000", {1, 1000000},
           "Connections at a time; one more is answered 503 and closed."),
    IntRow("mlnode.http.idle_timeout_ms", Scope::kStatic, "60000", {100, 86400000},
           "A connection without a request for this long is closed."),
    IntRow("mlnode.http.header_timeout_ms", Scope::kStatic, "10000", {100, 86400000},
           "Longest that a request's header may take in all; a slower one is answered 408."),
    IntRow("mlnode.http.read_timeout_ms", Scope::kStatic, "60000", {100, 86400000},
           "In each such time at least min_progress_bytes of a request body must come, or its end; else 408."),
    IntRow("mlnode.http.write_timeout_ms", Scope::kStatic, "60000", {100, 86400000},
           "In each such time a client must take at least min_progress_bytes of its answers, or their end; else it is "
           "cut off."),
    BytesRow("mlnode.http.min_progress_bytes", Scope::kStatic, "32kb", {1, 1073741824},
             "See read_timeout_ms and write_timeout_ms; the default asks for 546 bytes a second."),
    BytesRow("mlnode.http.max_unsent_bytes", Scope::kStatic, "16mb", {1024, 1099511627776.0},
             "Answers of one connection that its client has not taken; beyond, its next request waits unread."),
    IntRow("mlnode.http.drain_timeout_ms", Scope::kStatic, "10000", {0, 3600000},
           "At shutdown, how long running requests may take to finish."),
    BoolRow("mlnode.insecure_allow_remote", Scope::kStatic, false,
            "Allows listening on other than loopback addresses without security."),
    TextRow("mlnode.log.level", Scope::kStatic, "info", "Least important lines that are logged.",
            "debug|info|warn|error"),
    TextRow("mlnode.log.format", Scope::kStatic, "text", "Form of log lines.", "text|json"),
    IntRow("mlnode.slow_log_ms", Scope::kDynamic, "1000", {0, 86400000},
           "Requests that take longer are logged with their phases; 0 turns this off."),
    ListRow("mlnode.file_url_roots", Scope::kStatic, "",
            "Folders below which file: URLs may name models; empty allows none."),
    BoolRow("mlnode.url.allow_private_addresses", Scope::kStatic, false,
            "Lets model URLs lead to loopback, link-local and private addresses."),
    TextRow("mlnode.pretrained.base_url", Scope::kStatic, "https://artifacts.opensearch.org/models/ml-models",
            "Site that models registered by name alone come from; empty for none. It may have a private address."),
    TextRow("mlnode.pretrained.mirror", Scope::kStatic, "",
            "Folder with the layout of that site, asked first; its listing may be missing."),
    BytesRow(
        "mlnode.memory.limit_bytes", Scope::kStatic, "0", {0, 1152921504606846976.0},
        "Memory that this process may use for models; 0 takes 80 percent of the smaller of machine and cgroup limit."),
    IntRow("mlnode.lanes", Scope::kStatic, "0", {0, 1024}, "Inference threads; 0 takes one per physical core."),
    TextRow("mlnode.engine.precision", Scope::kStatic, "auto",
            "auto takes bf16 for an embedding model whose probes agree with f32 and are faster; f32 never does.",
            "auto|f32"),
    IntRow("mlnode.deploy.deadline_seconds", Scope::kStatic, "600", {1, 86400},
           "A deployment without any progress for this long has failed."),
    IntRow("mlnode.predict.queue_ms", Scope::kStatic, "10000", {1, 3600000},
           "Longest that a document may wait in a model's queue; beyond, requests are answered 429."),
    IntRow("mlnode.predict.batch_tokens", Scope::kStatic, "1024", {1, 1048576},
           "Most tokens that one engine call computes together; a longer text is computed alone."),
    IntRow("mlnode.predict.deadline_ms", Scope::kStatic, "60000", {1, 3600000},
           "Longest that a prediction may take in all."),
    IntRow("mlnode.registration_grace_minutes", Scope::kStatic, "60", {1, 525600},
           "Chunks of a registration that was given up are removed after this long."),
};

}  // namespace

std::span<const SettingRow> NodeSettings() { return kRows; }

}  // namespace mlnode::config

// The peer's settings that mean something here. Names, ranges and defaults: spec/tasks-profile-stats-settings §4; where
// a default differs, the row's text says so.
#include "config/setting_table.h"

namespace mlnode::config {
namespace {

constexpr std::string_view kTrustedUrls = R"(^(https?|ftp|file)://[-a-zA-Z0-9+&@#/%?=~_|!:,.;]*[-a-zA-Z0-9+&@#/%=~_|])";

// spec/remote §4: the services that the peer trusts from the start.
constexpr std::string_view kTrustedEndpoints = R"(^https://runtime\.sagemaker\..*[a-z0-9-]\.amazonaws\.com/.*$,)"
                                               R"(^https://api\.sagemaker\..*[a-z0-9-]\.amazonaws\.com/.*$,)"
                                               R"(^https://api\.openai\.com/.*$,)"
                                               R"(^https://api\.cohere\.ai/.*$,)"
                                               R"(^https://api\.deepseek\.com/.*$,)"
                                               R"(^https://generativelanguage\.googleapis\.com/.*$,)"
                                               R"(^https://bedrock-runtime\..*[a-z0-9-]\.amazonaws\.com/.*$,)"
                                               R"(^https://bedrock-agent-runtime\..*[a-z0-9-]\.amazonaws\.com/.*$,)"
                                               R"(^https://bedrock\..*[a-z0-9-]\.amazonaws\.com/.*$,)"
                                               R"(^https://textract\..*[a-z0-9-]\.amazonaws\.com$,)"
                                               R"(^https://comprehend\..*[a-z0-9-]\.amazonaws\.com$,)"
                                               R"(^https://rekognition(-fips)?\..*[a-z0-9-]\.amazonaws\.com$)";

// Of settings whose feature this version does not have: known, so that clients may set and read them.
constexpr std::string_view kNoEffect = "Accepted for compatibility; no effect in this version.";

constexpr std::string_view kJobRegex = "What a batch job's status says, compared as a whole and in any case.";

constexpr SettingRow kRows[] = {
    TextRow(
        "plugins.ml_commons.task_dispatch_policy", Scope::kDynamic, "round_robin",
        "Which of the nodes that hold a model gets a prediction that came to a node without it: round_robin, or "
        "least_load (of two drawn at random the one with the shorter queue). Any other text counts as round_robin."),
    IntRow("plugins.ml_commons.max_model_on_node", Scope::kDynamic, "10", {0, 10000},
           "Local models that one node may hold."),
    IntRow("plugins.ml_commons.max_register_model_tasks_per_node", Scope::kDynamic, "10", {0, 10},
           "Registrations that one node works on at a time."),
    IntRow("plugins.ml_commons.max_deploy_model_tasks_per_node", Scope::kDynamic, "10", {0, 10},
           "Deployments that one node works on at a time."),
    IntRow("plugins.ml_commons.max_ml_task_per_node", Scope::kDynamic, "10", {0, 10000}, kNoEffect),
    IntRow("plugins.ml_commons.max_batch_inference_tasks", Scope::kDynamic, "100", {0, 10000},
           "Batch jobs at providers that may be in progress at a time."),
    IntRow("plugins.ml_commons.max_batch_ingestion_tasks", Scope::kDynamic, "100", {0, 10000}, kNoEffect),
    IntRow("plugins.ml_commons.batch_ingestion_bulk_size", Scope::kDynamic, "500", {100, 100000}, kNoEffect),
    BoolRow("plugins.ml_commons.only_run_on_ml_node", Scope::kDynamic, true,
            "Local models run only on nodes with role ml, which a lone node has."),
    BoolRow("plugins.ml_commons.enable_inhouse_python_model", Scope::kDynamic, false, kNoEffect),
    IntRow("plugins.ml_commons.sync_up_job_interval_in_seconds", Scope::kDynamic, "10", {0, 86400},
           "Accepted for compatibility; nodes follow each other without a job."),
    IntRow("plugins.ml_commons.ml_task_timeout_in_seconds", Scope::kDynamic, "600", {1, 86400}, kNoEffect),
    IntRow("plugins.ml_commons.monitoring_request_count", Scope::kDynamic, "100", {0, 10000000},
           "Newest predictions of each model that its profile sums up; 0: none. More than 100,000 are not kept."),
    TextRow("plugins.ml_commons.trusted_url_regex", Scope::kDynamic, kTrustedUrls,
            "Model URLs must contain a match; a bad pattern fails when a model is registered."),
    IntRow("plugins.ml_commons.native_memory_threshold", Scope::kDynamic, "90", {0, 100},
           "Percent of the memory of machine or cgroup beyond which deployments are refused; 100 never. Each model's "
           "memory is budgeted besides (mlnode.memory.limit_bytes)."),
    IntRow("plugins.ml_commons.jvm_heap_memory_threshold", Scope::kDynamic, "85", {0, 100},
           "Accepted for compatibility; there is no Java heap."),
    BytesRow(
        "plugins.ml_commons.disk_free_space_threshold", Scope::kDynamic, "5gb", {0, 0},
        "Free space on the data folder's disk below which registrations and deployments are refused; 0 or -1 never."),
    TextRow("plugins.ml_commons.exclude_nodes._name", Scope::kDynamic, "",
            "Names of nodes that get no models, separated by commas."),
    BoolRow("plugins.ml_commons.allow_custom_deployment_plan", Scope::kDynamic, true,
            "Deploy and undeploy may name nodes; the peer's default is false."),
    BoolRow("plugins.ml_commons.model_auto_deploy.enable", Scope::kDynamic, true,
            "A remote model that is asked and not deployed is deployed first."),
    BoolRow(
        "plugins.ml_commons.model_auto_redeploy.enable", Scope::kDynamic, true,
        "What was deployed is loaded again after a restart, and retried when that fails for want of memory or disk."),
    IntRow("plugins.ml_commons.model_auto_redeploy.lifetime_retry_times", Scope::kDynamic, "3",
           {-2147483648.0, 2147483647},
           "Processes that may end in a row while they load a model again; then it waits for a request. At least 1."),
    {.name = "plugins.ml_commons.model_auto_redeploy_success_ratio",
     .type = Type::kFloat,
     .scope = Scope::kDynamic,
     .fallback = "0.8",
     .min = 0,
     .max = 1,
     .doc = "Share of the planned nodes that must hold a model for a deployment to count as a success (the count of "
            "auto_redeploy_retry_times appears)."},
    BoolRow("plugins.ml_commons.allow_registering_model_via_url", Scope::kDynamic, false,
            "Models may be registered from a URL."),
    BoolRow("plugins.ml_commons.allow_registering_model_via_local_file", Scope::kDynamic, true,
            "Models may be registered by upload; the peer's default is false."),
    BoolRow("plugins.ml_commons.remote_inference.enabled", Scope::kDynamic, true, "Remote models may be used."),
    BoolRow("plugins.ml_commons.local_model.enabled", Scope::kDynamic, true, "Local models may be used."),
    BoolRow("plugins.ml_commons.model_access_control_enabled", Scope::kDynamic, false,
            "Undeploy takes one model at a time; no other effect in this version."),
    BoolRow("plugins.ml_commons.connector_access_control_enabled", Scope::kDynamic, false, kNoEffect),
    PatternsRow("plugins.ml_commons.trusted_connector_endpoints_regex", Scope::kDynamic, kTrustedEndpoints,
                "One of these must match the whole URL of each action, when a connector is made and at each request."),
    PatternsRow("plugins.ml_commons.trusted_connector_private_endpoints_regex", Scope::kDynamic, "",
                "When given, one of these must match the whole URL too where its host has a private address."),
    ListRow("plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model", Scope::kDynamic, "data,ml",
            "Roles of nodes that serve remote models."),
    ListRow("plugins.ml_commons.task_dispatcher.eligible_node_role.local_model", Scope::kDynamic, "data,ml",
            "Roles of nodes that serve local models where only_run_on_ml_node is off."),
    BoolRow("plugins.ml_commons.connector.private_ip_enabled", Scope::kDynamic, false,
            "Connectors may lead to loopback, link-local and private addresses."),
    PatternsRow("plugins.ml_commons.connector.restricted_ip_patterns", Scope::kFinal, "",
                "Connectors may not lead to an address whose text one of these matches as a whole."),
    BoolRow("plugins.ml_commons.controller_enabled", Scope::kDynamic, true,
            "Controllers may be made, read, changed and deleted, and their limits count."),
    BoolRow("plugins.ml_commons.safe_delete_model", Scope::kDynamic, false, kNoEffect),
    BoolRow("plugins.ml_commons.offline_batch_inference_enabled", Scope::kDynamic, true,
            "Batch jobs may be begun at providers."),
    BoolRow("plugins.ml_commons.offline_batch_ingestion_enabled", Scope::kDynamic, true, kNoEffect),
    ListRow("plugins.ml_commons.remote_job.status_field", Scope::kDynamic, "status,Status,TransformJobStatus",
            "Where a provider says how its batch job stands: the first of these fields that is there."),
    TextRow("plugins.ml_commons.remote_job.status_regex.completed", Scope::kDynamic,
            "(complete|completed|partiallyCompleted)", kJobRegex),
    TextRow("plugins.ml_commons.remote_job.status_regex.cancelled", Scope::kDynamic, "(stopped|cancelled)", kJobRegex),
    TextRow("plugins.ml_commons.remote_job.status_regex.cancelling", Scope::kDynamic, "(stopping|cancelling)",
            kJobRegex),
    TextRow("plugins.ml_commons.remote_job.status_regex.expired", Scope::kDynamic, "(expired|timeout)", kJobRegex),
    TextRow("plugins.ml_commons.remote_job.status_regex.failed", Scope::kDynamic, "(failed)", kJobRegex),
    IntRow("plugins.ml_commons.max_json_size", Scope::kDynamic, "100000000", {-1, 2147483647},
           "Longest answer of a provider that is read, in bytes; -1: 100000000 too, the transport's own limit."),
};

}  // namespace

std::span<const SettingRow> MlCommonsSettings() { return kRows; }

}  // namespace mlnode::config

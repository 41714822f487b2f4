#include "app/node.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <filesystem>

#include "app/cluster.h"
#include "app/credential_keys.h"
#include "connectors/connector_repository.h"
#include "core/cgroup.h"
#include "core/files.h"
#include "core/log.h"
#include "core/version.h"
#include "deploy/node_core.h"
#include "engines/cpu_bf16.h"
#include "net/address_guard.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/peer_signature.h"
#include "rest/api_server.h"
#include "rest/cluster/peers.h"
#include "rest/front_door.h"
#include "rest/readiness.h"
#include "rest/resources/resources.h"
#include "storage/data_folder.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/transfer.h"

namespace mlnode::app {
namespace {

// Niceness of loading. Beside lanes that never rest it gets a tenth of a core (at 19 it was 1.5 %, and a deploy under
// full load took a minute); whoever predicts meanwhile comes first all the same.
constexpr int kLoadingNiceness = 10;
constexpr int kBackgroundThreads = 4;  // store and file work: waits, hardly computes
constexpr int kDownloadThreads = 2;    // registrations from URLs: each may take an hour, and nothing else waits for it
constexpr std::chrono::seconds kStopGrace(60);  // for a load or a batch under way: seconds each
constexpr double kMemoryShare = 0.8;            // of what machine and cgroup allow

Status CheckListenAddress(const config::Snapshot& settings) {
  const std::string address = settings.String("mlnode.http.address");
  if (net::IsLoopbackHost(address)) return {};
  if (!settings.Bool("mlnode.insecure_allow_remote")) {
    return MakeError(
        Code::kPermissionDenied,
        fmt::format("mlnode.http.address is {}: requests are not authenticated yet, so that anyone who reaches the "
                    "port can use and delete models. Keep it on 127.0.0.1, or allow it with "
                    "--insecure-allow-remote",
                    address));
  }
  LOG_WARN("app", "listening on {} without security: anyone who reaches the port can use and delete models", address);
  return {};
}

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "mlnode";
}

std::filesystem::path EngineFolder(const config::Snapshot& settings) {
  std::string configured = settings.String("mlnode.engine_dir");
  if (!configured.empty()) return configured;
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "lib";
}

LogLevel ReadLogLevel(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warn") return LogLevel::kWarn;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

int Lanes(const config::Snapshot& settings) {
  const auto configured = static_cast<int>(settings.Int("mlnode.lanes"));
  return configured > 0 ? configured : PhysicalCores();
}

struct Memory {
  std::uint64_t limit, base;
};

// A limit of our own is for this process alone; the machine's and the cgroup's is shared with what is there already.
Memory MemoryOf(const config::Snapshot& settings) {
  const std::int64_t configured = settings.Bytes("mlnode.memory.limit_bytes");
  if (configured > 0) return {.limit = static_cast<std::uint64_t>(configured), .base = 0};
  const auto limit = static_cast<std::uint64_t>(static_cast<double>(MemoryLimitBytes()) * kMemoryShare);
  return {.limit = limit, .base = MemoryUsedBytes()};
}

config::Resources MeasureResources(const std::filesystem::path& data) {
  config::Resources resources{.memory_used = MemoryUsedBytes(), .memory_limit = MemoryLimitBytes()};
  if (const auto free = FreeDiskBytes(data.string())) resources.disk_free = *free;
  return resources;
}

net::HttpServerOptions ServerOptions(const config::Snapshot& settings) {
  const auto millis = [&settings](const char* name) { return std::chrono::milliseconds(settings.Int(name)); };
  net::HttpServerOptions options;
  options.address = settings.String("mlnode.http.address");
  options.port = static_cast<std::uint16_t>(settings.Int("mlnode.http.port"));
  options.threads = std::max(1, PhysicalCores() / 8);
  options.max_body_bytes = static_cast<std::size_t>(settings.Bytes("mlnode.http.max_body_bytes"));
  options.max_connections = static_cast<std::size_t>(settings.Int("mlnode.http.max_connections"));
  options.max_unsent_bytes = static_cast<std::size_t>(settings.Bytes("mlnode.http.max_unsent_bytes"));
  options.idle_timeout = millis("mlnode.http.idle_timeout_ms");
  options.header_timeout = millis("mlnode.http.header_timeout_ms");
  options.read_timeout = millis("mlnode.http.read_timeout_ms");
  options.write_timeout = millis("mlnode.http.write_timeout_ms");
  options.min_progress_bytes = static_cast<std::size_t>(settings.Bytes("mlnode.http.min_progress_bytes"));
  return options;
}

}  // namespace

// Members are in the order of their dependencies: destruction is the reverse. Stop has ended all threads before, the
// HTTP client's too: `client` goes after those whom its callbacks use.
struct Node::Parts {
  explicit Parts(int lanes)
      : timers({.name = "timers", .threads = 1}),
        cpu({.name = "cpu", .threads = std::max(1, PhysicalCores())}),
        lane_pool({.name = "lane", .threads = lanes}),
        background({.name = "background", .threads = kBackgroundThreads}),
        downloads({.name = "downloads", .threads = kDownloadThreads, .queue = 100}),
        lease({.name = "lease", .threads = 1}),
        loading({.name = "loading", .threads = 1, .nice = kLoadingNiceness}) {}

  Status Open(const NodeOptions& options, const config::Snapshot& current);
  Status OpenStore(const NodeOptions& options, const config::Snapshot& current);
  Status StartCore(const NodeOptions& options, const config::Snapshot& current, int lanes);
  // A whole number that changes with its setting, for those who may not look a setting up. `setting` is a literal.
  std::shared_ptr<const std::atomic<std::int64_t>> Follow(std::string_view setting);
  void OpenApi();
  void Stop();

  SystemClock clock;
  SystemRandom random;
  const std::uint64_t incarnation = random.Next();  // of this process
  Metrics metrics;
  rest::Readiness readiness;
  rest::FrontDoor door{metrics};
  std::unique_ptr<config::Settings> settings;
  std::unique_ptr<storage::DataFolder> folder;
  std::unique_ptr<storage::SqliteStore> alone;  // of a node without a cluster
  std::optional<Cluster> cluster;
  storage::Store* store = nullptr;  // of one or the other
  std::unique_ptr<connectors::CredentialVault> vault;
  std::unique_ptr<engines::EngineRegistry> plugins;
  std::unique_ptr<net::HttpServer> server;
  ThreadPool timers, cpu, lane_pool, background, downloads, lease, loading;
  Strand observers{background};
  std::unique_ptr<net::HttpClient> client;
  std::unique_ptr<net::HttpClient> peer_client;  // of its own: a download or a provider delays no forwarded prediction
  std::unique_ptr<net::PeerVerifier> verifier;
  std::unique_ptr<rest::Peers> peers;
  std::unique_ptr<deploy::NodeCore> core;
  std::unique_ptr<rest::ApiServer> api;
  std::string address;
  bool stopped = false;
};

Status Node::Parts::Open(const NodeOptions& options, const config::Snapshot& current) {
  RETURN_IF_ERROR(CheckListenAddress(current));
  RETURN_IF_ERROR(CheckClusterSettings(options, current));
  ASSIGN_OR_RETURN(folder, storage::DataFolder::Open(current.String("mlnode.data_dir"), random));
  ASSIGN_OR_RETURN(server, net::HttpServer::Start(ServerOptions(current), door, metrics));
  const std::string host = current.String("mlnode.http.address");
  address =
      fmt::format("{}:{}", host.find(':') == std::string::npos ? host : fmt::format("[{}]", host), server->port());
  RETURN_IF_ERROR(OpenStore(options, current));
  if (options.engines == nullptr) plugins = engines::MakePluginRegistry(EngineFolder(current));
  client = net::HttpClient::Create();
  if (!cluster) return {};
  peer_client = net::HttpClient::Create();
  verifier = std::make_unique<net::PeerVerifier>(
      *cluster->key, net::PeerProcess{.node = folder->node_id(), .incarnation = incarnation}, clock);
  peers = std::make_unique<rest::Peers>(rest::Peers{.client = *peer_client,
                                                    .key = *cluster->key,
                                                    .self = folder->node_id(),
                                                    .readiness = readiness,
                                                    .random = random,
                                                    .clock = clock});
  return {};
}

Status Node::Parts::OpenStore(const NodeOptions& options, const config::Snapshot& current) {
  if (IsClustered(options, current)) {
    ASSIGN_OR_RETURN(cluster, JoinCluster(options, current, folder->cluster_uuid(), random, clock));
    store = cluster->store;
    RETURN_IF_ERROR(storage::CheckTransferred(*store));
    ASSIGN_OR_RETURN(vault, OpenSharedVault(options, current, *cluster, random, clock));
    return {};
  }
  ASSIGN_OR_RETURN(alone, storage::SqliteStore::Open({.folder = folder->path(), .sync = options.sync, .vfs = {}}));
  store = alone.get();
  RETURN_IF_ERROR(storage::CheckTransferred(*store));
  ASSIGN_OR_RETURN(vault, connectors::CredentialVault::Open({.key_file = CredentialKeyFile(current),
                                                             .keys = options.credential_keys,
                                                             .sync = options.sync,
                                                             .sealed_under = connectors::SealingKeys(*store)}));
  return {};
}

Status Node::Parts::StartCore(const NodeOptions& options, const config::Snapshot& current, int lanes) {
  const Memory memory = MemoryOf(current);
  const std::filesystem::path data = folder->path();
  const std::string name = current.String("mlnode.node.name");
  std::vector<std::string> roles = current.List("mlnode.node.roles");
  std::sort(roles.begin(), roles.end());
  ASSIGN_OR_RETURN(std::map attributes, NodeAttributes(current));
  deploy::NodeCoreEnvironment environment{
      .self = {.id = folder->node_id(),
               .incarnation = incarnation,
               .name = name.empty() ? HostName() : name,
               .cluster_name = current.String("mlnode.cluster.name"),
               .cluster_uuid = cluster ? cluster->uuid : folder->cluster_uuid(),
               .roles = std::move(roles),
               .address = PublishedAddress(current, address),
               .version = std::string(kVersion),
               .started_at = clock.WallMillis(),
               .attributes = std::move(attributes)},
      .store = *store,
      .executors = {.io = timers, .cpu = cpu, .lanes = lane_pool, .background = background},
      .loading = loading,
      .lease = lease,
      .downloads = &downloads,
      .clock = clock,
      .random = random,
      .engines = options.engines == nullptr ? *plugins : *options.engines,
      .settings = *settings,
      .metrics = metrics,
      .vault = *vault,
      .http_client = client.get(),
      .temporary = data / "tmp",
      .cache = {.folder = data / "cache", .sync = options.sync},
      .queue = {.lanes = lanes,
                .max_wait = std::chrono::milliseconds(current.Int("mlnode.predict.queue_ms")),
                .max_batch_tokens = static_cast<std::size_t>(current.Int("mlnode.predict.batch_tokens"))},
      .acceleration = {.allowed = current.String("mlnode.engine.precision") == "auto",
                       .cpu = std::string(engines::Bf16Kind()),
                       .by_speed = !cluster || current.Bool("mlnode.cluster.mixed_precision")},
      .memory_limit_bytes = memory.limit,
      .memory_base_bytes = memory.base,
      .monitored_requests = Follow("plugins.ml_commons.monitoring_request_count"),
      .resources = [data] { return MeasureResources(data); },
      .clustered = cluster.has_value(),
      .displaced = options.displaced,
      // Again: a transfer that began since the store was opened looks at leases after it wrote its claim.
      .admitted = [this] { return storage::CheckTransferred(*store); }};
  ASSIGN_OR_RETURN(core, deploy::NodeCore::Start(std::move(environment)));
  return {};
}

std::shared_ptr<const std::atomic<std::int64_t>> Node::Parts::Follow(std::string_view setting) {
  auto value = std::make_shared<std::atomic<std::int64_t>>(settings->Current()->Int(setting));
  settings->Observe(observers,
                    [value, setting](const config::SnapshotPtr& snapshot) { value->store(snapshot->Int(setting)); });
  return value;
}

void Node::Parts::OpenApi() {
  auto routes = std::make_unique<rest::RouteTable>();
  rest::AddAllRoutes(*routes, *core, readiness, peers.get());
  api = std::make_unique<rest::ApiServer>(std::move(routes),
                                          rest::ApiServer::Environment{.background = background,
                                                                       .cpu = cpu,
                                                                       .clock = clock,
                                                                       .random = random,
                                                                       .metrics = metrics,
                                                                       .slow_log_millis = Follow("mlnode.slow_log_ms"),
                                                                       .verifier = verifier.get()});
  readiness.Set(rest::Readiness::Stage::kServing);
  door.Open(*api);
}

void Node::Parts::Stop() {
  if (std::exchange(stopped, true)) return;
  readiness.Set(rest::Readiness::Stage::kStopping);
  if (core) {
    core->registration().Stop();  // first: a download ends while the last answers are given
    core->Leave();
  }
  if (server) server->Stop(std::chrono::milliseconds(settings->Current()->Int("mlnode.http.drain_timeout_ms")));
  if (core) {
    core->Stop();
    for (const serving::LocalModel& model : core->local_models().List()) {
      if (model.state == serving::LocalState::kLoading) core->local_models().Unload(model.model, Duration::zero());
    }
    core->EndRemote();
  }
  // An answer of a provider or a peer may outlast the drain. Its callback uses api and core, and hands its work to the
  // pools.
  for (const auto& one : {client.get(), peer_client.get()}) {
    if (one) one->Stop();
  }
  for (ThreadPool* pool : {&loading, &downloads, &lane_pool, &cpu, &background, &lease, &timers}) pool->Stop();
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() { Stop(); }
void Node::Stop() { parts_->Stop(); }
std::chrono::seconds Node::StopLimit() const {
  const std::chrono::milliseconds drain(parts_->settings->Current()->Int("mlnode.http.drain_timeout_ms"));
  return std::chrono::ceil<std::chrono::seconds>(drain) + kStopGrace;
}
std::uint16_t Node::port() const { return parts_->server->port(); }

std::string Node::Banner() const {
  const std::string cluster = parts_->cluster ? fmt::format(", cluster {} {} on {}", parts_->core->self().cluster_name,
                                                            parts_->cluster->uuid, parts_->cluster->place)
                                              : std::string();
  return fmt::format("mlnode {} listening on http://{}, data in {}{}, node {}", kVersion, parts_->address,
                     parts_->folder->path(), cluster, parts_->core->self().id.str());
}

Result<std::unique_ptr<Node>> Node::Start(const NodeOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<config::Settings> settings, config::Settings::Create(options.settings));
  const config::SnapshotPtr current = settings->Current();
  InitLog(ReadLogLevel(current->String("mlnode.log.level")),
          current->String("mlnode.log.format") == "json" ? LogFormat::kJson : LogFormat::kText);
  const int lanes = Lanes(*current);
  auto parts = std::make_unique<Parts>(lanes);
  parts->settings = std::move(settings);
  std::unique_ptr<Node> node(new Node(std::move(parts)));  // stops what began when a step fails
  RETURN_IF_ERROR(node->parts_->Open(options, *current));
  RETURN_IF_ERROR(node->parts_->StartCore(options, *current, lanes));
  node->parts_->OpenApi();
  return node;
}

}  // namespace mlnode::app

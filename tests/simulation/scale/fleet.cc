#include "simulation/scale/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/sha256.h"
#include "engines/testing/fake_engine.h"
#include "serving/testing/model_archive.h"

namespace mlnode::simulation {
namespace {

using std::chrono::seconds;

constexpr int kBackgroundThreads = 4;  // as src/app gives a node
constexpr std::uint64_t kPlenty = 1ULL << 50U;

std::string ArchiveOfAll() {
  constexpr std::size_t kLongest = 16;  // tokens of a text: warming up with long ones takes most of the time otherwise
  return serving::testing::ModelArchive("weights", serving::testing::TestTokenizer(kLongest));
}

models::RegisterInput InputOf(int number, const std::string& archive) {
  models::RegisterInput input;
  input.model.name = fmt::format("model-{:05}", number);
  input.model.function = models::FunctionName::kTextEmbedding;
  input.model.format = engines::ModelFormat::kOnnx;
  input.model.config =
      json::object{{"model_type", "bert"}, {"embedding_dimension", 8}, {"framework_type", "HUGGINGFACE_TRANSFORMERS"}};
  input.model.content_hash = Sha256Hex(archive);
  input.model.total_chunks = 1;
  return input;
}

std::unique_ptr<config::Settings> Unlimited() {
  return config::Settings::Create({{"plugins.ml_commons.max_model_on_node", "10000"}}).value();
}

}  // namespace

// A process, from its start to its end.
class Fleet::Node {
 public:
  Node(Fleet& fleet, std::string name)
      : fleet_(fleet),
        name_(std::move(name)),
        inline_(fleet.time_, 0),
        background_(fleet.time_, kBackgroundThreads),
        loading_(fleet.time_, 1, fleet.options_.load),
        replica_(fleet.authority_, inline_, [delay = fleet.options_.delivery] { return delay; }),
        store_(fleet.servers_, replica_) {
    (void)background_.Post([this] { Start(); });
  }
  ~Node() {
    store_.Die();
    for (VirtualPool* pool : {&loading_, &background_, &inline_}) pool->End();
  }
  deploy::NodeCore* core() const { return core_.get(); }
  std::uint64_t Delivered() const { return replica_.delivered(); }

 private:
  void Start();

  Fleet& fleet_;
  const std::string name_;
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry engines_{engine_};
  VirtualPool inline_, background_, loading_;
  storage::MemoryReplicaStore replica_;
  RemoteStore store_;
  Metrics metrics_;
  const std::unique_ptr<config::Settings> settings_ = Unlimited();
  std::unique_ptr<deploy::NodeCore> core_;
};

void Fleet::Node::Start() {
  deploy::NodeIdentity self;
  self.id = NodeId(name_);
  self.incarnation = fleet_.random_.Next();
  self.name = name_;
  self.roles = {"data", "ml"};
  self.address = name_ + ":9200";
  self.started_at = fleet_.clock().WallMillis();
  const std::string folder = fleet_.options_.folder + "/" + name_;
  auto started = deploy::NodeCore::Start(
      {.self = std::move(self),
       .store = store_,
       .executors = {.io = inline_, .cpu = inline_, .lanes = inline_, .background = background_},
       .loading = loading_,
       .lease = background_,
       .clock = fleet_.clock(),
       .random = fleet_.random_,
       .engines = engines_,
       .settings = *settings_,
       .metrics = metrics_,
       .vault = *fleet_.vault_,
       .temporary = folder + "/tmp",
       .cache = {.folder = folder + "/cache", .max_bytes = kPlenty, .sync = FileSync::kNone},
       .queue = {.lanes = 1},
       .memory_limit_bytes = kPlenty,
       .memory_used = [] { return std::uint64_t{0}; },
       .clustered = true});
  if (started) core_ = *std::move(started);
}

Fleet::Fleet(FleetOptions options) : options_(std::move(options)), servers_(time_, options_.way, options_.write) {}

Fleet::~Fleet() = default;

bool Fleet::RegisterAndDeploy(deploy::NodeCore& at) {
  const std::string archive = ArchiveOfAll();
  for (int number = 0; number < options_.models; ++number) {
    const auto id = at.registration().CreateMeta(InputOf(number, archive));
    if (!id || !at.registration().AddChunk(*id, 0, archive) || !at.deploys().Deploy(*id, {})) return false;
    models_.push_back(*id);
    // A node takes no more than ten deploys at once.
    if (number % 10 == 9) RunFor(20 * options_.load);
  }
  RunFor(seconds(5));
  const auto views = at.deploys().List();
  return std::ranges::all_of(
      views, [](const auto& view) { return view.plan && view.plan->outcome && !view.deployment.workers.empty(); });
}

void Fleet::RemoveTracesOf(const NodeId& node) {
  constexpr std::array kCollections{storage::Collection::kPlacements, storage::Collection::kLeases};
  for (const storage::DocumentPtr& document : authority_.Read(kCollections).documents) {
    if (!document->key.id.starts_with(node.str())) continue;
    (void)authority_.TryWrite({.key = document->key,
                               .expect = storage::Expect::Revision(document->revision),
                               .body = std::nullopt,
                               .nonce = random_.Next()});
  }
}

bool Fleet::Prepare() {
  auto first = std::make_unique<Node>(*this, "first");
  RunFor(seconds(1));
  const bool done = first->core() != nullptr && RegisterAndDeploy(*first->core());
  first.reset();
  RemoveTracesOf(NodeId("first"));
  return done;
}

void Fleet::StartAll() {
  nodes_.clear();
  for (int number = 0; number < options_.nodes; ++number)
    nodes_.push_back(std::make_unique<Node>(*this, fmt::format("node-{:04}", number)));
}

void Fleet::Kill(int node) { nodes_[static_cast<std::size_t>(node)].reset(); }

deploy::NodeCore* Fleet::core(int node) const {
  const auto& process = nodes_[static_cast<std::size_t>(node)];
  return process ? process->core() : nullptr;
}

std::size_t Fleet::Loaded(int node) const {
  deploy::NodeCore* const at = core(node);
  if (at == nullptr) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(models_, [at](const ModelId& model) { return at->local_models().Find(model) != nullptr; }));
}

std::uint64_t Fleet::Delivered() const {
  std::uint64_t delivered = 0;
  for (const auto& node : nodes_) delivered += node ? node->Delivered() : 0;
  return delivered;
}

}  // namespace mlnode::simulation

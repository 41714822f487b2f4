#include "cluster_fixture.h"

#include <fmt/format.h>

#include "deploy/plan.h"

namespace mlnode::integration {

ClusterFixture::~ClusterFixture() {
  members_.clear();
  EndNode();
}

void ClusterFixture::StartCluster(std::size_t members) {
  settings_.insert({{"mlnode.node.name", "entry"}});
  StartNode();
  for (std::size_t i = 0; i < members; ++i) StartMember();
}

void ClusterFixture::StartMember(config::RawValues more) {
  auto member = std::make_unique<Member>();
  config::RawValues settings = std::move(more);
  settings.insert({{"mlnode.node.name", fmt::format("m{}", members_.size())},
                   {"mlnode.http.port", "0"},
                   {"mlnode.data_dir", member->folder.File("data")},
                   {"mlnode.lanes", "1"},
                   {"mlnode.memory.limit_bytes", "8gb"},
                   {"mlnode.log.level", "error"}});
  settings.insert(settings_.begin(), settings_.end());
  auto node = app::Node::Start(
      {.settings = std::move(settings), .engines = &member->registry, .sync = FileSync::kNone, .store = &memory_});
  ASSERT_TRUE(node) << node.error().message << " " << node.error().detail;
  member->node = *std::move(node);
  const std::string banner = member->node->Banner();
  member->id = banner.substr(banner.rfind(' ') + 1);
  members_.push_back(std::move(member));
}

std::string ClusterFixture::DeployOn(const std::vector<std::size_t>& members) {
  const std::string model = Register("m", ModelArchive());
  json::array nodes;
  for (const std::size_t i : members) nodes.emplace_back(members_[i]->id);
  const json::object task = Deploy(model, ToJson(json::object{{"node_ids", nodes}}));
  EXPECT_EQ(task.at("state").as_string(), "COMPLETED") << ToJson(task);
  return model;
}

net::PeerProcess ClusterFixture::ProcessOf(std::size_t member) {
  const NodeId id(members_[member]->id);
  const auto lease = deploy::ReadLease(*memory_.Get(deploy::LeaseKey(id)).value()).value();
  return {.node = id, .incarnation = lease.incarnation};
}

net::Headers ClusterFixture::Signed(const net::PeerProcess& to, const std::string& method, const std::string& target,
                                    const std::string& body, net::Headers more) {
  const auto document = memory_.Get({storage::Collection::kMeta, "peer_key"});
  const net::PeerKey key(std::string(document.value()->body.at("key").as_string()));
  more.Add("Accept", "application/json");
  net::Headers all = more;
  if (!body.empty()) all.Add("Content-Type", "application/json");
  more.Add("X-Mlnode-Peer", key.Sign({.method = method, .target = target, .body = body, .headers = &all},
                                     {.from = NodeId("somebody"), .to = to}, clock_.WallMillis(), random_));
  return more;
}

void ClusterFixture::AddPhantom(const std::string& id, const std::string& address, const std::string& model) {
  const auto put = [this](const storage::Key& key, json::object body) {
    const auto written = storage::Commit(
        memory_, {.key = key, .expect = storage::Expect::Absent(), .body = std::move(body), .nonce = random_.Next()});
    ASSERT_TRUE(written) << written.error().message;
  };
  const auto plan = deploy::ReadPlan(*memory_.Get(deploy::PlanKey(ModelId(model))).value()).value();
  deploy::Lease lease;
  lease.node = NodeId(id);
  lease.incarnation = 1;
  lease.beat = 1;
  lease.name = id;
  lease.roles = {"data", "ml"};
  lease.address = address;
  lease.version = "0";
  put(deploy::LeaseKey(lease.node), deploy::StoredForm(lease));
  deploy::Placement placement{.node = lease.node, .model = ModelId(model), .generation = plan.generation};
  placement.incarnation = lease.incarnation;
  placement.state = deploy::PlacementState::kLoaded;
  put(deploy::PlacementKey(lease.node, placement.model), deploy::StoredForm(placement));
  const auto planned =
      storage::Update(memory_, random_, deploy::PlanKey(placement.model), [&](json::object& body) -> Result<bool> {
        body.at("nodes").as_array().emplace_back(id);
        return true;
      });
  ASSERT_TRUE(planned) << planned.error().message;
}

double ClusterFixture::MetricOf(const Answer& metrics, const std::string& series) {
  const std::string text = "\n" + metrics.text;
  const std::size_t at = text.find("\n" + series + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + series.size() + 2));
}

}  // namespace mlnode::integration

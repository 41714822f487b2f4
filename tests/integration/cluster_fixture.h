// tests/integration/cluster_fixture.h: several nodes in this process, over real HTTP, that share one store in memory:
// a cluster without NATS. node() is where the tests' clients ask; the others are members, each with an engine of its
// own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "net/peer_signature.h"
#include "remote_fixture.h"
#include "storage/memory/memory_store.h"

namespace mlnode::integration {

class ClusterFixture : public RemoteFixture {
 protected:
  struct Member {
    engines::FakeEngine engine;
    engines::FakeEngineRegistry registry{engine};
    mlnode::testing::TempDir folder;
    std::unique_ptr<app::Node> node;
    std::string id;

    std::uint16_t port() const { return node->port(); }
  };

  ClusterFixture() { store_ = &memory_; }
  ~ClusterFixture() override;  // ends all nodes
  void SetUp() override {}     // tests start what they need

  // Starts node() as "entry" and `members` others, "m0", "m1", ...; settings_ are all nodes'.
  void StartCluster(std::size_t members);
  void StartMember(config::RawValues more = {});
  // Registers a model and deploys it on these members; the model's id.
  std::string DeployOn(const std::vector<std::size_t>& members);
  static std::string Predict(const std::string& model) { return std::string(kMl) + "/models/" + model + "/_predict"; }
  // Asks member `i` itself.
  Answer AskMember(std::size_t i, const std::string& method, const std::string& target, const std::string& body = {},
                   const net::Headers& more = {}) {
    return AskAt(members_[i]->port(), method, target, body, "application/json", more);
  }
  // The headers of a request with a JSON body, if any, as a node of this cluster would send it to `to`. For AskMember,
  // which adds the Content-Type.
  net::Headers Signed(const net::PeerProcess& to, const std::string& method, const std::string& target,
                      const std::string& body, net::Headers more = {});
  net::PeerProcess ProcessOf(std::size_t member);
  // Documents of a node that is none: its lease, a placement that says that it holds the model, its id in the plan. It
  // counts as live for the 5 s that a lease may be silent.
  void AddPhantom(const std::string& id, const std::string& address, const std::string& model);
  static double MetricOf(const Answer& metrics, const std::string& series);  // 0 where it is not shown
  double Metric(std::size_t member, const std::string& series) {
    return MetricOf(AskMember(member, "GET", "/metrics"), series);
  }

  SystemClock clock_;
  SystemRandom random_;
  storage::MemoryStore memory_{clock_};
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace mlnode::integration

// simulation/scale/fleet.h: a cluster of whole nodes (deploy/node_core.h) on virtual time, whose engine and servers are
// fakes that take their time: to measure how what the nodes do grows with their number and that of the models.
//
// Of a real cluster it has: every component of the deploy and serving rooms, a replica of all documents in each node,
// notices, four background threads a node and one that loads. It has not: sockets, predictions, files (all models have
// one content, which each node unpacks once), and the time that computing takes, which is told as CPU time instead.
// Threads: the driver's (virtual_time.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/testing/test_vault.h"
#include "deploy/node_core.h"
#include "simulation/scale/remote_store.h"

namespace mlnode::simulation {

struct FleetOptions {
  int nodes = 100;
  int models = 1'000;
  Duration load = std::chrono::milliseconds(20);     // of one model; one after the other on each node
  Duration way = std::chrono::milliseconds(1);       // to the servers, and back
  Duration write = std::chrono::microseconds(100);   // that the servers take for each
  Duration delivery = std::chrono::milliseconds(2);  // of what was written, to each replica
  std::string folder;
};

class Fleet {
 public:
  explicit Fleet(FleetOptions options);
  ~Fleet();

  // A node that is none of the fleet registers the models and deploys them to all; then it goes, and with it what it
  // said of itself. False: that did not work.
  bool Prepare();
  // All start now; those that run are killed at that moment.
  void StartAll();
  void Kill(int node);  // kill -9
  void RunFor(Duration by) { time_.RunFor(by); }
  const Clock& clock() const { return time_.clock(); }

  bool Running(int node) const { return core(node) != nullptr; }
  deploy::NodeCore* core(int node) const;  // null: not started yet, or killed
  std::size_t Loaded(int node) const;      // models that serve there
  const std::vector<ModelId>& models() const { return models_; }
  storage::MemoryAuthority& authority() { return authority_; }  // the truth
  const Servers::Counts& written() const { return servers_.counts(); }
  std::uint64_t Delivered() const;  // documents, to all replicas

 private:
  class Node;
  bool RegisterAndDeploy(deploy::NodeCore& at);
  void RemoveTracesOf(const NodeId& node);

  const FleetOptions options_;
  VirtualTime time_;
  mlnode::testing::SeededRandom random_{1};
  storage::MemoryAuthority authority_{time_.clock()};
  Servers servers_;
  std::unique_ptr<connectors::CredentialVault> vault_ = connectors::testing::TestVault();
  std::vector<ModelId> models_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace mlnode::simulation

// deploy/testing/some_nodes.h: deployment on several nodes in a test: each with a replica of its own that hears of
// writes 20 ms late, one virtual time, one executor, scripted loads. Processes come and go.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "deploy/testing/one_node.h"
#include "storage/memory/memory_replica_store.h"

namespace mlnode::deploy::testing {

class SomeNodes {
 public:
  // A process of the node begins; its loads can be scripted before Start. An earlier one ends as by kill -9.
  OneNode& Begin(const std::string& name) { return Begin(OneNode::Identity(name)); }
  OneNode& Begin(NodeIdentity identity);
  // Begin, and start.
  void Start(const std::vector<std::string>& names);
  void Start(NodeIdentity identity);
  void Kill(const std::string& name);  // kill -9: nothing is said
  void Stop(const std::string& name);  // in order: it leaves, ends its part, removes its lease
  OneNode& operator[](const std::string& name) { return *nodes_.at(name).node; }
  storage::MemoryReplicaStore& WireOf(const std::string& name) { return *nodes_.at(name).wire; }
  void RunFor(Duration by) { disk.executor.RunFor(by); }

  Plan PlanOf(const ModelId& model) const { return ReadPlan(**authority.Get(PlanKey(model))).value(); }
  // What every node answers, where they agree; else all of it.
  std::string StateOf(const ModelId& model);
  // The nodes that hold the model, by what is loaded there.
  std::vector<std::string> Holders(const ModelId& model);

  OneDisk disk;
  storage::MemoryAuthority authority{disk.clock};

 private:
  struct Member {
    std::unique_ptr<storage::MemoryReplicaStore> wire;
    std::unique_ptr<OneNode> node;
  };
  std::map<std::string, Member> nodes_;
  std::uint64_t incarnations_ = 100;
};

}  // namespace mlnode::deploy::testing

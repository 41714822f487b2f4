// deploy/testing/one_node.h: deployment on one node in a test: memory store, virtual time, one executor, scripted
// loads. Several of them on one disk are a cluster.
#pragma once

#include <memory>
#include <string>

#include "core/testing/manual_executor.h"
#include "deploy/deploy_service.h"
#include "deploy/node_agent.h"
#include "deploy/reconciler.h"
#include "serving/testing/fake_local_models.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::deploy::testing {

// What survives a restart.
struct OneDisk {
  mlnode::testing::ManualClock clock;
  mlnode::testing::SeededRandom random{7};
  mlnode::testing::ManualExecutor executor{clock};
  storage::MemoryStore memory{clock};
  storage::testing::FaultStore store{memory};
};

struct OneNode {
  // Several on one disk are a cluster. `wire`: what this node alone reaches the disk through; null: the disk's store.
  explicit OneNode(OneDisk& d, std::uint64_t incarnation = 1, const std::string& name = "n1",
                   storage::Store* wire = nullptr);
  // Of one with more in its identity than a name and the roles data and ml.
  OneNode(OneDisk& d, NodeIdentity self, storage::Store* wire = nullptr);
  void Start();
  // A complete model whose load the fake scripts; a REGISTERING one lacks all `missing` last chunks of its three.
  ModelId AddModel(const std::string& id, int missing = 0);
  ModelId AddRemote(const std::string& id, const json::object& deploy_setting = {});
  tasks::TaskRecord Task(const TaskId& id) { return tasks.Get(id).value(); }
  ModelState StateOf(const ModelId& model) { return deploys.Get(model).value().deployment.state; }
  void Set(const std::string& name, const std::string& value);
  void RunFor(Duration by) { disk.executor.RunFor(by); }

  static NodeIdentity Identity(const std::string& name, std::uint64_t incarnation = 1);

  OneDisk& disk;
  storage::Store& store;
  config::Resources resources;  // what the machine is said to have
  std::unique_ptr<config::Settings> settings;
  Membership membership;
  models::ModelRepository models;
  tasks::TaskRepository tasks;
  serving::testing::FakeLocalModels local;
  models::ActionStats actions;
  DeployService deploys;
  Reconciler reconciler;
  NodeAgent agent;
};

}  // namespace mlnode::deploy::testing

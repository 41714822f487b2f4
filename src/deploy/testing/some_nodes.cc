#include "deploy/testing/some_nodes.h"

#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mlnode::deploy::testing {
namespace {

std::string Told(const Deployment& deployment) {
  std::vector<std::string> workers;
  for (const NodeId& node : deployment.workers) workers.push_back(node.str());
  return fmt::format("{} [{}] of {}", ModelStateName(deployment.state), fmt::join(workers, " "),
                     deployment.planned.size());
}

}  // namespace

OneNode& SomeNodes::Begin(NodeIdentity identity) {
  const std::string name = identity.id.str();
  Kill(name);
  identity.incarnation = ++incarnations_;
  Member& member = nodes_[name];
  member.wire = std::make_unique<storage::MemoryReplicaStore>(authority, disk.executor,
                                                              [] { return Duration(std::chrono::milliseconds(20)); });
  member.node = std::make_unique<OneNode>(disk, std::move(identity), member.wire.get());
  return *member.node;
}

void SomeNodes::Start(const std::vector<std::string>& names) {
  for (const std::string& name : names) Begin(name).Start();
}

void SomeNodes::Start(NodeIdentity identity) { Begin(std::move(identity)).Start(); }

void SomeNodes::Kill(const std::string& name) { nodes_.erase(name); }

void SomeNodes::Stop(const std::string& name) {
  OneNode& node = *nodes_.at(name).node;
  node.membership.Leave();
  node.agent.Stop();
  node.reconciler.Stop();
  node.membership.Stop();
  Kill(name);
}

std::string SomeNodes::StateOf(const ModelId& model) {
  std::set<std::string> told;
  for (auto& [name, member] : nodes_) {
    const auto view = member.node->deploys.Get(model);
    told.insert(view ? Told(view->deployment) : view.error().message);
  }
  return fmt::format("{}", fmt::join(told, " | "));
}

std::vector<std::string> SomeNodes::Holders(const ModelId& model) {
  std::vector<std::string> holders;
  for (auto& [name, member] : nodes_) {
    if (member.node->local.Find(model)) holders.push_back(name);
  }
  return holders;
}

}  // namespace mlnode::deploy::testing

#include "deploy/testing/one_node.h"

#include <utility>

namespace mlnode::deploy::testing {
NodeIdentity OneNode::Identity(const std::string& name, std::uint64_t incarnation) {
  NodeIdentity self;
  self.id = NodeId(name);
  self.incarnation = incarnation;
  self.name = name;
  self.roles = {"data", "ml"};
  self.address = name + ":9200";
  return self;
}

OneNode::OneNode(OneDisk& d, std::uint64_t incarnation, const std::string& name, storage::Store* wire)
    : OneNode(d, Identity(name, incarnation), wire) {}

OneNode::OneNode(OneDisk& d, NodeIdentity self, storage::Store* wire)
    : disk(d),
      store(wire ? *wire : d.store),
      settings(config::Settings::Create({{"mlnode.deploy.deadline_seconds", "60"}}).value()),
      membership(std::move(self), store, d.random, d.clock, d.executor),
      models(store, d.random, d.clock),
      tasks(store, d.random, d.clock),
      local(d.executor),
      deploys(membership, models, tasks, *settings, d.random, d.clock),
      reconciler(membership, models, tasks, *settings, d.random, d.clock, d.executor),
      agent({.membership = membership,
             .models = models,
             .local = local,
             .actions = actions,
             .settings = *settings,
             .random = d.random,
             .clock = d.clock,
             .background = d.executor,
             .resources = [this] { return resources; }}) {}

void OneNode::Start() {
  (void)membership.Start().has_value();
  reconciler.Start();
  agent.Start();
  disk.executor.RunUntilIdle();
}

ModelId OneNode::AddModel(const std::string& id, int missing) {
  models::Model model;
  model.id = ModelId(id);
  model.name = id;
  model.version = "1";
  model.group = GroupId("g");
  model.format = engines::ModelFormat::kOnnx;
  model.config =
      json::object{{"model_type", "bert"}, {"embedding_dimension", 2}, {"framework_type", "HUGGINGFACE_TRANSFORMERS"}};
  model.content_hash = std::string(64, 'a');
  model.total_chunks = 3;
  model.upload = UploadId("upload-" + id);
  for (int part = 0; part < 3 - missing; ++part) model.received_parts.push_back(static_cast<std::uint32_t>(part));
  model.registration = missing == 0 ? models::Registration::kRegistered : models::Registration::kRegistering;
  (void)models.Create(model).has_value();
  return model.id;
}

ModelId OneNode::AddRemote(const std::string& id, const json::object& deploy_setting) {
  models::Model model;
  model.id = ModelId(id);
  model.name = id;
  model.function = models::FunctionName::kRemote;
  model.version = "1";
  model.group = GroupId("g");
  if (!deploy_setting.empty()) model.passthrough["deploy_setting"] = deploy_setting;
  model.registration = models::Registration::kRegistered;
  (void)models.Create(model).has_value();
  return model.id;
}

void OneNode::Set(const std::string& name, const std::string& value) {
  config::ChangeRequest change;
  change.persistent[name] = value;
  settings->Install(settings->Apply(change).value());
}

}  // namespace mlnode::deploy::testing

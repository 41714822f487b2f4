#include "models/remote/remote_registration.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "core/log.h"
#include "models/group_placement.h"
#include "models/remote/interface_presets.h"

namespace mlnode::models {
namespace {

constexpr std::chrono::milliseconds kLease{60'000};  // of the task; the work takes milliseconds

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

// The connector the model is to have: the one named, or its own.
Result<connectors::Connector> ConnectorOf(const RemoteEnvironment& environment, const RegisterInput& input) {
  if (input.model.connector_id) {
    Result<connectors::Connector> named = environment.connectors.Get(*input.model.connector_id);
    if (!named && named.error().code == Code::kNotFound)
      return MakeError(Code::kNotFound, fmt::format("Failed to find connector:{}", input.model.connector_id->str()));
    return named;
  }
  if (!input.connector)
    return Invalid("You must provide connector content when creating a remote model without connector id!");
  const connectors::Connector& own = input.connector->connector;
  const connectors::Action* predict = own.Find(connectors::ActionType::kPredict);
  if (predict == nullptr || predict->url.empty())
    return Invalid("Connector endpoint is required when creating a remote model without connector id!");
  std::vector<std::string> names;
  for (const auto& [name, value] : input.connector->secrets) names.push_back(name);
  RETURN_IF_ERROR(connectors::CheckConnector(own, names, *connectors::EndpointRules::Make(environment.settings)));
  return own;
}

Result<tasks::TaskRecord> CreateTask(const RemoteEnvironment& environment) {
  tasks::TaskRecord record;
  record.type = tasks::TaskType::kRegisterModel;
  record.function_name = TraitsOf(FunctionName::kRemote).name;
  record.worker_nodes = {environment.owner.node};
  record.is_async = false;
  record.owner = environment.owner;
  record.deadline = environment.clock.WallMillis() + kLease.count();
  return environment.tasks.Create(std::move(record));
}

Result<Model> MakeModel(const RemoteEnvironment& environment, const TaskId& task, RegisterInput input,
                        const connectors::Connector& connector, const GroupPlacement& placement) {
  Model model = Placed(std::move(input.model), placement, environment.random, environment.clock);
  model.registration = Registration::kRegistered;
  model.register_task = task;  // whoever finds both completes the task, if this node does not
  if (!model.passthrough.contains("interface")) {
    if (std::optional<json::object> preset = PresetInterface(connector))
      model.passthrough["interface"] = *std::move(preset);
  }
  if (!model.connector_id) {
    model.connector = connector;
    ASSIGN_OR_RETURN(model.connector->credential, connectors::SealAll(environment.vault, input.connector->secrets,
                                                                      {storage::Collection::kModels, model.id.str()}));
  }
  return model;
}

void EndTask(const RemoteEnvironment& environment, const TaskId& task, const Result<Model>& model) {
  const auto fill = [&](tasks::TaskRecord& record) {
    if (model) {
      record.model = model->id;
    } else {
      record.error = model.error().message;
    }
  };
  const Result<tasks::TaskRecord> ended =
      environment.tasks.Transition(task, model ? tasks::TaskState::kCompleted : tasks::TaskState::kFailed, fill);
  // Otherwise its deadline fails it, or the reconciler completes it, for the model names it.
  if (!ended) LOG_WARN("models", "task {} cannot be ended: {}", task.str(), ended.error().message);
}

}  // namespace

Result<RemoteRegistered> RegisterRemote(const RemoteEnvironment& environment, RegisterInput input) {
  ASSIGN_OR_RETURN(const connectors::Connector connector, ConnectorOf(environment, input));
  environment.actions.Request(Action::kRegister, FunctionName::kRemote);
  ASSIGN_OR_RETURN(const GroupPlacement placement, PlaceInGroup(environment.models, input));
  Result<tasks::TaskRecord> task = CreateTask(environment);
  Result<Model> model = task ? MakeModel(environment, task->id, std::move(input), connector, placement) : task.error();
  if (!model) {
    UndoPlacement(environment.models, placement);
  } else if (const Status created = CreateInGroup(environment.models, *model, placement); !created) {
    model = created.error();  // the placement is undone there
  }
  if (task) EndTask(environment, task->id, model);
  if (model) return RemoteRegistered{.task = task->id, .model = model->id};
  environment.actions.Failure(Action::kRegister, FunctionName::kRemote, model.error());
  return model.error();
}

}  // namespace mlnode::models

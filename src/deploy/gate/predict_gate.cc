#include "deploy/gate/predict_gate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "deploy/deployment.h"

namespace mlnode::deploy {
namespace {

Error Throttled(Error error, std::string message) {
  error.message = std::move(message);
  error.reason = "status_exception";
  return error;
}

// deploy_setting.is_auto_deploy_enabled of a model's document; what is no such thing forbids nothing.
bool AutoDeploys(const json::object& model) {
  const auto setting = ObjectField(model, "deploy_setting");
  if (!setting || *setting == nullptr) return true;
  const auto enabled = BoolField(**setting, "is_auto_deploy_enabled");
  return !enabled || enabled->value_or(true);
}

// The stored text of the interface's input schema.
std::string InputSchema(const json::object& model) {
  const auto interface = ObjectField(model, "interface");
  if (!interface || *interface == nullptr) return {};
  const auto text = StringField(**interface, "input");
  return text && *text ? **text : std::string();
}

}  // namespace

Status CheckFunctionEnabled(models::FunctionName function, const config::Snapshot& settings) {
  if (models::TraitsOf(function).local) {
    if (settings.Bool("plugins.ml_commons.local_model.enabled")) return {};
    return MakeError(Code::kInvalidArgument,
                     "Local Model is currently disabled. To enable it, update the setting "
                     "\"plugins.ml_commons.local_model.enabled\" to true.");
  }
  if (settings.Bool("plugins.ml_commons.remote_inference.enabled")) return {};
  return MakeError(Code::kInvalidArgument,
                   "Remote Inference is currently disabled. To enable it, update the setting "
                   "\"plugins.ml_commons.remote_inference_enabled\" to true.");
}

struct PredictGate::Admission {
  const AdmitRequest& request;
  const storage::Document& document;
  models::ModelRules rules = {};
  GatePass pass = {};
};

PredictGate::PredictGate(const Environment& environment) : environment_(environment), limits_(environment.clock) {}

// From the replica alone: this runs where nothing may wait for the store.
Result<storage::DocumentPtr> PredictGate::Read(const ModelId& model) const {
  auto document = environment_.models.store().Get({storage::Collection::kModels, model.str()});
  if (document || document.error().code != Code::kNotFound) return document;
  return MakeError(Code::kNotFound, "Failed to find model");
}

Result<GateModel> PredictGate::Find(const ModelId& model) const {
  ASSIGN_OR_RETURN(const storage::DocumentPtr document, Read(model));
  ASSIGN_OR_RETURN(const models::ModelRules rules, models::ReadModelRules(*document));
  RETURN_IF_ERROR(CheckFunctionEnabled(rules.function, *environment_.settings.Current()));
  return GateModel{.function = rules.function, .has_interface = rules.has_interface};
}

// Rows 6 to 9 of the peer's table, which come after the parsing of the body; the first failure is the answer. The peer
// judges a model that is not deployed by none of 6 to 8, because it knows their terms from the deployed model only: so
// the last of them stands first.
Result<GatePass> PredictGate::Admit(const AdmitRequest& request) {
  using Check = Status (PredictGate::*)(Admission&);
  static constexpr std::array<Check, 5> kChecks = {
      &PredictGate::CheckLoaded, &PredictGate::CheckEnabled, &PredictGate::ChargeModel,
      &PredictGate::ChargeUser,  &PredictGate::CheckInput,
  };
  ASSIGN_OR_RETURN(const storage::DocumentPtr document, Read(request.model));
  Admission admission{.request = request, .document = *document};
  ASSIGN_OR_RETURN(admission.rules, models::ReadModelRules(*document));
  for (const Check check : kChecks) RETURN_IF_ERROR((this->*check)(admission));
  return std::move(admission.pass);
}

Status PredictGate::CheckLoaded(Admission& admission) {
  admission.pass.servable = environment_.local.Find(admission.request.model);
  const bool auto_deploys = models::TraitsOf(admission.rules.function).auto_deploys;
  // A remote model that was undeployed a moment ago is deployed again, not served by what is on its way out.
  if (auto_deploys && admission.pass.servable && IsUndeployed(environment_.models.store(), admission.request.model))
    admission.pass.servable.reset();
  if (admission.pass.servable) return {};
  const bool may_come =
      auto_deploys && environment_.settings.Current()->Bool("plugins.ml_commons.model_auto_deploy.enable");
  if (!may_come) return MakeError(Code::kInvalidArgument, "Model not ready yet. Please deploy the model first.");
  if (AutoDeploys(admission.document.body)) return {};
  return MakeError(
      Code::kInvalidArgument,
      "Auto deployment disabled for this model, please deploy model first Model ID: " + admission.request.model.str());
}

Status PredictGate::CheckEnabled(Admission& admission) {
  if (admission.rules.is_enabled) return {};
  return MakeError(Code::kPermissionDenied, "Model is disabled.");
}

Status PredictGate::ChargeModel(Admission& admission) {
  if (!admission.rules.limit) return {};
  Status taken = limits_.Take(admission.request.model, {}, *admission.rules.limit, Nodes(admission));
  if (taken) return {};
  return Throttled(std::move(taken).error(), "Request is throttled at model level.");
}

Status PredictGate::ChargeUser(Admission& admission) {
  if (admission.request.user.empty()) return {};
  if (!environment_.settings.Current()->Bool("plugins.ml_commons.controller_enabled")) return {};
  const auto controller =
      environment_.models.store().Get({storage::Collection::kControllers, admission.request.model.str()});
  if (!controller && controller.error().code == Code::kNotFound) return {};
  if (!controller) return controller.error();
  ASSIGN_OR_RETURN(const auto allowance, models::ReadUserAllowance(**controller, admission.request.user));
  if (!allowance) return {};
  Status taken = limits_.Take(admission.request.model, admission.request.user, *allowance, Nodes(admission));
  if (taken) return {};
  return Throttled(std::move(taken).error(),
                   "Request is throttled at user level. If you think there's an issue, please contact your cluster "
                   "admin.");
}

Status PredictGate::CheckInput(Admission& admission) {
  if (!admission.rules.has_interface || !admission.request.by_interface) return {};
  const auto interface = interfaces_.Of(admission.document);
  if (interface->checks_output()) admission.pass.interface = interface;
  if (!interface->checks_input()) return {};
  return interface->CheckInput(admission.request.instance(InputSchema(admission.document.body)));
}

// That share the model's limit: those of its plan.
std::size_t PredictGate::Nodes(const Admission& admission) const {
  const auto document = environment_.models.store().Get(PlanKey(admission.request.model));
  if (!document) return 1;
  const Result<Plan> plan = ReadPlan(**document);
  if (!plan) return 1;
  const auto eligible = environment_.membership.Eligible(admission.rules.function, *environment_.settings.Current());
  return std::max<std::size_t>(PlannedNodes(*plan, eligible).size(), 1);
}

}  // namespace mlnode::deploy

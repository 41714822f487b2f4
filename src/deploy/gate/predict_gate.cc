#include "deploy/gate/predict_gate.h"

#include <fmt/format.h>

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

Error NotHere(const ModelId& model) {
  Error error = MakeError(Code::kUnavailable, "Model " + model.str() + " is not on this node.");
  error.reason = kNotHere;
  return error;
}

Error NotYet(const ModelId& model) {
  Error error = MakeError(Code::kUnavailable, "Model " + model.str() +
                                                  " is on no node now: it is being loaded, or the node that held it is "
                                                  "gone. Try again.");
  error.retry_after = PredictGate::kComesAfter;
  return error;
}

Error MayBeThere(const ModelId& model) {
  Error error = MakeError(
      Code::kUnavailable,
      fmt::format("This node does not hear the cluster's store now, and may not have heard of model {}. Try again, or "
                  "ask another node.",
                  model.str()));
  error.retry_after = std::chrono::seconds(1);
  return error;
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
  const bool hears;  // before anything was read
  models::ModelRules rules = {};
  GatePass pass = {};
};

PredictGate::PredictGate(const Environment& environment) : environment_(environment), limits_(environment.clock) {}

// What a node that stood still knows of plans may be old, and what it holds may have been undeployed long ago.
Status PredictGate::CheckCurrent() const {
  if (!environment_.cluster || environment_.cluster->suspension.Current()) return {};
  Error error = MakeError(Code::kUnavailable,
                          "This node was suspended and reads again what is deployed; try again, or ask another node.");
  error.reason = kSuspended;
  error.retry_after = std::chrono::seconds(1);
  return error;
}

// Else what is not in the replica may be there all the same. To be asked before the replica is: a node that hears again
// meanwhile has read what it had before.
bool PredictGate::Hears() const { return !environment_.cluster || environment_.models.store().Following(); }

// From the replica alone: this runs where nothing may wait for the store.
Result<storage::DocumentPtr> PredictGate::Read(const ModelId& model, bool hears) const {
  auto document = environment_.models.store().Get({storage::Collection::kModels, model.str()});
  if (document || document.error().code != Code::kNotFound) return document;
  if (!hears) return MayBeThere(model);
  return MakeError(Code::kNotFound, "Failed to find model");
}

Result<GateModel> PredictGate::Find(const ModelId& model) const {
  RETURN_IF_ERROR(CheckCurrent());
  ASSIGN_OR_RETURN(const storage::DocumentPtr document, Read(model, Hears()));
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
  RETURN_IF_ERROR(CheckCurrent());
  const bool hears = Hears();
  ASSIGN_OR_RETURN(const storage::DocumentPtr document, Read(request.model, hears));
  Admission admission{.request = request, .document = *document, .hears = hears};
  ASSIGN_OR_RETURN(admission.rules, models::ReadModelRules(*document));
  for (const Check check : kChecks) RETURN_IF_ERROR((this->*check)(admission));
  return std::move(admission.pass);
}

Status PredictGate::CheckLoaded(Admission& admission) {
  const ModelId& model = admission.request.model;
  admission.pass.servable = environment_.local.Find(model);
  const bool auto_deploys = models::TraitsOf(admission.rules.function).auto_deploys;
  // A remote model that was undeployed a moment ago is deployed again, not served by what is on its way out.
  if (auto_deploys && admission.pass.servable && IsUndeployed(environment_.models.store(), model))
    admission.pass.servable.reset();
  if (environment_.cluster && !IsPlannedHere(model)) admission.pass.servable.reset();
  if (admission.pass.servable) return {};
  if (admission.request.forwarded) return NotHere(model);
  if (environment_.cluster) admission.pass.elsewhere = environment_.cluster->router.Candidates(model);
  if (!admission.pass.elsewhere.empty()) return {};
  const bool may_come =
      auto_deploys && environment_.settings.Current()->Bool("plugins.ml_commons.model_auto_deploy.enable");
  if (may_come && AutoDeploys(admission.document.body)) return {};
  if (environment_.cluster && IsToCome(admission)) return NotYet(model);
  if (!admission.hears) return MayBeThere(model);
  if (!may_come) return MakeError(Code::kInvalidArgument, "Model not ready yet. Please deploy the model first.");
  return MakeError(Code::kInvalidArgument,
                   "Auto deployment disabled for this model, please deploy model first Model ID: " + model.str());
}

// As far as the plan names nodes. What it takes from this one is not served while it is being taken out of service: a
// node that stood still reads what happened meanwhile a moment before it acts on it.
bool PredictGate::IsPlannedHere(const ModelId& model) const {
  const auto plan = environment_.models.store().Get(PlanKey(model));
  return !plan || PlansFor(**plan, environment_.membership.self().id);
}

// Does its plan stand, and is there a node that will hold it without another request.
bool PredictGate::IsToCome(const Admission& admission) const {
  const auto document = environment_.models.store().Get(PlanKey(admission.request.model));
  if (!document) return false;
  const Result<Plan> plan = ReadPlan(**document);
  if (!plan || plan->mode == PlanMode::kNone) return false;
  if (plan->outcome &&
      (plan->outcome->kind == Outcome::Kind::kFailed || plan->outcome->kind == Outcome::Kind::kCancelled))
    return false;
  const auto eligible = environment_.membership.Eligible(admission.rules.function, *environment_.settings.Current());
  std::vector<NodeId> nodes = PlannedNodes(*plan, eligible);
  if (nodes.empty()) nodes = plan->nodes;  // those that it was asked for are all gone
  return std::ranges::any_of(nodes, [&](const NodeId& node) { return Comes(*plan, node, eligible); });
}

bool PredictGate::Comes(const Plan& plan, const NodeId& node, const std::vector<NodeId>& eligible) const {
  const LivePtr live = environment_.membership.LiveNow();
  const auto lease = std::ranges::find(*live, node, &Lease::node);
  if (lease == live->end() || lease->leaving) return true;
  if (std::ranges::find(eligible, node) == eligible.end()) return false;
  const auto document = environment_.models.store().Get(PlacementKey(node, plan.model));
  if (!document) return true;
  const Result<Placement> placement = ReadPlacement(**document);
  const bool said = placement && placement->incarnation == lease->incarnation &&
                    placement->generation == plan.generation && placement->state == PlacementState::kFailed;
  return !said || placement->retryable;
}

Status PredictGate::CheckEnabled(Admission& admission) {
  if (admission.rules.is_enabled) return {};
  return MakeError(Code::kPermissionDenied, "Model is disabled.");
}

// Who serves charges: the shares of a limit are those of the nodes that the plan names, whichever node clients ask.
bool PredictGate::ChargesHere(const Admission& admission) {
  return !admission.request.charged && admission.pass.elsewhere.empty();
}

Status PredictGate::ChargeModel(Admission& admission) {
  if (!admission.rules.limit || !ChargesHere(admission)) return {};
  Status taken = limits_.Take(admission.request.model, {}, *admission.rules.limit, Nodes(admission));
  if (taken) return {};
  return Throttled(std::move(taken).error(), "Request is throttled at model level.");
}

Status PredictGate::ChargeUser(Admission& admission) {
  if (admission.request.user.empty() || !ChargesHere(admission)) return {};
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
  if (interface->checks_output() && admission.pass.elsewhere.empty()) admission.pass.interface = interface;
  if (!interface->checks_input() || admission.request.forwarded) return {};
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

// What must hold once nothing goes wrong any more, on every node that runs.
#include <algorithm>

#include "simulation/invariants.h"

namespace mlnode::simulation {
namespace {

using deploy::ModelState;
using deploy::Placement;
using deploy::PlacementState;
using deploy::Plan;
using deploy::PlanMode;
using View = deploy::DeployService::View;

template <class T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::ranges::find(values, value) != values.end();
}

std::string Text(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId& node : nodes) text += (text.empty() ? "" : " ") + node.str();
  return "[" + text + "]";
}

// What a client sees of a model's deployment.
std::string Shown(const View& view) {
  const deploy::Deployment& seen = view.deployment;
  return fmt::format("{} planned {} workers {} loading {}", deploy::ModelStateName(seen.state), Text(seen.planned),
                     Text(seen.workers), Text(seen.loading));
}

class RestCheck {
 public:
  explicit RestCheck(World& world) : world_(world), facts_(ReadFacts(world)), running_(world.Running()) {}

  std::vector<std::string> Run() {
    if (running_.empty()) Add("no node runs");
    CheckStored();
    for (Member* member : running_) {
      CheckMembership(*member);
      CheckLocal(*member);
      CheckMemory(*member);
      CheckSetting(*member);
    }
    if (found_.empty()) CheckViews();
    return std::move(found_);
  }

 private:
  template <class... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    found_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  const Member* RunningMember(const NodeId& id) const {
    const auto found = std::ranges::find_if(running_, [&](const Member* member) { return member->id() == id; });
    return found == running_.end() ? nullptr : *found;
  }

  // rest-is-terminal, placement-has-lease
  void CheckStored() {
    for (const tasks::TaskRecord& task : facts_.tasks) {
      if (!tasks::IsTerminal(task.state)) Add("task {} is in progress for ever", task.id.str());
    }
    for (const Plan& plan : facts_.plans) {
      if (!facts_.models.contains(plan.model)) Add("plan of deleted model {}", plan.model.str());
      if (plan.mode != PlanMode::kNone && !plan.outcome) Add("deploy of {} is open for ever", plan.model.str());
    }
    for (const Placement& placement : facts_.placements) {
      const Member* node = RunningMember(placement.node);
      const bool lives = node != nullptr && node->incarnation() == placement.incarnation;
      if (!lives || !deploy::Counts(placement, facts_.leases))
        Add("placement of {} of a dead process of {}", placement.model.str(), placement.node.str());
      if (!facts_.models.contains(placement.model)) Add("placement of deleted model {}", placement.model.str());
    }
  }

  // Who is here is the same for all, and true.
  void CheckMembership(Member& member) {
    const std::string name = member.id().str();
    if (!member.core().store().Following()) Add("{} does not follow the store", name);
    const auto live = member.core().membership().Live();
    for (const Member* other : running_) {
      const bool seen = std::ranges::any_of(live, [&](const deploy::Lease& lease) {
        return lease.node == other->id() && lease.incarnation == other->incarnation();
      });
      if (!seen) Add("{} does not see {}", name, other->id().str());
    }
    for (const deploy::Lease& lease : live) {
      if (RunningMember(lease.node) == nullptr) Add("{} takes {} for alive", name, lease.node.str());
    }
    const auto eligible = member.core().membership().EligibleForLocal(*member.core().settings().Current());
    if (eligible != Eligible()) Add("{} takes {} for eligible", name, Text(eligible));
  }

  // By the first one's settings, which CheckSetting and the views hold against the others'.
  std::vector<NodeId> Eligible() const {
    const config::SnapshotPtr settings = running_.front()->core().settings().Current();
    const bool ml_only = settings->Bool("plugins.ml_commons.only_run_on_ml_node");
    const std::string excluded = settings->String("plugins.ml_commons.exclude_nodes._name");
    std::vector<NodeId> eligible;
    for (const Member* member : running_) {
      const bool fits = !ml_only || Contains(member->options().roles, std::string("ml"));
      if (fits && member->options().name != excluded) eligible.push_back(member->id());
    }
    return eligible;
  }

  void CheckLocal(Member& member) {
    for (const auto& model : member.core().local_models().List()) {
      const std::string name = model.model.str();
      if (model.state == serving::LocalState::kLoading) Add("load of {} on {} never ends", name, member.id().str());
      if (!facts_.models.contains(model.model)) Add("deleted model {} is held by {}", name, member.id().str());
    }
    if (member.open_predictions != 0) Add("a prediction was never answered");
  }

  // memory-is-counted
  void CheckMemory(Member& member) {
    std::uint64_t resident = Member::kMemoryBase;
    std::set<std::string> contents;  // whose weights are held, once each
    for (const auto& model : member.core().local_models().List()) {
      if (model.state != serving::LocalState::kReady) continue;
      resident += model.info->resident_bytes;
      const auto document = member.core().models().Get(model.model);
      const std::string content = document ? document->content_hash.value_or("") : model.model.str();
      if (!contents.insert(content).second) resident -= model.info->weights_bytes;
    }
    const int ready = static_cast<int>(contents.size());
    const std::uint64_t reserved = member.core().budget().Reserved();
    if (reserved != resident) Add("{}: {} bytes reserved, {} in use", member.id().str(), reserved, resident);
    if (member.engine().live_models() != ready) {
      Add("{}: {} models in the engine, {} contents ready", member.id().str(), member.engine().live_models(), ready);
    }
  }

  void CheckSetting(Member& member) {
    const auto limit = member.core().settings().Current()->Int("plugins.ml_commons.max_model_on_node");
    const std::string& told = world_.ledger().setting;
    if (!told.empty() && std::to_string(limit) != told) Add("acknowledged setting is lost on {}", member.id().str());
  }

  // state-is-true: the same on every node, and what is.
  void CheckViews() {
    const std::vector<View> views = running_.front()->core().deploys().List();
    for (const View& view : views) CheckView(view);
    for (Member* other : running_) {
      if (other == running_.front()) continue;
      const std::vector<View> theirs = other->core().deploys().List();
      if (theirs.size() != views.size()) {
        Add("{} lists {} models, not {}", other->id().str(), theirs.size(), views.size());
        continue;
      }
      for (std::size_t i = 0; i < views.size(); ++i) {
        if (views[i].model.id == theirs[i].model.id && Shown(views[i]) == Shown(theirs[i])) continue;
        Add("model {} is {} on {}, {} on {}", views[i].model.id.str(), Shown(views[i]), running_.front()->id().str(),
            Shown(theirs[i]), other->id().str());
      }
    }
  }

  void CheckView(const View& view) {
    const std::string& id = view.model.id.str();
    const auto& deployment = view.deployment;
    std::vector<NodeId> holders;
    for (Member* member : running_) {
      if (member->core().local_models().Find(view.model.id) != nullptr) holders.push_back(member->id());
    }
    const bool serves = deployment.state == ModelState::kDeployed || deployment.state == ModelState::kPartiallyDeployed;
    if (deployment.state == ModelState::kDeploying) Add("model {} is DEPLOYING for ever", id);
    if (deployment.state == ModelState::kDeployFailed && deployment.reason.empty())
      Add("model {} is DEPLOY_FAILED without a reason", id);
    // unused-leaves
    if (serves && view.model.passthrough == json::object{{"deploy_setting", json::object{{"model_ttl_minutes", 0}}}})
      Add("model {} is deployed and may not go unused", id);
    if (view.model.registration != models::Registration::kRegistered) return;
    if (deployment.workers != holders || serves == holders.empty())
      Add("model {} is {} and held by {}", id, Shown(view), Text(holders));
    if (view.plan) CheckPlan(view, holders);
  }

  // mode-holds: who is to hold it does, or says why it does not.
  void CheckPlan(const View& view, const std::vector<NodeId>& holders) {
    const Plan& plan = *view.plan;
    const std::string& id = plan.model.str();
    const std::vector<NodeId> eligible = Eligible();
    if (plan.mode == PlanMode::kAll && view.deployment.planned != eligible)
      Add("model {} is planned for {}, not for all", id, Text(view.deployment.planned));
    if (plan.mode == PlanMode::kNone && !holders.empty()) Add("undeployed model {} is held by {}", id, Text(holders));
    const auto& wish = world_.ledger().wishes[plan.model].known();
    const bool may_expire = view.model.passthrough.contains("deploy_setting");
    if (wish && *wish != plan.mode && !may_expire) Add("model {} is not deployed as the last request said", id);
    const auto kind = plan.outcome ? plan.outcome->kind : deploy::Outcome::Kind::kFailed;
    if (plan.mode == PlanMode::kNone || kind == deploy::Outcome::Kind::kFailed) return;
    for (const NodeId& node : view.deployment.planned) {
      if (!Contains(eligible, node) || Contains(holders, node)) continue;
      const bool excused = std::ranges::any_of(view.placements, [&](const Placement& placement) {
        return placement.node == node && placement.state == PlacementState::kFailed &&
               placement.generation == plan.generation && !placement.reason.empty();
      });
      if (!excused) Add("model {} is not on {}, which does not say why", id, node.str());
    }
  }

  World& world_;
  const Facts facts_;
  const std::vector<Member*> running_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> FindUnrest(World& world) {
  const World::Still still(world);
  return RestCheck(world).Run();
}

}  // namespace mlnode::simulation

// deploy/gate/predict_gate.h: may this prediction run, and where: the ordered checks of spec/predict-local §1 as one
// table (predict_gate.cc), then the choice of a worker. Reads the replica, the local table and the buckets only: each
// look-up takes a lock in memory for as long as a pointer is copied, never while a document is read into a Model, and
// nobody holds those locks while waiting for the store. Find and Admit each read the document. Called on an io thread,
// but for Admit of a model that has an interface: that is work for `cpu`.
//
// In a cluster a prediction passes two gates. The node that it came to checks the input; the one that serves it charges
// the limits, whose shares are those of the nodes that serve, and checks the answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "deploy/cluster/router.h"
#include "deploy/cluster/suspension_watch.h"
#include "deploy/gate/interface_cache.h"
#include "deploy/gate/rate_limits.h"
#include "deploy/membership.h"
#include "models/model_repository.h"
#include "models/rules/model_rules.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

// kInvalidArgument when models of this function are switched off by a setting: the peer's texts.
Status CheckFunctionEnabled(models::FunctionName function, const config::Snapshot& settings);

// Error.reason of what another node may answer well: the model is not on this one (of a forwarded prediction), or this
// one was suspended and does not know yet what it holds rightly.
inline constexpr std::string_view kNotHere = "not_here";
inline constexpr std::string_view kSuspended = "suspended";
inline bool MayWorkElsewhere(const Error& error) { return error.reason == kNotHere || error.reason == kSuspended; }

struct GateModel {
  models::FunctionName function;  // chooses the parser of the body
  bool has_interface = false;     // Admit will judge the request by it
};

struct AdmitRequest {
  ModelId model;
  std::string_view user = {};  // who asks; empty: nobody is known
  // The request as the model's interface sees it, JSON text: printed only if there is an input schema to check it by,
  // which it is given.
  std::function<std::string(std::string_view schema)> instance = {};
  bool by_interface = true;  // false: it judges neither request nor answer (batch predictions)
  bool forwarded = false;    // by another node, which proved to be one
  bool charged = false;      // somewhere already: by that node, or as another part of the same request
};

struct GatePass {
  // Here. Null: others hold it (`elsewhere`), or else it is to be deployed first, because it is asked
  // (deploy/remote/auto_deploy.h).
  std::shared_ptr<serving::Servable> servable;
  // Set when it has an output schema, by which the answer is to be checked; the answer of another node is checked
  // there.
  std::shared_ptr<const models::ModelInterface> interface;
  // Who holds it when this node does not, best first (router.h). Never of a forwarded prediction.
  std::vector<Worker> elsewhere;
};

class PredictGate {
 public:
  struct Cluster {
    Router& router;
    SuspensionWatch& suspension;
  };
  // After so long a model that is being loaded, or whose holder is gone, may be asked for again.
  static constexpr std::chrono::seconds kComesAfter{2};

  struct Environment {
    models::ModelRepository& models;
    serving::LocalModels& local;
    config::Settings& settings;
    Membership& membership;
    const Clock& clock;
    std::optional<Cluster> cluster = {};  // nullopt: this node is alone
  };
  explicit PredictGate(const Environment& environment);
  // The caller's order is: Find, parse the body, Admit.
  // Of both: a node of a cluster that does not hear the store (Store::Following) says kUnavailable with retry_after
  // where it would say kNotFound, or kInvalidArgument because nobody holds the model: it may not have heard of it.
  // Find: kNotFound "Failed to find model" (404), disabled features, kUnavailable (kSuspended).
  Result<GateModel> Find(const ModelId& model) const;
  // Admit, in this order: kUnavailable with retry_after (kSuspended); not here: of a forwarded one kUnavailable
  // (kNotHere), of another it passes when others hold it; kInvalidArgument "Auto deployment disabled for this model,
  // please deploy model first Model ID: <id>"; nobody holds it: kUnavailable with retry_after where this is a cluster,
  // its plan stands and somebody is still to load it (a planned node is gone, loads it, or will), else kInvalidArgument
  // "Model not ready yet. Please deploy the model first."; kPermissionDenied "Model is disabled.", kResourceExhausted
  // "Request is throttled at model level." or "... at user level. ..." with retry_after, and what
  // ModelInterface::CheckInput says. Charges the model's rate limit, then that of the user, if one is known, unless
  // others are to serve it; call it once a request, however many calls of a provider it takes. What the documents say
  // now counts: a change is in force with the next call.
  Result<GatePass> Admit(const AdmitRequest& request);

 private:
  struct Admission;  // one request on its way down the table

  Status CheckCurrent() const;
  bool Hears() const;
  Result<storage::DocumentPtr> Read(const ModelId& model, bool hears) const;
  bool IsPlannedHere(const ModelId& model) const;
  bool IsToCome(const Admission& admission) const;
  bool Comes(const Plan& plan, const NodeId& node, const std::vector<NodeId>& eligible) const;
  Status CheckLoaded(Admission& admission);
  Status CheckEnabled(Admission& admission);
  static bool ChargesHere(const Admission& admission);
  Status ChargeModel(Admission& admission);
  Status ChargeUser(Admission& admission);
  Status CheckInput(Admission& admission);
  std::size_t Nodes(const Admission& admission) const;

  const Environment environment_;
  RateLimits limits_;
  InterfaceCache interfaces_;
};

}  // namespace mlnode::deploy

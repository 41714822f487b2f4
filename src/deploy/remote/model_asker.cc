#include "deploy/remote/model_asker.h"

#include <utility>

#include "serving/remote/remote_servable.h"

namespace mlnode::deploy {
namespace {

Result<GatePass> Admit(PredictGate& gate, const ModelId& model, const json::object& parameters) {
  ASSIGN_OR_RETURN(const GateModel found, gate.Find(model));
  if (found.function != models::FunctionName::kRemote)
    return MakeError(Code::kInvalidArgument, "Only a remote model can judge texts.");
  return gate.Admit(
      {.model = model, .instance = [&parameters](std::string_view) {
         return ToJson(json::object{{"algorithm", "REMOTE"}, {"parameters", parameters}, {"action_type", "PREDICT"}});
       }});
}

void Predict(const std::shared_ptr<serving::Servable>& servable, serving::PredictRequest request,
             serving::PredictDone done) {
  servable->Predict(std::move(request), servable, std::move(done));
}

}  // namespace

serving::AskModel MakeModelAsker(PredictGate& gate, AutoDeploy& deploys, const serving::RemoteEnvironment& remote) {
  return [&gate, &deploys, &remote](const ModelId& model, json::object parameters, Deadline deadline,
                                    serving::CancelFlag cancelled, serving::PredictDone done) {
    auto pass = Admit(gate, model, parameters);
    if (!pass) return done(std::move(pass).error());
    auto input = std::make_shared<connectors::RemoteInput>();
    input->parameters = std::move(parameters);
    serving::PredictRequest request;
    request.deadline = deadline;
    request.cancelled = std::move(cancelled);
    request.judging = true;
    request.remote = std::move(input);
    if (!pass->elsewhere.empty()) pass->servable = serving::MakeUndeployedRemote(model, remote);
    if (pass->servable) return Predict(pass->servable, std::move(request), std::move(done));
    deploys.Obtain(model, deadline,
                   [&remote, model, request = std::move(request),
                    done = std::move(done)](Result<std::shared_ptr<serving::Servable>> servable) mutable {
                     if (!servable && servable.error().reason == kHeldElsewhere)
                       servable = serving::MakeUndeployedRemote(model, remote);
                     if (!servable) return done(std::move(servable).error());
                     Predict(*servable, std::move(request), std::move(done));
                   });
  };
}

}  // namespace mlnode::deploy

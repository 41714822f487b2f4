#include "serving/remote/remote_servable.h"

#include <utility>

#include "serving/remote/remote_flow.h"
#include "serving/remote/remote_prediction.h"

namespace mlnode::serving {
namespace {

std::shared_ptr<Counter> ModelCounter(Metrics& metrics, const char* name, const char* help, const ModelId& model) {
  return metrics.OwnCounter(name, help, {{"model", model.str()}});
}

class RemoteServable final : public Servable {
 public:
  RemoteServable(std::shared_ptr<ServedModel> model, LoadSpec spec, const RemoteEnvironment& environment)
      : spec_(std::move(spec)),
        site_(new RemoteSite{
            .environment = environment,
            .model = std::move(model),
            .costs = {},
            .calls = ModelCounter(environment.metrics, "mlnode_model_remote_calls_total",
                                  "Calls of a remote model's provider, retries not counted.", spec_.model),
            .failures = ModelCounter(environment.metrics, "mlnode_model_remote_failures_total",
                                     "Calls of a remote model's provider that failed.", spec_.model)}) {}

  const LoadSpec& spec() const override { return spec_; }
  const ServableInfo& info() const override { return site_->model->info; }
  const RemoteCosts* costs() const override { return &site_->costs; }
  void Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) override {
    StartRemotePrediction(site_, std::move(request), std::move(self), std::move(done));
  }
  void Stream(StreamRequest request, std::shared_ptr<Servable> self, StreamSink sink) override {
    StartRemoteStream(site_, std::move(request), std::move(self), std::move(sink));
  }

 private:
  const LoadSpec spec_;
  const std::shared_ptr<RemoteSite> site_;
};

}  // namespace

std::shared_ptr<Servable> MakeRemoteServable(std::shared_ptr<ServedModel> model, LoadSpec spec,
                                             const RemoteEnvironment& environment) {
  return std::make_shared<RemoteServable>(std::move(model), std::move(spec), environment);
}

std::shared_ptr<Servable> MakeUndeployedRemote(const ModelId& model, const RemoteEnvironment& environment) {
  auto served = std::make_shared<ServedModel>();
  served->remote = std::make_shared<RemoteTermsSource>(environment.store, environment.compile, model);
  LoadSpec spec;
  spec.model = model;
  spec.function = models::FunctionName::kRemote;
  return MakeRemoteServable(std::move(served), std::move(spec), environment);
}

}  // namespace mlnode::serving

#include "serving/remote/remote_servable.h"

#include <utility>

#include "serving/remote/remote_flow.h"
#include "serving/remote/remote_prediction.h"

namespace mlnode::serving {
namespace {

class RemoteServable final : public Servable {
 public:
  RemoteServable(std::shared_ptr<ServedModel> model, LoadSpec spec, const RemoteEnvironment& environment)
      : spec_(std::move(spec)), site_(std::make_shared<RemoteSite>(environment, std::move(model))) {}

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

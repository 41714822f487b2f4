// tests/integration/remote_fixture.h: a node with models that a provider on this machine serves.
#pragma once

#include <memory>
#include <string>

#include "connectors/testing/provider_double.h"
#include "node_fixture.h"

namespace mlnode::integration {

class RemoteFixture : public FakeNodeFixture {
 protected:
  void SetUp() override;
  void StartProvider(connectors::ProviderDouble::Options options = {});
  void Set(const std::string& name, const json::value& value);  // plugins.ml_commons.<name>, at run time
  // Of a connector whose PREDICT action asks `path` of the provider; `parts` are put over it.
  json::object Connector(const std::string& path, const std::string& request_body,
                         const json::object& parts = {}) const;
  json::object Embeddings(const std::string& prefix = {}) const;  // OpenAI's, with pre- and post-processing
  json::object Chat() const;
  // Registers a model with this connector in its body; `more` are further fields of the body.
  std::string RegisterRemote(const json::object& connector, const json::object& more = {});
  Answer Predict(const std::string& model, const json::value& body);
  Answer PredictDocs(const std::string& model, const json::array& texts);
  std::size_t DeployTasks();

  std::unique_ptr<connectors::ProviderDouble> provider_;
};

}  // namespace mlnode::integration

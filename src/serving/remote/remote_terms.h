// serving/remote/remote_terms.h: what the documents now say of a remote model: its connector, made ready, and its
// guardrails. Compiled once for each pair of revisions of the model's and the connector's document, so that a change is
// in force with the next prediction, with no notice to anyone. Threads: any; a lock for as long as a pointer is copied;
// two threads may compile the same at once. Not for an io thread.
#pragma once

#include <memory>
#include <string>

#include "core/guarded.h"
#include "core/id.h"
#include "models/rules/guardrails.h"
#include "serving/remote/remote_environment.h"

namespace mlnode::serving {

struct RemoteTerms {
  std::shared_ptr<const connectors::CompiledConnector> connector;
  std::string pool;                                      // CallOptions::pool
  std::shared_ptr<const models::Guardrails> guardrails;  // null: none
};
using RemoteTermsPtr = std::shared_ptr<const RemoteTerms>;

class RemoteTermsSource {
 public:
  RemoteTermsSource(const storage::Store& store, ConnectorCompiler compile, ModelId model);
  // kNotFound (model, connector: the peer's texts), kFailedPrecondition (a model without connector; credentials sealed
  // under a key that is not here), kDataLoss, kInvalidArgument.
  Result<RemoteTermsPtr> Now();
  const ModelId& model() const { return model_; }

 private:
  struct Known {
    std::uint64_t model_revision = 0, connector_revision = 0;
    RemoteTermsPtr terms;
  };
  Result<RemoteTermsPtr> Make(const storage::Document& model, const storage::Document& holder) const;

  const storage::Store& store_;
  const ConnectorCompiler compile_;
  const ModelId model_;
  Guarded<Known> known_;
};

}  // namespace mlnode::serving

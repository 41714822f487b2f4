#include "serving/remote/remote_terms.h"

#include <fmt/format.h>

#include <utility>

namespace mlnode::serving {
namespace {

Result<storage::DocumentPtr> Read(const storage::Store& store, storage::Collection collection, const std::string& id,
                                  std::string_view missing) {
  auto document = store.Get({collection, id});
  if (document || document.error().code != Code::kNotFound) return document;
  return MakeError(Code::kNotFound, std::string(missing));
}

}  // namespace

RemoteTermsSource::RemoteTermsSource(const storage::Store& store, ConnectorCompiler compile, ModelId model)
    : store_(store), compile_(std::move(compile)), model_(std::move(model)) {}

Result<RemoteTermsPtr> RemoteTermsSource::Make(const storage::Document& model, const storage::Document& holder) const {
  RemoteTerms terms{.connector = {}, .pool = holder.key.id, .guardrails = {}};
  ASSIGN_OR_RETURN(terms.connector, compile_(holder));
  ASSIGN_OR_RETURN(const json::object* guardrails, ObjectField(model.body, "guardrails"));
  if (guardrails != nullptr) {
    ASSIGN_OR_RETURN(terms.guardrails, models::Guardrails::Compile(*guardrails));
  }
  return std::make_shared<const RemoteTerms>(std::move(terms));
}

Result<RemoteTermsPtr> RemoteTermsSource::Now() {
  ASSIGN_OR_RETURN(const storage::DocumentPtr model,
                   Read(store_, storage::Collection::kModels, model_.str(), "Failed to find model"));
  ASSIGN_OR_RETURN(const auto connector_id, StringField(model->body, "connector_id"));
  storage::DocumentPtr holder = model;
  if (connector_id && !connector_id->empty()) {
    ASSIGN_OR_RETURN(holder,
                     Read(store_, storage::Collection::kConnectors, *connector_id,
                          fmt::format("Failed to find connector with the provided connector id: {}", *connector_id)));
  } else if (!model->body.contains("connector")) {
    return MakeError(Code::kFailedPrecondition, fmt::format("Model {} has no connector.", model_.str()));
  }
  {
    const auto known = known_.Lock();
    const bool same = known->model_revision == model->revision && known->connector_revision == holder->revision;
    if (known->terms && same) return known->terms;
  }
  ASSIGN_OR_RETURN(RemoteTermsPtr terms, Make(*model, *holder));
  RemoteTermsPtr old;  // goes after the lock
  const auto known = known_.Lock();
  old = std::exchange(known->terms, terms);
  known->model_revision = model->revision;
  known->connector_revision = holder->revision;
  return terms;
}

}  // namespace mlnode::serving

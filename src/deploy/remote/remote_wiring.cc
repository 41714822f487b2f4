#include "deploy/remote/remote_wiring.h"

#include <utility>

#include "core/guarded.h"
#include "deploy/remote/batch_actions.h"

namespace mlnode::deploy {
namespace {

Result<connectors::Connector> ReadHeld(const storage::Document& holder) {
  if (holder.key.collection == storage::Collection::kConnectors) return connectors::ReadConnector(holder);
  ASSIGN_OR_RETURN(const json::object* stored, ObjectField(holder.body, "connector"));
  if (stored == nullptr) return MakeError(Code::kFailedPrecondition, "The model has no connector.");
  return connectors::ReadInlineConnector(*stored);
}

struct KnownRules {
  config::SnapshotPtr made_of;
  std::shared_ptr<const connectors::EndpointRules> rules;
};

}  // namespace

serving::ConnectorCompiler MakeConnectorCompiler(const connectors::CredentialVault& vault) {
  return [&vault](const storage::Document& holder) -> Result<std::shared_ptr<const connectors::CompiledConnector>> {
    ASSIGN_OR_RETURN(connectors::Connector connector, ReadHeld(holder));
    return connectors::CompiledConnector::Compile(WithBatchActions(std::move(connector)), vault, holder.key);
  };
}

std::function<std::shared_ptr<const connectors::EndpointRules>()> MakeRulesSource(config::Settings& settings) {
  auto known = std::make_shared<Guarded<KnownRules>>();
  return [&settings, known] {
    const config::SnapshotPtr current = settings.Current();
    {
      const auto last = known->Lock();
      if (last->made_of == current) return last->rules;
    }
    auto rules = connectors::EndpointRules::Make(*current);
    const auto last = known->Lock();
    last->made_of = current;
    last->rules = rules;
    return rules;
  };
}

}  // namespace mlnode::deploy

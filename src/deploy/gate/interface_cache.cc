#include "deploy/gate/interface_cache.h"

#include <algorithm>
#include <utility>

namespace mlnode::deploy {

std::shared_ptr<const models::ModelInterface> InterfaceCache::Known(const ModelId& model, std::uint64_t revision) {
  const auto entries = entries_.Lock();
  const auto found = entries->map.find(model);
  if (found == entries->map.end() || found->second.revision != revision) return nullptr;
  found->second.used = ++entries->uses;
  return found->second.interface;
}

void InterfaceCache::Keep(const ModelId& model, Entry entry) {
  const auto entries = entries_.Lock();
  entry.used = ++entries->uses;
  if (entries->map.size() >= kMaxEntries && !entries->map.contains(model))
    entries->map.erase(std::ranges::min_element(entries->map, {}, [](const auto& known) { return known.second.used; }));
  Entry& kept = entries->map[model];
  if (kept.revision <= entry.revision) kept = std::move(entry);  // another thread may have read a newer document
}

std::shared_ptr<const models::ModelInterface> InterfaceCache::Of(const storage::Document& model) {
  const Result<const json::object*> stored = ObjectField(model.body, "interface");
  if (!stored || *stored == nullptr || (*stored)->empty()) return nullptr;
  const ModelId id(model.key.id);
  if (auto known = Known(id, model.revision)) return known;
  auto compiled = std::make_shared<const models::ModelInterface>(**stored);
  Keep(id, {.revision = model.revision, .interface = compiled});
  return compiled;
}

}  // namespace mlnode::deploy

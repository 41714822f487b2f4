// deploy/gate/interface_cache.h: the compiled interfaces of models that were asked of late, each once per version of
// the model's document. Threads: any; compiling happens outside the lock, by two threads at once at worst. Not for an
// io thread: an entry may have to be compiled first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "core/guarded.h"
#include "core/id.h"
#include "models/rules/model_interface.h"
#include "storage/store.h"

namespace mlnode::deploy {

class InterfaceCache {
 public:
  // Models: more than a node serves by default; about a megabyte each for the largest schemas.
  static constexpr std::size_t kMaxEntries = 32;

  // Null: the model has no interface.
  std::shared_ptr<const models::ModelInterface> Of(const storage::Document& model);
  std::size_t size() const { return entries_.Lock()->map.size(); }

 private:
  struct Entry {
    std::uint64_t revision = 0;  // of the document
    std::uint64_t used = 0;
    std::shared_ptr<const models::ModelInterface> interface;
  };
  struct Entries {
    std::map<ModelId, Entry> map;
    std::uint64_t uses = 0;
  };
  std::shared_ptr<const models::ModelInterface> Known(const ModelId& model, std::uint64_t revision);
  void Keep(const ModelId& model, Entry entry);

  Guarded<Entries> entries_;
};

}  // namespace mlnode::deploy

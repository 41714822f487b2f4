// serving/sharing/shared_engines.h: two deployments of one file hold its weights once. An engine that was loaded from a
// file is handed to later loads of the same file with the same options, each under a LoadedModel of its own, so that
// scheduling and withdrawal stay per deployment. The engine and the memory reserved for it go with the last of them.
// Threads: of the loading thread alone; what is handed out may be run and destroyed anywhere.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engines/engine.h"
#include "serving/memory_budget.h"

namespace mlnode::serving {

class SharedEngines {
 public:
  // Does a deployment hold an engine of this file now, whatever the options.
  bool Holds(const std::filesystem::path& file) const;
  // The engine of an earlier load with equal options; null when no deployment holds one.
  std::unique_ptr<engines::LoadedModel> Share(const engines::LoadOptions& options) const;
  // Takes over a new engine and returns its first use.
  std::unique_ptr<engines::LoadedModel> Add(const engines::LoadOptions& options,
                                            std::unique_ptr<engines::LoadedModel> engine);
  // Bytes that are held with the engine of this use; 0 before Hold. `use`: from Share or Add.
  static std::uint64_t MemoryOf(engines::LoadedModel& use);
  // From now on the memory is held as long as the engine of this use is. Precondition: it has none yet.
  static void Hold(engines::LoadedModel& use, MemoryBudget::Reservation memory);

 private:
  struct Holding;
  class Use;
  std::map<std::string, std::weak_ptr<Holding>> engines_;  // by file and options; swept at each Add
};

}  // namespace mlnode::serving

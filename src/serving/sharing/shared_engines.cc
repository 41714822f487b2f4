#include "serving/sharing/shared_engines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace mlnode::serving {
namespace {

// All that makes two engines of one file differ.
std::string KeyOf(const engines::LoadOptions& options) {
  return fmt::format("{}|{}|{}|{}|{}|{}", options.file.string(), engines::PrecisionName(options.precision),
                     options.lanes, options.max_tokens, fmt::join(options.inputs, ","),
                     static_cast<int>(options.output_rule));
}

}  // namespace

// The engine goes before the memory that was reserved for it is given back.
struct SharedEngines::Holding {
  std::filesystem::path file;
  MemoryBudget::Reservation memory;
  std::unique_ptr<engines::LoadedModel> engine;
};

class SharedEngines::Use final : public engines::LoadedModel {
 public:
  explicit Use(std::shared_ptr<Holding> holding) : holding_(std::move(holding)) {}
  const std::vector<engines::Port>& inputs() const override { return holding_->engine->inputs(); }
  const std::vector<engines::Port>& outputs() const override { return holding_->engine->outputs(); }
  std::string engine() const override { return holding_->engine->engine(); }
  engines::Precision precision() const override { return holding_->engine->precision(); }
  Result<engines::BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override {
    return holding_->engine->Run(batch, wanted);
  }
  Holding& holding() { return *holding_; }

 private:
  std::shared_ptr<Holding> holding_;
};

bool SharedEngines::Holds(const std::filesystem::path& file) const {
  for (const auto& [key, engine] : engines_) {
    const auto holding = engine.lock();
    if (holding && holding->file == file) return true;
  }
  return false;
}

std::unique_ptr<engines::LoadedModel> SharedEngines::Share(const engines::LoadOptions& options) const {
  const auto found = engines_.find(KeyOf(options));
  if (found == engines_.end()) return nullptr;
  auto holding = found->second.lock();
  return holding ? std::make_unique<Use>(std::move(holding)) : nullptr;
}

std::unique_ptr<engines::LoadedModel> SharedEngines::Add(const engines::LoadOptions& options,
                                                         std::unique_ptr<engines::LoadedModel> engine) {
  std::erase_if(engines_, [](const auto& entry) { return entry.second.expired(); });
  auto holding = std::make_shared<Holding>();
  holding->file = options.file;
  holding->engine = std::move(engine);
  engines_[KeyOf(options)] = holding;
  return std::make_unique<Use>(std::move(holding));
}

std::uint64_t SharedEngines::MemoryOf(engines::LoadedModel& use) {
  return static_cast<Use&>(use).holding().memory.bytes();
}

void SharedEngines::Hold(engines::LoadedModel& use, MemoryBudget::Reservation memory) {
  static_cast<Use&>(use).holding().memory = std::move(memory);
}

}  // namespace mlnode::serving

// stress/marked_model.h: a model whose answer to a sequence says which sequence it was, so that an answer given to the
// wrong request shows. Threads: Run from any.
#pragma once

#include <atomic>
#include <vector>

#include "engines/engine.h"

namespace mlnode::stress {

// What a sequence holds: its mark as the first token, then tokens made of it.
std::vector<std::int64_t> MarkedTokens(std::int64_t mark, std::size_t length);

// Marks below zero are poison: a batch that holds one fails.
class MarkedModel final : public engines::LoadedModel {
 public:
  MarkedModel() = default;
  MarkedModel(const MarkedModel&) = delete;
  MarkedModel& operator=(const MarkedModel&) = delete;
  // Ends the program when a run is still under way: the scheduler let go of a model that it used.
  ~MarkedModel() override;
  const std::vector<engines::Port>& inputs() const override { return ports_; }
  const std::vector<engines::Port>& outputs() const override { return ports_; }
  std::string engine() const override { return "marked"; }
  engines::Precision precision() const override { return engines::Precision::kF32; }
  // Each wanted output is INT64 [3]: mark, length, index of the output. kInternal: poison, or a sequence whose tokens
  // are not those of its mark. Takes about a microsecond a token.
  Result<engines::BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override;

 private:
  std::atomic<int> running_{0};
  std::vector<engines::Port> ports_;
};

// What Run says of a batch whose tokens were mixed up on the way.
inline constexpr std::string_view kMixedUp = "tokens were mixed up";

}  // namespace mlnode::stress

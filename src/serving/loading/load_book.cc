#include "serving/loading/load_book.h"

namespace mlnode::serving {
namespace {

// Does what the entry holds answer as one loaded by `spec` would. What runs at f32 needs no load to be the reference.
bool Holds(const LoadEntry& entry, const LoadSpec& spec, bool has_choice) {
  if (!entry.model) return false;
  const bool same = entry.spec.reference_precision == spec.reference_precision;
  return same || !has_choice || (spec.reference_precision && entry.model->info.precision == engines::Precision::kF32);
}

// Will it, once its attempt has ended.
bool IsToHold(const LoadEntry& entry, const LoadSpec& spec, bool has_choice) {
  return entry.attempt && (!has_choice || entry.attempt->spec.reference_precision == spec.reference_precision);
}

}  // namespace

void BeginLoad(LoadBook& book, LoadEntry& entry, LoadSpec spec, std::uint64_t generation, bool has_choice) {
  if (!IsToHold(entry, spec, has_choice)) {
    CancelLoad(book, entry);
    if (Holds(entry, spec, has_choice)) {
      entry.spec.reference_precision = spec.reference_precision;
    } else {
      entry.attempt = std::make_shared<LoadAttempt>(std::move(spec));
      if (!entry.attempt->remote) book.pending.push_back(entry.attempt->spec.model);
      if (entry.model) entry.shown.reload.emplace();
    }
  }
  (entry.shown.reload ? entry.shown.reload->generation : entry.shown.generation) = generation;
}

void CancelLoad(LoadBook& book, LoadEntry& entry) {
  if (!entry.attempt) return;
  entry.attempt->cancelled = true;
  std::erase(book.pending, entry.attempt->spec.model);
  entry.attempt.reset();
  entry.waits_for_memory = false;
  entry.shown.reload.reset();
  if (!entry.model) entry.shown.phase = Phase::kQueued;
}

}  // namespace mlnode::serving

#include "engines/engine.h"

namespace mlnode::engines {

std::string_view PrecisionName(Precision precision) { return precision == Precision::kBf16 ? "bf16" : "f32"; }

}  // namespace mlnode::engines

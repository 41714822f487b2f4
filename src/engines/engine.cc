#include "engines/engine.h"

namespace mlnode::engines {

std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kBf16:
      return "bf16";
    case Precision::kQuantized:
      return "quantized";
    case Precision::kF32:
      break;
  }
  return "f32";
}

}  // namespace mlnode::engines

#include "serving/predict.h"

namespace mlnode::serving {

bool ResultFilter::Keeps(std::string_view name, std::size_t position) const {
  if (names.empty() && positions.empty()) return true;
  return names.contains(name) || positions.contains(static_cast<std::int64_t>(position));
}

}  // namespace mlnode::serving

#include "net/http_message.h"

#include <algorithm>

#include "net/http_wire.h"

namespace mlnode::net {

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (EqualsIgnoringCase(field, name)) return value;
  }
  return std::nullopt;
}

std::size_t Headers::Count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [name](const auto& field) { return EqualsIgnoringCase(field.first, name); }));
}

}  // namespace mlnode::net

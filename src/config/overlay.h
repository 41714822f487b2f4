// config/overlay.h: applies one section of PUT _cluster/settings to the values it changes.
#pragma once

#include <string_view>

#include "config/settings.h"

namespace mlnode::config {

// `values` after `change`. `section` is "persistent" or "transient", for messages. Resets come first, then values, so
// that a wildcard reset beside new values keeps the new ones. Errors as spec §5, the first by name.
Result<RawValues> ApplySection(std::string_view section, RawValues values, const RawChange& change);

}  // namespace mlnode::config

// models/serving_properties.h: the rule for serving.properties files inside archives (spec/lifecycle §4). mlnode runs
// no Java; the rule is kept so that an archive it accepts is one the peer accepts.
#pragma once

#include <string_view>

#include "core/result.h"

namespace mlnode::models {

// kInvalidArgument with the peer's text when a value names a class outside ai.djl. Text: Java properties syntax.
Status CheckServingProperties(std::string_view text);

}  // namespace mlnode::models

#include "core/version.h"

namespace mlnode {

const std::string_view kVersion = MLNODE_VERSION;

}  // namespace mlnode

// connectors/templates/charset.h: the body of a request in another character set (parameter `charset`, spec/remote
// §2.2). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::connectors {

// UTF-8, US-ASCII, ISO-8859-1, UTF-16 (big end first, with a mark), UTF-16BE, UTF-16LE, as Java names them, in any
// case. What the set does not have becomes '?', as with the peer. kInvalidArgument: another set. Precondition: valid
// UTF-8.
Result<std::string> Encode(std::string utf8, std::string_view charset);

}  // namespace mlnode::connectors

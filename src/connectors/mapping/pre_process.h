// connectors/mapping/pre_process.h: from documents to a provider's parameters: the built-in functions of spec/remote
// §5.2 and custom scripts (§5.4), behind one interface. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"

namespace mlnode::connectors {

struct RemoteInput;

class PreProcess {
 public:
  // A built-in's name ("connector.pre_process.openai.embedding") or a script's source. kInvalidArgument: an unknown
  // built-in, a script outside the subset (line named).
  static Result<std::shared_ptr<const PreProcess>> Make(std::string_view function);
  virtual ~PreProcess() = default;
  // True for the built-ins that take all documents in one call (spec/remote §5.1); else one document a call.
  virtual bool TakesAllDocuments() const = 0;
  virtual bool IsScript() const = 0;
  // The parameters that the function makes of the documents [first, first + count) of the input, or, for a script that
  // asks for it, of the native parameters. `parameters`: merged so far, for ${parameters.x} in a script's source.
  virtual Result<Parameters> Run(const RemoteInput& input, std::size_t first, std::size_t count,
                                 const Parameters& parameters) const = 0;
};

}  // namespace mlnode::connectors

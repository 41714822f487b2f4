// connectors/mapping/post_process.h: from a provider's answer to tensors: the built-in functions of spec/remote §5.3,
// custom scripts (§5.4), and without either the whole answer or what response_filter picks (§5.5). Immutable; any
// thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "connectors/connector.h"

namespace mlnode::connectors {

struct RemoteTensor;

class PostProcess {
 public:
  // Empty: none. kInvalidArgument: an unknown built-in, a script outside the subset (line named).
  static Result<std::shared_ptr<const PostProcess>> Make(std::string_view function);
  virtual ~PostProcess() = default;
  // `body`: the provider's answer as it came; `parameters`: merged (response_filter). kInvalidArgument: the shape
  // errors of §5.3; kInternal "Fail to execute PREDICT in aws connector" for what the peer answers so.
  virtual Result<std::vector<RemoteTensor>> Run(std::string_view body, const Parameters& parameters) const = 0;
};

}  // namespace mlnode::connectors

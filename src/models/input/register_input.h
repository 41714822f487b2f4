// models/input/register_input.h: bodies of _register and _register_meta, parsed and checked in the peer's order with
// its texts (spec/lifecycle §2.1, 2.2, 5.1). Key order in the body does not matter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "connectors/connector_input.h"
#include "core/json.h"
#include "models/model.h"

namespace mlnode::models {

struct RegisterInput {
  // name, connector_id, function, format, description, config, hash, size, total_chunks, is_enabled, passthrough are
  // filled in; id when the caller chose one (model_id).
  Model model;
  std::optional<GroupId> group;    // empty string counts as absent
  std::optional<std::string> url;  // _register only
  std::optional<std::string> requested_version;
  std::vector<std::string> deploy_node_ids;
  std::optional<connectors::ConnectorInput>
      connector;  // _register of a remote model: its own, checked but for its URLs
  bool wants_access_control =
      false;  // access_mode, backend_roles or add_all_backend_roles: refused when a group has to be made
};

inline constexpr std::int64_t kMaxArchiveBytes = 4LL * 1024 * 1024 * 1024;  // lifecycle §4; an archive must be smaller
inline constexpr std::int64_t kChunkBytes = 10'000'000;
inline constexpr std::int64_t kMaxChunks = (kMaxArchiveBytes + kChunkBytes - 1) / kChunkBytes;  // 430

// Where the peer's exception is not the default of the code, Error::reason names it
// (action_request_validation_exception, ...).
Result<RegisterInput> ParseRegister(const json::object& body, const config::Snapshot& settings);
Result<RegisterInput> ParseRegisterMeta(const json::object& body, const config::Snapshot& settings);

}  // namespace mlnode::models

// config/settings.h: every setting of the program in one table, and immutable snapshots of their values.
// Static settings come from mlnode.yml, MLNODE_… and flags (later wins) and never change; dynamic ones are changed by
// PUT _cluster/settings and then overlay them: transient > persistent > static > default
// (spec/tasks-profile-stats-settings §4, 5). docs/settings.md is generated from the table (mlnode settings --markdown).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/executor.h"
#include "core/json.h"
#include "core/result.h"

namespace mlnode::config {

enum class Type : std::uint8_t { kBool, kInt, kFloat, kString, kList, kBytes };
enum class Scope : std::uint8_t { kDynamic, kStatic, kFinal };

enum class Check : std::uint8_t { kNone, kSafeRegexes };  // beyond type and range; kSafeRegexes: for lists of patterns

struct SettingRow {
  std::string_view name;  // "plugins.ml_commons.max_model_on_node", "mlnode.http.port"
  Type type;
  Scope scope;
  Check check = Check::kNone;
  bool urls = false;              // of kString: comma-separated URLs, which are shown without what is secret in them
  std::string_view fallback;      // default as text; a list as "a,b"
  double min = 0, max = 0;        // for kInt, kFloat and kBytes; min == max: no range
  std::string_view doc;           // one sentence
  std::string_view choices = {};  // for kString and the items of kList: what is allowed, "a|b"; empty: anything
};
std::span<const SettingRow> SettingTable();
const SettingRow* FindSetting(std::string_view name);

// Values as text by full name; a list is JSON array text. Ordered, so that answers are.
using RawValues = std::map<std::string, std::string, std::less<>>;

// All settings at one moment. Cheap to copy the pointer; never changes. Getters: the name must be in the table with
// that type (a bug ends the process).
class Snapshot {
 public:
  bool Bool(std::string_view name) const;
  std::int64_t Int(std::string_view name) const;
  double Float(std::string_view name) const;
  std::int64_t Bytes(std::string_view name) const;  // -1 and 0 as given
  std::string String(std::string_view name) const;
  std::vector<std::string> List(std::string_view name) const;
  const RawValues& persistent() const { return persistent_; }
  const RawValues& transient() const { return transient_; }
  // Every setting that is neither persistent nor transient, with its static or default value: as it may be shown.
  RawValues Defaults() const;

 private:
  friend class Settings;
  // What is in force: of the three, by precedence, what this version knows and accepts.
  RawValues effective_;
  RawValues static_, persistent_, transient_;
  std::string_view Raw(std::string_view name, Type type) const;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// A request to change dynamic settings: name -> text, or nullopt to reset; "prefix.*" resets all that match.
using RawChange = std::map<std::string, std::optional<std::string>, std::less<>>;
struct ChangeRequest {
  RawChange persistent, transient;
};
// Body of PUT _cluster/settings: nested, flat or mixed keys; errors as spec §5 (reason set where it is not the
// default). Keys beside "persistent" and "transient" are ignored, as the recorded peer does (spec §5 has them refused).
Result<ChangeRequest> ParseChangeRequest(const json::object& body);
// {"a.b": "1"} or, nested, {"a": {"b": "1"}}: every value a string or a list of strings.
json::object RenderValues(const RawValues& values, bool flat);

// The current snapshot and its observers. Threads: any.
class Settings {
 public:
  // Static values, already merged from file, environment and flags. kInvalidArgument names setting, value and range;
  // the readers below check too and say where the value came from. mlnode.node.name defaults to the host's name here.
  static Result<std::unique_ptr<Settings>> Create(RawValues static_values);
  SnapshotPtr Current() const;
  // What the overlays would be after `change`; validates everything, changes nothing. The caller (deploy/settings_sync)
  // stores the result durably and then calls Install.
  struct Overlays {
    RawValues persistent, transient;
  };
  Result<Overlays> Apply(const ChangeRequest& change) const;
  // The same from given overlays instead of the current ones.
  static Result<Overlays> Apply(Overlays overlays, const ChangeRequest& change);
  // Makes overlays current and tells observers. Values that this version does not know or accept are kept, logged and
  // ignored.
  void Install(Overlays overlays);
  // `observer` is posted on `strand` with the current snapshot, now and after each change; changes that follow one
  // another quickly may be seen as one, and none is seen out of order. It cannot fail. For the program's life.
  void Observe(Strand& strand, std::function<void(const SnapshotPtr&)> observer);

 private:
  Settings() = default;
  struct State;
  std::shared_ptr<State> state_;
};

// Reads mlnode.yml (nested or flat keys) into text values. kInvalidArgument with file name and line; kNotFound.
Result<RawValues> ReadYamlFile(const std::string& path);
// MLNODE_HTTP_PORT=9201 -> mlnode.http.port; plugins.* settings as MLNODE__PLUGINS__ML_COMMONS__MAX_MODEL_ON_NODE ("__"
// = "."). `environment` as environ(7). kInvalidArgument with the variable: a bad value, or MLNODE__ with a name that is
// no setting. Other unknown MLNODE_ variables are only logged: Kubernetes sets such for every service that is called
// mlnode.
Result<RawValues> ReadEnvironment(const char* const* environment);
// Holds keys (connectors/credential_vault.h), which are never part of the settings; ReadEnvironment passes over it.
inline constexpr std::string_view kCredentialKeysVariable = "MLNODE_CREDENTIALS_KEYS";
// The same for the key that the nodes of a cluster prove to each other with (net/peer_signature.h).
inline constexpr std::string_view kClusterKeyVariable = "MLNODE_CLUSTER_KEY";
// The variable that sets `setting`.
std::string EnvironmentName(std::string_view setting);

}  // namespace mlnode::config

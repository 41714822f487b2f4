// Where static values come from: mlnode.yml (yaml-cpp, whose exceptions stop here) and the environment.
#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "config/setting_values.h"
#include "config/settings.h"
#include "core/files.h"
#include "core/log.h"

namespace mlnode::config {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1U << 20U;
constexpr int kMaxDepth = 16;  // anchors can make YAML endless

class YamlReader {
 public:
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  Result<RawValues> Read(const std::string& text) {
    try {
      const YAML::Node root = YAML::Load(text);
      if (root.IsNull()) return RawValues();
      if (!root.IsMap()) return At(root, "expected settings as \"name: value\"");
      RETURN_IF_ERROR(Map(root, "", 0));
      return std::move(values_);
    } catch (const YAML::Exception& failure) {
      return Fault(failure.mark.line, failure.msg);
    }
  }

 private:
  Error Fault(int line, const std::string& what) const {
    return MakeError(Code::kInvalidArgument, file_ + ", line " + std::to_string(line + 1) + ": " + what);
  }
  Error At(const YAML::Node& node, const std::string& what) const { return Fault(node.Mark().line, what); }

  Status Map(const YAML::Node& map, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) return At(map, "nested too deeply");
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) return At(entry.first, "a setting's name must be plain text");
      const std::string name = prefix + entry.first.Scalar();
      if (entry.second.IsMap()) {
        RETURN_IF_ERROR(Map(entry.second, name + ".", depth + 1));
      } else {
        RETURN_IF_ERROR(Value(entry.first, name, entry.second));
      }
    }
    return {};
  }

  Status Value(const YAML::Node& key, const std::string& name, const YAML::Node& value) {
    const SettingRow* row = FindSetting(name);
    if (!row) return At(key, "unknown setting [" + name + "]");
    std::string text;
    if (value.IsSequence() && row->type == Type::kList) {
      std::vector<std::string> items;
      for (const YAML::Node& item : value) {
        if (!item.IsScalar()) return At(item, "setting [" + name + "] must be a list of plain values");
        items.push_back(item.Scalar());
      }
      text = ListText(items);
    } else if (value.IsScalar()) {
      text = value.Scalar();
    } else {
      return At(key, "setting [" + name + "] has no value that fits its type");
    }
    auto checked = CheckValue(*row, text);
    if (!checked) return At(key, checked.error().message);
    if (!values_.emplace(name, *std::move(checked)).second) return At(key, "setting [" + name + "] is given twice");
    return {};
  }

  std::string file_;
  RawValues values_;
};

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

const SettingRow* FindByVariable(std::string_view variable) {
  for (const SettingRow& row : SettingTable()) {
    if (EnvironmentName(row.name) == variable) return &row;
  }
  return nullptr;
}

}  // namespace

Result<RawValues> ReadYamlFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  return YamlReader(std::filesystem::path(path).filename().string()).Read(text);
}

std::string EnvironmentName(std::string_view setting) {
  constexpr std::string_view kOwn = "mlnode.";
  const bool own = setting.starts_with(kOwn);
  std::string name = own ? "MLNODE_" : "MLNODE__";
  for (const char c : Upper(own ? setting.substr(kOwn.size()) : setting)) {
    if (c == '.') {
      name += own ? "_" : "__";
    } else {
      name += c;
    }
  }
  return name;
}

Result<RawValues> ReadEnvironment(const char* const* environment) {
  RawValues values;
  for (; *environment; ++environment) {
    const std::string_view entry = *environment;
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("MLNODE_") || equals == std::string_view::npos) continue;
    const std::string variable(entry.substr(0, equals));
    // Keys are no setting: settings are shown.
    if (variable == kCredentialKeysVariable || variable == kClusterKeyVariable) continue;
    const SettingRow* row = FindByVariable(variable);
    if (!row && variable.starts_with("MLNODE__")) {
      return MakeError(Code::kInvalidArgument, "environment variable " + variable + " names no setting");
    }
    if (!row) {
      LOG_WARN("config", "environment variable {} names no setting and is ignored", variable);
      continue;
    }
    auto checked = CheckValue(*row, entry.substr(equals + 1));
    if (!checked) return Annotate(std::move(checked).error(), "environment variable " + variable);
    values.insert_or_assign(std::string(row->name), *std::move(checked));
  }
  return values;
}

}  // namespace mlnode::config

#include "app/node_settings.h"

namespace mlnode::app {
namespace {

constexpr const char* kDefaultFile = "mlnode.yml";

Result<config::RawValues> ReadFileSettings(const std::string& named) {
  auto values = config::ReadYamlFile(named.empty() ? kDefaultFile : named);
  if (!values && named.empty() && values.error().code == Code::kNotFound) return config::RawValues();
  return values;
}

}  // namespace

Result<config::RawValues> ReadStaticSettings(const cli::ServeFlags& flags, const char* const* environment) {
  ASSIGN_OR_RETURN(config::RawValues values, ReadFileSettings(flags.config_file));
  ASSIGN_OR_RETURN(const config::RawValues variables, config::ReadEnvironment(environment));
  for (const auto& [name, value] : variables) values.insert_or_assign(name, value);
  for (const auto& [name, value] : flags.settings) values.insert_or_assign(name, value);
  return values;
}

}  // namespace mlnode::app

// config/settings_markdown.h: docs/settings.md, made from the table so that it cannot be wrong.
#pragma once

#include <string>

namespace mlnode::config {

// The whole file. Printed by `mlnode settings --markdown`; a test compares it with docs/settings.md.
std::string SettingsMarkdown();

}  // namespace mlnode::config

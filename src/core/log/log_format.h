// core/log/log_format.h: what one log line looks like. Pure functions, apart from the sink so that tests can read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/log.h"

namespace mlnode {

struct LogRecord {
  EpochMillis at = 0;
  LogLevel level = LogLevel::kInfo;
  std::string_view part;
  std::string_view request_id;  // empty: none
  std::string_view message;
};

// One line without its newline, whatever the message holds: control characters are escaped, malformed UTF-8 becomes
// U+FFFD. Text: 2026-01-31T23:59:58.123Z WARN  [deploy] {req-1} message JSON:
// {"ts":"2026-01-31T23:59:58.123Z","level":"warn","part":"deploy","request_id":"req-1","msg":"message"}
std::string FormatLogLine(LogFormat format, const LogRecord& record);

std::string_view LogLevelName(LogLevel level);  // "debug", "info", "warn", "error"
std::optional<LogLevel> ParseLogLevel(std::string_view name);
// UTC with milliseconds: 2026-01-31T23:59:58.123Z
std::string FormatUtc(EpochMillis at);

}  // namespace mlnode

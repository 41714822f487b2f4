#include "core/log/log_format.h"

#include <array>
#include <ctime>

#include "core/utf8.h"

namespace mlnode {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kColumns = {"DEBUG", "INFO ", "WARN ", "ERROR"};
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

void AppendEscaped(std::string& out, std::string_view text, std::string_view also_escaped) {
  while (!text.empty()) {
    const Utf8Char c = DecodeUtf8(text);
    const std::size_t length = c.length == 0 ? 1 : c.length;
    if (c.length == 0) {
      out.append(kReplacement);
    } else if (c.code == '\n') {
      out.append("\\n");
    } else if (c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0)) {  // terminals obey the second range too
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c.code);
    } else {
      if (also_escaped.find(text[0]) != std::string_view::npos) out.push_back('\\');
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

void AppendJsonField(std::string& out, std::string_view name, std::string_view value) {
  out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":\"");
  AppendEscaped(out, value, "\"\\");
  out.push_back('"');
}

}  // namespace

std::string_view LogLevelName(LogLevel level) { return kNames[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::string FormatUtc(EpochMillis at) {
  const EpochMillis millis = ((at % 1000) + 1000) % 1000;
  const auto seconds = static_cast<std::time_t>((at - millis) / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
}

std::string FormatLogLine(LogFormat format, const LogRecord& record) {
  std::string line;
  if (format == LogFormat::kJson) {
    AppendJsonField(line, "ts", FormatUtc(record.at));
    AppendJsonField(line, "level", LogLevelName(record.level));
    AppendJsonField(line, "part", record.part);
    if (!record.request_id.empty()) AppendJsonField(line, "request_id", record.request_id);
    AppendJsonField(line, "msg", record.message);
    line.push_back('}');
    return line;
  }
  line =
      fmt::format("{} {} [{}] ", FormatUtc(record.at), kColumns[static_cast<std::size_t>(record.level)], record.part);
  if (!record.request_id.empty()) {
    line.push_back('{');
    AppendEscaped(line, record.request_id, "");
    line.append("} ");
  }
  AppendEscaped(line, record.message, "");
  return line;
}

}  // namespace mlnode

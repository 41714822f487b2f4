// core/log.h: the log. One line an event, text or JSON, to standard error. Never a secret, never a request body.
// Use: LOG_INFO("deploy", "model {} loaded in {} ms", id, ms). The first argument names the room or part.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace mlnode {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

// Once, at start, before threads exist. Without it: text, warnings and errors only.
void InitLog(LogLevel level, LogFormat format);
void SetLogLevel(LogLevel level);  // any thread
bool LogEnabled(LogLevel level);
void LogLine(LogLevel level, std::string_view part, std::string_view message);

// The request id printed with every line of this thread while the scope lives; empty = none.
class LogRequestScope {
 public:
  explicit LogRequestScope(std::string request_id);
  ~LogRequestScope();
  LogRequestScope(const LogRequestScope&) = delete;
  LogRequestScope& operator=(const LogRequestScope&) = delete;

 private:
  std::string previous_;
};

}  // namespace mlnode

#define MLNODE_LOG(level, part, ...)                                                             \
  do {                                                                                           \
    if (::mlnode::LogEnabled(level)) ::mlnode::LogLine(level, part, ::fmt::format(__VA_ARGS__)); \
  } while (false)
#define LOG_DEBUG(part, ...) MLNODE_LOG(::mlnode::LogLevel::kDebug, part, __VA_ARGS__)
#define LOG_INFO(part, ...) MLNODE_LOG(::mlnode::LogLevel::kInfo, part, __VA_ARGS__)
#define LOG_WARN(part, ...) MLNODE_LOG(::mlnode::LogLevel::kWarn, part, __VA_ARGS__)
#define LOG_ERROR(part, ...) MLNODE_LOG(::mlnode::LogLevel::kError, part, __VA_ARGS__)

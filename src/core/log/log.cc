// spdlog as sink: it locks, writes and flushes; lines are made by core/log/log_format.cc.
#include "core/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <utility>

#include "core/clock.h"
#include "core/log/log_format.h"

namespace mlnode {
namespace {

// The one process-wide object of this program: a log line must not need a handle to be written.
struct Sink {
  std::atomic<LogLevel> level{LogLevel::kWarn};
  std::atomic<LogFormat> format{LogFormat::kText};
  std::shared_ptr<spdlog::logger> logger;

  Sink() : logger(std::make_shared<spdlog::logger>("mlnode", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::trace);
  }
};

Sink& TheSink() {
  static auto* const sink = new Sink();  // never destroyed: destructors of other statics may log
  return *sink;
}

std::string& CurrentRequest() {
  thread_local std::string request_id;
  return request_id;
}

}  // namespace

void InitLog(LogLevel level, LogFormat format) {
  TheSink().format = format;
  TheSink().level = level;
}

void SetLogLevel(LogLevel level) { TheSink().level = level; }

bool LogEnabled(LogLevel level) { return level >= TheSink().level.load(std::memory_order_relaxed); }

void LogLine(LogLevel level, std::string_view part, std::string_view message) {
  Sink& sink = TheSink();
  const LogRecord record{.at = SystemClock().WallMillis(),
                         .level = level,
                         .part = part,
                         .request_id = CurrentRequest(),
                         .message = message};
  sink.logger->log(spdlog::level::info, spdlog::string_view_t(FormatLogLine(sink.format, record)));
}

LogRequestScope::LogRequestScope(std::string request_id)
    : previous_(std::exchange(CurrentRequest(), std::move(request_id))) {}
LogRequestScope::~LogRequestScope() { CurrentRequest() = std::move(previous_); }

}  // namespace mlnode

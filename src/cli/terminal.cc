#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace mlnode::cli {
namespace {

constexpr int kBarWidth = 30;
constexpr std::string_view kEraseLine = "\r\033[K";

void Print(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

}  // namespace

Terminal::Terminal(bool as_json) : as_json_(as_json), interactive_(isatty(STDERR_FILENO) != 0) {}

Terminal::~Terminal() { EndProgress(); }

void Terminal::Result(const json::value& value, const std::string& text) {
  EndProgress();
  Print(stdout, as_json_ ? ToPrettyJson(value) : text.ends_with('\n') ? text : text + "\n");
}

void Terminal::Error(const mlnode::Error& error) {
  EndProgress();
  if (as_json_) {
    const json::object object = {
        {"error", {{"code", CodeName(error.code)}, {"type", error.reason}, {"reason", error.message}}}};
    Print(stdout, ToPrettyJson(object));
  }
  Print(stderr, fmt::format("mlnode: {}\n", error.message));
}

void Terminal::Note(std::string_view text) {
  EndProgress();
  Print(stderr, fmt::format("{}\n", text));
}

void Terminal::Progress(std::string_view label, double done, double total) {
  const int percent = total > 0 ? static_cast<int>(100 * std::min(done, total) / total) : -1;
  if (!interactive_) {
    // A log needs each phase once and a sign of life each quarter, not a line per piece.
    if (shown_ != label || percent / 25 != last_percent_ / 25)
      Print(stderr, percent < 0 ? fmt::format("{}\n", label) : fmt::format("{} {} %\n", label, percent));
    shown_ = label;
    last_percent_ = percent;
    return;
  }
  std::string line(label);
  if (percent >= 0) {
    const auto full = static_cast<std::size_t>(kBarWidth * percent / 100);
    line += fmt::format(" [{}{}] {:3} %", std::string(full, '#'), std::string(kBarWidth - full, '.'), percent);
  }
  if (line == shown_) return;
  Print(stderr, fmt::format("{}{}", kEraseLine, line));
  shown_ = line;
}

void Terminal::EndProgress() {
  if (interactive_ && !shown_.empty()) Print(stderr, "\n");
  shown_.clear();
  last_percent_ = -1;
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string FormatBytes(double bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string FormatValue(const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(*text);
  return ToJson(value);
}

std::string FormatFields(const json::object& object, int indent) {
  std::size_t widest = 0;
  for (const auto& field : object) widest = std::max(widest, field.key().size());
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string out;
  for (const auto& field : object) {
    if (const json::object* inner = field.value().if_object(); inner && !inner->empty()) {
      out += fmt::format("{}{}\n{}", margin, std::string_view(field.key()), FormatFields(*inner, indent + 2));
    } else {
      out += fmt::format("{}{:<{}}  {}\n", margin, std::string_view(field.key()), widest, FormatValue(field.value()));
    }
  }
  return out;
}

}  // namespace mlnode::cli

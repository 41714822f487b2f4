// cli/terminal.h: what a command prints. Results go to standard output, as text or (--json) as one JSON document;
// progress and errors go to standard error. A progress line is rewritten on a terminal and printed now and then
// elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::cli {

class Terminal {
 public:
  explicit Terminal(bool as_json);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  bool as_json() const { return as_json_; }

  // The result of a command: `value` with --json, else `text`.
  void Result(const json::value& value, const std::string& text);
  void Error(const mlnode::Error& error);
  void Note(std::string_view text);  // standard error
  // done of total units; total 0: no bar, only the label.
  void Progress(std::string_view label, double done, double total);
  void EndProgress();

 private:
  const bool as_json_;
  const bool interactive_;
  std::string shown_;  // the progress line on screen
  int last_percent_ = -1;
};

// Columns padded to their widest cell; the first row is the head.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);
std::string FormatBytes(double bytes);  // "83.4 MB", decimal
// Any object as indented "key  value" lines.
std::string FormatFields(const json::object& object, int indent = 0);
// A value as a person reads it: strings bare, everything else as JSON.
std::string FormatValue(const json::value& value);

}  // namespace mlnode::cli

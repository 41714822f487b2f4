#include "rest/content/json_text.h"

#include <cmath>

#include "core/json.h"
#include "core/log.h"
#include "core/utf8.h"

namespace mlnode::rest {
namespace {

Error Refused(std::string message) {
  Error error = MakeError(Code::kInvalidArgument, std::move(message));
  error.reason = "json_parse_exception";
  return error;
}

Status CheckUtf8(std::string_view text) {
  if (IsValidUtf8(text)) return {};
  return Refused("text that is not UTF-8");
}

Status CheckFinite(double value) {
  if (std::isfinite(value)) return {};
  return Refused(fmt::format("number [{}], which JSON does not have", value));
}

}  // namespace

Status JsonText::Begin(char bracket) {
  Separate();
  text_.push_back(bracket);
  open_.push_back({.close = bracket == '{' ? '}' : ']'});
  if (open_.size() > kMaxJsonDepth) {
    return Refused(
        fmt::format("Document nesting depth ({}) exceeds the maximum allowed ({})", open_.size(), kMaxJsonDepth));
  }
  return CheckSize();
}

Status JsonText::Key(std::string_view key) {
  RETURN_IF_ERROR(CheckUtf8(key));
  if (!open_.back().keys.emplace(key).second) return Refused(fmt::format("Duplicate field '{}'", key));
  Separate();
  AppendJsonString(text_, key);
  text_.push_back(':');
  after_key_ = true;
  return CheckSize();
}

Status JsonText::String(std::string_view text) {
  RETURN_IF_ERROR(CheckUtf8(text));
  Separate();
  AppendJsonString(text_, text);
  return CheckSize();
}

Status JsonText::Float(float value) {
  RETURN_IF_ERROR(CheckFinite(value));
  Separate();
  AppendFloat(text_, value);
  return CheckSize();
}

Status JsonText::Double(double value) {
  RETURN_IF_ERROR(CheckFinite(value));
  Separate();
  AppendDouble(text_, value);
  return CheckSize();
}

Status JsonText::Literal(std::string_view json) {
  Separate();
  text_.append(json);
  return CheckSize();
}

void JsonText::End() {
  text_.push_back(open_.back().close);
  open_.pop_back();
}

// What goes before a key or an element; a value after its key needs nothing.
void JsonText::Separate() {
  if (std::exchange(after_key_, false) || open_.empty()) return;
  if (!std::exchange(open_.back().empty, false)) text_.push_back(',');
}

Status JsonText::CheckSize() const {
  if (text_.size() <= max_bytes_) return {};
  return MakeError(Code::kTooLarge, fmt::format("request body is larger than {} bytes as JSON", max_bytes_));
}

}  // namespace mlnode::rest

// rest/content/json_text.h: writes one JSON text from the events of a reader of another format, and refuses what JSON
// or this program has no place for. Handlers then read that text as if the client had sent it.
// Threads: one at a time. Memory: the text, and the keys of open objects.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace mlnode::rest {

class JsonText {
 public:
  explicit JsonText(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Each event may be refused: kInvalidArgument for nesting beyond kMaxJsonDepth, a key given twice, text that is not
  // UTF-8, NaN and infinity; kTooLarge once the text is longer than `max_bytes`. Messages have no place: the caller
  // knows it.
  Status BeginObject() { return Begin('{'); }
  Status BeginArray() { return Begin('['); }
  Status Key(std::string_view key);  // precondition: AwaitsKey()
  Status String(std::string_view text);
  Status Float(float value);
  Status Double(double value);
  Status Literal(std::string_view json);  // true, null, the digits of a number
  void End();                             // of the innermost object or array; precondition: there is one

  // True inside an object, between its fields.
  bool AwaitsKey() const { return !open_.empty() && open_.back().close == '}' && !after_key_; }
  std::size_t size() const { return text_.size(); }
  // Precondition: one whole value.
  std::string Take() && { return std::move(text_); }

 private:
  struct Container {
    char close;
    bool empty = true;
    std::set<std::string, std::less<>> keys = {};  // of an object
  };
  Status Begin(char bracket);
  void Separate();
  Status CheckSize() const;

  std::size_t max_bytes_;
  std::string text_;
  std::vector<Container> open_;
  bool after_key_ = false;
};

}  // namespace mlnode::rest

#include "core/json/json_place.h"

#include <algorithm>

namespace mlnode {
namespace {

bool FindPath(const json::value& at, const json::value& inner, std::string& path) {
  if (&at == &inner) return true;
  const std::size_t length = path.size();
  if (const json::object* object = at.if_object()) {
    for (const json::key_value_pair& entry : *object) {
      path += PointerStep(entry.key());
      if (FindPath(entry.value(), inner, path)) return true;
      path.resize(length);
    }
  } else if (const json::array* array = at.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      path += PointerStep(std::to_string(i));
      if (FindPath((*array)[i], inner, path)) return true;
      path.resize(length);
    }
  }
  return false;
}

std::string Unescape(std::string_view step) {
  std::string key;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const bool escaped = step[i] == '~' && i + 1 < step.size();
    key += escaped ? (step[++i] == '1' ? '/' : '~') : step[i];
  }
  return key;
}

// Walks over a text that is known to be JSON.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) { SkipBlanks(); }

  std::size_t offset() const { return at_; }
  // From a container to the value it holds under `key`, or under that index.
  bool Descend(const std::string& key) {
    if (AtEnd() || (Peek() != '{' && Peek() != '[')) return false;
    const bool is_object = Peek() == '{';
    ++at_;
    for (std::size_t index = 0;; ++index) {
      SkipBlanks();
      if (AtEnd() || Peek() == '}' || Peek() == ']') return false;
      bool found = key == std::to_string(index);
      if (is_object) {
        found = ReadKey() == key;
        SkipBlanks();
        ++at_;  // the colon
        SkipBlanks();
      }
      if (found) return true;
      SkipValue();
      SkipBlanks();
      if (!AtEnd() && Peek() == ',') ++at_;
    }
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return text_[at_]; }
  void SkipBlanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  void SkipString() {
    for (++at_; !AtEnd() && Peek() != '"'; ++at_) {
      if (Peek() == '\\') ++at_;
    }
    ++at_;
  }
  std::string ReadKey() {
    const std::size_t start = at_;
    SkipString();
    const std::string_view quoted = text_.substr(start, at_ - start);
    if (quoted.find('\\') == std::string_view::npos) return std::string(quoted.substr(1, quoted.size() - 2));
    const auto parsed = ParseJson(quoted);
    return parsed && parsed->is_string() ? std::string(std::string_view(parsed->get_string())) : std::string();
  }
  void SkipValue() {
    std::size_t depth = 0;
    do {
      if (Peek() == '"') {
        SkipString();
        continue;
      }
      if (Peek() == '{' || Peek() == '[') ++depth;
      if (Peek() == '}' || Peek() == ']') --depth;
      ++at_;
    } while (!AtEnd() && (depth > 0 || std::string_view(",]}").find(Peek()) == std::string_view::npos));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

TextPosition PositionOf(std::string_view text, std::size_t offset) {
  TextPosition position;
  std::size_t line_start = 0;
  for (std::size_t i = text.find('\n'); i < offset; i = text.find('\n', i + 1)) {
    ++position.line;
    line_start = i + 1;
  }
  position.column = offset - line_start + 1;
  return position;
}

}  // namespace

std::string PointerStep(std::string_view key) {
  std::string step = "/";
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

std::optional<std::string> PointerTo(const json::object& root, const json::value& inner) {
  for (const json::key_value_pair& entry : root) {
    std::string path = PointerStep(entry.key());
    if (FindPath(entry.value(), inner, path)) return path;
  }
  return std::nullopt;
}

std::optional<TextPosition> FindPosition(std::string_view text, std::string_view pointer) {
  Walker walker(text);
  while (!pointer.empty()) {
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    if (!walker.Descend(Unescape(pointer.substr(1, end - 1)))) return std::nullopt;
    pointer.remove_prefix(end);
  }
  return PositionOf(text, walker.offset());
}

Error Locate(Error error, std::string_view text) {
  if (error.json_pointer && !error.position) error.position = FindPosition(text, *error.json_pointer);
  if (error.cause) error.cause = std::make_shared<const Error>(Locate(*error.cause, text));
  return error;
}

}  // namespace mlnode

#include "query/field_path.h"

#include <array>
#include <charconv>
#include <cmath>

namespace mlnode::query {
namespace {

constexpr std::string_view kKeywordSuffix = ".keyword";
constexpr std::size_t kMaxPathBytes = 1'024;  // each dot is a look-up that may hash all before it
constexpr std::array<std::string_view, 2> kTextFields = {"name", "description"};

using Visit = std::function<bool(const json::value&)>;

bool VisitLeaf(const json::value& value, const Visit& visit) {
  if (value.is_null()) return false;
  if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array) {
      if (VisitLeaf(element, visit)) return true;
    }
    return false;
  }
  return visit(value);
}

// A key of the document may itself hold dots, so each prefix of the path is tried as a key.
bool VisitPath(const json::value& value, std::string_view path, const Visit& visit) {
  if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array) {
      if (VisitPath(element, path, visit)) return true;
    }
    return false;
  }
  const json::object* object = value.if_object();
  if (object == nullptr) return false;
  if (const json::value* found = object->if_contains(path); found != nullptr && VisitLeaf(*found, visit)) return true;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1)) {
    const json::value* inner = object->if_contains(path.substr(0, dot));
    if (inner != nullptr && VisitPath(*inner, path.substr(dot + 1), visit)) return true;
  }
  return false;
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordChar(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

bool JoinsWords(std::string_view text, std::size_t i) {
  if (i == 0 || i + 1 >= text.size()) return false;
  const char before = text[i - 1], after = text[i + 1];
  if (text[i] == '.' || text[i] == '\'')
    return (IsLetter(before) && IsLetter(after)) || (IsDigit(before) && IsDigit(after));
  return text[i] == ',' && IsDigit(before) && IsDigit(after);
}

}  // namespace

FieldPath::FieldPath(std::string_view name) : name_(name), path_(name) {
  if (name.size() > kKeywordSuffix.size() && name.ends_with(kKeywordSuffix)) {
    path_ = name.substr(0, name.size() - kKeywordSuffix.size());
    return;
  }
  for (std::string_view text : kTextFields) analysed_ = analysed_ || name == text;
}

bool FieldPath::AnyValue(const SearchDocument& document, const Visit& visit) const {
  if (path_ == "_id") return visit(json::value(document.id));
  if (path_ == "_seq_no") return visit(json::value(document.seq_no));
  if (path_ == "_version") return visit(json::value(document.version));
  if (!document.source || path_.size() > kMaxPathBytes) return false;
  const json::object& source = *document.source;
  if (const json::value* found = source.if_contains(path_)) return VisitLeaf(*found, visit);
  for (std::size_t dot = path_.find('.'); dot != std::string::npos; dot = path_.find('.', dot + 1)) {
    const std::string_view path = path_;
    const json::value* inner = source.if_contains(path.substr(0, dot));
    if (inner != nullptr && VisitPath(*inner, path.substr(dot + 1), visit)) return true;
  }
  return false;
}

std::vector<std::string> FieldPath::AllWords(const SearchDocument& document) const {
  std::vector<std::string> all;
  AnyValue(document, [&](const json::value& value) {
    if (value.is_structured()) return false;
    for (std::string& word : Words(ScalarText(value))) all.push_back(std::move(word));
    return false;
  });
  return all;
}

std::string ScalarText(const json::value& scalar) {
  if (const json::string* text = scalar.if_string()) return std::string(text->data(), text->size());
  return ToJson(scalar);
}

std::optional<double> ScalarNumber(const json::value& scalar) {
  if (const std::int64_t* number = scalar.if_int64()) return static_cast<double>(*number);
  if (const std::uint64_t* number = scalar.if_uint64()) return static_cast<double>(*number);
  if (const double* number = scalar.if_double()) return std::isfinite(*number) ? std::optional(*number) : std::nullopt;
  const json::string* text = scalar.if_string();
  if (text == nullptr || text->empty()) return std::nullopt;
  double number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (IsWordChar(c) || JoinsWords(text, i)) {
      word += (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

}  // namespace mlnode::query

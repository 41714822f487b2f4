#include "connectors/redactor.h"

#include <algorithm>

#include "connectors/templates/substitution.h"
#include "core/json.h"
#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kStars = "***";

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = DecodeUtf8(text).length;
    out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string InsideJson(std::string_view text) {
  std::string quoted;
  AppendJsonString(quoted, text);
  return quoted.substr(1, quoted.size() - 2);
}

char LowerHex(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c; }

// What EscapeJson made, as other writers of JSON do: a slash as it is, hexadecimal digits in lower case.
std::string OtherEscapes(std::string_view escaped, bool plain_slash, bool lower) {
  std::string out;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '\\' || i + 1 == escaped.size()) {
      out += escaped[i];
      continue;
    }
    const char kind = escaped[++i];
    if (kind != '/' || !plain_slash) out += '\\';
    out += kind;
    if (kind != 'u') continue;
    for (const char digit : escaped.substr(i + 1, 4)) out += lower ? LowerHex(digit) : digit;
    i += 4;
  }
  return out;
}

std::vector<std::string> FormsOf(const std::string& secret) {
  std::vector<std::string> forms{secret, InsideJson(secret)};
  const std::string escaped = EscapeJson(secret);
  for (const bool plain_slash : {false, true})
    for (const bool lower : {false, true}) forms.push_back(OtherEscapes(escaped, plain_slash, lower));
  return forms;
}

bool IsNumber(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Where forms stand in a text, from its front to its end.
class Finder {
 public:
  Finder(std::string_view text, const std::vector<std::string>& forms) : text_(text), forms_(forms) {
    for (const std::string& form : forms) next_.push_back(text.find(form));
  }
  struct Range {
    std::size_t begin, end;
  };
  // False: no more. Ranges that overlap come as one.
  bool Next(Range& range) {
    const auto first = std::ranges::min_element(next_);
    if (first == next_.end() || *first == std::string_view::npos) return false;
    range = {.begin = *first, .end = *first + 1};
    while (Grow(range)) {
    }
    return true;
  }

 private:
  bool Grow(Range& range) {
    bool grown = false;
    for (std::size_t i = 0; i < forms_.size(); ++i) {
      while (next_[i] < range.end) {
        range.end = std::max(range.end, next_[i] + forms_[i].size());
        next_[i] = text_.find(forms_[i], next_[i] + 1);
        grown = true;
      }
    }
    return grown;
  }

  const std::string_view text_;
  const std::vector<std::string>& forms_;
  std::vector<std::size_t> next_;  // by form; npos: no more
};

}  // namespace

Redactor::Redactor(const Secrets& secrets) {
  for (const auto& [name, secret] : secrets) {
    if (secret.size() < kMinHiddenBytes) continue;
    for (std::string& form : FormsOf(secret)) forms_.push_back(std::move(form));
  }
  const auto longer = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  };
  std::ranges::sort(forms_, longer);
  const auto again = std::ranges::unique(forms_);
  forms_.erase(again.begin(), again.end());
  for (const std::string& form : forms_)
    if (!IsNumber(form)) answer_forms_.push_back(form);
}

std::string Redactor::Hide(std::string_view text, const std::vector<std::string>& forms) {
  std::string out;
  std::size_t copied = 0;
  Finder finder(text, forms);
  for (Finder::Range range{}; finder.Next(range);) {
    out += text.substr(copied, range.begin - copied);
    out += kStars;
    copied = range.end;
  }
  return out += text.substr(copied);
}

std::string Redactor::Hidden(std::string_view text) const { return Hide(text, forms_); }

void Redactor::HideInAnswer(std::string& body) const {
  const auto in = [&body](const std::string& form) { return body.find(form) != std::string::npos; };
  if (std::ranges::any_of(answer_forms_, in)) body = Hide(body, answer_forms_);
}

std::string Redactor::Shown(std::string_view text) const {
  const std::size_t longest = forms_.empty() ? 0 : forms_.front().size();
  const std::string_view seen = text.substr(0, kMaxShownReply + longest);
  std::string hidden = Hidden(seen);
  // What was looked at may end within a secret, and hiding moves its end to the front: it goes, however short the rest.
  if (seen.size() < text.size()) hidden.resize(hidden.size() - std::min(hidden.size(), longest));
  const bool cut = text.size() > kMaxShownReply;
  return Printable(std::string_view(hidden).substr(0, kMaxShownReply)) + (cut ? "..." : "");
}

}  // namespace mlnode::connectors

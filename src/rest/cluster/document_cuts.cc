#include "rest/cluster/document_cuts.h"

namespace mlnode::rest {
namespace {

constexpr std::string_view kResultsBegin = R"({"inference_results":[)", kResultsEnd = "]}";

// Reads over JSON text. Every step ends at the end of the text at the latest, whatever stands there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t at() const { return at_; }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool Take(char c) {
    SkipSpace();
    if (Peek() != c) return false;
    ++at_;
    return true;
  }

  // From the opening quote to behind the closing one.
  void SkipString() {
    ++at_;
    for (;;) {
      at_ = std::min(text_.find_first_of("\"\\", at_), text_.size());
      if (at_ == text_.size()) return;
      const bool escape = text_[at_] == '\\';
      at_ = std::min(at_ + (escape ? 2 : 1), text_.size());
      if (!escape) return;
    }
  }

  void SkipValue() {
    SkipSpace();
    int depth = 0;
    do {
      switch (Peek()) {
        case '"':
          SkipString();
          break;
        case '{':
        case '[':
          ++depth;
          ++at_;
          break;
        case '}':
        case ']':
          --depth;
          ++at_;
          break;
        case ',':
        case ':':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
          ++at_;
          break;
        default:  // a number or a word
          at_ = std::min(text_.find_first_of(" \t\r\n,:]}", at_), text_.size());
      }
    } while (depth > 0 && at_ < text_.size());
  }

 private:
  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<DocumentCuts> CutDocuments(std::string_view body) {
  Scanner scanner(body);
  if (!scanner.Take('{')) return std::nullopt;
  for (;;) {
    scanner.SkipSpace();
    if (scanner.Peek() != '"') return std::nullopt;
    const std::size_t key = scanner.at();
    scanner.SkipString();
    const bool found = body.substr(key, scanner.at() - key) == R"("text_docs")";
    if (!scanner.Take(':')) return std::nullopt;
    if (found) break;
    scanner.SkipValue();
    if (!scanner.Take(',')) return std::nullopt;
  }
  if (!scanner.Take('[')) return std::nullopt;
  DocumentCuts cuts;
  cuts.inside.begin = scanner.at();
  for (;;) {
    scanner.SkipSpace();
    const std::size_t begin = scanner.at();
    scanner.SkipValue();
    if (scanner.at() == begin) return std::nullopt;
    cuts.documents.push_back({.begin = begin, .end = scanner.at()});
    if (scanner.Take(',')) continue;
    cuts.inside.end = scanner.at();
    if (scanner.Take(']')) return cuts;
    return std::nullopt;
  }
}

std::string BodyOfPart(std::string_view body, const DocumentCuts& cuts, std::size_t first, std::size_t count) {
  const std::size_t begin = cuts.documents[first].begin, end = cuts.documents[first + count - 1].end;
  std::string part;
  part.reserve(body.size() - (cuts.inside.end - cuts.inside.begin) + (end - begin));
  part += body.substr(0, cuts.inside.begin);
  part += body.substr(begin, end - begin);
  part += body.substr(cuts.inside.end);
  return part;
}

std::optional<std::string_view> ResultsOf(std::string_view reply) {
  if (!reply.starts_with(kResultsBegin) || !reply.ends_with(kResultsEnd)) return std::nullopt;
  if (reply.size() < kResultsBegin.size() + kResultsEnd.size()) return std::nullopt;
  return reply.substr(kResultsBegin.size(), reply.size() - kResultsBegin.size() - kResultsEnd.size());
}

std::string SpliceResults(const std::vector<std::string_view>& results) {
  std::size_t bytes = kResultsBegin.size() + kResultsEnd.size();
  for (const std::string_view part : results) bytes += part.size() + 1;
  std::string out;
  out.reserve(bytes);
  out += kResultsBegin;
  for (const std::string_view part : results) {
    if (out.size() > kResultsBegin.size()) out += ',';
    out += part;
  }
  out += kResultsEnd;
  return out;
}

}  // namespace mlnode::rest

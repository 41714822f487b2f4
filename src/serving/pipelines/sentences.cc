#include "serving/pipelines/sentences.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

namespace mlnode::serving {
namespace {

constexpr std::array<std::string_view, 15> kAbbreviations = {
    "Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "Sr.", "Jr.", "Ltd.", "Co.", "Inc.", "i.e.", "e.g.", "etc.", "vs.", "fig."};
constexpr char kShielded = '\x01';  // instead of an abbreviation's full stop: ends nothing

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }
bool IsWord(char c) { return IsCapital(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }
bool IsEnd(char c) { return c == '.' || c == '!' || c == '?'; }

// Where `abbreviation` stands at `at` as the beginning of a word, with white space behind it.
bool StandsAt(std::string_view text, std::size_t at, std::string_view abbreviation) {
  const std::size_t end = at + abbreviation.size();
  return (at == 0 || !IsWord(text[at - 1])) && end < text.size() && IsSpace(text[end]);
}

void ShieldAbbreviations(std::string& text) {
  for (const std::string_view abbreviation : kAbbreviations) {
    for (std::size_t at = text.find(abbreviation); at != std::string::npos; at = text.find(abbreviation, at + 1)) {
      if (!StandsAt(text, at, abbreviation)) continue;
      const auto first = text.begin() + static_cast<std::ptrdiff_t>(at);
      std::replace(first, first + static_cast<std::ptrdiff_t>(abbreviation.size()), '.', kShielded);
    }
  }
}

// So that a sentence in quotation marks ends with its full stop too: ." becomes ".
void MoveEndsBehindQuotes(std::string& text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (!IsEnd(text[i]) || text[i + 1] != '"') continue;
    std::swap(text[i], text[i + 1]);
    ++i;
  }
}

// Whether the text before `at` ends a sentence there.
bool EndsAt(std::string_view text, std::size_t at) {
  const auto back = [&](std::size_t by) { return by <= at ? text[at - by] : '\0'; };
  if (!IsEnd(back(1))) return false;
  const bool initials = back(3) == '.' && IsWord(back(4)) && IsWord(back(2));
  const bool capital = back(1) == '.' && IsCapital(back(2)) && IsWord(back(3));
  const bool capitals = back(1) == '.' && IsCapital(back(2)) && back(3) == '.' && IsCapital(back(4)) && IsWord(back(5));
  return !initials && !capital && !capitals;
}

// UTF-16 units of UTF-8 text.
std::size_t Utf16Units(std::string_view text) {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) continue;  // not the first of a character
    units += byte >= 0xF0U ? 2 : 1;
  }
  return units;
}

bool IsTrimmed(char c) { return static_cast<unsigned char>(c) <= ' '; }

void AddTrimmed(std::string_view text, std::size_t begin, std::size_t end, std::vector<Sentence>& sentences) {
  while (begin < end && IsTrimmed(text[begin])) ++begin;
  while (begin < end && IsTrimmed(text[end - 1])) --end;
  if (begin == end) return;
  Sentence sentence{.begin = begin, .end = end};
  const Sentence before = sentences.empty() ? Sentence() : sentences.back();
  sentence.utf16_begin = before.utf16_end + Utf16Units(text.substr(before.end, begin - before.end));
  sentence.utf16_end = sentence.utf16_begin + Utf16Units(text.substr(begin, end - begin));
  sentences.push_back(sentence);
}

}  // namespace

std::vector<Sentence> SplitSentences(std::string_view text) {
  std::string shaped(text);  // each byte at its place, but for an end that changed places with its quotation mark
  ShieldAbbreviations(shaped);
  MoveEndsBehindQuotes(shaped);
  std::vector<Sentence> sentences;
  std::size_t begin = 0;
  for (std::size_t at = 1; at < shaped.size(); ++at) {
    if (!IsSpace(shaped[at]) || !EndsAt(shaped, at)) continue;
    AddTrimmed(text, begin, at, sentences);
    begin = at;
  }
  AddTrimmed(text, begin, text.size(), sentences);
  return sentences;
}

std::vector<std::size_t> SentencesOfWords(std::string_view text, const std::vector<Sentence>& sentences) {
  std::vector<std::size_t> of_words;
  std::size_t begin = 0;  // UTF-16 units
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto* const stop = std::ranges::find_if(rest, IsSpace);
    const auto bytes = static_cast<std::size_t>(stop - rest.begin());
    at += bytes + 1;
    if (bytes == 0) continue;
    const std::size_t end = begin + Utf16Units(rest.substr(0, bytes));
    const auto behind = std::ranges::upper_bound(sentences, begin, {}, &Sentence::utf16_begin);
    const bool inside = behind != sentences.begin() && end <= std::prev(behind)->utf16_end;
    of_words.push_back(inside ? static_cast<std::size_t>(behind - sentences.begin()) - 1 : 0);
    begin = end + 1;
  }
  return of_words;
}

}  // namespace mlnode::serving

#include "cli/bench_texts.h"

#include <algorithm>
#include <array>

#include "core/files.h"
#include "core/json.h"

namespace mlnode::cli {
namespace {

constexpr std::array<std::string_view, 16> kSentences = {
    "How do I reset the password of my account?",
    "The library opens at nine in the morning and closes late in the evening on weekdays.",
    "Rain is expected in the north, with strong winds along the coast until Thursday night.",
    "To install the update, close all running programs, start the installer and follow the steps on the screen.",
    "Her first novel, written in a small flat above a bakery, was translated into eleven languages.",
    "Shares of the company fell by four percent after it lowered its forecast for the second half of the year.",
    "A balanced diet with plenty of vegetables, whole grains and little sugar lowers the risk of heart disease.",
    "The committee will meet again next month.",
    "Light travels about three hundred thousand kilometres in a single second, yet sunlight takes eight minutes to "
    "reach the Earth.",
    "Please send the signed contract together with a copy of your passport to the address below.",
    "After ninety minutes without a goal, the match was decided by a penalty in extra time.",
    "The bridge, built of local stone in 1672, survived two floods and a fire.",
    "Which of these cameras works best in low light?",
    "Heat the oil, add the onions and garlic, and stir until they are soft but not brown.",
    "The index of a database trades slower writes for much faster reads of the rows that a query asks for.",
    "Nobody in the village could remember a winter as long as this one."};
constexpr std::size_t kTexts = 2 * kSentences.size();  // each once alone, and once in company
constexpr std::size_t kLongest = 6;                    // sentences

Result<std::vector<std::string>> ReadArray(const json::array& array) {
  std::vector<std::string> texts;
  for (const json::value& value : array) {
    const json::string* text = value.if_string();
    if (!text)
      return MakeError(Code::kInvalidArgument, "entry " + std::to_string(texts.size()) + " of the texts is " +
                                                   std::string(TokenName(value)) + ", not a string");
    texts.emplace_back(*text);
  }
  return texts;
}

std::vector<std::string> ReadLines(std::string_view content) {
  std::vector<std::string> texts;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    std::string_view line = content.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) texts.emplace_back(line);
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return texts;
}

}  // namespace

std::vector<std::string> BuiltInTexts() {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kTexts; ++i) {
    // Short texts are common, long ones rare.
    constexpr std::array<std::size_t, 12> kLengths = {1, 2, 1, 3, 1, 2, 1, kLongest, 1, 2, 1, 4};
    std::string& text = texts.emplace_back();
    for (std::size_t j = 0; j < kLengths[i % kLengths.size()]; ++j) {
      if (j > 0) text += ' ';
      text += kSentences[(i / 2 + 5 * j) % kSentences.size()];
    }
  }
  return texts;
}

Result<std::vector<std::string>> ReadTexts(const std::string& file) {
  Result<std::string> content = ReadFile(file, kMaxTextsFileBytes);
  if (!content) return Annotate(std::move(content).error(), file);
  std::vector<std::string> texts;
  if (content->starts_with('[')) {
    Result<json::value> parsed = ParseJson(*content);
    if (!parsed) return Annotate(std::move(parsed).error(), file);
    ASSIGN_OR_RETURN(texts, ReadArray(parsed->as_array()));
  } else {
    texts = ReadLines(*content);
  }
  if (texts.empty()) return MakeError(Code::kInvalidArgument, file + " holds no text");
  return texts;
}

std::vector<std::string> MakeBodies(const std::vector<std::string>& texts, std::size_t documents) {
  const std::size_t count = texts.size() % documents == 0 ? texts.size() / documents : texts.size();
  std::vector<std::string> bodies;
  bodies.reserve(count);
  for (std::size_t k = 0; k < count; ++k) {
    json::array docs;
    docs.reserve(documents);
    for (std::size_t j = 0; j < documents; ++j) docs.emplace_back(texts[(k * documents + j) % texts.size()]);
    bodies.push_back(ToJson(json::object{{"text_docs", std::move(docs)}}));
  }
  return bodies;
}

}  // namespace mlnode::cli

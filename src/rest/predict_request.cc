#include "rest/predict_request.h"

#include <simdjson.h>

#include <algorithm>
#include <bitset>
#include <deque>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "core/json.h"
#include "core/log.h"

namespace mlnode::rest {
namespace {

namespace dom = simdjson::dom;

// Nesting beyond this is refused as core/json.h does.
constexpr std::size_t kMaxDepth = 64;

// Owns what the texts point into: the parser's unescaped strings, and the texts of numbers.
struct ParsedBody {
  dom::parser parser;
  std::deque<std::string> printed;
};

std::string_view KindOf(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING:
      return "a string";
    case dom::element_type::BOOL:
      return "a boolean";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

Error WrongKind(std::string_view field, std::string_view wanted, dom::element found) {
  return MakeError(Code::kInvalidArgument, fmt::format("[{}] must be {}, found {}", field, wanted, KindOf(found)));
}

// The text of one element of an array of texts; nullopt for what has none.
std::optional<std::string_view> TextOf(dom::element value, ParsedBody& body) {
  switch (value.type()) {
    case dom::element_type::STRING:
      return value.get_string().value_unsafe();
    case dom::element_type::BOOL:
      return value.get_bool().value_unsafe() ? "true" : "false";
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      return body.printed.emplace_back(simdjson::minify(value));
    default:
      return std::nullopt;
  }
}

Result<std::vector<std::string_view>> ReadTexts(dom::element value, ParsedBody& body) {
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return WrongKind("text_docs", "an array of strings", value);
  std::vector<std::string_view> texts;
  texts.reserve(array.size());
  for (const dom::element element : array) {
    const auto text = TextOf(element, body);
    if (!text) return WrongKind(fmt::format("text_docs[{}]", texts.size()), "a string", element);
    texts.push_back(*text);
  }
  return texts;
}

Result<bool> ReadBool(std::string_view field, dom::element value) {
  bool flag = false;
  if (value.get_bool().get(flag) == simdjson::SUCCESS) return flag;
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return WrongKind(field, "true or false", value);
  if (text == "true" || text == "false") return text == "true";
  return MakeError(Code::kInvalidArgument,
                   fmt::format("Failed to parse value [{}] as only [true] or [false] are allowed.", text));
}

Status CheckEntries(std::string_view field, std::size_t entries) {
  if (entries <= kMaxFilterEntries) return {};
  return MakeError(Code::kInvalidArgument,
                   fmt::format("[{}] has {} entries; the limit is {}", field, entries, kMaxFilterEntries));
}

Result<std::set<std::string, std::less<>>> ReadNames(dom::element value) {
  std::set<std::string, std::less<>> names;
  if (value.is_null()) return names;
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) {
    return WrongKind("target_response", "an array of strings", value);
  }
  RETURN_IF_ERROR(CheckEntries("target_response", array.size()));
  std::size_t index = 0;
  for (const dom::element element : array) {
    std::string_view name;
    if (element.get_string().get(name) != simdjson::SUCCESS) {
      return WrongKind(fmt::format("target_response[{}]", index), "a string", element);
    }
    names.emplace(name);
    ++index;
  }
  return names;
}

Result<std::set<std::int64_t>> ReadPositions(dom::element value) {
  std::set<std::int64_t> positions;
  if (value.is_null()) return positions;
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) {
    return WrongKind("target_response_positions", "an array of integers", value);
  }
  RETURN_IF_ERROR(CheckEntries("target_response_positions", array.size()));
  std::size_t index = 0;
  for (const dom::element element : array) {
    std::int64_t position = 0;
    if (element.get_int64().get(position) != simdjson::SUCCESS) {
      return WrongKind(fmt::format("target_response_positions[{}]", index), "an integer", element);
    }
    positions.insert(position);
    ++index;
  }
  return positions;
}

// True when `key` was one of the filter's.
Result<bool> ReadFilterKey(std::string_view key, dom::element value, ResultFilter& filter) {
  if (key == "return_number") {
    ASSIGN_OR_RETURN(filter.return_number, ReadBool(key, value));
  } else if (key == "return_bytes") {
    ASSIGN_OR_RETURN(filter.return_bytes, ReadBool(key, value));
  } else if (key == "target_response") {
    ASSIGN_OR_RETURN(filter.names, ReadNames(value));
  } else if (key == "target_response_positions") {
    ASSIGN_OR_RETURN(filter.positions, ReadPositions(value));
  } else {
    return false;
  }
  return true;
}

Result<ResultFilter> ReadResultFilter(dom::element value) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return WrongKind("result_filter", "an object", value);
  ResultFilter filter;
  for (const auto [key, member] : object) {
    if (auto read = ReadFilterKey(key, member, filter); !read) return std::move(read).error();
  }
  return filter;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

Error NoEnumConstant(std::string_view field, std::string_view value, std::string_view allowed) {
  return MakeError(Code::kInvalidArgument,
                   fmt::format("No enum constant for [{}]: [{}]; allowed: {}", field, value, allowed));
}

Status ReadContentType(std::string_view text, PredictBody& request) {
  const std::string lower = Lower(text);
  if (lower != "query" && lower != "passage") return NoEnumConstant("content_type", text, "query, passage");
  request.content_type = lower == "query" ? serving::ContentType::kQuery : serving::ContentType::kPassage;
  return {};
}

// The documentation calls the first one "lexical".
Status ReadSparseFormat(std::string_view text, PredictBody& request) {
  const std::string lower = Lower(text);
  if (lower != "word" && lower != "lexical" && lower != "token_id") {
    return NoEnumConstant("sparse_embedding_format", text, "word, token_id");
  }
  request.sparse_format = lower == "token_id" ? serving::SparseFormat::kTokenId : serving::SparseFormat::kWord;
  return {};
}

Status ReadParameters(dom::element value, PredictBody& request) {
  if (value.is_null()) return {};
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return WrongKind("parameters", "an object", value);
  request.has_parameters = true;
  for (const auto [key, member] : object) {
    if ((key != "content_type" && key != "sparse_embedding_format") || member.is_null()) continue;
    std::string_view text;
    if (member.get_string().get(text) != simdjson::SUCCESS) return WrongKind(key, "a string", member);
    RETURN_IF_ERROR(key == "content_type" ? ReadContentType(text, request) : ReadSparseFormat(text, request));
  }
  return {};
}

// The error of a body that simdjson refused, in the peer's words.
Error DescribeRefusal(const std::string& body, simdjson::error_code why) {
  if (auto parsed = ParseJsonObject(body); !parsed) return std::move(parsed).error();
  return MakeError(Code::kInvalidArgument, fmt::format("request body: {}", simdjson::error_message(why)));
}

simdjson::error_code ParseBody(const std::string& body, ParsedBody& holder, dom::element& root) {
  if (const auto error = holder.parser.allocate(body.size(), kMaxDepth); error != simdjson::SUCCESS) return error;
  // The parser reads, and ignores, up to SIMDJSON_PADDING bytes behind the text: it copies unless the buffer has them.
  const bool copy = body.capacity() - body.size() < simdjson::SIMDJSON_PADDING;
  return holder.parser.parse(body.data(), body.size(), copy).get(root);
}

using Keys = std::span<const std::string_view>;

// Of what each family reads; other keys are skipped.
constexpr std::string_view kTextDocsKeys[] = {"text_docs",
                                              "parameters",
                                              "result_filter",
                                              "return_number",
                                              "return_bytes",
                                              "target_response",
                                              "target_response_positions"};
constexpr std::string_view kSimilarityKeys[] = {"text_docs", "query_text"};
constexpr std::string_view kQuestionKeys[] = {"question", "context"};

Keys KeysOf(BodyFamily family) {
  switch (family) {
    case BodyFamily::kSimilarity:
      return kSimilarityKeys;
    case BodyFamily::kQuestion:
      return kQuestionKeys;
    default:
      return kTextDocsKeys;
  }
}

// A key that is known and came before is refused, as the peer's parser does. Unknown keys are the client's to choose:
// remembering them would cost time and memory by its will.
Status RefuseDuplicates(const std::string& body, dom::object object, Keys keys) {
  std::bitset<std::size(kTextDocsKeys)> seen;
  for (const auto [key, value] : object) {
    const auto known = std::ranges::find(keys, std::string_view(key));
    if (known == keys.end()) continue;
    const auto index = static_cast<std::size_t>(known - keys.begin());
    if (seen[index]) return DescribeRefusal(body, simdjson::INCORRECT_TYPE);
    seen.set(index);
  }
  return {};
}

Status ReadTextDocs(dom::object object, ParsedBody& holder, PredictBody& request) {
  std::optional<ResultFilter> result_filter;
  for (const auto [key, value] : object) {
    if (key == "text_docs") {
      if (value.is_null()) continue;
      ASSIGN_OR_RETURN(request.texts, ReadTexts(value, holder));
    } else if (key == "result_filter") {
      if (value.is_null()) continue;
      ASSIGN_OR_RETURN(result_filter, ReadResultFilter(value));
    } else if (key == "parameters") {
      RETURN_IF_ERROR(ReadParameters(value, request));
    } else if (auto read = ReadFilterKey(key, value, request.filter); !read) {
      return std::move(read).error();
    }
  }
  if (request.texts.empty()) return MakeError(Code::kInvalidArgument, "Empty text docs");
  if (result_filter) request.filter = *std::move(result_filter);
  return {};
}

// A field that holds one text; null is as good as absent.
Status ReadText(std::string_view field, dom::element value, ParsedBody& holder, std::optional<std::string_view>& to) {
  if (value.is_null()) return {};
  to = TextOf(value, holder);
  return to ? Status() : WrongKind(field, "a string", value);
}

Status ReadSimilarity(dom::object object, ParsedBody& holder, PredictBody& request) {
  for (const auto [key, value] : object) {
    if (key == "query_text") RETURN_IF_ERROR(ReadText(key, value, holder, request.pair));
    if (key != "text_docs" || value.is_null()) continue;
    ASSIGN_OR_RETURN(request.texts, ReadTexts(value, holder));
  }
  if (request.texts.empty()) return MakeError(Code::kInvalidArgument, "No text documents were provided");
  if (!request.pair) return MakeError(Code::kInvalidArgument, "No query text was provided");
  return {};
}

Status ReadQuestion(dom::object object, ParsedBody& holder, PredictBody& request) {
  std::optional<std::string_view> context;
  for (const auto [key, value] : object) {
    if (key == "question") RETURN_IF_ERROR(ReadText(key, value, holder, request.pair));
    if (key == "context") RETURN_IF_ERROR(ReadText(key, value, holder, context));
  }
  if (!request.pair || request.pair->empty()) return MakeError(Code::kInvalidArgument, "Question is not provided");
  if (!context || context->empty()) return MakeError(Code::kInvalidArgument, "Context is not provided");
  request.texts = {*context};
  return {};
}

Status ReadBody(BodyFamily family, dom::object object, ParsedBody& holder, PredictBody& request) {
  switch (family) {
    case BodyFamily::kTextDocs:
      return ReadTextDocs(object, holder, request);
    case BodyFamily::kSimilarity:
      return ReadSimilarity(object, holder, request);
    case BodyFamily::kQuestion:
      return ReadQuestion(object, holder, request);
    case BodyFamily::kRemote:
      break;
  }
  return {};
}

// A JSON object that is printed member by member.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  void Key(std::string_view key) {
    if (!std::exchange(first_, false)) out_ += ',';
    fmt::format_to(std::back_inserter(out_), R"("{}":)", key);
  }
  void Text(std::string_view key, std::string_view value) {
    Key(key);
    AppendJsonString(out_, value);
  }
  void Bool(std::string_view key, bool value) {
    Key(key);
    out_ += value ? "true" : "false";
  }
  template <class Items, class Print>
  void List(std::string_view key, const Items& items, Print print) {
    Key(key);
    out_ += '[';
    for (bool first = true; const auto& item : items) {
      if (!std::exchange(first, false)) out_ += ',';
      print(item);
    }
    out_ += ']';
  }
  void Texts(std::string_view key, const auto& items) {
    List(key, items, [this](std::string_view text) { AppendJsonString(out_, text); });
  }
  void Close() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

void PrintParameters(const PredictBody& request, std::string& out) {
  ObjectText object(out);
  if (request.content_type != serving::ContentType::kUnset) {
    object.Text("content_type", request.content_type == serving::ContentType::kQuery ? "QUERY" : "PASSAGE");
  }
  if (request.sparse_format) {
    object.Text("sparse_embedding_format",
                *request.sparse_format == serving::SparseFormat::kTokenId ? "TOKEN_ID" : "WORD");
  }
  object.Close();
}

void PrintFilter(const ResultFilter& filter, std::string& out) {
  ObjectText object(out);
  object.Bool("return_bytes", filter.return_bytes);
  object.Bool("return_number", filter.return_number);
  if (!filter.names.empty()) object.Texts("target_response", filter.names);
  if (!filter.positions.empty()) {
    object.List("target_response_positions", filter.positions,
                [&out](std::int64_t position) { out += std::to_string(position); });
  }
  object.Close();
}

}  // namespace

BodyFamily FamilyOf(models::FunctionName function) {
  switch (function) {
    case models::FunctionName::kTextSimilarity:
      return BodyFamily::kSimilarity;
    case models::FunctionName::kQuestionAnswering:
      return BodyFamily::kQuestion;
    case models::FunctionName::kRemote:
      return BodyFamily::kRemote;
    default:
      return BodyFamily::kTextDocs;
  }
}

Result<PredictBody> ParsePredictBody(BodyFamily family, const std::string& body) {
  PredictBody request;
  if (family == BodyFamily::kRemote) return request;
  if (body.empty()) {
    return Error{.code = Code::kInvalidArgument, .message = "request body is required", .reason = "parse_exception"};
  }
  auto holder = std::make_shared<ParsedBody>();
  dom::element root;
  if (const auto error = ParseBody(body, *holder, root); error != simdjson::SUCCESS) {
    return DescribeRefusal(body, error);
  }
  dom::object object;
  if (const auto error = root.get_object().get(object); error != simdjson::SUCCESS) return DescribeRefusal(body, error);
  RETURN_IF_ERROR(RefuseDuplicates(body, object, KeysOf(family)));
  RETURN_IF_ERROR(ReadBody(family, object, *holder, request));
  request.owner = std::move(holder);
  return request;
}

ResultFilter AnswerFilter(models::FunctionName function, const ResultFilter& asked) {
  const bool filtered =
      function == models::FunctionName::kTextEmbedding || function == models::FunctionName::kSparseEncoding;
  if (filtered) return asked;
  ResultFilter all;
  all.return_bytes = true;
  return all;
}

Result<serving::Urgency> ParseUrgency(std::string_view value) {
  const std::string lower = Lower(value);
  if (lower == "interactive") return serving::Urgency::kInteractive;
  if (lower == "bulk") return serving::Urgency::kBulk;
  return MakeError(Code::kInvalidArgument,
                   fmt::format("{} must be interactive or bulk, found [{}]", kPriorityHeader, value));
}

std::string InterfaceInstance(models::FunctionName function, const PredictBody& request) {
  std::string out;
  ObjectText object(out);
  object.Text("algorithm", models::TraitsOf(function).name);
  switch (FamilyOf(function)) {
    case BodyFamily::kSimilarity:
      object.Text("query_text", request.pair.value_or(""));
      object.Texts("text_docs", request.texts);
      break;
    case BodyFamily::kQuestion:
      object.Text("question", request.pair.value_or(""));
      if (!request.texts.empty()) object.Text("context", request.texts.front());
      break;
    default:
      if (request.has_parameters) {
        object.Key("parameters");
        PrintParameters(request, out);
      }
      object.Texts("text_docs", request.texts);
      object.Key("result_filter");
      PrintFilter(request.filter, out);
  }
  object.Close();
  return out;
}

}  // namespace mlnode::rest

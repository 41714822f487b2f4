#include "rest/content/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <vector>

#include "core/json/json_place.h"
#include "core/log.h"
#include "core/utf8.h"
#include "rest/content/json_text.h"
#include "rest/content/yaml_scalar.h"

namespace mlnode::rest {
namespace {

constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";
constexpr std::string_view kCollectionTags[] = {"", "?", "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"};

// Where in the YAML the value stands that begins at an offset of the JSON text.
struct ValuePlace {
  std::size_t json_offset;
  TextPosition position;
};

TextPosition PositionOf(const YAML::Mark& mark) {
  return {.line = static_cast<std::size_t>(mark.line + 1), .column = static_cast<std::size_t>(mark.column + 1)};
}

Error Refused(const std::string& what, TextPosition place, std::string_view reason = "json_parse_exception") {
  Error error = MakeError(Code::kInvalidArgument,
                          fmt::format("{}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` "
                                      "disabled); line: {}, column: {}]",
                                      what, place.line, place.column));
  error.reason = reason;
  return error;
}

// Ends the parser's run from within one of its events.
struct Stop {
  Error error;
};

class Events final : public YAML::EventHandler {
 public:
  Events(std::size_t max_bytes, std::vector<ValuePlace>* places) : json_(max_bytes), places_(places) {}

  bool any_document() const { return documents_ > 0; }
  std::string Take() { return std::move(json_).Take(); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Fail(mark, "a second YAML document");
  }
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Fail(mark, "a YAML alias, which is not supported"); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (json_.AwaitsKey()) Fail(mark, "a YAML key that is null");
    Value(mark, [&] { return json_.Literal("null"); });
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
    if (tag != "?" && tag != "!" && tag != kStringTag) RefuseTag(mark, tag);
    if (json_.AwaitsKey()) return Check(mark, json_.Key(text));
    if (tag != "?") return Value(mark, [&] { return json_.String(text); });
    const YamlScalar scalar = ReadPlainScalar(text);
    if (scalar.kind == YamlScalar::Kind::kNoNumber) {
      Fail(mark, fmt::format("number [{}], which JSON does not have", TruncateUtf8(text, 40)));
    }
    const bool literal = scalar.kind == YamlScalar::Kind::kLiteral;
    Value(mark, [&] { return literal ? json_.Literal(scalar.json) : json_.String(text); });
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Begin(mark, tag, "a YAML key that is a sequence", [&] { return json_.BeginArray(); });
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Begin(mark, tag, "a YAML key that is a map", [&] { return json_.BeginObject(); });
  }
  void OnSequenceEnd() override { json_.End(); }
  void OnMapEnd() override { json_.End(); }

 private:
  [[noreturn]] static void Fail(const YAML::Mark& mark, const std::string& what) {
    throw Stop{Refused(what, PositionOf(mark))};
  }
  [[noreturn]] static void RefuseTag(const YAML::Mark& mark, std::string_view tag) {
    Fail(mark, fmt::format("YAML tag [{}], which is not supported", TruncateUtf8(tag, 80)));
  }
  static void Check(const YAML::Mark& mark, Status status) {
    if (status) return;
    if (status.error().code == Code::kTooLarge) throw Stop{std::move(status).error()};
    Fail(mark, status.error().message);
  }
  template <class Write>
  void Begin(const YAML::Mark& mark, std::string_view tag, const char* as_key, Write begin) {
    if (json_.AwaitsKey()) Fail(mark, as_key);
    if (std::ranges::find(kCollectionTags, tag) == std::end(kCollectionTags)) RefuseTag(mark, tag);
    Value(mark, begin);
  }
  template <class Write>
  void Value(const YAML::Mark& mark, Write write) {
    const std::size_t before = json_.size();
    Check(mark, write());
    if (places_ != nullptr) places_->push_back({.json_offset = before, .position = PositionOf(mark)});
  }

  JsonText json_;
  std::vector<ValuePlace>* places_;  // null: not asked for
  int documents_ = 0;
};

// What YAML does not allow as it is, and yaml-cpp takes for the end of the text or for another encoding.
Status CheckCharacters(std::string_view yaml) {
  TextPosition place;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < yaml.size(); ++i) {
    const auto c = static_cast<unsigned char>(yaml[i]);
    if (c == '\n') {
      ++place.line;
      line_start = i + 1;
    }
    if ((c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' || c == '\r') continue;
    place.column = i - line_start + 1;
    return Refused(fmt::format("control character 0x{:02x}", c), place);
  }
  if (IsValidUtf8(yaml)) return {};
  return Refused("text that is not UTF-8", {});
}

Result<std::string> Read(std::string_view yaml, std::size_t max_bytes, std::vector<ValuePlace>* places) {
  RETURN_IF_ERROR(CheckCharacters(yaml));
  try {
    std::istringstream text((std::string(yaml)));
    Events events(max_bytes, places);
    YAML::Parser parser(text);
    while (parser.HandleNextDocument(events)) {
    }
    if (events.any_document()) return events.Take();
    return Refused("No content to map due to end-of-input", {}, "json_e_o_f_exception");
  } catch (const Stop& stop) {
    return stop.error;
  } catch (const YAML::Exception& failure) {
    return Refused(failure.msg, PositionOf(failure.mark), "marked_y_a_m_l_exception");
  }
}

bool NeedsPlace(const Error& error) {
  return (error.json_pointer && !error.position) || (error.cause && NeedsPlace(*error.cause));
}

// `places` in the order of their offsets. A value's offset is that of the text written before it, so that a comma may
// stand between the two.
std::optional<TextPosition> Lookup(const std::vector<ValuePlace>& places, std::size_t json_offset) {
  const auto after = std::ranges::upper_bound(places, json_offset, {}, &ValuePlace::json_offset);
  return after == places.begin() ? std::nullopt : std::optional(std::prev(after)->position);
}

Error Place(Error error, std::string_view json, const std::vector<ValuePlace>& places) {
  if (error.json_pointer && !error.position) {
    // The JSON text is one line.
    if (const auto at = FindPosition(json, *error.json_pointer)) error.position = Lookup(places, at->column - 1);
  }
  if (error.cause) error.cause = std::make_shared<const Error>(Place(*error.cause, json, places));
  return error;
}

}  // namespace

Result<std::string> YamlToJson(std::string_view yaml, std::size_t max_bytes) { return Read(yaml, max_bytes, nullptr); }

Error LocateInYaml(Error error, std::string_view yaml, std::string_view json) {
  if (!NeedsPlace(error)) return error;
  std::vector<ValuePlace> places;
  if (!Read(yaml, std::numeric_limits<std::size_t>::max(), &places)) return error;
  return Place(std::move(error), json, places);
}

}  // namespace mlnode::rest

#include "models/pretrained/pretrained.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log.h"
#include "models/model_config.h"

namespace mlnode::models {
namespace {

// The peer's listing has some 60 entries, a config.json some 2 KB: far above both.
constexpr std::size_t kMaxListingBytes = 4UL * 1024 * 1024;
constexpr std::size_t kMaxConfigBytes = 512UL * 1024;
constexpr std::chrono::milliseconds kMetadataTimeout{60'000};

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }
Error NotListed() { return Invalid("This model is not in the pre-trained model list, please check your parameters."); }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// The path of a URL: what RFC 3986 reserves is encoded, slashes stay.
std::string EncodePath(std::string_view path) {
  constexpr std::string_view kPlain = "-._~/";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

// Where published models are: a base URL and what may be read below it.
struct Source {
  std::string base;
  net::FetchPolicy policy;
  bool needs_listing = true;
};

// The three parts of a model's folder, none of which leads out of the repository.
struct Folder {
  std::string name, version, format;
  std::string Path() const { return EncodePath(name + "/" + version + "/" + format); }
  std::string Zip() const {
    std::string file = name.substr(name.find('/') + 1);
    std::ranges::replace(file, '/', '_');
    return EncodePath(file + "-" + version + "-" + format + ".zip");
  }
};

bool IsPlainPath(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    begin = end + 1;
  }
  return true;
}

Result<std::string> FetchText(net::HttpClient& client, const Source& source, const std::string& path,
                              std::size_t max_bytes) {
  net::FetchPolicy policy = source.policy;
  policy.max_bytes = max_bytes;
  policy.total_timeout = kMetadataTimeout;
  std::string text;
  RETURN_IF_ERROR(net::Fetch(client, source.base + "/" + path, policy, [&text](std::string_view piece) -> Status {
    text += piece;
    return {};
  }));
  return text;
}

Result<bool> HasText(const json::object& entry, std::string_view key, const std::string& wanted) {
  ASSIGN_OR_RETURN(const auto texts, StringsField(entry, key));
  return texts && std::ranges::find(*texts, wanted) != texts->end();
}

Result<bool> IsListed(const std::string& listing, const Folder& folder) {
  ASSIGN_OR_RETURN(const json::value entries, ParseJson(listing));
  if (!entries.is_array()) return Invalid("expected an array but found [" + std::string(TokenName(entries)) + "]");
  for (const json::value& entry : entries.get_array()) {
    const json::object* fields = entry.if_object();
    if (fields == nullptr) continue;
    ASSIGN_OR_RETURN(const std::optional<std::string> name, StringField(*fields, "name"));
    if (name != folder.name) continue;
    ASSIGN_OR_RETURN(const bool version, HasText(*fields, "version", folder.version));
    ASSIGN_OR_RETURN(const bool format, HasText(*fields, "format", folder.format));
    if (version && format) return true;
  }
  return false;
}

// The model's config.json; nullopt when this source does not list the model.
Result<std::optional<std::string>> ReadConfig(net::HttpClient& client, const Source& source, const Folder& folder) {
  const Result<std::string> listing =
      FetchText(client, source, "model_listing/pre_trained_models.json", kMaxListingBytes);
  const bool unlisted = !listing && !source.needs_listing && listing.error().code == Code::kNotFound;
  if (!listing && !unlisted) return Annotate(listing.error(), "the list of pre-trained models cannot be read");
  if (listing) {
    const Result<bool> listed = IsListed(*listing, folder);
    if (!listed) return Annotate(listed.error(), "the list of pre-trained models cannot be read");
    if (!*listed) return std::optional<std::string>();
  }
  Result<std::string> config = FetchText(client, source, folder.Path() + "/config.json", kMaxConfigBytes);
  if (config && !config->empty()) return std::optional(*std::move(config));
  if (config) return Invalid("model config not found: config.json is empty");
  if (unlisted && config.error().code == Code::kNotFound) return std::optional<std::string>();
  return Annotate(std::move(config).error(), "model config not found");
}

Result<PretrainedModel> Interpret(const json::object& config, engines::ModelFormat format) {
  PretrainedModel model;
  ASSIGN_OR_RETURN(std::optional<std::string> function, StringField(config, "function_name"));
  if (!function) {
    ASSIGN_OR_RETURN(function, StringField(config, "model_task_type"));
  }
  ASSIGN_OR_RETURN(model.function, ParseFunctionName(function.value_or("")));
  if (!TraitsOf(model.function).local) return Invalid("Wrong function name");
  ASSIGN_OR_RETURN(const std::optional<std::string> published, StringField(config, "model_format"));
  if (published != FormatName(format)) return Invalid("Wrong model format");
  ASSIGN_OR_RETURN(model.content_hash, StringField(config, "model_content_hash_value"));
  if (model.content_hash) model.content_hash = Lower(*model.content_hash);
  ASSIGN_OR_RETURN(const json::object* model_config, ObjectField(config, "model_config"));
  if (model_config != nullptr) {
    ASSIGN_OR_RETURN(model.config, NormalizeModelConfig(model.function, *model_config));
  } else if (!TraitsOf(model.function).config_optional) {
    return Invalid("model config is null");
  }
  return model;
}

// In the order they are asked in.
std::vector<Source> Sources(const config::Snapshot& settings, const net::FetchPolicy& policy) {
  std::vector<Source> sources;
  if (const std::string mirror = settings.String("mlnode.pretrained.mirror"); !mirror.empty()) {
    const std::filesystem::path folder = std::filesystem::absolute(mirror);
    sources.push_back({.base = "file://" + EncodePath(folder.string()), .policy = policy, .needs_listing = false});
    sources.back().policy.file_roots = {folder};
  }
  if (std::string base = settings.String("mlnode.pretrained.base_url"); !base.empty()) {
    if (base.back() == '/') base.pop_back();
    sources.push_back({.base = std::move(base), .policy = policy});
    // Named by the operator, not by a client: it may be in the private network.
    sources.back().policy.addresses = net::AddressPolicy::kAny;
  }
  return sources;
}

}  // namespace

Result<PretrainedModel> FindPretrained(net::HttpClient& client, const config::Snapshot& settings,
                                       const net::FetchPolicy& policy, const PretrainedName& wanted) {
  if (!wanted.version) return Invalid("model version is null: a pre-trained model has a name, a version and a format");
  const Folder folder{wanted.name, Lower(*wanted.version), Lower(FormatName(wanted.format))};
  if (!IsPlainPath(folder.name) || !IsPlainPath(folder.version)) return NotListed();
  for (const Source& source : Sources(settings, policy)) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, ReadConfig(client, source, folder));
    if (!text) continue;
    LOG_DEBUG("models", "pre-trained model {} {} {} found below {}", folder.name, folder.version, folder.format,
              source.base);
    const Result<json::object> config = ParseJsonObject(*text);
    if (!config) return Annotate(config.error(), "config.json of the pre-trained model");
    Result<PretrainedModel> model = Interpret(*config, wanted.format);
    if (!model) return Annotate(std::move(model).error(), "config.json of the pre-trained model");
    model->archive_url = source.base + "/" + folder.Path() + "/" + folder.Zip();
    model->policy = source.policy;
    return model;
  }
  return NotListed();
}

}  // namespace mlnode::models

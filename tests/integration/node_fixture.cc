#include "node_fixture.h"

#include <zip.h>

#include <chrono>

#include "core/files.h"
#include "core/log.h"
#include "core/sha256.h"

namespace mlnode::integration {
namespace {

constexpr std::chrono::seconds kPatience{60};

const json::value* ErrorKey(const json::value& body, const char* key) {
  const auto* object = body.if_object();
  const json::value* error = object == nullptr ? nullptr : object->if_contains("error");
  if (error == nullptr) return nullptr;
  return error->is_object() ? error->as_object().if_contains(key) : error;
}

std::string TextOf(const json::value* value) {
  return value == nullptr || !value->is_string() ? std::string() : std::string(value->as_string());
}

}  // namespace

void PollUntil(const std::string& what, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "waited in vain for " << what;
      return;
    }
  }
}

std::string Answer::Reason() const { return TextOf(ErrorKey(body, "reason")); }
std::string Answer::Type() const { return TextOf(ErrorKey(body, "type")); }

Archive MakeArchive(const std::vector<std::pair<std::string, std::string>>& entries) {
  zip_error_t error{};
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(target);
  zip_t* zip = zip_open_from_source(target, ZIP_CREATE | ZIP_TRUNCATE, &error);
  for (const auto& [name, bytes] : entries) {
    zip_source_t* source = zip_source_buffer(zip, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(zip, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    EXPECT_GE(index, 0) << name;
    zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  EXPECT_EQ(zip_close(zip), 0);
  zip_stat_t stat{};
  EXPECT_EQ(zip_source_stat(target, &stat), 0);
  EXPECT_EQ(zip_source_open(target), 0);
  Archive archive;
  archive.bytes.resize(stat.size);
  EXPECT_EQ(zip_source_read(target, archive.bytes.data(), stat.size), static_cast<zip_int64_t>(stat.size));
  zip_source_close(target);
  zip_source_free(target);
  archive.sha256 = Sha256Hex(archive.bytes);
  return archive;
}

std::string ReadTestData(const std::string& name) {
  return ReadFile(std::string(MLNODE_TEST_DATA) + "/" + name, 64UL << 20U).value();
}

NodeFixture::NodeFixture(engines::EngineRegistry* engines) : engines_(engines), client_(net::HttpClient::Create()) {}
NodeFixture::~NodeFixture() = default;

void NodeFixture::StartNode() {
  config::RawValues settings = settings_;
  settings.insert({{"mlnode.http.port", "0"},
                   {"mlnode.data_dir", folder_.File("data")},
                   {"mlnode.lanes", "1"},
                   {"mlnode.memory.limit_bytes", "8gb"},
                   {"mlnode.log.level", "error"}});
  auto node = app::Node::Start(
      {.settings = std::move(settings), .engines = engines_, .sync = FileSync::kNone, .store = store_});
  ASSERT_TRUE(node) << node.error().message << " " << node.error().detail;
  node_ = *std::move(node);
}

void NodeFixture::Restart() {
  node_.reset();
  StartNode();
}

Answer NodeFixture::AskAt(std::uint16_t port, const std::string& method, const std::string& target,
                          const std::string& body, const std::string& content_type, const net::Headers& more) {
  net::ClientRequest request;
  request.method = method;
  request.url = fmt::format("http://127.0.0.1:{}{}", port, target);
  request.headers = more;
  if (!body.empty() && !content_type.empty()) request.headers.Add("Content-Type", content_type);
  request.body = body;
  request.addresses = net::AddressPolicy::kLoopbackAndPublic;
  auto reply = client_->Call(std::move(request));
  if (!reply) {
    ADD_FAILURE() << method << " " << target << ": " << reply.error().message;
    return {};
  }
  Answer answer{
      .status = reply->status, .headers = std::move(reply->headers), .text = std::move(reply->body), .body = {}};
  if (auto parsed = ParseJson(answer.text)) answer.body = *std::move(parsed);
  return answer;
}

Answer NodeFixture::Ok(const std::string& method, const std::string& target, const std::string& body) {
  Answer answer = Ask(method, target, body);
  EXPECT_EQ(answer.status, 200) << method << " " << target << ": " << answer.text;
  return answer;
}

std::string NodeFixture::Meta(const std::string& name, const Archive& archive, std::size_t chunks) {
  const json::object config{
      {"model_type", "bert"}, {"embedding_dimension", 8}, {"framework_type", "sentence_transformers"}};
  return ToJson(json::object{{"name", name},
                             {"version", "1"},
                             {"function_name", "TEXT_EMBEDDING"},
                             {"model_format", "ONNX"},
                             {"model_config", config},
                             {"total_chunks", chunks},
                             {"model_content_size_in_bytes", archive.bytes.size()},
                             {"model_content_hash_value", archive.sha256}});
}

std::string NodeFixture::FromUrl(const std::string& url, const std::string& sha256) {
  return fmt::format(R"({{"name":"by url","version":"1","model_format":"ONNX","model_content_hash_value":"{}",)"
                     R"("url":"{}","model_config":{{"model_type":"bert","embedding_dimension":8,)"
                     R"("framework_type":"sentence_transformers"}}}})",
                     sha256, url);
}

std::string NodeFixture::Register(const std::string& name, const Archive& archive, std::size_t chunks) {
  const Answer meta = Ok("POST", fmt::format("{}/models/_register_meta", kMl), Meta(name, archive, chunks));
  const json::value* id = meta.body.is_object() ? meta.body.as_object().if_contains("model_id") : nullptr;
  if (id == nullptr) return {};
  const std::string model(id->as_string());
  const std::size_t size = (archive.bytes.size() + chunks - 1) / chunks;
  for (std::size_t n = 0; n < chunks; ++n) {
    Ok("POST", fmt::format("{}/models/{}/upload_chunk/{}", kMl, model, n), archive.bytes.substr(n * size, size));
  }
  return model;
}

json::object NodeFixture::WaitForTask(const std::string& task) {
  json::object ended;
  PollUntil("the end of task " + task, [&] {
    const Answer answer = Ok("GET", fmt::format("{}/tasks/{}", kMl, task));
    if (!answer.body.is_object()) return true;
    ended = answer.body.as_object();
    const json::value* state = ended.if_contains("state");
    return state == nullptr || (*state != "CREATED" && *state != "RUNNING");
  });
  return ended;
}

json::object NodeFixture::Deploy(const std::string& model, const std::string& body) {
  const Answer answer = Ok("POST", fmt::format("{}/models/{}/_deploy", kMl, model), body);
  if (answer.status != 200) return {};
  return WaitForTask(std::string(answer.body.at("task_id").as_string()));
}

std::string NodeFixture::StateOf(const std::string& model) {
  const Answer answer = Ok("GET", fmt::format("{}/models/{}", kMl, model));
  return answer.status == 200 ? std::string(answer.body.at("model_state").as_string()) : std::string();
}

void NodeFixture::WaitForState(const std::string& model, const std::string& state) {
  PollUntil(model + " to become " + state, [&] { return StateOf(model) == state; });
}

void NodeFixture::WaitUntilReady() {
  PollUntil("readiness", [&] { return Ask("GET", "/_ready").status == 200; });
}

Archive FakeNodeFixture::ModelArchive() {
  return MakeArchive(
      {{"model.onnx", "not read by the fake engine"}, {"tokenizer.json", ReadTestData("wordpiece_tokenizer.json")}});
}

}  // namespace mlnode::integration

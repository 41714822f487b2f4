// tests/integration/node_fixture.h: a whole node in this process, over real HTTP on a free port, with its data in a
// folder of its own. Restart keeps the folder, as a new process would.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "app/node.h"
#include "core/json.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "net/http_client.h"

namespace mlnode::integration {

inline constexpr const char* kMl = "/_plugins/_ml";

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string text;
  json::value body;  // null when the text is no JSON

  // error.reason, error.type; or the error itself where it is a text.
  std::string Reason() const;
  std::string Type() const;
};

struct Archive {
  std::string bytes;
  std::string sha256;
};
// A ZIP of stored entries.
Archive MakeArchive(const std::vector<std::pair<std::string, std::string>>& entries);
std::string ReadTestData(const std::string& name);  // of tests/data
// Asks until `done` says so, at most a minute; the answers come over HTTP, which paces the loop.
void PollUntil(const std::string& what, const std::function<bool()>& done);

class NodeFixture : public ::testing::Test {
 protected:
  // `engines` null: the plug-ins that were built.
  explicit NodeFixture(engines::EngineRegistry* engines);
  ~NodeFixture() override;

  void StartNode();
  void Restart();
  void EndNode() { node_.reset(); }
  config::RawValues settings_;       // besides port and data folder; change before StartNode
  storage::Store* store_ = nullptr;  // of a cluster; outlives the node

  Answer Ask(const std::string& method, const std::string& target, const std::string& body = {},
             const std::string& content_type = "application/json", const net::Headers& more = {}) {
    return AskAt(node_->port(), method, target, body, content_type, more);
  }
  Answer AskAt(std::uint16_t port, const std::string& method, const std::string& target, const std::string& body = {},
               const std::string& content_type = "application/json", const net::Headers& more = {});
  Answer Ok(const std::string& method, const std::string& target, const std::string& body = {});
  static std::string Meta(const std::string& name, const Archive& archive, std::size_t chunks);
  // The body that registers a model from this URL.
  static std::string FromUrl(const std::string& url, const std::string& sha256);
  // Registers in `chunks` equal parts; the id.
  std::string Register(const std::string& name, const Archive& archive, std::size_t chunks = 1);
  // Deploys and waits for the end of the task, which it returns.
  json::object Deploy(const std::string& model, const std::string& body = {});
  json::object WaitForTask(const std::string& task);
  std::string StateOf(const std::string& model);
  void WaitForState(const std::string& model, const std::string& state);
  void WaitUntilReady();

  app::Node& node() { return *node_; }
  net::HttpClient& client() { return *client_; }

 private:
  engines::EngineRegistry* engines_;
  mlnode::testing::TempDir folder_;
  std::unique_ptr<net::HttpClient> client_;
  std::unique_ptr<app::Node> node_;
};

// With the fake engine: 8 dimensions, the same on every machine.
class FakeNodeFixture : public NodeFixture {
 protected:
  FakeNodeFixture() : NodeFixture(&registry_) {}
  static Archive ModelArchive();
  engines::FakeEngine engine_;

 private:
  engines::FakeEngineRegistry registry_{engine_};
};

}  // namespace mlnode::integration

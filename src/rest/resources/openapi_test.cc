// Holds docs/openapi.yaml against the route table: every route and each of its parameters is described, and nothing
// else is. What the description's first lines say about its form is what is read here.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "connectors/testing/test_vault.h"
#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "rest/resources/openapi_text.h"
#include "rest/resources/resources.h"
#include "rest/testing/fake_exchange.h"
#include "storage/memory/memory_store.h"

namespace mlnode::rest {
namespace {

struct Operation {
  std::set<std::string> params;  // of query and path
  bool body = false, deprecated = false;
};
using Operations = std::map<std::string, Operation>;  // by "GET /path"

void AddParams(const std::string& line, std::set<std::string>& params) {
  const std::string reference = "#/components/parameters/";
  for (std::size_t at = line.find(reference); at != std::string::npos; at = line.find(reference, at + 1)) {
    const std::size_t name = at + reference.size();
    params.insert(line.substr(name, line.find('\'', name) - name));
  }
}

std::string MethodOf(const std::string& key) {
  std::string upper = key;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return key == "parameters" ? "" : upper;
}

// The operations below `paths:`. A path stands at two spaces, its methods and its parameters at four.
Operations ReadOperations(std::string_view text) {
  Operations operations;
  std::istringstream lines{std::string(text)};
  std::string line, path;
  std::set<std::string> of_path;
  Operation* operation = nullptr;
  bool inside = false;
  while (std::getline(lines, line)) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#') inside = line == "paths:";
    if (!inside) continue;
    if (line.starts_with("  /") && line.ends_with(":")) {
      path = line.substr(2, line.size() - 3);
      of_path.clear();
      operation = nullptr;
    } else if (line.starts_with("    ") && line.ends_with(":") && line[4] != ' ') {
      const std::string method = MethodOf(line.substr(4, line.size() - 5));
      operation = method.empty() ? nullptr : &operations[method + " " + path];
      if (operation != nullptr) operation->params = of_path;
    }
    AddParams(line, operation == nullptr ? of_path : operation->params);
    if (operation == nullptr) continue;
    operation->body = operation->body || line == "      requestBody:";
    operation->deprecated = operation->deprecated || line == "      deprecated: true";
  }
  return operations;
}

std::set<std::string> ParamsOf(const Route& route) {
  std::set<std::string> params(route.params.begin(), route.params.end());
  params.insert(kCommonParams.begin(), kCommonParams.end());
  for (std::size_t at = route.pattern.find('{'); at != std::string::npos; at = route.pattern.find('{', at + 1)) {
    params.insert(route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1));
  }
  return params;
}

// A node that answers nothing: what AddAllRoutes needs.
class OpenApiTest : public ::testing::Test {
 protected:
  OpenApiTest() {
    deploy::NodeIdentity self;
    self.id = NodeId("n1");
    auto started = deploy::NodeCore::Start(
        {.self = std::move(self),
         .store = store_,
         .executors = {.io = executor_, .cpu = executor_, .lanes = executor_, .background = executor_},
         .loading = executor_,
         .lease = executor_,
         .clock = clock_,
         .random = random_,
         .engines = engines_,
         .settings = *settings_,
         .metrics = metrics_,
         .vault = *vault_,
         .temporary = folder_.File("tmp"),
         .cache = {.folder = folder_.File("cache"), .sync = FileSync::kNone},
         .queue = {.lanes = 1},
         .memory_limit_bytes = 1ULL << 30U});
    node_ = std::move(started).value();
    AddAllRoutes(routes_, *node_, readiness_);
  }
  ~OpenApiTest() override { node_->Stop(); }

  mlnode::testing::TempDir folder_;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  mlnode::testing::ManualExecutor executor_{clock_};
  storage::MemoryStore store_{clock_};
  std::unique_ptr<connectors::CredentialVault> vault_ = connectors::testing::TestVault();
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry engines_{engine_};
  Metrics metrics_;
  std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
  std::unique_ptr<deploy::NodeCore> node_;
  Readiness readiness_;
  RouteTable routes_;
};

TEST_F(OpenApiTest, DescribesEachRouteAndNothingElse) {
  const Operations described = ReadOperations(OpenApiText());
  std::set<std::string> there;
  for (const auto& route : routes_.routes()) {
    const std::string name = route->method + " " + route->pattern;
    there.insert(name);
    const auto found = described.find(name);
    if (found == described.end()) {
      ADD_FAILURE() << name << " is not in docs/openapi.yaml";
      continue;
    }
    const Operation& operation = found->second;
    EXPECT_EQ(operation.params, ParamsOf(*route)) << name;
    EXPECT_EQ(operation.deprecated, !route->replaced_by.empty()) << name;
    if (operation.body) EXPECT_NE(route->body, BodyUse::kNone) << name << " takes no body";
    if (route->method != "GET") EXPECT_EQ(operation.body, route->body != BodyUse::kNone) << name;
  }
  for (const auto& [name, operation] : described) EXPECT_TRUE(there.contains(name)) << "no route " << name;
}

// Their references are read by the name of the component.
TEST_F(OpenApiTest, ComponentsOfParametersHaveTheNamesOfTheParameters) {
  const std::string text(OpenApiText());
  std::set<std::string> names;
  for (const auto& [key, operation] : ReadOperations(text))
    names.insert(operation.params.begin(), operation.params.end());
  EXPECT_GT(names.size(), 30U);
  for (const std::string& name : names) {
    const bool found = text.find("\n    " + name + ": {name: " + name + ", ") != std::string::npos ||
                       text.find("\n    " + name + ":\n      name: " + name + "\n") != std::string::npos;
    EXPECT_TRUE(found) << name;
  }
}

TEST_F(OpenApiTest, IsServedAsItIsWritten) {
  const auto match = routes_.Find("GET", "/_plugins/_ml/openapi.yaml");
  ASSERT_TRUE(match && match->route != nullptr);
  const auto reply = match->route->handler(testing::MakeContext("/_plugins/_ml/openapi.yaml"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->content_type, "application/yaml");
  EXPECT_EQ(reply->body, OpenApiText());
  EXPECT_TRUE(reply->body.ends_with('\n'));
  EXPECT_THAT(reply->body, ::testing::HasSubstr("\nopenapi: 3.1.0\n"));
}

TEST(ReadOperationsTest, ReadsMethodsParametersAndBodies) {
  const Operations read = ReadOperations(
      "info:\n  /no: x\npaths:\n  /a/{id}:\n    parameters:\n      [{$ref: '#/components/parameters/id'},\n"
      "       {$ref: '#/components/parameters/pretty'}]\n    get:\n      deprecated: true\n    put:\n"
      "      parameters:\n        [{$ref: '#/components/parameters/deploy'}]\n      requestBody:\n"
      "  /b:\n    get:\n\ncomponents:\n  /c:\n    get:\n");
  ASSERT_EQ(read.size(), 3U);
  EXPECT_THAT(read.at("GET /a/{id}").params, ::testing::ElementsAre("id", "pretty"));
  EXPECT_TRUE(read.at("GET /a/{id}").deprecated);
  EXPECT_THAT(read.at("PUT /a/{id}").params, ::testing::ElementsAre("deploy", "id", "pretty"));
  EXPECT_TRUE(read.at("PUT /a/{id}").body);
  EXPECT_TRUE(read.at("GET /b").params.empty());
}

}  // namespace
}  // namespace mlnode::rest

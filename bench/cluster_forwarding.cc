// Forwarding between nodes, measured with processes: one entry node that holds no model, k workers, and clients in this
// process. Prints each limit with what was measured, and PASS or FAIL; exit 1 when one failed, 2 when it could not be
// measured. `bench_cluster_forwarding [nats-server program]`; it starts itself again as each node ("node ...").
//
//   throughput  an engine that sleeps 50 ms a batch, one text a batch: k workers behind the entry answer at least
//               0.95 k times what one worker answers that is asked itself; the entry takes less than half a core
//   latency     an engine that answers at once: the median through the entry is at most 0.3 ms above the worker's own
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "app/node.h"
#include "core/executor.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "net/http_client.h"
#include "net/testing/raw_client.h"
#include "node_fixture.h"

extern char** environ;

namespace mlnode {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kBatch{50};
constexpr int kClientsPerWorker = 8;
constexpr int kMostWorkers = 8;
constexpr std::chrono::seconds kWindow{6}, kWarmUp{1}, kPatience{60};
constexpr int kLatencyRounds = 2'000;
constexpr double kLeastShare = 0.95, kMostCores = 0.5, kMostAddedMillis = 0.3;
constexpr const char* kBody = R"({"text_docs":["hello world"],"target_response":["sentence_embedding"]})";

[[noreturn]] void GiveUp(const std::string& why) {
  std::cerr << "cannot be measured: " << why << "\n";
  std::exit(2);
}

void Pause(milliseconds time) { poll(nullptr, 0, static_cast<int>(time.count())); }

// The role of a node: serves until its standard input ends.
int RunNode(const std::string& name, const std::string& data, const std::string& nats, milliseconds batch) {
  engines::FakeEngine engine;
  if (batch.count() > 0) {
    engine.SetBehaviour({.on_load = {}, .on_run = [batch](const TokenBatch&) {
                           Pause(batch);
                           return Status();
                         }});
  }
  engines::FakeEngineRegistry registry(engine);
  const auto node = app::Node::Start({.settings = {{"mlnode.http.port", "0"},
                                                   {"mlnode.data_dir", data},
                                                   {"mlnode.node.name", name},
                                                   {"mlnode.cluster.nats", nats},
                                                   {"mlnode.lanes", "1"},
                                                   {"mlnode.predict.batch_tokens", "1"},
                                                   {"mlnode.memory.limit_bytes", "4gb"},
                                                   {"mlnode.log.level", "error"}},
                                      .engines = &registry,
                                      .sync = FileSync::kNone});
  if (!node) GiveUp(name + ": " + node.error().message);
  std::cout << (*node)->port() << "\n" << std::flush;
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

// A child whose standard input is ours to close, and whose first line of output we read.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, bool tells) {
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) GiveUp("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    if (!tells) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int failed = posix_spawnp(&pid_, argv.front(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
    if (failed != 0) GiveUp(arguments.front() + " does not start");
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    close(input_);
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    close(output_);
  }
  std::uint16_t ReadPort() const {
    std::string line;
    for (char c = 0; read(output_, &c, 1) == 1 && c != '\n';) line += c;
    const int port = line.empty() ? 0 : std::stoi(line);
    if (port == 0) GiveUp("a node did not start");
    return static_cast<std::uint16_t>(port);
  }
  // Of user and system.
  double CpuSeconds() const {
    std::ifstream file(fmt::format("/proc/{}/stat", pid_));
    std::string text((std::istreambuf_iterator<char>(file)), {});
    text.erase(0, text.rfind(')') + 2);  // the name may hold spaces
    constexpr int kUser = 11;            // utime and stime, counted from the state
    std::size_t at = 0;
    for (int field = 0; field < kUser; ++field) at = text.find(' ', at) + 1;
    std::size_t used = 0;
    const double user = std::stod(text.substr(at), &used);
    return (user + std::stod(text.substr(at + used))) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int input_ = -1, output_ = -1;
};

struct Node {
  std::unique_ptr<Process> process;
  std::uint16_t port = 0;
  std::string id = {};
};

class Cluster {
 public:
  Cluster(const std::string& nats_server, int workers, milliseconds batch) {
    nats_ = std::make_unique<Process>(std::vector<std::string>{nats_server, "-js", "-a", "127.0.0.1", "-p", "-1", "-sd",
                                                               folder_.File("js"), "--ports_file_dir", folder_.path()},
                                      false);
    const std::string url = NatsUrl();
    Start("entry", url, milliseconds::zero(), entry_);
    workers_.resize(static_cast<std::size_t>(workers));
    for (int i = 0; i < workers; ++i) Start(fmt::format("w{}", i), url, batch, workers_[static_cast<std::size_t>(i)]);
    const json::value nodes = Ask("GET", "/_nodes");
    for (const auto& [id, form] : nodes.at("nodes").as_object()) {
      const std::string name(form.at("name").as_string());
      if (name != "entry") workers_[std::stoul(name.substr(1))].id = std::string(id);
    }
  }
  const Node& entry() const { return entry_; }
  const Node& worker(std::size_t i) const { return workers_[i]; }

  // The path that predicts with a model that the first `count` workers hold.
  std::string Deploy(int count) {
    const auto archive =
        integration::MakeArchive({{"model.onnx", "not read by the fake engine"},
                                  {"tokenizer.json", integration::ReadTestData("wordpiece_tokenizer.json")}});
    const json::object config{
        {"model_type", "bert"}, {"embedding_dimension", 8}, {"framework_type", "sentence_transformers"}};
    const json::value meta = Ask("POST", "/_plugins/_ml/models/_register_meta",
                                 ToJson(json::object{{"name", fmt::format("on {}", count)},
                                                     {"version", "1"},
                                                     {"function_name", "TEXT_EMBEDDING"},
                                                     {"model_format", "ONNX"},
                                                     {"model_config", config},
                                                     {"total_chunks", 1},
                                                     {"model_content_size_in_bytes", archive.bytes.size()},
                                                     {"model_content_hash_value", archive.sha256}}));
    const std::string model = "/_plugins/_ml/models/" + std::string(meta.at("model_id").as_string());
    Ask("POST", model + "/upload_chunk/0", archive.bytes);
    json::array nodes;
    for (int i = 0; i < count; ++i) nodes.emplace_back(workers_[static_cast<std::size_t>(i)].id);
    Ask("POST", model + "/_deploy", ToJson(json::object{{"node_ids", nodes}}));
    const auto end = steady_clock::now() + kPatience;
    while (Ask("GET", model).at("model_state") != "DEPLOYED") {
      if (steady_clock::now() > end) GiveUp("the model is not deployed");
      Pause(milliseconds(50));
    }
    return model + "/_predict";
  }

 private:
  std::string NatsUrl() {
    const std::string file = folder_.File(fmt::format("nats-server_{}.ports", nats_->pid()));
    for (const auto end = steady_clock::now() + kPatience; steady_clock::now() < end; Pause(milliseconds(50))) {
      const auto text = ReadFile(file, 10'000);
      const auto ports = text ? ParseJsonObject(*text) : Result<json::object>(MakeError(Code::kNotFound, ""));
      if (ports) return std::string(ports->at("nats").at(0).as_string());
    }
    GiveUp("nats-server does not start");
  }
  void Start(const std::string& name, const std::string& nats, milliseconds batch, Node& node) {
    node.process =
        std::make_unique<Process>(std::vector<std::string>{"/proc/self/exe", "node", name, folder_.File(name), nats,
                                                           std::to_string(batch.count())},
                                  true);
    node.port = node.process->ReadPort();
  }
  json::value Ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    net::ClientRequest request;
    request.method = method;
    request.url = fmt::format("http://127.0.0.1:{}{}", entry_.port, path);
    if (!body.empty()) request.headers.Add("Content-Type", "application/json");
    request.body = body;
    request.addresses = net::AddressPolicy::kLoopbackAndPublic;
    const auto reply = client_->Call(std::move(request));
    if (!reply || reply->status != 200) {
      GiveUp(fmt::format("{} {}: {}", method, path, reply ? reply->body : reply.error().message));
    }
    return ParseJson(reply->body).value();
  }

  mlnode::testing::TempDir folder_;
  std::unique_ptr<net::HttpClient> client_ = net::HttpClient::Create();
  std::unique_ptr<Process> nats_;
  Node entry_;
  std::vector<Node> workers_;
};

std::string RequestText(const std::string& path) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                     path, std::string_view(kBody).size(), kBody);
}

struct Load {
  double per_second = 0;
  double cores = 0;  // of `watched`
};

// A closed loop: each client sends its next request when its last was answered.
Load Measure(std::uint16_t port, const std::string& path, int clients, const Process& watched) {
  std::atomic<bool> counts = false, ends = false;
  std::atomic<int> answered = 0, failed = 0;
  const std::string request = RequestText(path);
  Load load;
  {
    ThreadPool pool({.name = "clients", .threads = clients});
    for (int i = 0; i < clients; ++i) {
      const bool posted = pool.Post([&] {
        net::RawClient client(port);
        while (!ends) {
          const bool ok = client.Send(request) && client.Read().status == 200;
          if (!ok) ++failed;
          if (counts) ++answered;
          if (!ok) return;
        }
      });
      if (!posted) GiveUp("no client starts");
    }
    Pause(kWarmUp);
    const double cpu = watched.CpuSeconds();
    const auto begin = steady_clock::now();
    counts = true;
    Pause(kWindow);
    counts = false;
    const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
    load = {.per_second = answered / seconds, .cores = (watched.CpuSeconds() - cpu) / seconds};
    ends = true;
  }
  if (failed > 0) GiveUp(fmt::format("{} requests were not answered 200", failed.load()));
  return load;
}

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

double AskOnce(net::RawClient& client, const std::string& request) {
  const auto begin = steady_clock::now();
  if (!client.Send(request) || client.Read().status != 200) GiveUp("a request was not answered 200");
  return std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count();
}

bool Judge(const std::string& what, bool good) {
  std::cout << (good ? "PASS  " : "FAIL  ") << what << "\n" << std::flush;
  return good;
}

bool Throughput(const std::string& nats_server) {
  Cluster cluster(nats_server, kMostWorkers, kBatch);
  const std::string alone = cluster.Deploy(1);
  const double one = Measure(cluster.worker(0).port, alone, kClientsPerWorker, *cluster.worker(0).process).per_second;
  std::cout << fmt::format("      one worker, asked itself: {:.1f} predictions/s\n", one);
  bool good = true;
  for (int k = 1; k <= kMostWorkers; k *= 2) {
    const std::string path = k == 1 ? alone : cluster.Deploy(k);
    const Load load = Measure(cluster.entry().port, path, k * kClientsPerWorker, *cluster.entry().process);
    good &=
        Judge(fmt::format("{} workers behind the entry: {:.1f} predictions/s, {:.2f} times one (at least {:.2f}); the "
                          "entry takes {:.2f} cores (less than {})",
                          k, load.per_second, load.per_second / one, kLeastShare * k, load.cores, kMostCores),
              load.per_second >= kLeastShare * k * one && load.cores < kMostCores);
  }
  return good;
}

bool Latency(const std::string& nats_server) {
  Cluster cluster(nats_server, 1, milliseconds::zero());
  const std::string request = RequestText(cluster.Deploy(1));
  net::RawClient direct(cluster.worker(0).port), through(cluster.entry().port);
  std::vector<double> own, forwarded;
  for (int i = 0; i < kLatencyRounds; ++i) {  // in turns: what else the machine does meets both
    own.push_back(AskOnce(direct, request));
    forwarded.push_back(AskOnce(through, request));
  }
  const double a = Median(own), b = Median(forwarded);
  return Judge(fmt::format("median of {} predictions: {:.3f} ms at the worker, {:.3f} ms through the entry, {:.3f} ms "
                           "more (at most {})",
                           kLatencyRounds, a, b, b - a, kMostAddedMillis),
               b - a <= kMostAddedMillis);
}

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 6 && std::string_view(argv[1]) == "node") {
    return RunNode(argv[2], argv[3], argv[4], milliseconds(std::stoi(argv[5])));
  }
  const std::string nats_server = argc > 1 ? argv[1] : "nats-server";
  const bool latency = Latency(nats_server), throughput = Throughput(nats_server);
  return latency && throughput ? 0 : 1;
}

}  // namespace
}  // namespace mlnode

// NOLINTNEXTLINE(bugprone-exception-escape): what a library throws ends the program, and says so
int main(int argc, char** argv) { return mlnode::Main(argc, argv); }

#include "storage/nats/testing/nats_servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "core/json.h"

namespace mlnode::storage::testing {
namespace {

constexpr nats::Millis kPatience{20'000};
constexpr nats::Millis kPoll{20};
constexpr int kPortAttempts = 5;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

const std::string& Binary() {
  static const std::string binary = [] {
    if (const char* named = std::getenv("MLNODE_NATS_SERVER"); named != nullptr && *named != '\0') {
      if (access(named, X_OK) != 0) Die(fmt::format("MLNODE_NATS_SERVER names {}, which cannot be run", named));
      return std::string(named);
    }
    const char* path = std::getenv("PATH");
    std::string rest = path == nullptr ? "" : path;
    rest += ":/usr/sbin";
    for (std::size_t begin = 0; begin <= rest.size();) {
      const std::size_t end = std::min(rest.find(':', begin), rest.size());
      const std::string candidate = rest.substr(begin, end - begin) + "/nats-server";
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
      begin = end + 1;
    }
    Die("these tests need nats-server (apt: nats-server, see deps.lock), and there is none on PATH or in /usr/sbin");
  }();
  return binary;
}

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Free a moment ago; somebody else may take it before the server does.
std::uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  close(fd);
  if (!bound) Die("no free port");
  return ntohs(address.sin_port);
}

bool Connects(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(port);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

// The body of what is at the path; empty: nobody is there.
std::string HttpBody(std::uint16_t port, std::string_view path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address = Loopback(port);
  std::string reply;
  const std::string request = fmt::format("GET {} HTTP/1.0\r\n\r\n", path);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char bytes[16'384];
    for (ssize_t n = 0; (n = recv(fd, bytes, sizeof(bytes), 0)) > 0;) reply.append(bytes, static_cast<std::size_t>(n));
  }
  close(fd);
  const std::size_t body = reply.find("\r\n\r\n");
  return body == std::string::npos ? std::string() : reply.substr(body + 4);
}

}  // namespace

NatsServers::NatsServers(int count, NatsServersOptions options)
    : options_(std::move(options)), servers_(static_cast<std::size_t>(count)) {
  for (int attempt = 0;; ++attempt) {
    ChoosePorts();
    if (StartAll()) break;
    for (int i = 0; i < count; ++i) Kill(i);
    if (attempt == kPortAttempts) Die("nats-server does not start: see " + dir_.path());
  }
  const bool open = !options_.tls && options_.more.find("authorization") == std::string::npos;
  if (options_.jetstream && open) WaitForJetStream();
}

NatsServers::~NatsServers() {
  for (int i = 0; i < count(); ++i) Kill(i);
}

std::string NatsServers::Urls() const {
  std::string urls;
  for (int i = 0; i < count(); ++i) urls += (i == 0 ? "" : ",") + Url(i);
  return urls;
}

void NatsServers::ChoosePorts() {
  routes_.clear();
  for (Server& server : servers_) {
    server = {.port = FreePort(), .cluster_port = FreePort(), .monitor_port = FreePort()};
    if (options_.divisible) routes_.push_back(std::make_unique<TcpProxy>(server.cluster_port));
  }
}

bool NatsServers::StartAll() {
  for (int i = 0; i < count(); ++i) Launch(i);
  for (int i = 0; i < count(); ++i) {
    if (!ComesUp(i)) return false;
  }
  return true;
}

void NatsServers::WriteConfiguration(int i) const {
  std::string text =
      fmt::format("server_name: n{}\nlisten: 127.0.0.1:{}\nhttp: 127.0.0.1:{}\n", i, At(i).port, At(i).monitor_port);
  if (options_.jetstream) {
    text +=
        fmt::format("jetstream {{ store_dir: \"{}\", max_file_store: {} }}\n", FolderOf(i), options_.max_file_store);
  }
  if (count() > 1) text += ClusterConfiguration(i);
  (void)dir_.Write(fmt::format("n{}.conf", i), text + options_.more);
}

// Divisible: what crosses between the first server and the others goes through proxies, also where they learn of each
// other's addresses by themselves; the others reach each other directly.
std::string NatsServers::ClusterConfiguration(int i) const {
  const auto proxy = [&](int j) { return routes_[static_cast<std::size_t>(j)]->port(); };
  std::string text = fmt::format("cluster {{ name: test, listen: 127.0.0.1:{}, ", At(i).cluster_port);
  if (options_.divisible) text += fmt::format("cluster_advertise: \"127.0.0.1:{}\", ", proxy(i));
  text += "routes: [";
  for (int j = 0; j < count(); ++j) {
    if (j == i) continue;
    const bool crosses = options_.divisible && (i == 0 || j == 0);
    text += fmt::format("\n  \"nats://127.0.0.1:{}\"", crosses ? proxy(j) : At(j).cluster_port);
  }
  return text + "\n] }\n";
}

void NatsServers::Isolate() {
  for (const auto& proxy : routes_) proxy->Cut();
}

void NatsServers::Join() {
  for (const auto& proxy : routes_) proxy->Heal();
}

void NatsServers::Launch(int i) {
  WriteConfiguration(i);
  const std::string& binary = Binary();
  const std::string configuration = dir_.File(fmt::format("n{}.conf", i));
  const std::string log = dir_.File(fmt::format("n{}.log", i));
  const char* arguments[] = {binary.c_str(), "-c", configuration.c_str(), nullptr};
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) Die("fork failed");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(binary.c_str(), const_cast<char* const*>(arguments));
    _exit(127);
  }
  At(i).pid = pid;
}

bool NatsServers::ComesUp(int i) {
  for (const nats::CallLimit limit(kPatience); !limit.Over();) {
    if (waitpid(At(i).pid, nullptr, WNOHANG) != 0) {  // it ended: its port was taken
      At(i).pid = 0;
      return false;
    }
    if (Connects(At(i).port)) return true;
    nats_Sleep(kPoll.count());
  }
  return false;
}

void NatsServers::Kill(int i) {
  if (At(i).pid == 0) return;
  kill(At(i).pid, SIGKILL);
  waitpid(At(i).pid, nullptr, 0);
  At(i).pid = 0;
}

void NatsServers::Start(int i) {
  Launch(i);
  if (!ComesUp(i)) Die("nats-server does not start again");
}

void NatsServers::Pause(int i) {
  kill(At(i).pid, SIGSTOP);
  waitpid(At(i).pid, nullptr, WUNTRACED);  // all its threads stand still
}

void NatsServers::Resume(int i) { kill(At(i).pid, SIGCONT); }

void NatsServers::SaveCopy(int i) const {
  std::filesystem::copy(FolderOf(i), FolderOf(i) + ".copy", std::filesystem::copy_options::recursive);
}

void NatsServers::RestoreCopy(int i) const {
  std::filesystem::remove_all(FolderOf(i));
  std::filesystem::rename(FolderOf(i) + ".copy", FolderOf(i));
}

std::shared_ptr<nats::NatsSession> NatsServers::Connect(int i) const {
  for (const nats::CallLimit limit(kPatience); !limit.Over();) {
    auto session =
        nats::NatsSession::Connect({.servers = Url(i), .prefix = "test"}, {.host = "127.0.0.1", .port = port(i)});
    if (session) return *session;
    nats_Sleep(kPoll.count());
  }
  Die("nats-server cannot be reached");
}

void NatsServers::WaitForJetStream() const {
  for (int i = 0; i < count(); ++i) {
    if (!Running(i)) continue;
    const auto session = Connect(i);
    const nats::CallLimit limit(kPatience);
    for (;;) {
      nats::AccountInfo account;
      if (js_GetAccountInfo(nats::Out(account), session->js(), nullptr, nullptr) == NATS_OK) break;
      if (limit.Over()) Die("JetStream does not answer");
      nats_Sleep(kPoll.count());
    }
  }
}

int NatsServers::LeaderOf(const std::string& stream) {
  for (const nats::CallLimit limit(kPatience); !limit.Over();) {
    for (int i = 0; i < count(); ++i) {
      if (!Running(i)) continue;
      nats::StreamInfo info;
      if (js_GetStreamInfo(nats::Out(info), Connect(i)->js(), stream.c_str(), nullptr, nullptr) != NATS_OK) continue;
      if (info->Cluster == nullptr || info->Cluster->Leader == nullptr) continue;
      const int leader = std::atoi(info->Cluster->Leader + 1);
      if (leader >= 0 && leader < count() && Running(leader)) return leader;
    }
    nats_Sleep(kPoll.count());
  }
  return -1;
}

void NatsServers::StepDown(const std::string& stream) const {
  const auto session = Connect(0);
  nats::Message answer;
  (void)natsConnection_RequestString(nats::Out(answer), session->connection(),
                                     ("$JS.API.STREAM.LEADER.STEPDOWN." + stream).c_str(), "", 1'000);
}

std::vector<std::string> NatsServers::PlacesOf(const std::string& stream) const {
  std::vector<std::string> places;
  for (int i = 0; i < count(); ++i) {
    if (!Running(i)) continue;
    const auto answer = ParseJsonObject(HttpBody(At(i).monitor_port, "/jsz?accounts=true&streams=true"));
    std::string place = "does not answer";
    const json::value* accounts = answer ? answer->if_contains("account_details") : nullptr;
    for (const json::value& account : accounts != nullptr ? accounts->as_array() : json::array()) {
      const json::value* streams = account.as_object().if_contains("stream_detail");
      for (const json::value& detail : streams != nullptr ? streams->as_array() : json::array()) {
        if (detail.at("name").as_string() != stream) continue;
        const json::value& state = detail.at("state");
        place = fmt::format("to {}, {} messages", state.at("last_seq").to_number<std::uint64_t>(),
                            state.at("messages").to_number<std::uint64_t>());
      }
    }
    places.push_back(std::move(place));
  }
  return places;
}

NatsServers& SharedServer() {
  static NatsServers server(1);
  return server;
}

NatsServers& SharedCluster() {
  static NatsServers servers(3);
  return servers;
}

std::string NewPrefix() {
  static std::atomic<int> count = 0;
  return fmt::format("t{}", ++count);
}

}  // namespace mlnode::storage::testing

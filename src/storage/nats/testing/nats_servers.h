// storage/nats/testing/nats_servers.h: real nats-server processes with JetStream, for one test or many: one server, or
// a cluster. They listen on 127.0.0.1, store in a folder that goes with this object, and die with the test process.
// The binary: MLNODE_NATS_SERVER, else nats-server on PATH, else /usr/sbin/nats-server; without one the test process
// ends (scripts/test installs it). Threads: one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/testing/temp_dir.h"
#include "storage/nats/nats_session.h"
#include "storage/nats/nats_store.h"
#include "storage/nats/testing/tcp_proxy.h"

namespace mlnode::storage::testing {

struct NatsServersOptions {
  bool jetstream = true;
  std::string max_file_store = "4GB";
  std::string more = {};   // lines for the configuration
  bool divisible = false;  // of three: Isolate can cut the first off from the others
  bool tls = false;        // `more` says so; nothing is waited for but that it takes connections
};

class NatsServers {
 public:
  // Ends the test process when they do not come up. Waits until they take connections and, with JetStream, until it
  // answers (unless `more` asks for credentials).
  explicit NatsServers(int count, NatsServersOptions options = {});
  ~NatsServers();
  NatsServers(const NatsServers&) = delete;
  NatsServers& operator=(const NatsServers&) = delete;

  int count() const { return static_cast<int>(servers_.size()); }
  std::uint16_t port(int i) const { return At(i).port; }
  std::string Url(int i) const { return "nats://127.0.0.1:" + std::to_string(port(i)); }
  std::string Urls() const;

  void Kill(int i);   // SIGKILL
  void Start(int i);  // again, with what it stored, on its port
  void Pause(int i);  // SIGSTOP: connections stay open and nothing answers
  void Resume(int i);
  bool Running(int i) const { return At(i).pid != 0; }
  // The first server and the others do not hear each other any more, until Join. Clients are not touched.
  void Isolate();
  void Join();
  // Keeps a copy of what the server stored, and puts it back in the place of what it stores. It is down.
  void SaveCopy(int i) const;
  void RestoreCopy(int i) const;
  // Which server leads the stream; waits for one. -1: nobody within 20 s.
  int LeaderOf(const std::string& stream);
  // Has the stream's leader resign in favour of another.
  void StepDown(const std::string& stream) const;
  // What each server that runs holds of the stream by its own account: "to 12, 5 messages". They differ for good where
  // the servers came apart.
  std::vector<std::string> PlacesOf(const std::string& stream) const;
  // A connection of the test's own. Ends the test process when there is none within 10 s.
  std::shared_ptr<nats::NatsSession> Connect(int i) const;
  // Waits until all servers that run answer JetStream requests.
  void WaitForJetStream() const;

 private:
  struct Server {
    std::uint16_t port = 0, cluster_port = 0, monitor_port = 0;
    pid_t pid = 0;
  };
  const Server& At(int i) const { return servers_[static_cast<std::size_t>(i)]; }
  Server& At(int i) { return servers_[static_cast<std::size_t>(i)]; }
  std::string FolderOf(int i) const { return dir_.File("n" + std::to_string(i)); }
  void ChoosePorts();
  bool StartAll();
  void Launch(int i);
  bool ComesUp(int i);
  void WriteConfiguration(int i) const;
  std::string ClusterConfiguration(int i) const;

  const NatsServersOptions options_;
  mlnode::testing::TempDir dir_;
  std::vector<Server> servers_;
  std::vector<std::unique_ptr<TcpProxy>> routes_;  // divisible: to each server's cluster port
};

// One server for all tests of this process, each with a prefix of its own.
NatsServers& SharedServer();
// Likewise three. Tests that hurt servers take their own.
NatsServers& SharedCluster();
// Not used before in this process.
std::string NewPrefix();

}  // namespace mlnode::storage::testing

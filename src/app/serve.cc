#include "app/serve.h"

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>

#include "app/credential_keys.h"
#include "app/node.h"
#include "app/node_settings.h"
#include "core/cgroup.h"
#include "core/log.h"

namespace mlnode::app {
namespace {

// Another process is this node: it ends as by a signal, and says so by its exit code.
std::atomic<bool> displaced = false;
void BeDisplaced() {
  displaced = true;
  (void)kill(getpid(), SIGTERM);
}

Result<std::unique_ptr<Node>> StartNode(const cli::ServeFlags& flags) {
  ASSIGN_OR_RETURN(config::RawValues settings, ReadStaticSettings(flags, environ));
  return Node::Start({.settings = std::move(settings),
                      .credential_keys = SecretVariable(config::kCredentialKeysVariable),
                      .cluster_key = SecretVariable(config::kClusterKeyVariable),
                      .displaced = BeDisplaced});
}

// Before any thread exists. Why, and what it measured: docs/adr/0007-allocator-arenas.md
void CapAllocatorArenas() { (void)mallopt(M_ARENA_MAX, std::clamp(PhysicalCores(), 2, 8)); }

}  // namespace

int Serve(const cli::ServeFlags& flags) {
  ProtectMemory();
  CapAllocatorArenas();
  // Blocked before any thread exists, so that only the sigwait below receives them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto node = StartNode(flags);
  if (!node) {
    std::cerr << "mlnode: " << node.error().message << "\n" << std::flush;
    if (!node.error().detail.empty()) std::cerr << "mlnode: " << node.error().detail << "\n" << std::flush;
    return 1;
  }
  std::cout << (*node)->Banner() << "\n" << std::flush;
  int received = 0;
  sigwait(&stop_signals, &received);
  LOG_INFO("app", "signal {}: stopping; a second one ends the process at once", received);
  pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  // A graph that never returns keeps its thread, and Stop would wait for it for good. What is stored is whole at any
  // moment, so that the default action of SIGALRM, the end of the process, loses nothing.
  alarm(static_cast<unsigned>((*node)->StopLimit().count()));
  (*node)->Stop();
  return displaced ? 1 : 0;
}

}  // namespace mlnode::app

#include "core/cgroup.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "core/files.h"

namespace mlnode {
namespace {

constexpr std::uint64_t kMaxFileBytes = 16ULL << 20U;  // /proc/cpuinfo of the largest machines
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::string Read(const std::string& path) { return ReadFile(path, kMaxFileBytes).value_or(std::string()); }

// The number at the beginning of `text` after blanks; nullopt for "max" and the like.
std::optional<std::int64_t> Number(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  std::int64_t value = 0;
  const std::string_view digits = text.substr(start);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  return lines;
}

// "name<blank or colon>number" lines: memory.stat, meminfo, status.
std::optional<std::uint64_t> Field(const std::string& text, std::string_view name) {
  for (const std::string& line : Lines(text)) {
    if (line.compare(0, name.size(), name) != 0 || line.size() <= name.size()) continue;
    const char next = line[name.size()];
    if (next != ' ' && next != ':' && next != '\t') continue;
    const auto value = Number(std::string_view(line).substr(name.size() + 1));
    if (value && *value >= 0) return static_cast<std::uint64_t>(*value);
  }
  return std::nullopt;
}

// The folders of this process's cgroup for one controller, the own one first, then its ancestors up to the mount.
// Inside a container the path of /proc may not exist under the mount: what does exist is what limits.
struct Hierarchy {
  bool v2 = false;
  std::vector<std::string> folders;
};

std::vector<std::string> ExistingFolders(const std::string& mount, std::string path) {
  std::vector<std::string> folders;
  std::error_code ignored;
  while (true) {
    const std::string folder = path == "/" ? mount : mount + path;
    if (std::filesystem::is_directory(folder, ignored)) folders.push_back(folder);
    if (path == "/" || path.empty()) return folders;
    path = std::filesystem::path(path).parent_path().string();
  }
}

bool HasController(const std::string& list, std::string_view controller) {
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    if (name == controller) return true;
  }
  return false;
}

// Lines of /proc/self/cgroup are "id:controllers:path"; v2 has id 0 and no controllers. A v1 controller wins: on mixed
// machines it is the one that is in force.
Hierarchy FindHierarchy(const SystemRoots& roots, std::string_view controller) {
  Hierarchy found;
  std::error_code ignored;
  for (const std::string& line : Lines(Read(roots.proc + "/self/cgroup"))) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers.empty()) {
      found = {.v2 = true, .folders = ExistingFolders(roots.cgroup, path)};
    } else if (HasController(controllers, controller)) {
      std::string mount = roots.cgroup + "/" + std::string(controller);
      if (!std::filesystem::exists(mount, ignored)) mount = roots.cgroup + "/" + controllers;
      return {.v2 = false, .folders = ExistingFolders(mount, path)};
    }
  }
  return found;
}

// Usage of a cgroup is only meaningful where the kernel accounts it: the root cgroup of a machine has no
// memory.current.
std::optional<std::uint64_t> CgroupUsed(const SystemRoots& roots) {
  const Hierarchy memory = FindHierarchy(roots, "memory");
  if (memory.folders.empty()) return std::nullopt;
  const std::string& folder = memory.folders.front();
  std::error_code ignored;
  if (!std::filesystem::exists(folder + (memory.v2 ? "/memory.current" : "/memory.usage_in_bytes"), ignored)) {
    return std::nullopt;
  }
  const std::string stat = Read(folder + "/memory.stat");
  const auto anonymous = Field(stat, memory.v2 ? "anon" : "total_rss");
  if (!anonymous) return std::nullopt;
  return *anonymous + Field(stat, memory.v2 ? "shmem" : "total_shmem").value_or(0);
}

// CPUs of a list such as "0-3,8".
std::set<std::int64_t> CpuList(std::string_view list) {
  std::set<std::int64_t> cpus;
  std::istringstream stream{std::string(list)};
  for (std::string range; std::getline(stream, range, ',');) {
    const auto first = Number(range);
    if (!first) continue;
    const std::size_t dash = range.find('-');
    const auto last = dash == std::string::npos ? first : Number(std::string_view(range).substr(dash + 1));
    for (std::int64_t cpu = *first; cpu <= last.value_or(*first); ++cpu) cpus.insert(cpu);
  }
  return cpus;
}

std::set<std::int64_t> AllowedCpus(const SystemRoots& roots) {
  constexpr std::string_view kName = "Cpus_allowed_list:";
  for (const std::string& line : Lines(Read(roots.proc + "/self/status"))) {
    if (line.compare(0, kName.size(), kName) == 0) return CpuList(std::string_view(line).substr(kName.size()));
  }
  return {};
}

// Distinct (package, core) pairs among the allowed processors; without topology each processor is a core.
std::size_t AllowedCores(const SystemRoots& roots) {
  const std::set<std::int64_t> allowed = AllowedCpus(roots);
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> core_of;
  std::int64_t cpu = -1;
  for (const std::string& line : Lines(Read(roots.proc + "/cpuinfo"))) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view name = std::string_view(line).substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const auto value = Number(std::string_view(line).substr(colon + 1));
    if (!value) continue;
    if (name == "processor") {
      cpu = *value;
      core_of[cpu] = {-1, cpu};
    }
    if (cpu >= 0 && name == "physical id") core_of[cpu].first = *value;
    if (cpu >= 0 && name == "core id") core_of[cpu].second = *value;
  }
  std::set<std::pair<std::int64_t, std::int64_t>> cores;
  for (const auto& [id, core] : core_of) {
    if (allowed.empty() || allowed.contains(id)) cores.insert(core);
  }
  return cores.empty() ? allowed.size() : cores.size();
}

// Whole CPUs that one cgroup's quota gives.
std::optional<std::int64_t> QuotaCpus(const std::string& folder, bool v2) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (v2) {
    const std::string text = Read(folder + "/cpu.max");
    quota = Number(text);
    const std::size_t blank = text.find(' ');
    if (blank != std::string::npos) period = Number(std::string_view(text).substr(blank));
  } else {
    quota = Number(Read(folder + "/cpu.cfs_quota_us"));
    period = Number(Read(folder + "/cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

}  // namespace

std::uint64_t MemoryLimitBytes(const SystemRoots& roots) {
  std::uint64_t limit = kNoLimit;
  if (const auto total = Field(Read(roots.proc + "/meminfo"), "MemTotal")) limit = *total * 1024;
  const Hierarchy memory = FindHierarchy(roots, "memory");
  for (const std::string& folder : memory.folders) {
    const auto own = Number(Read(folder + (memory.v2 ? "/memory.max" : "/memory.limit_in_bytes")));
    if (own && *own > 0) limit = std::min(limit, static_cast<std::uint64_t>(*own));
  }
  return limit;
}

std::uint64_t MemoryUsedBytes(const SystemRoots& roots) {
  if (const auto used = CgroupUsed(roots)) return *used;
  return ProcessMemoryBytes(roots);
}

std::uint64_t ProcessMemoryBytes(const SystemRoots& roots) {
  const std::string status = Read(roots.proc + "/self/status");
  return (Field(status, "RssAnon").value_or(0) + Field(status, "RssShmem").value_or(0)) * 1024;
}

int PhysicalCores(const SystemRoots& roots) {
  auto cores = static_cast<std::int64_t>(AllowedCores(roots));
  const Hierarchy cpu = FindHierarchy(roots, "cpu");
  for (const std::string& folder : cpu.folders) {
    if (const auto quota = QuotaCpus(folder, cpu.v2)) cores = std::min(cores, *quota);
  }
  return static_cast<int>(std::max<std::int64_t>(cores, 1));
}

}  // namespace mlnode

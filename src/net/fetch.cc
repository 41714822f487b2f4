#include "net/fetch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>

#include "net/http_wire.h"

namespace mlnode::net {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 1024UL * 1024;
constexpr int kMaxRedirects = 5;  // model hubs answer with one or two, to their storage

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool HasScheme(std::string_view url, std::string_view scheme) {
  return url.size() > scheme.size() && url[scheme.size()] == ':' &&
         EqualsIgnoringCase(url.substr(0, scheme.size()), scheme);
}

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = HexDigit(text[i + 1]);
    const auto low = HexDigit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    plain += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return plain;
}

Error BadFileUrl(const std::string& url, std::string_view why) {
  return MakeError(Code::kInvalidArgument, fmt::format("url \"{}\" is malformed: {}", url, why));
}

// RFC 8089: file:/path, file:///path, file://localhost/path.
Result<fs::path> FilePath(const std::string& url) {
  std::string_view rest = std::string_view(url).substr(std::string_view("file:").size());
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const auto host = rest.substr(0, rest.find('/'));
    if (!host.empty() && !EqualsIgnoringCase(host, "localhost")) {
      return BadFileUrl(url, "a file URL may name no host but localhost");
    }
    rest.remove_prefix(host.size());
  }
  if (!rest.starts_with('/')) return BadFileUrl(url, "the path must be absolute");
  if (rest.find_first_of("?#") != std::string_view::npos) return BadFileUrl(url, "write ? and # as %3F and %23");
  const auto path = PercentDecode(rest);
  if (!path) return BadFileUrl(url, "a % is not followed by two hexadecimal digits");
  if (path->find('\0') != std::string::npos) return BadFileUrl(url, "the path holds a NUL");
  return fs::path(*path);
}

bool IsBelow(const fs::path& path, const fs::path& root) {
  const auto [root_end, path_end] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return root_end == root.end() && path_end != path.end();
}

bool IsBelowAny(const fs::path& path, const std::vector<fs::path>& roots) {
  return std::ranges::any_of(roots, [&path](const fs::path& root) {
    std::error_code error;
    const auto real = fs::canonical(root, error);
    return !error && IsBelow(path, real);
  });
}

Error OutsideRoots(const std::string& url) {
  return MakeError(
      Code::kPermissionDenied,
      fmt::format("url \"{}\" does not name a file below one of the folders configured for file URLs", url));
}

// The path is checked before it is opened, so that nothing outside is touched, and what was opened is checked again: a
// link put in its place in between gains nothing.
Result<int> OpenBelow(const std::string& url, const fs::path& path, const std::vector<fs::path>& roots) {
  std::error_code error;
  const auto real = fs::weakly_canonical(path, error);
  if (error || !IsBelowAny(real, roots)) return OutsideRoots(url);
  const int fd = ::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return MakeError(Code::kNotFound, fmt::format("url \"{}\": there is no such file", url));
  }
  if (fd < 0) {
    return MakeError(Code::kPermissionDenied,
                     fmt::format("url \"{}\" cannot be opened: {}", url, std::generic_category().message(errno)));
  }
  const auto opened = fs::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
  if (error || !IsBelowAny(opened, roots)) {
    ::close(fd);
    return OutsideRoots(url);
  }
  return fd;
}

Error TooLarge(const std::string& url, std::size_t limit) {
  return MakeError(Code::kTooLarge, fmt::format("url \"{}\" is larger than the limit of {} bytes", url, limit));
}

Status CopyOut(int fd, const std::string& url, const FetchPolicy& policy,
               const std::function<Status(std::string_view piece)>& sink) {
  const auto deadline = std::chrono::steady_clock::now() + policy.total_timeout;
  std::string piece(kPiece, '\0');
  std::size_t total = 0;
  for (;;) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return MakeError(Code::kDeadlineExceeded,
                       fmt::format("url \"{}\" was not read within {} ms", url, policy.total_timeout.count()));
    }
    if (policy.keep_going) RETURN_IF_ERROR(policy.keep_going());
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return MakeError(Code::kDataLoss,
                       fmt::format("url \"{}\" cannot be read: {}", url, std::generic_category().message(errno)));
    }
    if (got == 0) return {};
    total += static_cast<std::size_t>(got);
    if (total > policy.max_bytes) return TooLarge(url, policy.max_bytes);
    RETURN_IF_ERROR(sink(std::string_view(piece).substr(0, static_cast<std::size_t>(got))));
  }
}

Status FetchFile(const std::string& url, const FetchPolicy& policy,
                 const std::function<Status(std::string_view piece)>& sink) {
  if (policy.file_roots.empty()) {
    return MakeError(Code::kPermissionDenied, "file URLs are not allowed: no folder is configured for them");
  }
  ASSIGN_OR_RETURN(const auto path, FilePath(url));
  ASSIGN_OR_RETURN(const int opened, OpenBelow(url, path, policy.file_roots));
  const FileDescriptor file(opened);
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return MakeError(Code::kPermissionDenied, fmt::format("url \"{}\" does not name a regular file", url));
  }
  if (static_cast<std::uint64_t>(facts.st_size) > policy.max_bytes) return TooLarge(url, policy.max_bytes);
  return CopyOut(file.get(), url, policy, sink);
}

Status FetchHttp(HttpClient& client, const std::string& url, const FetchPolicy& policy,
                 const std::function<Status(std::string_view piece)>& sink) {
  ClientRequest request;
  request.url = url;
  request.addresses = policy.addresses;
  request.max_redirects = kMaxRedirects;
  request.total_timeout = policy.total_timeout;
  request.max_response_bytes = policy.max_bytes;
  request.body_sink = sink;
  ASSIGN_OR_RETURN(const auto reply, client.Call(std::move(request), policy.keep_going));
  if (reply.status == 200) return {};
  return MakeError(Code::kUpstream, fmt::format("url \"{}\" was answered with HTTP status {}", url, reply.status));
}

}  // namespace

Status Fetch(HttpClient& client, const std::string& url, const FetchPolicy& policy,
             const std::function<Status(std::string_view piece)>& sink) {
  if (HasScheme(url, "file")) return FetchFile(url, policy, sink);
  if (HasScheme(url, "http") || HasScheme(url, "https")) return FetchHttp(client, url, policy, sink);
  return MakeError(Code::kInvalidArgument, fmt::format("url \"{}\" must begin with http:, https: or file:", url));
}

}  // namespace mlnode::net

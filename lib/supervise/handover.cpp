#include <supervise/handover.hpp>

#include <sys/file.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace dind::supervise {
namespace {

constexpr const char* kFlag = "--supervise=";
constexpr const char* kMemoryName = "dind-init-handover";
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr std::size_t kLimit = 64U << 20U;

// One list of what there is, for both directions. `visit(key, member)`.
template <typename State, typename Visit>
void visit_members(State& state, Visit visit) {
  visit("stop_timeout", state.settings.stop_timeout);
  visit("drain", state.settings.drain);
  visit("drain_ignore", state.settings.drain_ignore);
  visit("exit_on", state.settings.exit_with.on);
  visit("exit_path", state.settings.exit_with.path);
  visit("exit_idle", state.settings.exit_with.idle);
  visit("restart_on_failure", state.settings.restart.on_failure);
  visit("most_restarts", state.settings.restart.most);
  visit("signal_rewrite", state.settings.signal_rewrite);
  visit("exit_remap", state.settings.exit_remap);
  visit("ready_file", state.settings.ready_file);
  visit("metrics_file", state.settings.metrics_file);
  visit("on_hook_error", state.settings.on_hook_error);
  visit("nofile", state.settings.nofile);
  visit("log_level", state.log_level);
  visit("log_format", state.log_format);
  visit("argv", state.argv);
  visit("environment", state.environment);
  visit("runtime_dir", state.runtime_dir);
  visit("data_root", state.data_root);
  visit("loop_root", state.loop_root);
  visit("promote", state.promote);
  visit("blob", state.blobs);
  visit("registry_listener", state.registry.listeners);
  visit("registry_bridge", state.registry.bridge);
  visit("registry_port", state.registry.port);
  visit("registry_cache", state.registry.caches);
  visit("status", state.status);
  visit("started_ns", state.started_ns);
  visit("mask", state.mask);
  visit("runtime", state.runtime);
  visit("lock", state.lock);
  visit("backing", state.backing);
  visit("socket", state.sockets);
}

class Printer {
public:
  void operator()(const char* key, const std::string& value) { put(key, value); }
  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(const char* key, T value) {
    put(key, std::to_string(static_cast<long long>(value)));
  }
  void operator()(const char* key, std::chrono::seconds value) { (*this)(key, value.count()); }
  void operator()(const char* key, const std::pair<int, int>& value) {
    put(key, fmt::format("{} {}", value.first, value.second));
  }
  void operator()(const char* key, const blobs::BlobSource& blob) {
    put(key, fmt::format("{} {} {} {}", blob.digest.hex(), blob.bytes, static_cast<int>(blob.form),
                         blob.cache));
  }
  void operator()(const char* key, const config::FileLimit& limit) {
    put(key, fmt::format("{} {}", limit.soft, limit.hard));
  }
  template <typename T>
  void operator()(const char* key, const std::optional<T>& value) {
    if (value) {
      (*this)(key, *value);
    }
  }
  void operator()(const char* key, const Fd& fd) {
    if (fd) {
      put(key, std::to_string(fd.get()));
    }
  }
  void operator()(const char* key, const sigset_t& mask) {
    for (int signal = 1; signal < NSIG; ++signal) {
      if (::sigismember(&mask, signal) == 1) {
        put(key, std::to_string(signal));
      }
    }
  }
  template <typename T>
  void operator()(const char* key, const std::vector<T>& values) {
    for (const T& value : values) {
      (*this)(key, value);
    }
  }

  std::string text() && { return std::move(text_); }

private:
  void put(const char* key, std::string_view value) {
    text_.append(key).append("=").append(value).push_back('\0');
  }
  std::string text_;
};

template <typename T = long long>
T number_in(std::string_view text) {
  T number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::pair<std::string_view, std::string_view> cut_at_blank(std::string_view text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  return {text.substr(0, blank), text.substr(std::min(blank + 1, text.size()))};
}

// Of "1 2".
template <typename T>
std::pair<T, T> numbers_in(std::string_view text) {
  const auto [first, second] = cut_at_blank(text);
  return {number_in<T>(first), number_in<T>(second)};
}

// Of "<digits> <bytes> <form> <path>".
std::optional<blobs::BlobSource> blob_in(std::string_view text) {
  const auto [digits, rest] = cut_at_blank(text);
  const auto [bytes, more] = cut_at_blank(rest);
  const auto [form, cache] = cut_at_blank(more);
  auto digest = Digest::from_hex(digits);
  if (!digest) {
    return std::nullopt;
  }
  return blobs::BlobSource{std::move(digest).value(), number_in<std::uint64_t>(bytes),
                           std::string(cache),
                           static_cast<blobs::BlobSource::Form>(number_in<int>(form))};
}

Fd adopt(std::string_view text) {
  Fd fd(number_in<int>(text));
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return fd;
}

// Puts one value where its key says.
class Filler {
public:
  Filler(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  bool found() const { return found_; }

  template <typename T>
  void operator()(const char* key, T& member) {
    if (key_ == key) {
      found_ = true;
      fill(member);
    }
  }

private:
  void fill(std::string& member) { member = value_; }
  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void fill(T& member) { member = static_cast<T>(number_in(value_)); }
  void fill(std::chrono::seconds& member) { member = std::chrono::seconds(number_in(value_)); }
  void fill(std::optional<unsigned>& member) { member = number_in<unsigned>(value_); }
  void fill(std::optional<config::FileLimit>& member) {
    const auto [soft, hard] = numbers_in<std::uint64_t>(value_);
    member = config::FileLimit{soft, hard};
  }
  void fill(std::vector<int>& member) { member.push_back(number_in<int>(value_)); }
  void fill(std::vector<blobs::BlobSource>& member) {
    if (auto blob = blob_in(value_)) {
      member.push_back(*std::move(blob));
    }
  }
  void fill(std::vector<std::pair<int, int>>& member) { member.push_back(numbers_in<int>(value_)); }
  void fill(Fd& member) { member = adopt(value_); }
  void fill(sigset_t& member) { ::sigaddset(&member, number_in<int>(value_)); }
  void fill(std::vector<std::string>& member) { member.emplace_back(value_); }
  void fill(std::vector<Fd>& member) { member.push_back(adopt(value_)); }

  std::string_view key_;
  std::string_view value_;
  bool found_ = false;
};

Result<Fd> seal(const std::string& text) {
  Fd memory(::memfd_create(kMemoryName, MFD_ALLOW_SEALING));
  if (!memory) {
    return errno_error("memfd_create");
  }
  TRY(sys::write_all(memory, text));
  if (::fcntl(memory.get(), F_ADD_SEALS, kSeals) == -1) {
    return errno_error("seal a memfd");
  }
  return memory;
}

// The kernel may add a seal of its own: F_SEAL_EXEC, where vm.memfd_noexec is set.
bool is_sealed(int raw) {
  const int seals = ::fcntl(raw, F_GET_SEALS);
  return seals != -1 && (seals & kSeals) == kSeals;
}

void keep_across_exec(const Fd& fd) {
  if (fd) {
    ::fcntl(fd.get(), F_SETFD, 0);
  }
}

} // namespace

std::string print_handover(const Handover& handover) {
  Printer printer;
  visit_members(handover, [&](const char* key, const auto& member) { printer(key, member); });
  return std::move(printer).text();
}

Result<Handover> parse_handover(std::string_view text) {
  Handover handover;
  ::sigemptyset(&handover.mask);
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
    const std::size_t cut = std::min(entry.find('='), entry.size());
    Filler fill(entry.substr(0, cut), entry.substr(std::min(cut + 1, entry.size())));
    visit_members(handover, [&](const char* key, auto& member) { fill(key, member); });
    if (!fill.found()) {
      return input_error("unknown state \"{}\"", entry.substr(0, cut));
    }
  }
  return handover;
}

Error reexec(const Handover& handover) {
  const auto memory = seal(print_handover(handover));
  if (!memory) {
    return memory.error();
  }
  keep_across_exec(handover.runtime);
  keep_across_exec(handover.lock);
  keep_across_exec(handover.backing);
  for (const auto* sockets : {&handover.sockets, &handover.registry.listeners}) {
    for (const Fd& socket : *sockets) {
      keep_across_exec(socket);
    }
  }
  std::string name = "dind-init";
  std::string flag = kFlag + std::to_string(memory->get());
  const std::array<char*, 3> argv = {name.data(), flag.data(), nullptr};
  ::execve("/proc/self/exe", argv.data(), environ);
  return errno_error("run /proc/self/exe");
}

std::optional<Result<Handover>> take_handover(std::span<const std::string> arguments) {
  if (arguments.size() != 1 || !arguments[0].starts_with(kFlag)) {
    return std::nullopt;
  }
  // A user's own flag of that name has no such descriptor behind it.
  const int raw = number_in<int>(std::string_view(arguments[0]).substr(std::strlen(kFlag)));
  if (raw <= STDERR_FILENO || !is_sealed(raw)) {
    return std::nullopt;
  }
  const Fd memory(raw);
  ::lseek(memory.get(), 0, SEEK_SET);
  auto text = sys::read_all(memory, kLimit);
  if (!text) {
    return std::move(text).error();
  }
  return parse_handover(*text);
}

} // namespace dind::supervise

#include <boot/baton.hpp>

#include <sys/file.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace dind::boot {
namespace {

constexpr const char* kFlag = "--supervise=";
constexpr const char* kMemoryName = "dind-init-baton";
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr std::size_t kLimit = 64U << 20U;

// One list of what there is, for both directions. `visit(key, member)`.
template <typename State, typename Visit>
void visit_members(State& state, Visit visit) {
  visit("argument", state.arguments);
  visit("argv", state.argv);
  visit("environment", state.environment);
  visit("choice.driver", state.choice.driver);
  visit("choice.containerd", state.choice.containerd_snapshotter);
  visit("store_is_settled", state.store_is_settled);
  visit("runtime_dir", state.runtime_dir);
  visit("data_root", state.data_root);
  visit("loop_root", state.loop_root);
  visit("promote", state.promote);
  visit("status", state.status);
  visit("started_ns", state.started_ns);
  visit("mask", state.mask);
  visit("lock", state.lock);
  visit("backing", state.backing);
  visit("socket", state.sockets);
}

class Printer {
public:
  void operator()(const char* key, const std::string& value) { put(key, value); }
  void operator()(const char* key, long long value) { put(key, std::to_string(value)); }
  void operator()(const char* key, const std::optional<bool>& value) {
    if (value) {
      put(key, *value ? "1" : "0");
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

long long number_in(std::string_view text) {
  long long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Fd adopt(std::string_view text) {
  Fd fd(static_cast<int>(number_in(text)));
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
  void fill(long long& member) { member = number_in(value_); }
  void fill(std::optional<bool>& member) { member = value_ == "1"; }
  void fill(Fd& member) { member = adopt(value_); }
  void fill(sigset_t& member) { ::sigaddset(&member, static_cast<int>(number_in(value_))); }
  void fill(std::vector<std::string>& member) { member.emplace_back(value_); }
  void fill(std::vector<Fd>& member) { member.push_back(adopt(value_)); }

  std::string_view key_;
  std::string_view value_;
  bool found_ = false;
};

Result<Fd> seal(const std::string& text) {
  Fd memory(::memfd_create(kMemoryName, MFD_ALLOW_SEALING));
  if (!memory) {
    return errno_error("make a memfd");
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

std::string print_baton(const Baton& baton) {
  Printer printer;
  visit_members(baton, [&](const char* key, const auto& member) { printer(key, member); });
  return std::move(printer).text();
}

Result<Baton> parse_baton(std::string_view text) {
  Baton baton;
  ::sigemptyset(&baton.mask);
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
    const std::size_t cut = std::min(entry.find('='), entry.size());
    Filler fill(entry.substr(0, cut), entry.substr(std::min(cut + 1, entry.size())));
    visit_members(baton, [&](const char* key, auto& member) { fill(key, member); });
    if (!fill.found()) {
      return input_error("unknown state \"{}\"", entry.substr(0, cut));
    }
  }
  return baton;
}

Error start_anew(const Baton& baton) {
  const auto memory = seal(print_baton(baton));
  if (!memory) {
    return memory.error();
  }
  keep_across_exec(baton.lock);
  keep_across_exec(baton.backing);
  for (const Fd& socket : baton.sockets) {
    keep_across_exec(socket);
  }
  std::string name = "dind-init";
  std::string flag = kFlag + std::to_string(memory->get());
  const std::array<char*, 3> argv = {name.data(), flag.data(), nullptr};
  ::execve("/proc/self/exe", argv.data(), environ);
  return errno_error("run /proc/self/exe");
}

std::optional<Result<Baton>> take_baton(std::span<const std::string> arguments) {
  if (arguments.size() != 1 || !arguments[0].starts_with(kFlag)) {
    return std::nullopt;
  }
  // A user's own flag of that name has no such descriptor behind it.
  const int raw =
      static_cast<int>(number_in(std::string_view(arguments[0]).substr(std::strlen(kFlag))));
  if (raw <= STDERR_FILENO || !is_sealed(raw)) {
    return std::nullopt;
  }
  const Fd memory(raw);
  ::lseek(memory.get(), 0, SEEK_SET);
  auto text = sys::read_all(memory, kLimit);
  if (!text) {
    return std::move(text).error();
  }
  return parse_baton(*text);
}

} // namespace dind::boot

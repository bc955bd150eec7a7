#include <host/ext4.hpp>

#include <host/scratch.hpp>
#include <sys/spawn.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <vector>

namespace dind::host {
namespace {

// A journal takes its space for good once it has gone round, and mkfs.ext4 is
// generous. Smaller filesystems get what it thinks right.
constexpr std::uint64_t kLarge = 4ULL << 30U;
constexpr const char* kJournal = "size=64";

// A job can write into its own disk what e2fsck repairs for hours.
constexpr auto kCheckPatience = std::chrono::minutes(2);

constexpr int kUnrepaired = 4; // e2fsck(8): 1 and 2 are of repairs that worked

std::string_view first_line(std::string_view text) {
  return text.substr(0, std::min(text.find('\n'), text.size()));
}

} // namespace

Result<void> make_ext4(const Fd& file, std::uint64_t bytes) {
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) == -1) {
    return errno_error("make a file of {} bytes", bytes);
  }
  // Blocks of 4 KiB: the device's own may be as large, with direct I/O. nodiscard: there
  // is nothing to discard in a hole.
  std::vector<std::string> argv = {
      "mkfs.ext4", "-q",   "-F",
      "-b",        "4096", "-m",
      "0",         "-E",   "lazy_itable_init=1,lazy_journal_init=1,nodiscard"};
  if (bytes >= kLarge) {
    argv.insert(argv.end(), {"-J", kJournal});
  }
  argv.push_back(TRY(shared_path(file)));
  const sys::Finished finished = TRY(sys::run(argv));
  if (finished.status.code != 0) {
    return input_error("mkfs.ext4 ended with {}: {}", finished.status.code,
                       first_line(finished.output));
  }
  return {};
}

Result<void> check_ext4(const Fd& file) {
  const std::string path = TRY(shared_path(file));
  const auto finished = sys::run({"e2fsck", "-p", path}, kCheckPatience);
  if (!finished) {
    // The kernel replays the journal, which is all that a kill makes necessary.
    const bool is_missing = finished.error().is(std::errc::no_such_file_or_directory);
    return is_missing ? Result<void>() : finished.error();
  }
  if (finished->status.code >= kUnrepaired) {
    return Error(fmt::format("e2fsck ended with {}: {}", finished->status.code,
                             first_line(finished->output)),
                 EUCLEAN);
  }
  return {};
}

} // namespace dind::host
